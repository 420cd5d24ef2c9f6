"""Wherever the views are stopped, what comes again makes good: nothing lost, doubled, left over."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.proof.crash_points import crash_after, crash_before
from tests.proof.stack import Crash
from tests.proof.wire import Fault, Wire, lost_answer, moto_items
from trellis_process import Process, ProcessStep
from trellis_process.domain.definition.steps import AnyStep
from trellis_process.dynamodb import view_store
from trellis_process.dynamodb.view_store import DynamoDBViewStore
from trellis_process.dynamodb.view_table import TRANSACTION, ViewTable
from trellis_process.errors import StoreError
from trellis_process.testing import START
from trellis_process.testing.view_store_contract import Story, review, side_by_side, work
from trellis_process.views import adoption, feeder, projection
from trellis_process.views.adoption import TASKS_AT_ONCE, adopt
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.feeder import EVENTS_AT_ONCE, ViewFeeder
from trellis_process.views.process_row import MAX_ATTRIBUTE_VALUES
from trellis_process.views.projection import WRITES_AT_ONCE

MANY = 9  # more than a transaction takes here, where each limit is a tenth of what it is
TROUBLES: dict[str, Fault] = {
    "a crash before": crash_before,
    "a crash after": crash_after,
    "the lost answer of": lost_answer,
}

Act = Callable[[ViewFeeder], None]


@dataclass(frozen=True)
class Scenario:
    """What is in the views already, what is stopped there, and what comes before it comes again."""

    name: str
    before: Act
    stopped: Act
    between: Act
    retention: timedelta | None = None

    def __str__(self) -> str:
        return self.name


def events_of(events: Iterable[BusEvent]) -> Act:
    kept = list(events)
    return lambda views: views.feed(kept)


def nothing(_views: ViewFeeder) -> None:
    """Nothing comes."""


def adoption_of(process: Process) -> Act:
    kept = process.copy()
    return lambda views: views.change(kept.key, lambda row: adopt(row, kept))


def many_tasks(*more: AnyStep) -> Story:
    reviews = [review(f"task_{n}") for n in range(MANY)]
    return Story(side_by_side("all", *reviews, *more), tenant_id="tenant-1")


def versions(story: Story) -> list[list[BusEvent]]:
    """The events of each change."""
    events = story.events()
    return [[e for e in events if e.version == v] for v in sorted({e.version for e in events})]


def opened_and_completed() -> Scenario:
    story = many_tasks()
    process = story.start(input={})
    story.service.complete_step(process, f"task_{MANY - 1}", outcome="approve")
    story.service.claim_task(process, "task_0", by="anna")
    opened, *later = versions(story)
    between = events_of(event for each in later for event in each)
    return Scenario("tasks that end as they begin", nothing, events_of(opened), between)


def cancelled() -> Scenario:
    story = many_tasks()
    process = story.start(input={})
    story.service.cancel_process(process)
    opened, ended = versions(story)
    return Scenario("tasks given up", events_of(opened), events_of(ended), nothing)


def opened_again() -> Scenario:
    story = many_tasks(work("pay"))
    process = story.start(input={})
    story.service.fail_step(process, "pay", "no", attempt=1, fatal=True)
    story.service.retry_step(process, "pay")
    opened, ended, again = versions(story)
    return Scenario("tasks opened again", events_of(opened), events_of(ended), events_of(again))


def overtaken(retention: timedelta) -> Scenario:
    story = Story(
        work("pay"),
        inputs={"a": "string"},
        search_attributes={"a": "input.a"},
        tenant_id="tenant-1",
    )
    process = story.start(input={"a": "x"})
    story.service.fail_step(process, "pay", "no", attempt=1, fatal=True)
    story.service.retry_step(process, "pay")
    opened, ended, again = versions(story)
    return Scenario(
        "an end overtaken", events_of(opened), events_of(ended), events_of(again), retention
    )


def ended_and_repeated(retention: timedelta) -> Scenario:
    story = Story(work("pay"), tenant_id="tenant-1")
    process = story.start(input={})
    story.service.complete_step(process, "pay")
    opened, ended = versions(story)
    return Scenario("an end", events_of(opened), events_of(ended), events_of(opened), retention)


def adopted_tasks() -> Scenario:
    story = many_tasks()
    process = story.start(input={})
    return Scenario("tasks taken over", nothing, adoption_of(process), nothing)


def adopted_steps() -> Scenario:
    steps = [ProcessStep(name=f"step_{n}") for n in range(2 * MANY)]
    process = Process.start(
        process_id="A",
        tenant_id="tenant-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="o-1",
        steps=steps,
        now=START,
    )
    for step in steps:
        process.complete_step(step.name, now=START + timedelta(seconds=1))
    process.saved()
    return Scenario("steps taken over", nothing, adoption_of(process), nothing)


SCENARIOS = [
    opened_and_completed(),
    cancelled(),
    opened_again(),
    overtaken(timedelta(days=30)),
    ended_and_repeated(timedelta(days=30)),
    adopted_tasks(),
    adopted_steps(),
]


class Views:
    """The views in moto, over a wire; what is in them can be set back."""

    def __init__(self, wire: Wire, retention: timedelta | None) -> None:
        table = ViewTable("views", pause=lambda seconds: None)
        table.create()
        wire.lie_under(table._client)
        self.wire = wire
        store = DynamoDBViewStore(table, retention=retention)
        self.feeder = ViewFeeder(store, pause=lambda seconds: None)

    def set_to(self, items: dict[str, dict[str, Any]]) -> None:
        kept = moto_items("views")
        kept.clear()
        for hash_key, each in copy.deepcopy(items).items():
            kept[hash_key] = each
        self.wire.reset()

    def items(self) -> dict[str, dict[str, Any]]:
        return copy.deepcopy(dict(moto_items("views")))

    def said(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What is in every item, but for how often a row was written, and counts of nothing."""
        return {
            (hash_key, range_key): {
                name: value
                for name, value in item.to_json()["Attributes"].items()
                if name != "revision" and value != {"N": "0"}
            }
            for hash_key, each in moto_items("views").items()
            for range_key, item in each.items()
        }


@pytest.fixture(autouse=True)
def _small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_store, "TRANSACTION", 8)
    monkeypatch.setattr(projection, "WRITES_AT_ONCE", 6)
    monkeypatch.setattr(feeder, "EVENTS_AT_ONCE", 4)
    monkeypatch.setattr(adoption, "TASKS_AT_ONCE", 4)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_whatever_stops_them_the_views_end_as_if_nothing_had(
    scenario: Scenario, wire: Wire, record_property: Callable[[str, object], None]
) -> None:
    views = Views(wire, scenario.retention)
    scenario.before(views.feeder)
    prepared = views.items()
    views.wire.reset()
    scenario.stopped(views.feeder)
    calls = list(views.wire.calls)
    scenario.between(views.feeder)
    undisturbed = views.said()

    broken = []
    for number, call in enumerate(calls):
        for trouble, fault in TROUBLES.items():
            views.set_to(prepared)
            views.wire.fail_at_call(number, fault)
            with suppress(Crash, StoreError):
                scenario.stopped(views.feeder)
            views.wire.mend()
            scenario.between(views.feeder)
            for _ in range(2):
                scenario.stopped(views.feeder)
            found = views.said()
            if found != undisturbed:
                keys = {*found, *undisturbed}
                other = [str(key) for key in keys if found.get(key) != undisturbed.get(key)]
                broken.append(f"{trouble} call {number + 1}, {call}: {sorted(other)}")
    assert "dynamodb.TransactWriteItems" in calls
    assert broken == []
    record_property("covered", f"{len(calls) * len(TROUBLES)} crash points")


def test_a_transaction_has_room_for_what_a_change_writes() -> None:
    assert 1 + MAX_ATTRIBUTE_VALUES + WRITES_AT_ONCE <= TRANSACTION
    assert max(TASKS_AT_ONCE, EVENTS_AT_ONCE) < WRITES_AT_ONCE
