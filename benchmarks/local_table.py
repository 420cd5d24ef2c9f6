"""A table on the local cloud, and what passes on the wire to it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from trellis_process.cost.units import read_units
from trellis_process.dynamodb import Table, connection
from trellis_process.dynamodb.connection import READ_TIMEOUT_SECONDS
from trellis_process.local.ministack import LocalCloud


@dataclass
class Wire:
    """Requests to DynamoDB, counted as they are answered."""

    requests: Counter[str] = field(default_factory=Counter)
    #: As the emulator counts them.
    write_units: float = 0.0
    #: By the sizes of the items that came, strongly consistent.
    read_units: int = 0
    #: Items that came, by request.
    items: Counter[str] = field(default_factory=Counter)
    #: When the last Query was answered, by the performance counter.
    queried_at: float = 0.0

    def watch(self, table: Table) -> None:
        """From now on, what this table asks for."""
        client: Any = table._connection.connection.client
        client.meta.events.register("after-call.dynamodb", self._count)

    def reset(self) -> None:
        """Counts from nothing again."""
        self.requests.clear()
        self.items.clear()
        self.write_units, self.read_units = 0.0, 0

    def _count(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.requests[model.name] += 1
        if model.name == "PutItem":
            self.write_units += parsed["ConsumedCapacity"]["CapacityUnits"]
        if model.name == "Query":
            self.queried_at = time.perf_counter()
        came = _items(model.name, parsed)
        self.items[model.name] += len(came)
        if model.name != "Query":
            self.read_units += sum(map(read_units, came))


def _items(operation: str, parsed: dict[str, Any]) -> list[Any]:
    if operation == "GetItem":
        return [parsed["Item"]] if "Item" in parsed else []
    if operation == "BatchGetItem":
        return [item for items in parsed["Responses"].values() for item in items]
    return parsed["Items"] if operation == "Query" else []


@contextmanager
def local_cloud() -> Iterator[LocalCloud]:
    """A cloud of its own, which every AWS client of this program reaches meanwhile."""
    before = dict(os.environ)
    with LocalCloud() as cloud:
        os.environ.update(cloud.client_environment())
        try:
            yield cloud
        finally:
            os.environ.clear()
            os.environ.update(before)


def new_table(name: str = "processes", *, patience_seconds: float | None = None) -> Table:
    """An empty table in the cloud that the environment names.

    ``patience_seconds`` is how long an answer may take, where an emulator needs longer than a
    request to DynamoDB may.
    """
    with patch.object(connection, "READ_TIMEOUT_SECONDS", patience_seconds or READ_TIMEOUT_SECONDS):
        table = Table(name)
    table.create()
    return table
