"""What the read models ask for: the events of a process, taken in by the code that keeps views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from trellis_process.cost.journey import Journey
from trellis_process.cost.units import read_units, write_units
from trellis_process.cost.usage import changes_of
from trellis_process.dynamodb import view_schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.view_store import DynamoDBViewStore
from trellis_process.dynamodb.view_table import ViewTable
from trellis_process.eventbridge import envelopes
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder


@dataclass(frozen=True)
class ViewUsage:
    """What the views ask of DynamoDB for one process, the events of each change by themselves."""

    write_units: float
    read_units: float


@cache
def view_usage_of(journey: Journey) -> ViewUsage:
    """What the views ask for with a process of this kind.

    A share of time-outs lies between none and all, as in ``usage_of``.
    """
    never, always = (
        _usage(journey, times_out=times_out) for times_out in (False, bool(journey.timing_out))
    )
    share = journey.timing_out
    return ViewUsage(
        write_units=never.write_units + share * (always.write_units - never.write_units),
        read_units=never.read_units + share * (always.read_units - never.read_units),
    )


def _usage(journey: Journey, *, times_out: bool) -> ViewUsage:
    table = CountingViewTable()
    feeder = ViewFeeder(DynamoDBViewStore(table))
    for change in changes_of(journey, times_out=times_out):
        feeder.feed([read_event(each) for each in envelopes(change)])
    return ViewUsage(table.write_units, table.read_units)


class CountingViewTable(ViewTable):
    """A table of the views in memory, which counts the units of what is asked of it."""

    def __init__(self) -> None:  # without a client, which is what the other one is
        self._items: dict[tuple[str, str], Item] = {}
        self.write_units = 0
        self.read_units = 0

    def get(self, hash_key: str, range_key: str) -> Item | None:
        """As ViewTable.get."""
        item = self._items.get((hash_key, range_key))
        self.read_units += max(1, read_units(item or {}))
        return item

    def put_many(self, items: Sequence[Item]) -> None:
        """As ViewTable.put_many."""
        for item in items:
            self._write(item, item)

    def write(self, writes: Sequence[dict[str, Any]]) -> None:
        """As ViewTable.write; conditions hold, because nobody else writes."""
        times = 1 if len(writes) == 1 else 2  # in a transaction everything costs double
        for each in writes:
            ((kind, asked),) = each.items()
            if kind == "Put":
                self._write(asked["Item"], asked["Item"], times)
            elif kind == "Update":
                self._write(asked["Key"], self._added(asked), times)
            else:
                kept = kind == "ConditionCheck"
                self._write(asked["Key"], self._at(asked["Key"]) if kept else {}, times)

    def _at(self, key: Item) -> Item:
        return self._items.get((key["pk"]["S"], key["sk"]["S"]), {})

    def _write(self, key: Item, after: Item, times: int = 1) -> None:
        units = write_units(self._at(key), after, view_schema.INDEX_KEYS)
        self.write_units += times * max(1, units)
        self._items[key["pk"]["S"], key["sk"]["S"]] = after

    def _added(self, asked: dict[str, Any]) -> Item:
        """The item of counts with what an update adds to it, and sets."""
        values = asked["ExpressionAttributeValues"]
        before = self._at(asked["Key"])
        after = {**before, **asked["Key"]}
        for mark, name in asked["ExpressionAttributeNames"].items():
            value = values[f":{mark.removeprefix('#')}"]
            if "N" in value:
                counted = int(before.get(name, {"N": "0"})["N"]) + int(value["N"])
                value = {"N": str(counted)}
            after[name] = value
        return after
