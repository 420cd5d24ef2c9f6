"""The event publisher function: batches of the table's stream in, failures to bring again out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from lambdas import event_publisher, wiring
from trellis_process import Process, ProcessStep
from trellis_process.dynamodb.item import to_item
from trellis_process.eventbridge import EventPublisher
from trellis_process.testing.clock import START

from .conftest import Context

Lines = Callable[[], list[dict[str, Any]]]


class Bus:
    """Takes entries, or refuses them all."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.refuses = False

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.refuses:
            return {"Entries": [{"ErrorCode": "ThrottlingException"} for _ in Entries]}
        self.arrived += [json.loads(entry["Detail"])["id"] for entry in Entries]
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    publisher = EventPublisher(bus, "stack-bus", lambda message: None, pause=lambda seconds: None)
    monkeypatch.setattr(wiring, "event_publisher", lambda: publisher)
    return bus


@pytest.fixture
def set_aside(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(wiring, "set_aside", kept.append)
    return kept


def a_journey() -> list[dict[str, Any]]:
    """The stream's records of a process that starts, shows it is alive and completes."""
    process = Process.start(
        process_id="A",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create", timeout_ms=1000)],
        metadata={"secret": "patient-name"},
        auto_start_steps=True,
        now=START,
    )
    images = [to_item(process)]
    process.saved()
    process.heartbeat("create", now=START.replace(second=1))
    images.append(to_item(process))
    process.saved()
    process.complete_step("create", {"secret": "patient-name"}, now=START.replace(second=2))
    images.append(to_item(process))
    olds = [None, *images]
    return [_record(n, old, new) for n, (old, new) in enumerate(zip(olds, images, strict=False))]


def _record(n: int, old: Any, new: Any) -> dict[str, Any]:
    images = {"NewImage": new, "OldImage": old}
    return {
        "eventName": "MODIFY" if old else "INSERT",
        "dynamodb": {
            "SequenceNumber": str(100 + n),
            **{name: image for name, image in images.items() if image is not None},
        },
    }


def run(records: list[dict[str, Any]], context: Context) -> list[str]:
    answer = event_publisher.handler({"Records": records}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_the_events_of_a_change_are_sent_once_and_a_heartbeat_sends_none(
    bus: Bus, context: Context
) -> None:
    assert run(a_journey(), context) == []

    assert bus.arrived == ["A/1/1", "A/1/2", "A/3/1", "A/3/2"]


def test_a_record_brought_twice_sends_the_same_ids(bus: Bus, context: Context) -> None:
    start = a_journey()[:1]

    run(start, context)
    run(start, context)

    assert bus.arrived == ["A/1/1", "A/1/2"] * 2


def test_an_item_written_again_as_the_version_it_had_sends_nothing(
    bus: Bus, context: Context
) -> None:
    image = a_journey()[0]["dynamodb"]["NewImage"]

    run([_record(1, image, image | {"expires_at": {"N": "1"}})], context)

    assert bus.arrived == []


def test_a_removed_item_and_an_item_of_another_kind_send_nothing(
    bus: Bus, context: Context
) -> None:
    image = a_journey()[0]["dynamodb"]["NewImage"]
    removed = {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "1", "OldImage": image}}
    other = _record(2, None, image | {"sk": {"S": "something-else"}})

    assert run([removed, other], context) == []
    assert bus.arrived == []


def test_a_change_whose_events_do_not_get_through_is_brought_again_from_there(
    bus: Bus, context: Context
) -> None:
    bus.refuses = True

    assert run(a_journey(), context) == ["100"]


def test_an_unreadable_record_is_set_aside_and_does_not_hold_up_the_others(
    bus: Bus, set_aside: list[dict[str, Any]], context: Context
) -> None:
    records = a_journey()
    bad = json.loads(json.dumps(records[0]))
    bad["dynamodb"]["NewImage"]["state"]["S"] = "no state"

    assert run([bad, records[2]], context) == []

    assert bus.arrived == ["A/3/1", "A/3/2"]
    assert set_aside[0]["sequence_number"] == "100"
    assert "no state" in set_aside[0]["reason"]


def test_a_batch_is_one_line_that_names_each_change_and_holds_no_payload(
    bus: Bus, context: Context, logged: Lines, told: Lines
) -> None:
    run(a_journey(), context)

    (line,) = told()
    assert logged() == []
    assert (line["level"], line["message"]) == ("INFO", "published")
    assert line["changes"] == [
        "tenant-1 A/1 ProcessStarted StepStarted",
        "tenant-1 A/3 StepCompleted ProcessCompleted",
    ]
    assert (line["StreamRecords"], line["StreamRecordsToRetry"]) == ([3.0], [0.0])
    assert "patient-name" not in json.dumps(line)


def test_a_change_that_is_brought_again_is_not_said_to_be_published(
    bus: Bus, context: Context, told: Lines
) -> None:
    bus.refuses = True

    run(a_journey()[:1], context)

    (line,) = told()
    assert "changes" not in line
    assert line["StreamRecordsToRetry"] == [1.0]


def test_with_more_asked_for_each_event_has_its_line_without_payload(
    bus: Bus, context: Context, logged: Lines
) -> None:
    of_the_function = logging.getLogger(event_publisher.logger.name)
    level = of_the_function.level
    of_the_function.setLevel(logging.DEBUG)
    try:
        run(a_journey(), context)
    finally:
        of_the_function.setLevel(level)

    completed = next(line for line in logged() if line["message"] == "StepCompleted")
    assert (completed["tenant_id"], completed["process_id"]) == ("tenant-1", "A")
    assert (completed["step_name"], completed["version"]) == ("create", 3)
    assert "patient-name" not in json.dumps(logged())


def test_without_time_left_everything_is_brought_again(bus: Bus, context: Context) -> None:
    context.remaining_ms = 1_000

    assert run(a_journey(), context) == ["100"]
    assert bus.arrived == []
