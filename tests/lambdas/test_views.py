"""The function of the views: what it takes from the queue, and what it gives back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas import wiring
from lambdas.views import handler
from trellis_process.errors import StoreUnavailable
from trellis_process.memory import InMemoryViewStore
from trellis_process.testing.view_store_contract import Story, inbox, review
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.feeder import ViewFeeder

from .conftest import Context


@pytest.fixture
def views() -> InMemoryViewStore:
    return InMemoryViewStore()


@pytest.fixture(autouse=True)
def feeder(views: InMemoryViewStore, monkeypatch: pytest.MonkeyPatch) -> ViewFeeder:
    feeder = ViewFeeder(views, pause=lambda seconds: None)
    monkeypatch.setattr(wiring, "view_feeder", lambda: feeder)
    return feeder


def batch(*events: BusEvent | str) -> dict[str, Any]:
    """Messages as the bus sends events to a queue: ``m-0``, ``m-1`` …"""
    bodies = [
        each if isinstance(each, str) else json.dumps({"source": "trellis", "detail": each.detail})
        for each in events
    ]
    return {"Records": [{"messageId": f"m-{n}", "body": body} for n, body in enumerate(bodies)]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_what_events_tell_is_in_the_views(views: InMemoryViewStore, context: Context) -> None:
    story = Story(review())
    story.start(input={})
    assert failed(handler(batch(*reversed(story.events())), context)) == []
    assert len(inbox(views, story.tenant_id)) == 1


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '"x"', "{}", '{"detail": {"id": "p/1/1"}}'])
def test_a_message_that_is_no_event_is_given_up_by_the_queue_and_holds_up_no_other(
    views: InMemoryViewStore, context: Context, body: str
) -> None:
    story = Story(review())
    story.start(input={})
    assert failed(handler(batch(body, *story.events()), context)) == ["m-0"]
    assert len(inbox(views, story.tenant_id)) == 1


@pytest.mark.parametrize(
    "error", [StoreUnavailable("no answer", may_have_happened=True), RuntimeError("a fault")]
)
def test_only_the_events_of_a_process_that_could_not_be_kept_come_again(
    views: InMemoryViewStore,
    feeder: ViewFeeder,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    story = Story(review())
    bad, good = story.start(input={}), story.start(input={})
    real = feeder.feed

    def feed(events: list[BusEvent]) -> None:
        if events[0].key == bad.key:
            raise error
        real(events)

    monkeypatch.setattr(feeder, "feed", feed)
    events = sorted(story.events(), key=lambda event: event.key != bad.key)
    assert failed(handler(batch(*events, events[0]), context)) == ["m-0", "m-4", "m-1"]
    assert [task.key for task in inbox(views, story.tenant_id)] == [good.key]


def test_what_there_is_no_time_for_comes_again(views: InMemoryViewStore, context: Context) -> None:
    story = Story(review())
    story.start(input={})
    context.remaining_ms = 19_000
    assert failed(handler(batch(*story.events()), context)) == ["m-0", "m-1"]
    assert inbox(views, story.tenant_id) == []


def test_it_tells_how_many_events_it_took(
    context: Context, told: Callable[[], list[dict[str, Any]]]
) -> None:
    story = Story(review())
    story.start(input={})
    handler(batch(*story.events(), "nonsense"), context)
    (line,) = [line for line in told() if "_aws" in line]
    assert (line["ViewEvents"], line["ViewEventsToRetry"]) == ([2.0], [1.0])


def test_a_stack_without_read_models_has_no_views(monkeypatch: pytest.MonkeyPatch) -> None:
    wiring.views.cache_clear()
    monkeypatch.setenv("TRELLIS_VIEW_TABLE", "")
    assert wiring.views() is None
    wiring.views.cache_clear()
