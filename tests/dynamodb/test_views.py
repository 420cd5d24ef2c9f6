"""Views on DynamoDB: what they cost, and what breaks off. What all stores do: tests/views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from trellis_process.cost.views import CountingViewTable
from trellis_process.dynamodb import view_schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.size import item_size
from trellis_process.dynamodb.view_store import DynamoDBViewStore
from trellis_process.dynamodb.view_table import ViewTable
from trellis_process.errors import LostRace, StoreUnavailable, Throttled
from trellis_process.testing import START
from trellis_process.testing.view_store_contract import (
    Story,
    feed,
    inbox,
    review,
    work,
)
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.feeder import ViewFeeder
from trellis_process.views.store import TaskFilter


class MeteredTable(ViewTable):
    """Counts the write units of what it writes, by DynamoDB's rules, from the items' sizes."""

    def __init__(self) -> None:
        super().__init__("views", pause=lambda seconds: None)
        self.units = 0
        self.requests = 0

    def write(self, writes: Sequence[dict[str, Any]]) -> None:
        keys = [_key(each) for each in writes]
        before = self.get_many(keys)
        super().write(writes)
        after = self.get_many(keys)
        times = 1 if len(writes) == 1 else 2  # in a transaction everything costs double
        self.units += times * sum(_units(before.get(key), after.get(key)) for key in keys)
        self.requests += 1

    def put_many(self, items: Sequence[Item]) -> None:
        super().put_many(items)
        self.units += sum(_units(None, item) for item in items)
        self.requests += 1


def _key(write: dict[str, Any]) -> tuple[str, str]:
    (request,) = write.values()
    key = request.get("Key") or request["Item"]
    return key["pk"]["S"], key["sk"]["S"]


def _units(before: Item | None, after: Item | None) -> int:
    sizes = [item_size(item) for item in (before, after) if item]
    total = max(1, math.ceil(max(sizes, default=0) / 1024))
    for keys in view_schema.INDEX_KEYS.values():
        old, new = ([(item or {}).get(key) for key in keys] for item in (before, after))
        if old != new:
            total += (None not in old) + (None not in new)
    return total


@pytest.fixture
def metered() -> MeteredTable:
    table = MeteredTable()
    table.create()
    return table


def five_steps() -> Story:
    story = Story(*(work(f"step_{n}") for n in range(5)))
    process = story.start(input={})
    for step in story.definition.steps:
        story.tracker.advance(seconds=5)
        story.service.complete_step(process, step.name, {"done": True})
    assert process.is_completed()
    return story


def test_the_events_of_a_process_of_five_steps_cost_this_many_units(
    metered: MeteredTable, record_property: Any
) -> None:
    views = DynamoDBViewStore(metered)
    story = five_steps()
    events = story.events()
    versions = sorted({event.version for event in events})
    feeder = ViewFeeder(views)
    for version in versions:  # each change by itself, as it comes where little happens
        feeder.feed([event for event in events if event.version == version])

    apart = metered.units
    metered.units = 0
    feed(views, five_steps().events())  # all in one batch, as they come where much happens
    together = metered.units
    record_property("covered", f"{len(events)} events costed")
    print(f"{len(events)} events: {apart} units apart, {together} together")
    assert len(events) == 12
    assert apart <= 60
    assert together <= 42


def test_a_repeated_event_writes_its_history_again_and_nothing_else(metered: MeteredTable) -> None:
    views = DynamoDBViewStore(metered)
    story = five_steps()
    feed(views, story.events())
    metered.units = metered.requests = 0
    feed(views, story.events())
    assert (metered.units, metered.requests) == (12, 1)


def test_lists_read_what_they_show_and_never_scan(metered: MeteredTable) -> None:
    views = DynamoDBViewStore(metered)
    story = Story(review())
    for _ in range(5):
        story.start(input={})
    story.feed(views)
    asked: list[str] = []
    metered._client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    assert (
        len(views.tasks(story.tenant_id, TaskFilter(role="manager"), limit=9, cursor=None).tasks)
        == 5
    )
    assert asked == ["Query", "BatchGetItem"]


class _Fault:
    """Makes an operation fail so many times: before DynamoDB did anything, or after it did all."""

    def __init__(self, table: ViewTable, operation: str, error: Any, times: int = 1) -> None:
        self.times, self.error = times, error
        real = getattr(table._client, operation)

        def faulty(**asked: Any) -> Any:
            if self.times and isinstance(self.error, tuple):
                self.times -= 1
                real(**asked)
                raise self.error[0]
            if self.times:
                self.times -= 1
                raise self.error
            return real(**asked)

        setattr(table._client, operation, faulty)


def lost() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://dynamodb")


def cancelled(table: ViewTable, code: str) -> Exception:
    error: Exception = table._client.exceptions.TransactionCanceledException(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "no"},
            "CancellationReasons": [{"Code": "None"}, {"Code": code}],
        },
        "TransactWriteItems",
    )
    return error


@pytest.mark.parametrize("has_happened", [False, True])
@pytest.mark.parametrize("operation", ["batch_write_item", "transact_write_items", "put_item"])
def test_after_a_lost_answer_the_same_events_again_count_once(
    metered: MeteredTable, operation: str, has_happened: bool
) -> None:
    views = DynamoDBViewStore(metered)
    story = Story(review(), work("pay"))
    process = story.start(input={})
    story.service.claim_task(process, "review", by="anna")
    story.service.complete_step(process, "review", outcome="approve")
    story.service.suspend_process(process)  # changes the row alone
    events = story.events()
    _Fault(metered, operation, (lost(),) if has_happened else lost())

    with pytest.raises(StoreUnavailable):
        _one_by_one(views, events)
    _one_by_one(views, events)

    told = story.statistics(views)
    assert (told.started, told.open) == (1, 1)
    assert {step.step_name: step.completed for step in told.steps} == {"review": 1}
    assert inbox(views, story.tenant_id) == []


def test_a_transaction_that_meets_another_is_decided_upon_anew(metered: MeteredTable) -> None:
    views = DynamoDBViewStore(metered)
    story = Story(work("pay"))
    story.start(input={})
    _Fault(metered, "transact_write_items", cancelled(metered, "TransactionConflict"), times=3)
    story.feed(views)
    assert story.statistics(views).started == 1


def test_one_that_meets_others_again_and_again_is_given_back(metered: MeteredTable) -> None:
    views = DynamoDBViewStore(metered)
    story = Story(work("pay"))
    story.start(input={})
    _Fault(metered, "transact_write_items", cancelled(metered, "TransactionConflict"), times=99)
    with pytest.raises(LostRace, match="12 times"):
        story.feed(views)


def test_a_throttled_transaction_says_so(metered: MeteredTable) -> None:
    views = DynamoDBViewStore(metered)
    story = Story(work("pay"))
    story.start(input={})
    _Fault(metered, "transact_write_items", cancelled(metered, "ThrottlingError"))
    with pytest.raises(Throttled):
        story.feed(views)


def test_everything_of_a_process_stands_under_its_tenant(metered: MeteredTable) -> None:
    story = Story(review(), inputs={"a": "string"}, search_attributes={"a": "input.a"})
    story.start(input={"a": "x" * 2_000})
    story.feed(DynamoDBViewStore(metered))
    items = metered._client.scan(TableName=metered.name)["Items"]
    assert {item["sk"]["S"].split("#")[0] for item in items} >= {"row", "task", "event"}
    assert all(item["pk"]["S"].startswith(f"{story.tenant_id}#") for item in items)
    page = DynamoDBViewStore(metered).with_attribute(
        story.tenant_id, "a", "x" * 2_000, limit=9, cursor=None
    )
    assert len(page.rows) == 1


def test_what_is_kept_of_a_process_leaves_with_it_and_what_was_counted_stays(
    metered: MeteredTable,
) -> None:
    views = DynamoDBViewStore(metered, retention=timedelta(days=30))
    story = Story(work("pay"), inputs={"a": "string"}, search_attributes={"a": "input.a"})

    def expiring() -> dict[str, str | None]:
        _one_by_one(views, story.events())
        items = metered._client.scan(TableName=metered.name)["Items"]
        return {
            item["sk"]["S"]: item.get("expires_at", {}).get("N")
            for item in items
            if "#counts#" not in item["pk"]["S"]
        }

    process = story.start(input={"a": "x"})
    assert set(expiring().values()) == {None}
    story.service.fail_step(process, "pay", "no", attempt=1, fatal=True)
    at = str(int((START + timedelta(days=30)).timestamp()))
    assert set(expiring().values()) == {at}
    story.service.retry_step(process, "pay")
    assert set(expiring().values()) == {None}
    story.tracker.advance(days=1)
    story.service.complete_step(process, "pay")
    at = str(int((START + timedelta(days=31)).timestamp()))
    found = expiring()
    assert set(found.values()) == {at}
    assert {sk.partition("#")[0] for sk in found} == {"row", "attribute", "event"}
    items = metered._client.scan(TableName=metered.name)["Items"]
    assert not any("expires_at" in item for item in items if "#counts#" in item["pk"]["S"])


def _one_by_one(views: DynamoDBViewStore, events: list[BusEvent]) -> None:
    feeder = ViewFeeder(views, pause=lambda seconds: None)
    for event in events:
        feeder.feed([event])


def test_what_a_workload_is_priced_by_is_what_is_written(metered: MeteredTable) -> None:
    counting = CountingViewTable()
    events = five_steps().events()
    for table in (metered, counting):
        feeder = ViewFeeder(DynamoDBViewStore(table))
        for version in sorted({event.version for event in events}):
            feeder.feed([event for event in events if event.version == version])
    assert counting.write_units == metered.units
