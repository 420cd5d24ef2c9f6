"""The events of a change: what they say, and how they are counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import nothing_changes
from trellis_process import ProcessStepTimedOut
from trellis_process.domain import events
from trellis_process.domain.events import EVENT_TYPES, event_id
from trellis_process.testing import START, a_process, a_step, a_stored_process

LATER = START + timedelta(minutes=1)


def test_each_event_is_known_by_its_name():
    assert set(EVENT_TYPES) == {
        "ProcessStarted",
        "StepStarted",
        "StepAttemptFailed",
        "StepSuspended",
        "StepResumed",
        "StepCompleted",
        "StepFailed",
        "ProcessStepTimedOut",
        "StepSkipped",
        "StepCancelled",
        "WaitStarted",
        "TaskOpened",
        "TaskClaimed",
        "TaskReleased",
        "TaskEscalated",
        "MessageSent",
        "EffectsRequested",
        "ChildRequested",
        "ChildCancellationRequested",
        "SignalReceived",
        "EventReceived",
        "TimerRang",
        "CommandSent",
        "RunSkipped",
        "ScheduleChanged",
        "CompensationStarted",
        "CompensationCompleted",
        "CompensationFailed",
        "ProcessCompensating",
        "ProcessSuspended",
        "ProcessResumed",
        "ProcessReopened",
        "SlaBreached",
        "ProcessCompleted",
        "ProcessFailed",
        "ProcessCancelled",
    }
    assert all(name == event_type.__name__ for name, event_type in EVENT_TYPES.items())


def test_there_are_as_many_events_as_are_listed():
    assert len(EVENT_TYPES) == len(list(EVENT_TYPES)) == len(set(EVENT_TYPES))


def test_an_event_that_there_is_not_is_named_as_any_missing_name_is():
    with pytest.raises(
        AttributeError, match=r"'trellis_process\.domain\.events' has no .*'StepLost'"
    ):
        events.StepLost  # noqa: B018


def test_an_event_id_is_made_of_process_version_and_place():
    assert event_id("p-1", 3, 2) == "p-1/3/2"


def test_every_event_says_whose_and_when():
    process = a_stored_process(a_step("pay"))

    process.complete_step("pay", now=LATER, actor="ann", reason="paid in cash")

    assert len(process.events) == 2
    for event in process.events:
        assert (event.tenant_id, event.process_id) == ("tenant-1", "process-1")
        assert (event.occurred_at, event.actor) == (LATER, "ann")
        assert event.reason == "paid in cash"


def test_every_event_about_a_step_names_it():
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000, retries_permitted=2), a_step("send"), a_step("file")
    )

    process.start_step("pay", now=START)
    process.suspend_step("pay", now=START)
    process.resume_step("pay", now=START)
    process.fail_step("pay", "no route", now=START, retry_after_ms=0, attempt=1)
    process.time_out(process.trackers(), now=LATER)
    process.complete_step("send", now=LATER)
    process.fail_step("file", "no room", now=LATER)

    about = [(e.type, e.step_name, e.attempt) for e in process.events if hasattr(e, "step_name")]
    assert about == [
        ("StepStarted", "pay", 1),
        ("StepSuspended", "pay", 1),
        ("StepResumed", "pay", 1),
        ("StepAttemptFailed", "pay", 1),
        ("StepStarted", "pay", 2),
        ("ProcessStepTimedOut", "pay", 2),
        ("StepStarted", "pay", 3),
        ("StepCompleted", "send", 1),
        ("StepFailed", "file", 1),
    ]


def test_a_failure_says_its_code_whether_it_is_tried_again_or_not():
    process = a_stored_process(a_step("pay", retries_permitted=1))

    process.fail_step("pay", "no", code="NO_ROUTE", now=START, retry_after_ms=0, attempt=1)
    process.fail_step("pay", "no", code="NO_MONEY", now=LATER, attempt=2)

    codes = [(e.type, e.code) for e in process.events if hasattr(e, "code")]
    assert codes == [("StepAttemptFailed", "NO_ROUTE"), ("StepFailed", "NO_MONEY")]


def test_a_failed_process_gives_the_better_reason():
    process = a_stored_process()

    process.fail_step("pay", "no money", now=LATER, reason="the card was refused")

    assert [(event.type, event.reason) for event in process.events] == [
        ("StepFailed", "the card was refused"),
        ("ProcessFailed", "step_failed"),
    ]


def test_the_events_are_those_of_the_latest_change():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.start_step("pay", now=START)
    process.saved()

    process.complete_step("pay", now=LATER)

    assert [event.type for event in process.events] == ["StepCompleted"]


def test_changes_saved_at_once_tell_all_their_events():
    process = a_process(a_step("pay"), a_step("send"))

    process.start_step("pay", now=START)
    process.complete_step("pay", now=LATER)

    assert [(event.type, event.occurred_at) for event in process.events] == [
        ("ProcessStarted", START),
        ("StepStarted", START),
        ("StepCompleted", LATER),
    ]


def test_a_no_op_after_a_change_leaves_its_events():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("pay", now=START)

    with nothing_changes(process):
        process.complete_step("pay", now=LATER)

    assert process.has_changed
    assert [event.type for event in process.events] == ["StepCompleted"]


def test_a_consumer_sees_a_gap_by_the_version_of_the_events_before():
    process = a_stored_process(a_step(timeout_ms=1_000), a_step("send"))
    assert (process.version, process.previous_event_version) == (1, 0)

    process.start_step("pay", now=START)
    process.saved()
    assert (process.version, process.previous_event_version) == (2, 1)

    process.heartbeat("pay", now=START + timedelta(milliseconds=1))
    process.saved()
    assert (process.version, process.previous_event_version, process.events) == (3, 2, ())

    process.heartbeat("pay", now=START + timedelta(milliseconds=2))
    process.saved()
    assert (process.version, process.previous_event_version, process.events) == (4, 2, ())

    process.complete_step("pay", now=START)
    process.saved()
    assert (process.version, process.previous_event_version) == (5, 2)

    process.complete_step("send", now=START)
    process.saved()
    assert (process.version, process.previous_event_version) == (6, 5)


def test_changes_saved_at_once_count_as_one_for_the_version_before():
    process = a_stored_process(a_step("pay", timeout_ms=1_000), a_step("send"))
    process.start_step("pay", now=START)
    process.saved()
    process.heartbeat("pay", now=LATER)
    process.saved()
    assert (process.version, process.previous_event_version) == (3, 2)

    process.complete_step("pay", now=LATER)
    process.start_step("send", now=LATER)

    assert process.previous_event_version == 2


def test_a_timeout_tells_the_retries_already_made():
    def timed_out(attempt: int) -> ProcessStepTimedOut:
        return ProcessStepTimedOut(
            tenant_id="t",
            process_id="p",
            occurred_at=START,
            step_name="pay",
            attempt=attempt,
            retries_permitted=2,
        )

    assert [timed_out(n).retry_count for n in (1, 2, 3)] == [0, 1, 2]
    assert [timed_out(n).has_fully_timed_out() for n in (1, 2, 3)] == [False, False, True]


def test_a_retry_on_purpose_that_times_out_has_no_retry_left():
    process = a_stored_process(a_step(timeout_ms=1, retries_permitted=0), auto_start_steps=True)
    process.fail_step("pay", "no", now=START)
    process.start_step("pay", now=START)
    process.saved()

    process.time_out(process.trackers(), now=LATER)

    timed_out = process.events[0]
    assert isinstance(timed_out, ProcessStepTimedOut)
    assert (timed_out.attempt, timed_out.has_fully_timed_out()) == (2, True)
