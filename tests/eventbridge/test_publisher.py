"""EventPublisher: every event once or again, in order for each process, or set aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from trellis_process import Process, ProcessStep
from trellis_process.eventbridge import EventPublisher
from trellis_process.testing.clock import START

Verdict = Callable[[dict[str, Any]], str | None]


class Bus:
    """Takes entries as EventBridge does; a test says which it refuses, and with what code."""

    def __init__(self) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.arrived: list[str] = []
        self.verdict: Verdict = lambda detail: None

    def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 1 <= len(Entries) <= 10
        assert sum(len(entry["Detail"].encode()) for entry in Entries) <= 256 * 1024
        self.requests.append(list(Entries))
        return {"Entries": [self._take(entry) for entry in Entries]}

    def _take(self, entry: dict[str, Any]) -> dict[str, str]:
        detail = json.loads(entry["Detail"])
        if code := self.verdict(detail):
            return {"ErrorCode": code, "ErrorMessage": "no"}
        self.arrived.append(detail["id"])
        return {"EventId": "1"}


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def set_aside() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def publisher(bus: Bus, set_aside: list[dict[str, Any]]) -> EventPublisher:
    return EventPublisher(bus, "stack-bus", set_aside.append, pause=lambda _seconds: None)


def changes(process_id: str, count: int = 1, size: int = 0) -> list[tuple[str, Process]]:
    """So many saved changes of one process, the first of which starts two steps or more."""
    process = Process.start(
        process_id=process_id,
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name=f"step-{n}") for n in range(count + 1)],
        metadata={"filler": "x" * size},
        now=START,
    )
    process.saved()
    made = [(f"{process_id}-1", process.copy())]
    for number in range(1, count):
        process.complete_step(f"step-{number}", now=START)
        process.saved()
        made.append((f"{process_id}-{number + 1}", process.copy()))
    return made


def failing(times: int, code: str, only: str = "") -> Verdict:
    """The first so many entries, or those whose id begins so, are refused with this code."""
    left = [times]

    def verdict(detail: dict[str, Any]) -> str | None:
        if left[0] and detail["id"].startswith(only):
            left[0] -= 1
            return code
        return None

    return verdict


def test_an_entry_names_the_bus_the_source_and_the_type(
    publisher: EventPublisher, bus: Bus
) -> None:
    publisher.publish(changes("A"))

    entry = bus.requests[0][0]
    assert (entry["EventBusName"], entry["Source"]) == ("stack-bus", "trellis")
    assert entry["DetailType"] == "ProcessStarted"
    assert entry["Time"] == "2026-01-01T09:00:00.000Z"


def test_events_of_different_processes_share_requests_of_ten(
    publisher: EventPublisher, bus: Bus
) -> None:
    assert publisher.publish([changes(f"P{n}")[0] for n in range(25)]) == []

    assert [len(request) for request in bus.requests] == [10, 10, 5]


def test_large_events_are_split_over_requests(publisher: EventPublisher, bus: Bus) -> None:
    publisher.publish([changes(f"P{n}", size=16_000)[0] for n in range(20)])

    assert len(bus.arrived) == 20


def test_what_is_reported_as_failed_is_sent_again_alone(
    publisher: EventPublisher, bus: Bus
) -> None:
    bus.verdict = failing(1, "ThrottlingException", only="B/")

    assert publisher.publish([changes("A")[0], changes("B")[0], changes("C")[0]]) == []

    again = [json.loads(entry["Detail"])["id"] for entry in bus.requests[1]]
    assert again == ["B/1/1"]
    assert sorted(bus.arrived) == ["A/1/1", "B/1/1", "C/1/1"]


def test_no_event_overtakes_a_failed_one_of_its_process(
    publisher: EventPublisher, bus: Bus
) -> None:
    bus.verdict = failing(3, "InternalFailure", only="A/1/")

    publisher.publish(changes("A", count=4) + changes("B", count=2))

    assert [arrived for arrived in bus.arrived if arrived.startswith("A")] == [
        "A/1/1",
        "A/2/1",
        "A/3/1",
        "A/4/1",
    ]


def test_what_does_not_get_through_is_left_to_be_brought_again_from_there(
    publisher: EventPublisher, bus: Bus, set_aside: list[dict[str, Any]]
) -> None:
    bus.verdict = failing(100, "ThrottlingException", only="A/2/")

    failed = publisher.publish(changes("A", count=3) + changes("B", count=2))

    assert failed == ["A-2"]
    assert [arrived for arrived in bus.arrived if arrived.startswith("A")] == ["A/1/1"]
    assert [arrived for arrived in bus.arrived if arrived.startswith("B")] == ["B/1/1", "B/2/1"]
    assert set_aside == []


def test_what_the_bus_refuses_for_good_is_set_aside_whole_and_the_rest_goes_on(
    publisher: EventPublisher, bus: Bus, set_aside: list[dict[str, Any]]
) -> None:
    bus.verdict = failing(1, "MalformedDetail", only="A/2/")

    assert publisher.publish(changes("A", count=3)) == []

    assert bus.arrived == ["A/1/1", "A/3/1"]
    assert [json.loads(kept["entry"]["Detail"])["id"] for kept in set_aside] == ["A/2/1"]
    assert set_aside[0]["reason"] == "MalformedDetail: no"


def _refused(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDeniedException"}}, operation)


def test_a_request_that_fails_as_a_whole_loses_nothing(
    publisher: EventPublisher, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> dict[str, Any]:
        raise _refused("PutEvents")

    monkeypatch.setattr(bus, "put_events", refuse)

    assert publisher.publish(changes("A", count=2)) == ["A-1"]


def test_what_can_be_neither_sent_nor_set_aside_is_brought_again(bus: Bus) -> None:
    def refuse(_message: dict[str, Any]) -> None:
        raise _refused("SendMessage")

    bus.verdict = failing(100, "MalformedDetail")
    publisher = EventPublisher(bus, "stack-bus", refuse, pause=lambda _seconds: None)

    assert publisher.publish(changes("A")) == ["A-1"]
