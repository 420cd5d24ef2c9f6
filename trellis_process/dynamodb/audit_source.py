"""What an audit sees of a table: each process beside what the indexes say of it, and back.

A page of the table shows the processes themselves, and whether the index ``due`` holds those that
wait. A page of an index shows whether the processes that its entries point to say the same.

To ask for each would cost ten times as much as to read the index and the table, so a run remembers:
of the index ``due``, read first, what it holds; of the table, what its items say of the indexes.
Either memory can only prove that all is well. What it lacks is asked for, as is every second look.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from trellis_process.application.audit_round import (
    AuditOvertaken,
    AuditPage,
    Fault,
    Look,
    Round,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.audit_memory import EntrySet
from trellis_process.dynamodb.audit_reader import AuditReader, DueAt
from trellis_process.dynamodb.audit_reading import DueReading, entry_of
from trellis_process.dynamodb.audit_round_item import (
    HASH_KEY,
    RANGE_KEY,
    round_from_item,
    round_to_item,
)
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.process_repository import DynamoDBProcessRepository
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import ConditionFailed

_TABLE = "table"
_LOOKUPS = [schema.AGGREGATE_INDEX, schema.LISTING_INDEX]


class DynamoDBAuditSource:
    """An AuditSource on one DynamoDB table."""

    def __init__(
        self, processes: DynamoDBProcessRepository, reader: AuditReader | None = None
    ) -> None:
        self._processes = processes
        self._table = processes.table
        self._reader = reader or AuditReader(processes.table)
        self._reading: DueReading | None = None
        self._said = EntrySet()

    @property
    def processes(self) -> DynamoDBProcessRepository:
        """As AuditSource.processes."""
        return self._processes

    def page(self, cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        """As AuditSource.page: up to 500 items of the table, then 2,500 entries of each index.

        There is none to see while the index of what is due is read, which comes before the table.
        """
        if cursor is None:
            self._forget()
        indexes = [schema.DUE_INDEX, *(_LOOKUPS if covers_lookups else [])]
        part, start = json.loads(cursor) if cursor else (_TABLE, None)
        if part == _TABLE and (reading := self._read_index()) is None:
            return AuditPage([], json.dumps([part, start]))
        rows, start = self._reader.scan(None if part == _TABLE else part, start)
        rows = [row for row in rows if row[schema.RANGE_KEY]["S"] == schema.PROCESS]
        if part == _TABLE:
            looks = self._at_processes(rows, reading)
            self._remember(rows, indexes)
        else:
            looks = self._at_entries(part, rows)
        self._reader.rest()
        if start is None:
            parts = [_TABLE, *indexes]
            part = next(iter(parts[parts.index(part) + 1 :]), None)
        return AuditPage(looks, None if part is None else json.dumps([part, start]))

    def again(self, looks: Sequence[Look]) -> list[Look]:
        """As AuditSource.again: processes are read strongly consistent, no memory is asked."""
        places: list[tuple[str, Item]] = [json.loads(look.place) for look in looks]
        items = self._table.get_many(list(dict.fromkeys(_pk(row) for _, row in places)))
        there = [items[_pk(row)] for part, row in places if part == _TABLE and _pk(row) in items]
        at_processes = dict(zip(map(_pk, there), self._at_processes(there, None), strict=True))
        return [
            at_processes.get(_pk(row)) or _look(part, row)
            if part == _TABLE
            else self._entry_again(part, row, items)
            for part, row in places
        ]

    def last_round(self) -> Round | None:
        """As AuditSource.last_round; a run begins with it, and trusts no earlier one's memory."""
        self._forget()
        item = self._table.get(HASH_KEY, RANGE_KEY)
        return None if item is None else round_from_item(item)

    def keep(self, audit_round: Round) -> None:
        """As AuditSource.keep: one small conditional write."""
        item = round_to_item(audit_round)
        try:
            self._table.put(item, expected_version=audit_round.version)
        except ConditionFailed:
            # Our own write, made by a try whose answer was lost: then there is nothing to do.
            if self._table.get(HASH_KEY, RANGE_KEY) != item:
                raise AuditOvertaken(
                    "another run of the audit went on with the round; leave it to that one"
                ) from None
        audit_round.version += 1

    def _forget(self) -> None:
        self._reading = None
        self._said = EntrySet()

    def _read_index(self) -> DueReading | None:
        """The index of what is due as read, a part of it at a time; None while it goes on."""
        if self._reading is None or self._reading.is_outdated():
            self._reading = DueReading(self._reader)
        if not self._reading.is_over:
            self._reading.go_on()
        return self._reading if self._reading.is_over else None

    def _remember(self, items: list[Item], indexes: list[str]) -> None:
        """That these items say of the indexes what they say."""
        for index in indexes:
            names = schema.INDEX_KEYS[index]
            for item in items:
                if all(name in item for name in names):
                    self._said.add(*entry_of(index, item))

    def _at_processes(self, items: list[Item], reading: DueReading | None) -> list[Look]:
        """What there is to see at these items; the index is asked for what no reading shows."""
        read = [(item, _read(item)) for item in items]
        held: set[str] = set()
        to_ask: defaultdict[DueAt, set[str]] = defaultdict(set)
        for item, process in read:
            if process and _is_indexed(process):
                due_at = _due_at(process)
                is_held = reading is not None and reading.holds(_pk(item), due_at)
                (held if is_held else to_ask[due_at]).add(_pk(item))
        held |= self._reader.waiting_at(to_ask)
        return [_at_process(item, process, held) for item, process in read]

    def _at_entries(self, index: str, entries: list[Item]) -> list[Look]:
        """What there is to see at those that no item of this run has said."""
        entries = [entry for entry in entries if entry_of(index, entry) not in self._said]
        items = self._reader.index_keys(index, [_pk(entry) for entry in entries])
        return [_at_entry(index, entry, items) for entry in entries]

    def _entry_again(self, index: str, entry: Item, items: dict[str, Item]) -> Look:
        if not self._reader.holds(index, entry):
            return _look(index, entry, _version(items.get(_pk(entry))))
        return _at_entry(index, entry, items)


def _at_process(item: Item, process: Process | None, held: set[str]) -> Look:
    row = {name: item[name] for name in (schema.HASH_KEY, schema.RANGE_KEY)}
    if process is None:
        return _look(_TABLE, row, _version(item), Fault.UNREADABLE)
    faults = set()
    if _is_indexed(process):
        shard, _ = _due_at(process)
        if _pk(item) not in held or item.get("due_shard") != {"N": shard}:
            faults.add(Fault.WITHOUT_WAKEUP)
    if not _is_in_its_place(item, process):
        faults.add(Fault.MISPLACED)
    return _look(_TABLE, row, process.version, *faults, process=process)


def _at_entry(index: str, entry: Item, items: dict[str, Item]) -> Look:
    item = items.get(_pk(entry), {})
    says_so = all(item.get(name) == entry[name] for name in schema.INDEX_KEYS[index])
    return _look(index, entry, _version(item), *([] if says_so else [Fault.DANGLING]))


def _look(
    part: str,
    row: Item,
    version: int | None = None,
    *faults: Fault,
    process: Process | None = None,
) -> Look:
    return Look(
        place=json.dumps([part, row]),
        key=_key(_pk(row)),
        version=version,
        process=process,
        faults=frozenset(faults),
    )


def _pk(row: Item) -> str:
    hash_key: str = row[schema.HASH_KEY]["S"]
    return hash_key


def _read(item: Item) -> Process | None:
    try:
        return from_item(item)
    except Exception:  # whatever is wrong with it, the audit says so and goes on
        return None


def _key(hash_key: str) -> ProcessKey | None:
    try:
        return schema.process_key(hash_key)
    except ValueError:
        return None


def _version(item: Item | None) -> int | None:
    return int(item["v"]["N"]) if item and "v" in item else None


def _is_indexed(process: Process) -> bool:
    """Whether the index of what is due has to hold the process, at the moment that it says."""
    return process.waits() and process.wake_up_at is not None


def _due_at(process: Process) -> DueAt:
    assert process.wake_up_at is not None
    return str(schema.due_shard(process.process_id)), to_ms(process.wake_up_at)


def _is_in_its_place(item: Item, process: Process) -> bool:
    """Whether the look-ups find the process as what it is."""
    about = schema.aggregate_key(process.tenant_id, process.aggregate_type, process.aggregate_id)
    wanted = {
        "aggregate": about,
        "listing": schema.listing_key(process),
        "listed": schema.listed_at(process),
    }
    return all(item.get(name) == {"S": value} for name, value in wanted.items())
