"""The table's stream: which changes its records tell of, with the process as each left it."""

from __future__ import annotations

from typing import Any

from trellis_process.domain.process import Process
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.item import from_item


def sequence_number(record: dict[str, Any]) -> str:
    """Where a record stands in its shard of the stream."""
    return str(record["dynamodb"]["SequenceNumber"])


def changed_process(record: dict[str, Any]) -> Process | None:
    """The process as the change in this record left it, with the events of that change.

    None where the record tells of no change of a process that had events: an item was removed,
    is no process, or was written again as the version it had.
    """
    images = record["dynamodb"]
    new, old = images.get("NewImage"), images.get("OldImage")
    if new is None or new[schema.RANGE_KEY]["S"] != schema.PROCESS:
        return None
    if old is not None and old["v"] == new["v"]:
        return None
    process = from_item(new)
    return process if process.events else None
