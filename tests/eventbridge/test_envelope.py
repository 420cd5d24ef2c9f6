"""The envelope: what each event says, by the schema that consumers are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from trellis_process import InMemoryProcessRepository, ProcessService, ProcessStep
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.domain.events import EVENT_TYPES
from trellis_process.eventbridge import envelopes
from trellis_process.memory import InMemoryStepTrackerRepository
from trellis_process.testing.clock import ManualClock

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())

Journey = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def journey() -> list[dict[str, Any]]:
    """The events of one process that fails by time, one that completes and one called off."""
    told: list[dict[str, Any]] = []
    clock = ManualClock()
    processes = InMemoryProcessRepository(lambda process: told.extend(envelopes(process)))
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(processes, trackers, clock=clock, new_id=iter("ABC").__next__)
    checker = TimeoutCheckerService(trackers, clock=clock)

    def start(aggregate_id: str, *steps: ProcessStep) -> Any:
        return service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id=aggregate_id,
            steps=steps,
            metadata={"priority": "high"},
            actor="intake",
            reason="new referral",
        )

    late = start("ref-1", ProcessStep(name="create", timeout_ms=1000, retries_permitted=1))
    service.start_step(late, "create", actor="worker")
    service.heartbeat(late, "create")
    for _ in range(2):
        clock.advance(seconds=1)
        checker.check_for_timed_out_steps()
    good = start("ref-2", ProcessStep(name="create"))
    service.complete_step(good, "create", {"case": 7}, actor="worker")
    called_off = start("ref-3", ProcessStep(name="create"))
    service.cancel_process(called_off, actor="anna", reason="withdrawn")
    return told


def test_every_event_is_as_its_schema_says(journey: list[dict[str, Any]]) -> None:
    for envelope in journey:
        said = SCHEMA["$defs"][envelope["type"]]["properties"]
        jsonschema.validate(envelope, SCHEMA)
        assert set(envelope) <= set(said)  # consumers may meet more one day, but not undescribed
    assert {envelope["type"] for envelope in journey} == set(EVENT_TYPES)


def test_every_event_has_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert {each["$ref"].rsplit("/")[-1] for each in SCHEMA["oneOf"]} == set(EVENT_TYPES)


def test_an_id_is_the_process_the_version_and_the_place_in_the_change(
    journey: list[dict[str, Any]],
) -> None:
    told = [(envelope["id"], envelope["type"]) for envelope in journey if "A/" in envelope["id"]]

    assert told == [
        ("A/1/1", "ProcessStarted"),
        ("A/2/1", "StepStarted"),
        ("A/3/1", "ProcessStepTimedOut"),
        ("A/3/2", "StepStarted"),
        ("A/4/1", "ProcessStepTimedOut"),
        ("A/4/2", "StepFailed"),
        ("A/4/3", "ProcessFailed"),
    ]


def test_a_consumer_sees_no_gap_where_a_version_had_no_events() -> None:
    told: list[dict[str, Any]] = []
    clock = ManualClock()
    processes = InMemoryProcessRepository(lambda process: told.extend(envelopes(process)))
    service = ProcessService(processes, clock=clock)
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create", timeout_ms=1000)],
        auto_start_steps=True,
    )
    clock.advance(milliseconds=500)
    service.heartbeat(process, "create")
    service.complete_step(process, "create")

    assert [(each["version"], each["previous_version"]) for each in told] == [
        (1, 0),
        (1, 0),
        (3, 1),
        (3, 1),
    ]


def test_a_consumer_knows_how_many_events_a_change_had(journey: list[dict[str, Any]]) -> None:
    counts = [envelope["event_count"] for envelope in journey if "A/4/" in envelope["id"]]

    assert counts == [3, 3, 3]


def test_a_completed_step_brings_its_output_and_who_reported(
    journey: list[dict[str, Any]],
) -> None:
    completed = next(each for each in journey if each["type"] == "StepCompleted")

    assert completed["output"] == {"case": 7}
    assert completed["actor"] == "worker"
    assert completed["process_state"] == "completed"


def test_a_failed_process_names_the_step_that_failed_and_its_error(
    journey: list[dict[str, Any]],
) -> None:
    failed = next(each for each in journey if each["type"] == "ProcessFailed")

    assert failed["reason"] == "step_failed"
    assert failed["failed_step"] == "create"
    assert failed["error"] == "timed out"


def test_a_cancellation_says_who_and_why(journey: list[dict[str, Any]]) -> None:
    cancelled = next(each for each in journey if each["type"] == "ProcessCancelled")

    assert (cancelled["actor"], cancelled["reason"]) == ("anna", "withdrawn")
