"""Indexes that lag behind their table: they answer what they would have a while ago."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto.core.models import botocore_stubber

from tests.proof.wire import Exchange, Wire, moto_items
from trellis_process.dynamodb import Table
from trellis_process.testing.clock import ManualClock

_WRITES = ("PutItem", "DeleteItem")


class LaggingIndexes:
    """A second table that follows the first ``lag`` behind, and whose indexes answer for its own.

    So entries that are gone still show, and fresh ones are missing. Without a lag the first
    table's own indexes answer, so reads may also go back in time, as those of DynamoDB do.
    """

    def __init__(self, wire: Wire, clock: ManualClock, table: Table) -> None:
        self.lag = timedelta(0)
        self._clock = clock
        self._table = table.name
        self._follower = Table(f"{table.name}-a-while-ago")
        self._follower.create()
        self._writes: list[tuple[datetime, Exchange]] = []
        wire.observers.append(self._happened)
        self._wire = wire
        self._lock = threading.Lock()
        self.answer()

    def answer(self) -> None:
        """From here on reads of indexes are answered as they lag; mending the wire ends it."""
        for operation in ("Query", "Scan"):
            self._wire.always(operation, self._read)

    def forget(self) -> None:
        """What was written so far never shows again."""
        self._writes.clear()
        moto_items(self._follower.name).clear()

    def _happened(self, exchange: Exchange) -> None:
        if exchange.operation in _WRITES and exchange.asked["TableName"] == self._table:
            self._writes.append((self._clock(), exchange))

    def _read(self, exchange: Exchange) -> Any:
        if not self.lag or "IndexName" not in exchange.asked:
            return exchange.perform()
        with self._lock:  # a sweep reads its shards side by side
            self._follow(self._clock() - self.lag)
        return exchange.perform(TableName=self._follower.name)

    def _follow(self, until: datetime) -> None:
        while self._writes and self._writes[0][0] <= until:
            _, write = self._writes.pop(0)
            said = {name: write.asked[name] for name in ("Item", "Key") if name in write.asked}
            body = json.dumps(said | {"TableName": self._follower.name}).encode()
            asked = write.request
            request = AWSPreparedRequest(asked.method, asked.url, asked.headers, body, False)
            assert botocore_stubber(f"before-send.{write.call}", request).status_code == 200
