"""Deadlines: when they are due, what follows, and what moves them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, nothing_changes
from trellis_process import ProcessState, ProcessStepTimedOut, ProcessTracker, StepState
from trellis_process.errors import InvalidInput, StepFinished, StepNotStarted
from trellis_process.testing import START, a_process, a_step, a_stored_process

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


# -- an attempt's deadline -------------------------------------------------------------------


def test_a_deadline_is_set_when_its_attempt_starts():
    process = a_stored_process(a_step(timeout_ms=1_500))

    process.start_step("pay", now=START + 9 * SECOND)

    assert process.steps["pay"].due_at == START + timedelta(seconds=10, milliseconds=500)


def test_a_tracker_counts_the_retries_of_the_latest_visit_alone():
    step = replace(a_step(timeout_ms=1_000, retries_permitted=1), attempt=3, first_attempt=3)
    process = a_process(step)
    process.steps["pay"] = replace(step, state=StepState.IN_PROGRESS, due_at=START + SECOND)

    tracker = process.tracker("pay")

    assert tracker is not None
    assert (tracker.retry_count, tracker.has_retries_left()) == (0, True)


def test_nothing_fires_before_its_time():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)
    early = START + SECOND - MILLISECOND

    assert process.due_trackers(early) == []
    with nothing_changes(process):
        assert process.time_out(process.trackers(), now=early) == []


def test_a_deadline_is_due_at_the_very_moment():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=1), auto_start_steps=True)
    tracker = process.tracker("pay")

    assert process.due_trackers(START + SECOND) == [tracker]
    assert process.time_out([tracker], now=START + SECOND) == [tracker]


def test_a_timed_out_attempt_with_retries_left_opens_the_next():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=1), auto_start_steps=True)
    late = START + 5 * SECOND

    process.time_out(process.trackers(), now=late)

    step = process.steps["pay"]
    assert (step.state, step.attempt, step.started_at) == (StepState.IN_PROGRESS, 2, late)
    assert process.state is ProcessState.IN_PROGRESS
    assert process.events == (
        ProcessStepTimedOut(
            tenant_id="tenant-1",
            process_id="process-1",
            occurred_at=late,
            step_name="pay",
            attempt=1,
            retries_permitted=1,
        ),
        process.events[1],
    )
    assert (process.events[1].type, process.events[1].attempt) == ("StepStarted", 2)


def test_with_no_retry_left_the_step_fails_and_with_it_the_process():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)
    late = START + 5 * SECOND

    process.time_out(process.trackers(), now=late)

    step = process.steps["pay"]
    assert (step.state, step.error, step.ended_at) == (StepState.FAILED, "timed out", late)
    assert (process.state, process.reason) == (ProcessState.FAILED, "step_failed")
    types = [event.type for event in process.events]
    assert types == ["ProcessStepTimedOut", "StepFailed", "ProcessFailed"]


@pytest.mark.parametrize("retries_permitted", [0, 1, 3])
def test_n_retries_are_n_plus_one_attempts_in_all(retries_permitted):
    process = a_stored_process(
        a_step(timeout_ms=1_000, retries_permitted=retries_permitted), auto_start_steps=True
    )
    timed_out = []

    now = START
    while not process.has_failed():
        now += SECOND
        process.saved()
        process.time_out(process.trackers(), now=now)
        timed_out.append(process.events[0])

    assert [event.attempt for event in timed_out] == list(range(1, retries_permitted + 2))
    assert [event.retry_count for event in timed_out] == list(range(retries_permitted + 1))
    assert [event.has_fully_timed_out() for event in timed_out] == [
        *[False] * retries_permitted,
        True,
    ]


def test_time_lost_while_no_sweep_ran_burns_no_attempts():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=2), auto_start_steps=True)
    much_later = START + timedelta(days=30)

    process.time_out(process.due_trackers(much_later), now=much_later)

    assert process.steps["pay"].attempt == 2
    assert process.steps["pay"].due_at == much_later + SECOND
    assert process.due_trackers(much_later) == []


def test_an_attempt_times_out_once():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=9), auto_start_steps=True)
    due = process.trackers()
    late = START + 5 * SECOND
    process.time_out(due, now=late)
    process.saved()

    with nothing_changes(process):
        assert process.time_out(due, now=late + timedelta(days=1)) == []


def test_a_tracker_of_an_ended_step_does_not_fire():
    process = a_stored_process(a_step("pay", timeout_ms=1_000), a_step("send", timeout_ms=1_000))
    process.start_step("pay", now=START)
    process.start_step("send", now=START + SECOND)
    due = process.due_trackers(START + SECOND)
    process.complete_step("pay", now=START + SECOND)
    process.saved()

    assert process.time_out(due, now=START + SECOND) == []
    assert process.steps["pay"].state is StepState.COMPLETED


def test_a_tracker_of_an_ended_process_does_not_fire():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True, timeout_ms=1_000)
    due = process.trackers()
    process.cancel(now=START)
    process.saved()

    with nothing_changes(process):
        assert process.time_out(due, now=START + SECOND) == []


def test_of_several_due_steps_each_fires():
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000, retries_permitted=1),
        a_step("send", timeout_ms=2_000, retries_permitted=1),
        a_step("file", timeout_ms=9_000, retries_permitted=1),
        auto_start_steps=True,
    )

    fired = process.time_out(process.due_trackers(START + 2 * SECOND), now=START + 2 * SECOND)

    assert [tracker.step_name for tracker in fired] == ["pay", "send"]
    assert [step.attempt for step in process.steps.values()] == [2, 2, 1]


def test_where_the_first_fails_the_process_the_others_are_given_up():
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000),
        a_step("send", timeout_ms=1_000, retries_permitted=5),
        auto_start_steps=True,
    )

    fired = process.time_out(process.trackers(), now=START + SECOND)

    assert [tracker.step_name for tracker in fired] == ["pay"]
    assert process.steps["send"].state is StepState.CANCELLED
    assert process.wake_up_at is None


def test_only_the_trackers_handed_over_fire():
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000, retries_permitted=1),
        a_step("send", timeout_ms=1_000, retries_permitted=1),
        auto_start_steps=True,
    )

    process.time_out([process.tracker("send")], now=START + SECOND)

    assert [step.attempt for step in process.steps.values()] == [1, 2]
    assert process.wake_up_at == START + SECOND


def test_a_step_without_timeout_never_times_out():
    process = a_stored_process(auto_start_steps=True)

    assert process.tracker("pay") is None
    assert process.due_trackers(START + timedelta(days=9_999)) == []


def test_a_sweep_told_no_time_zone_is_refused():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)

    with nothing_changes(process), pytest.raises(InvalidInput, match=r"^now: "):
        process.time_out(process.trackers(), now=START.replace(tzinfo=None))


# -- the process's own deadline --------------------------------------------------------------


def test_a_process_past_its_own_deadline_fails():
    process = a_stored_process(a_step("pay"), a_step("send"), timeout_ms=60_000)
    process.complete_step("pay", now=START)
    process.saved()
    assert process.deadline_tracker() == ProcessTracker(
        tenant_id="tenant-1", process_id="process-1", due_at=START + 60 * SECOND
    )

    fired = process.time_out(process.trackers(), now=START + 60 * SECOND)

    assert len(fired) == 1
    assert (process.state, process.reason) == (ProcessState.FAILED, "timeout")
    assert process.steps["pay"].state is StepState.COMPLETED
    assert process.steps["send"].state is StepState.CANCELLED
    assert [(event.type, event.reason) for event in process.events] == [
        ("ProcessFailed", "timeout")
    ]
    assert (process.due_at, process.wake_up_at) == (None, None)


def test_the_process_deadline_comes_before_those_of_its_steps():
    process = a_stored_process(
        a_step(timeout_ms=1_000, retries_permitted=9), timeout_ms=2_000, auto_start_steps=True
    )

    due = process.due_trackers(START + 2 * SECOND)

    assert due == [process.deadline_tracker()]


def test_the_process_deadline_counts_from_its_start_whatever_its_steps_do():
    process = a_stored_process(a_step("pay"), a_step("send"), timeout_ms=60_000)

    process.start_step("pay", now=START + 30 * SECOND)
    process.complete_step("pay", now=START + 50 * SECOND)

    assert process.due_at == START + 60 * SECOND


def test_a_completed_process_has_no_deadline_any_more():
    process = a_stored_process(timeout_ms=1_000)

    process.complete_step("pay", now=START)

    assert process.deadline_tracker() is None


# -- heartbeats ------------------------------------------------------------------------------


def test_a_heartbeat_extends_the_attempts_deadline():
    process = a_stored_process(a_step(timeout_ms=10_000), auto_start_steps=True)

    tracker = process.heartbeat("pay", now=START + 9 * SECOND, actor="worker-7")

    assert tracker is not None
    assert tracker.due_at == process.steps["pay"].due_at == START + 19 * SECOND
    assert process.steps["pay"].attempt == 1
    assert process.steps["pay"].started_at == START
    assert process.steps["pay"].reported_by == "worker-7"


def test_a_heartbeat_is_a_change_without_an_event():
    process = a_stored_process(a_step(timeout_ms=10_000), auto_start_steps=True)

    process.heartbeat("pay", now=START + SECOND)

    assert process.has_changed
    assert process.events == ()


def test_a_heartbeat_after_the_time_but_before_the_sweep_keeps_the_attempt():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)
    due = process.trackers()

    process.heartbeat("pay", now=START + 5 * SECOND)

    assert process.time_out(due, now=START + 5 * SECOND) == []
    assert process.steps["pay"].state is StepState.IN_PROGRESS


def test_a_heartbeat_of_an_older_attempt_is_ignored():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=1), auto_start_steps=True)
    process.time_out(process.trackers(), now=START + SECOND)
    process.saved()

    with nothing_changes(process):
        tracker = process.heartbeat("pay", now=START + SECOND + MILLISECOND, attempt=1)

    assert tracker is not None
    assert tracker.due_at == START + 2 * SECOND


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_heartbeat_never_brings_the_deadline_nearer(seconds):
    process = a_stored_process(a_step(timeout_ms=10_000), auto_start_steps=True)

    with nothing_changes(process):
        process.heartbeat("pay", now=START + seconds * SECOND)


def test_a_heartbeat_on_a_step_without_timeout_is_a_no_op():
    process = a_stored_process(auto_start_steps=True)

    with nothing_changes(process):
        assert process.heartbeat("pay", now=START + SECOND) is None


def test_a_heartbeat_on_a_step_nobody_started_is_refused():
    process = a_stored_process(a_step(timeout_ms=1_000))

    with is_refused(
        process,
        StepNotStarted,
        "step_not_started",
        "cannot extend the step: step 'pay' is pending; start it first",
    ):
        process.heartbeat("pay", now=START)


def test_a_heartbeat_on_a_completed_step_is_refused():
    process = a_stored_process(a_step("pay", timeout_ms=1_000), a_step("send"))
    process.complete_step("pay", now=START)
    process.saved()

    with is_refused(
        process, StepFinished, "step_finished", "cannot extend the step: step 'pay' is completed"
    ):
        process.heartbeat("pay", now=START)


def test_a_heartbeat_does_not_move_the_processs_own_deadline():
    process = a_stored_process(a_step(timeout_ms=10_000), timeout_ms=12_000, auto_start_steps=True)

    process.heartbeat("pay", now=START + 9 * SECOND)

    assert process.due_at == START + 12 * SECOND
