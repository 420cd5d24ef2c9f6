"""What waits in the processes of a table, read from its index of what is due."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import partial

from pynamodb.expressions.operand import Path

from trellis_process.application.repositories import ProcessRepository, WakeUp
from trellis_process.domain.process import Process
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.process_repository import DynamoDBProcessRepository
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import Table, batches


class DynamoDBStepTrackerRepository:
    """A StepTrackerRepository on one DynamoDB table, whose index is in shards (ShardedTrackers).

    A process and its trackers are one item, so there is nothing here to write: what a process
    waits for changes in the very write that changes the process. ``retention`` is as for the
    DynamoDBProcessRepository; give both the same.
    """

    def __init__(self, table: Table, *, retention: timedelta | None = None) -> None:
        self._processes = DynamoDBProcessRepository(table, retention=retention)

    @property
    def processes(self) -> DynamoDBProcessRepository:
        """As StepTrackerRepository.processes."""
        return self._processes

    def attach(self, processes: ProcessRepository) -> None:
        """As StepTrackerRepository.attach: they must be on the same table."""
        table = self._processes.table
        if not isinstance(processes, DynamoDBProcessRepository) or processes.table is not table:
            raise ValueError(
                f"these trackers are on table {table.name!r}; "
                "the processes must be a DynamoDBProcessRepository on the same Table"
            )
        self._processes = processes

    def due(self, now: datetime) -> Iterator[WakeUp]:
        """As StepTrackerRepository.due: every shard is read."""
        return self.due_in(range(self.shards), now)

    @property
    def shards(self) -> int:
        """As ShardedTrackers.shards."""
        return schema.DUE_SHARDS

    def due_in(self, shards: Collection[int], now: datetime) -> Iterator[WakeUp]:
        """As ShardedTrackers.due_in: reads them side by side, from the beginning of time.

        The processes are read a hundred at a time, strongly consistent.
        """
        table = self._processes.table
        queries = [
            table.query(schema.DUE_INDEX, str(shard), Path("due_at") <= to_ms(now))
            for shard in shards
        ]
        entries = heapq.merge(*table.side_by_side(queries), key=_due_at_ms)
        for batch in batches(entries):
            items = table.get_many([entry["pk"]["S"] for entry in batch])
            for entry in batch:
                hash_key = entry["pk"]["S"]
                yield WakeUp(
                    schema.process_key(hash_key),
                    from_ms(_due_at_ms(entry)),
                    partial(_read, items.get(hash_key)),  # so that one bad item fails alone,
                )


def _read(item: Item | None) -> Process | None:
    return None if item is None else from_item(item)


def _due_at_ms(entry: Item) -> int:
    return int(entry["due_at"]["N"])
