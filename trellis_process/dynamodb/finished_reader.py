"""What is finished in the table, for an archive that missed it: read without a key to begin."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.schema import Item
from trellis_process.errors import InvalidInput

ENOUGH = 2_000  # processes: about as many as a batch of the stream brings
READS = 20  # of a megabyte at most, all of which may have to be held at once

_FINAL = {state.value for state in ProcessState if state.is_final}


@dataclass
class FinishedPage:
    """Some finished processes, or none, and where the next page begins; None after the last."""

    processes: list[Process] = field(default_factory=list)
    #: The hash keys of items that may be finished processes and cannot be read.
    unreadable: list[str] = field(default_factory=list)
    cursor: str | None = None


class FinishedReader:
    """Reads the finished processes of a table, at a bounded rate. A page may be a moment old."""

    def __init__(self, reader: AuditReader) -> None:
        self._reader = reader

    def page(
        self, cursor: str | None, *, ended_from: datetime, ended_before: datetime
    ) -> FinishedPage:
        """Up to about 2,500 processes that ended within this time.

        Raises StoreError, and InvalidInput for what is no page's cursor.
        """
        page = FinishedPage()
        start = None if cursor is None else _start_of(cursor)
        for _ in range(READS):
            items, start = self._reader.scan(None, start)
            for item in items:
                _add(page, item, to_ms(ended_from), to_ms(ended_before))
            self._reader.rest()
            if start is None or len(page.processes) >= ENOUGH:
                break
        page.cursor = None if start is None else json.dumps(start)
        return page


def _start_of(cursor: str) -> Item:
    """The key that the page before ended at."""
    try:
        key: Item = json.loads(cursor)
        start = {name: {"S": key[name]["S"]} for name in (schema.HASH_KEY, schema.RANGE_KEY)}
        if start == key:
            return start
    except (KeyError, RecursionError, TypeError, ValueError):
        pass  # said below
    raise InvalidInput("cursor", cursor, "allowed is the cursor of an earlier answer's next")


def _add(page: FinishedPage, item: Item, ended_from: int, ended_before: int) -> None:
    try:
        # By its plain values first: to read all of an item takes longer, and most are passed over.
        if item[schema.RANGE_KEY]["S"] != schema.PROCESS or item["state"]["S"] not in _FINAL:
            return
        if ended_from <= int(item["changed_at"]["N"]) < ended_before:
            page.processes.append(from_item(item))
    except Exception:  # whatever is wrong with it
        page.unreadable.append(item[schema.HASH_KEY]["S"])
