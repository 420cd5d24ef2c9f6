"""The due index as a run of the audit has read it: once, instead of a query for each process.

It is good for one thing only: an entry that stands in it was in the index when it was read. What
does not stand in it may be new, or may be beyond the memory's limit; the index itself is asked.
"""

from __future__ import annotations

from trellis_process.dynamodb import schema
from trellis_process.dynamodb.audit_memory import EntrySet
from trellis_process.dynamodb.audit_reader import ENTRIES_A_UNIT, AuditReader, DueAt
from trellis_process.dynamodb.schema import Item

REQUESTS = 40  # at a time: 100,000 entries, a second or two
MAX_AGE_SECONDS = (
    900.0  # as long as a run of the function may take; the command line has no such end
)
UNITS_IN_VAIN = 250.0  # of asking, a page of processes: less is not worth another reading


class DueReading:
    """Which entries the index of what is due held; read in parts, so that a run can end between."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader
        self._entries = EntrySet()
        self._start: Item | None = None
        self._began_at = reader.monotonic()
        self._asked_before = reader.units_asked
        #: Whether it has come to the end, or to the limit of what is remembered.
        self.is_over = False

    def go_on(self) -> None:
        """Reads the next part. Raises StoreError."""
        for _ in range(REQUESTS):
            entries, self._start = self._reader.scan(schema.DUE_INDEX, self._start)
            for entry in entries:
                self._entries.add(*entry_of(schema.DUE_INDEX, entry))
            self._reader.rest()
            if self._start is None or self._entries.is_full:
                self.is_over = True
                return

    def holds(self, hash_key: str, due_at: DueAt) -> bool:
        """Whether a process's entry was there when the index was read."""
        shard, at = due_at
        return (schema.DUE_INDEX, shard, str(at), hash_key, schema.PROCESS) in self._entries

    def is_outdated(self) -> bool:
        """Whether it is too old, or asking for what it lacks has cost more than to read again."""
        if self._reader.monotonic() - self._began_at > MAX_AGE_SECONDS:
            return True
        asked = self._reader.units_asked - self._asked_before
        return not self._entries.is_full and asked > max(
            UNITS_IN_VAIN, len(self._entries) / ENTRIES_A_UNIT
        )


def entry_of(index: str, row: Item) -> tuple[str, ...]:
    """All that an entry of an index says, or that an item says of the entry it should have."""
    names = (*schema.INDEX_KEYS[index], schema.HASH_KEY, schema.RANGE_KEY)
    return (index, *(str(*row[name].values()) for name in names))
