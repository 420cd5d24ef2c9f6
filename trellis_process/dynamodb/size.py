"""How large an item is, and whether DynamoDB takes it."""

from __future__ import annotations

import json
from typing import Any

from trellis_process.domain.process import Process
from trellis_process.dynamodb.item_json import to_json
from trellis_process.dynamodb.schema import Item
from trellis_process.errors import Described, TooLarge

ITEM_LIMIT = 400 * 1024  # DynamoDB's own
MARGIN = 32 * 1024  # kept free of payloads, for the reports that bring a full process to its end
MAX_ITEM_BYTES = ITEM_LIMIT - MARGIN


def item_size(item: Item) -> int:
    """The bytes DynamoDB counts for an item: names and values, by its published rules."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def check_size(item: Item, process: Process) -> None:
    """Raises TooLarge for an item near DynamoDB's limit, naming what in it is large.

    Only a change that brings a payload is held to what is allowed for those; any other may use
    the margin too, so that a full process can still fail, be cancelled or time out.
    """
    size = item_size(item)
    allowed = MAX_ITEM_BYTES if process.brings_payload else ITEM_LIMIT
    if size <= allowed:
        return
    # What is not text is a number, and small. Of the steps, which one it is.
    parts = {name: _value_size(value) for name, value in item.items() if name != "steps"}
    steps = zip(process.steps, json.loads(item["steps"]["S"]), strict=True)
    parts |= {f"steps.{name}": len(to_json(told).encode()) for name, told in steps}
    largest = sorted(parts, key=lambda name: parts[name], reverse=True)[:3]
    raise TooLarge(
        largest[0],
        Described(
            f"a process of {size} bytes, of which " + ", ".join(f"{n}: {parts[n]}" for n in largest)
        ),
        f"allowed are {allowed} for process {process.process_id!r} as a whole; "
        "store large outputs elsewhere and report a reference",
    )


def _value_size(attribute: dict[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        significant = str(value).lstrip("-").strip("0")
        return (len(significant) + 1) // 2 + 1 + str(value).startswith("-")
    # A list or map costs 3 bytes, and 1 more for each member.
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in value)
    return 3 + sum(1 + len(name) + _value_size(each) for name, each in value.items())
