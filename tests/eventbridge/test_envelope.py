"""The envelope: what each event says, by the schema that consumers are given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.definition_story import MANAGER, PROCESS_ID, told_story
from tests.reaction_story import told_order
from tests.schedule_story import TERMS, told_schedule
from trellis_process import InMemoryProcessRepository, ProcessService, ProcessStep
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.domain.events import EVENT_TYPES, ProcessCompleted
from trellis_process.eventbridge import envelopes
from trellis_process.memory import InMemoryStepTrackerRepository
from trellis_process.testing.clock import ManualClock

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

Journey = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def journey() -> list[dict[str, Any]]:
    """The events of processes that fail by time, complete, are called off, and wait."""
    told: list[dict[str, Any]] = []
    clock = ManualClock()
    processes = InMemoryProcessRepository(lambda process: told.extend(envelopes(process)))
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(processes, trackers, clock=clock, new_id=iter("ABCD").__next__)
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
    waiting = start("ref-4", ProcessStep(name="create", timeout_ms=1000, retries_permitted=2))
    service.start_step(waiting, "create", actor="worker")
    service.fail_step(waiting, "create", "closed", retry_after_ms=60_000, actor="worker", attempt=1)
    clock.advance(seconds=60)
    checker.check_for_timed_out_steps()
    service.fail_step(waiting, "create", "no route", retry_after_ms=0, actor="worker", attempt=2)
    service.suspend_step(waiting, "create", timeout_ms=60_000, actor="worker", reason="ask")
    service.resume_step(waiting, "create", {}, actor="anna", reason="answered")
    service.resume_step(waiting, "create", None, resumption=2, actor="ben")
    service.suspend_step(waiting, "create", timeout_ms=60_000, resumption=1, actor="worker")
    return told


def of(journey: list[dict[str, Any]], process_id: str, event_type: str) -> list[dict[str, Any]]:
    return [
        each for each in journey if (each["process_id"], each["type"]) == (process_id, event_type)
    ]


def test_every_event_is_as_its_schema_says(journey: list[dict[str, Any]]) -> None:
    processes = [*told_story(), *told_schedule(), *told_order()]
    told = [*journey, *(each for process in processes for each in envelopes(process))]
    for envelope in told:
        said = SCHEMA["$defs"][envelope["type"]]["properties"]
        VALIDATOR.validate(envelope)
        assert set(envelope) <= set(said)  # consumers may meet more one day, but not undescribed
    assert {envelope["type"] for envelope in told} == set(EVENT_TYPES)


def test_every_event_has_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
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


def test_work_is_told_its_attempt_its_limits_and_that_it_was_never_resumed(
    journey: list[dict[str, Any]],
) -> None:
    first, second, third = of(journey, "D", "StepStarted")

    assert [each["attempt"] for each in (first, second, third)] == [1, 2, 3]
    for started in (first, second, third):
        assert started["retries_permitted"] == 2
        assert started["metadata"] == {"priority": "high"}
        assert not {"resumption", "resume_data"} & set(started)


def test_a_failed_attempt_says_why_and_when_the_next_one_begins(
    journey: list[dict[str, Any]],
) -> None:
    later, at_once = of(journey, "D", "StepAttemptFailed")

    assert (later["attempt"], later["error"], later["actor"]) == (1, "closed", "worker")
    assert later["retry_at"] == "2026-01-01T09:01:02.000Z"
    assert (at_once["attempt"], at_once["error"]) == (2, "no route")
    assert at_once["retry_at"] == at_once["time"]


def test_a_suspension_says_how_long_and_a_resumption_with_what(
    journey: list[dict[str, Any]],
) -> None:
    suspended, resumed_already = of(journey, "D", "StepSuspended")
    first, second = of(journey, "D", "StepResumed")

    assert (suspended["due_at"], suspended["reason"]) == ("2026-01-01T09:02:02.000Z", "ask")
    assert (first["resumption"], first["resume_data"], first["actor"]) == (1, {}, "anna")
    assert (first["attempt"], first["due_at"]) == (3, "2026-01-01T09:01:03.000Z")
    assert first["metadata"] == {"priority": "high"}

    assert "due_at" not in resumed_already
    assert second["resumption"] == 2
    assert "resume_data" not in second
    assert second["version"] == resumed_already["version"]


def test_an_attempt_that_takes_a_resumption_is_told_so() -> None:
    told: list[dict[str, Any]] = []
    clock = ManualClock()
    processes = InMemoryProcessRepository(lambda process: told.extend(envelopes(process)))
    service = ProcessService(processes, clock=clock)
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create", retries_permitted=1)],
        auto_start_steps=True,
    )
    service.resume_step(process, "create", False)
    service.fail_step(process, "create", "no route", retry_after_ms=0, attempt=1)

    started = told[-1]
    assert (started["type"], started["attempt"]) == ("StepStarted", 2)
    assert (started["resumption"], started["resume_data"]) == (1, False)
    VALIDATOR.validate(started)


# -- what a definition's process tells besides -------------------------------------------------


@pytest.fixture
def story() -> list[dict[str, Any]]:
    return [each for process in told_story() for each in envelopes(process)]


def first(story: list[dict[str, Any]], event_type: str) -> dict[str, Any]:
    return next(each for each in story if each["type"] == event_type)


def test_every_event_says_which_version_orders_the_steps_and_whose_child_it_is(
    story: list[dict[str, Any]], journey: list[dict[str, Any]]
) -> None:
    parent = {"process_id": "month-2026-03", "step_name": "reports", "attempt": 1, "part": 4}
    assert {each["definition_version"] for each in story} == {3}
    assert all(each["parent"] == parent for each in story)
    assert not any({"definition_version", "parent"} & set(each) for each in journey)


def test_a_service_is_told_what_to_do_and_with_what(story: list[dict[str, Any]]) -> None:
    started, undoing = first(story, "StepStarted"), first(story, "CompensationStarted")

    assert (started["service"], started["input"]) == ("Budgets.reserve", {"amount": 1250})
    assert (started["attempt"], started["due_at"]) == (1, "2026-03-02T08:00:30.000Z")
    assert (undoing["service"], undoing["input"]) == ("Budgets.free", {"hold": "h-1"})
    assert (undoing["step_name"], undoing["undoes"]) == ("undo:reserve", "reserve")


def test_a_task_says_whose_it_is_and_what_may_come_of_it(story: list[dict[str, Any]]) -> None:
    opened, claimed, released = (
        first(story, f"Task{n}") for n in ("Opened", "Claimed", "Released")
    )

    assert opened["outcomes"][0] == {"name": "approve", "label": "Approve expense"}
    assert (opened["surface"], opened["assignee_role"]) == ("expense_review", "manager")
    assert (opened["priority"], opened["input"]) == (3, {"amount": 1250})
    assert opened["due_at"] == "2026-03-09T08:00:02.000Z"
    assert claimed["assignee"] == claimed["actor"] == MANAGER
    assert "assignee" not in released
    chosen = next(e for e in story if e["type"] == "StepCompleted" and "outcome" in e)
    assert (chosen["step_name"], chosen["outcome"]) == ("review", "approve")


def test_a_wait_says_for_what_and_until_when(story: list[dict[str, Any]]) -> None:
    waiting = first(story, "WaitStarted")

    assert (waiting["signal"], waiting["due_at"]) == ("objection", "2026-03-10T08:00:00.000Z")
    assert waiting["attempt"] == 2


def test_a_child_is_asked_for_by_the_version_of_its_own_definition(
    story: list[dict[str, Any]],
) -> None:
    asked = first(story, "ChildRequested")

    assert (asked["child_definition"], asked["child_definition_version"]) == ("expense_audit", 2)
    assert asked["child_id"] == f"{PROCESS_ID}:audit:1"
    assert "definition" not in asked


def test_an_end_says_how_undoing_went_and_what_failed_first(story: list[dict[str, Any]]) -> None:
    undone, partly = (each for each in story if each["type"] == "ProcessFailed")

    assert (undone["compensation"], partly["compensation"]) == ("done", "partial")
    for failed in (undone, partly):
        assert (failed["failed_step"], failed["error"]) == ("pay", "the account is closed")


def test_a_completed_process_says_what_it_resulted_in() -> None:
    process = told_story()[-1]
    process.events = (
        ProcessCompleted(
            tenant_id=process.tenant_id,
            process_id=process.process_id,
            occurred_at=process.changed_at,
        ),
    )
    (completed,) = envelopes(process)

    assert completed["output"] == {"paid": False}
    VALIDATOR.validate(completed)


def test_a_run_of_a_schedule_says_the_time_that_it_is_for() -> None:
    told = [each for process in told_schedule() for each in envelopes(process)]
    (schedule, run) = (each for each in told if each["type"] == "ProcessStarted")

    assert "scheduled_at" not in schedule
    assert run["scheduled_at"] == "2026-03-02T09:00:00.000Z"


def test_a_schedule_that_goes_by_other_terms_says_them() -> None:
    told = [each for process in told_schedule() for each in envelopes(process)]
    (changed,) = (each for each in told if each["type"] == "ScheduleChanged")

    assert changed["input"] == {**TERMS.as_json(), "cron": "0 18 * * *"}
    assert (changed["actor"], changed["reason"]) == (MANAGER, "too early")
