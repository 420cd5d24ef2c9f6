"""Processes on DynamoDB: one item each, written on the condition that its version is unchanged."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import timedelta
from itertools import chain

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from trellis_process.application.paging import (
    cursor_after,
    definition_version_at,
    position_of,
    positions_of,
)
from trellis_process.application.repositories import ProcessPage, StaleProcess
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.item import from_item, to_item
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.size import check_size
from trellis_process.dynamodb.table import BATCH, ConditionFailed, Table, batches

MAX_LOOKED_AT = 1_000  # for one page; where few match, it comes short and the next goes on


class DynamoDBProcessRepository:
    """A ProcessRepository on one DynamoDB table.

    ``get`` is one strongly consistent read; ``add`` and ``save`` are one conditional write each,
    whatever the number of steps, and one read more only where the condition failed.

    With a ``retention`` a process leaves the table that long after it ended, by DynamoDB's TTL,
    which costs nothing and takes up to some days more; reopened before, it stays. The time stands
    in the write that ends the process, so a change of it holds for processes that end later.
    """

    def __init__(self, table: Table, *, retention: timedelta | None = None) -> None:
        self.table = table
        self._retention = retention

    def add(self, process: Process) -> None:
        """As ProcessRepository.add."""
        self._put(process)

    def save(self, process: Process) -> None:
        """As ProcessRepository.save."""
        self._put(process)

    def get(self, key: ProcessKey) -> Process | None:
        """As ProcessRepository.get."""
        item = self.table.get(schema.hash_key(key))
        return None if item is None else from_item(item)

    def find(self, tenant_id: str, aggregate_type: str, aggregate_id: str) -> Process | None:
        """As ProcessRepository.find: one read of the index and one of the process."""
        about = schema.aggregate_key(tenant_id, aggregate_type, aggregate_id)
        entries = self.table.query(schema.AGGREGATE_INDEX, about, newest_first=True, page_size=1)
        newest = next(entries, None)
        return None if newest is None else self.get(schema.process_key(newest["pk"]["S"]))

    def page(
        self,
        tenant_id: str,
        *,
        process_type: str | None,
        states: Collection[ProcessState] | None,
        limit: int,
        cursor: str | None,
    ) -> ProcessPage:
        """As ProcessRepository.page: reads the shards of the listing side by side."""
        before = position_of(cursor, process_type)
        entries = self._entries(tenant_id, process_type, states, before, limit)
        found: list[Process] = []
        looked_at = 0
        last: str | None = None
        for batch in batches(entries, min(BATCH, limit + 1)):
            items = self.table.get_many([entry["pk"]["S"] for entry in batch])
            for entry in batch:
                if len(found) == limit or looked_at == MAX_LOOKED_AT:
                    return ProcessPage(found, cursor_after(last) if last else None)
                looked_at += 1
                last = entry["listed"]["S"]
                item = items.get(entry["pk"]["S"])
                process = None if item is None else from_item(item)
                # The index lags behind, so the process itself says what state it is in.
                if process is not None and (states is None or process.state in states):
                    found.append(process)
        return ProcessPage(found, None)

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """As ProcessRepository.count_open: by the keys of the listing, without a process read."""
        of_type = Path("listed").startswith(positions_of(process_type))
        shards = [
            self.table.query(schema.LISTING_INDEX, key, of_type)
            for key in schema.listing_keys(tenant_id, {ProcessState.IN_PROGRESS})
        ]
        entries = chain.from_iterable(self.table.side_by_side(shards))
        return dict(Counter(definition_version_at(entry["listed"]["S"]) for entry in entries))

    def _entries(
        self,
        tenant_id: str,
        process_type: str | None,
        states: Collection[ProcessState] | None,
        before: str | None,
        limit: int,
    ) -> Iterator[Item]:
        """The listing's entries from all its shards, in the order of the listing."""
        shards = [
            self.table.query(
                schema.LISTING_INDEX,
                key,
                _listed_between(process_type, before),
                newest_first=True,
                page_size=limit + 1,
            )
            for key in schema.listing_keys(tenant_id, states)
        ]
        merged = heapq.merge(
            *self.table.side_by_side(shards), key=lambda entry: entry["listed"]["S"], reverse=True
        )
        return (entry for entry in merged if entry["listed"]["S"] != before)

    def _put(self, process: Process) -> None:
        item = to_item(process, self._retention)
        check_size(item, process)
        try:
            self.table.put(item, expected_version=process.version)
        except ConditionFailed:
            stored = self.table.get(item["pk"]["S"])
            # Our own write, made by a try whose answer was lost: then there is nothing to do.
            if stored == item:
                return
            raise StaleProcess(None if stored is None else from_item(stored)) from None


def _listed_between(process_type: str | None, before: str | None) -> Condition | None:
    """Which part of the listing to read; it ends at ``before``, which is read in vain."""
    listed = Path("listed")
    if process_type is None:
        return None if before is None else listed <= before
    first = positions_of(process_type)
    return listed.startswith(first) if before is None else listed.between(first, before)
