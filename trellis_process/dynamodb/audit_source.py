"""What an audit sees of a table: each process beside what the indexes say of it, and back.

A page of the table shows the processes themselves, and whether the index ``due`` holds those that
wait. A page of an index shows whether the processes that its entries point to say the same.
"""

from __future__ import annotations

import json
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
from trellis_process.dynamodb.audit_reader import AuditReader, DueAt
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
_WAITING = [_TABLE, schema.DUE_INDEX]
_LOOKUPS = [schema.AGGREGATE_INDEX, schema.LISTING_INDEX]


class DynamoDBAuditSource:
    """An AuditSource on one DynamoDB table."""

    def __init__(
        self, processes: DynamoDBProcessRepository, reader: AuditReader | None = None
    ) -> None:
        self._processes = processes
        self._table = processes.table
        self._reader = reader or AuditReader(processes.table)

    @property
    def processes(self) -> DynamoDBProcessRepository:
        """As AuditSource.processes."""
        return self._processes

    def page(self, cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        """As AuditSource.page: up to 500 items of the table, then entries of each index."""
        part, start = json.loads(cursor) if cursor else (_TABLE, None)
        rows, start = self._reader.scan(None if part == _TABLE else part, start)
        rows = [row for row in rows if row[schema.RANGE_KEY]["S"] == schema.PROCESS]
        looks = self._at_processes(rows) if part == _TABLE else self._at_entries(part, rows)
        self._reader.rest()
        if start is None:
            parts = _WAITING + (_LOOKUPS if covers_lookups else [])
            part = next(iter(parts[parts.index(part) + 1 :]), None)
        return AuditPage(looks, None if part is None else json.dumps([part, start]))

    def again(self, looks: Sequence[Look]) -> list[Look]:
        """As AuditSource.again: processes are read strongly consistent."""
        places: list[tuple[str, Item]] = [json.loads(look.place) for look in looks]
        hash_keys = dict.fromkeys(row[schema.HASH_KEY]["S"] for _, row in places)
        items = self._table.get_many(list(hash_keys))
        return [self._again(part, row, items) for part, row in places]

    def last_round(self) -> Round | None:
        """As AuditSource.last_round."""
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

    def _again(self, part: str, row: Item, items: dict[str, Item]) -> Look:
        if part == _TABLE:
            item = items.get(row[schema.HASH_KEY]["S"])
            return _look(part, row) if item is None else self._at_processes([item])[0]
        if not self._reader.holds(part, row):
            return _look(part, row, _version(items.get(row[schema.HASH_KEY]["S"])))
        return _at_entry(part, row, items)

    def _at_processes(self, items: list[Item]) -> list[Look]:
        read = [(item, _read(item)) for item in items]
        moments = [_due_at(process) for _, process in read if process and _is_indexed(process)]
        waiting = self._reader.waiting_at(moments)
        return [_at_process(item, process, waiting) for item, process in read]

    def _at_entries(self, index: str, entries: list[Item]) -> list[Look]:
        items = self._reader.index_keys(index, [each[schema.HASH_KEY]["S"] for each in entries])
        return [_at_entry(index, entry, items) for entry in entries]


def _at_process(item: Item, process: Process | None, waiting: dict[DueAt, set[str]]) -> Look:
    row = {name: item[name] for name in (schema.HASH_KEY, schema.RANGE_KEY)}
    if process is None:
        return _look(_TABLE, row, _version(item), Fault.UNREADABLE)
    faults = set()
    if _is_indexed(process):
        due_at = _due_at(process)
        is_held = item[schema.HASH_KEY]["S"] in waiting[due_at]
        if not is_held or item.get("due_shard") != {"N": due_at[0]}:
            faults.add(Fault.WITHOUT_WAKEUP)
    if not _is_in_its_place(item, process):
        faults.add(Fault.MISPLACED)
    return _look(_TABLE, row, process.version, *faults, process=process)


def _at_entry(index: str, entry: Item, items: dict[str, Item]) -> Look:
    item = items.get(entry[schema.HASH_KEY]["S"], {})
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
        key=_key(row[schema.HASH_KEY]["S"]),
        version=version,
        process=process,
        faults=frozenset(faults),
    )


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
