"""What tests of the archive share: processes that have ended, and a bucket that is not there."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from trellis_process import Process, ProcessStep
from trellis_process.testing.clock import START


def a_finished_process(
    process_id: str = "p-1", tenant_id: str = "tenant-1", ended_at: datetime = START
) -> Process:
    """A process that took a second, as it was saved when it completed."""
    began = ended_at - timedelta(seconds=1)
    process = Process.start(
        process_id=process_id,
        tenant_id=tenant_id,
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create_case", timeout_ms=30_000)],
        metadata={"priority": "high"},
        auto_start_steps=True,
        now=began,
    )
    process.saved()
    process.complete_step("create_case", {"case": "ü-77"}, now=ended_at)
    process.saved()
    return process


class Bucket:
    """Takes objects, or refuses those whose key holds a text."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts = 0
        self.refuses: str | None = None
        self._lock = Lock()

    def put_object(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self.puts += 1
            if self.refuses is not None and self.refuses in request["Key"]:
                raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
            self.objects[request["Key"]] = request["Body"]
        return {}

    def lines(self, folder: str = "") -> list[dict[str, Any]]:
        """What the objects of a folder hold, or all objects."""
        return [
            json.loads(line)
            for key, body in sorted(self.objects.items())
            if key.startswith(folder)
            for line in gzip.decompress(body).splitlines()
        ]
