"""Waiting: a started step that is suspended until somebody resumes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, is_refused_input, nothing_changes
from trellis_process import Process, ProcessState, ProcessStep, StepState, WaitingFor
from trellis_process.errors import (
    AttemptUnknown,
    InvalidInput,
    ProcessFinished,
    ResumptionUnknown,
    StepFinished,
    StepNotStarted,
    TooLarge,
)
from trellis_process.testing import START, a_step, a_stored_process

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
ANY_DATA = [{"approved": True}, {}, [], "", "yes", 0, 1.5, False, None]


def a_started_process(*more: ProcessStep, **asked: int) -> Process:
    """A process whose step ``approve`` is under way."""
    process = a_stored_process(a_step("approve", **asked), *more)
    process.start_step("approve", now=START)
    process.saved()
    return process


def a_suspended_process(
    *more: ProcessStep, wait_ms: int | None = None, resumptions: int = 0, **asked: int
) -> Process:
    """A process whose step ``approve`` waits, after so many resumptions."""
    process = a_started_process(*more, **asked)
    for n in range(1, resumptions + 1):
        process.suspend_step("approve", now=START, resumption=n - 1)
        process.resume_step("approve", f"answer {n}", now=START, resumption=n)
    process.suspend_step("approve", now=START, timeout_ms=wait_ms, resumption=resumptions)
    process.saved()
    return process


def told(process: Process) -> list[tuple[str, int | None]]:
    return [(event.type, getattr(event, "attempt", None)) for event in process.events]


# -- suspending ------------------------------------------------------------------------------


def test_a_suspended_step_waits_for_a_resumption():
    process = a_started_process()

    assert process.suspend_step("approve", now=START + SECOND, actor="worker") is None

    step = process.step("approve")
    assert (step.state, step.waits_for) == (StepState.WAITING, WaitingFor.RESUMPTION)
    assert (step.attempt, step.started_at, step.due_at) == (1, START, None)
    assert (step.is_open, step.reported_by) == (True, "worker")
    assert process.state is ProcessState.IN_PROGRESS
    assert told(process) == [("StepSuspended", 1)]


def test_the_attempts_own_limit_does_not_run_while_it_is_suspended():
    process = a_suspended_process(timeout_ms=1_000)
    late = START + 300 * DAY

    assert process.trackers() == []
    process.time_out(process.due_trackers(late), now=late)

    assert process.step("approve").is_suspended


def test_a_wait_has_the_limit_that_it_is_given():
    process = a_started_process(timeout_ms=1_000)

    tracker = process.suspend_step("approve", now=START, timeout_ms=7_000)

    assert tracker is not None
    assert tracker == process.tracker("approve")
    assert (tracker.due_at, tracker.waits_for) == (START + 7 * SECOND, WaitingFor.RESUMPTION)
    assert not tracker.is_backoff


def test_a_wait_that_ran_out_is_a_timed_out_attempt_and_the_next_follows():
    process = a_suspended_process(wait_ms=7_000, timeout_ms=1_000, retries_permitted=1)
    late = START + 8 * SECOND

    assert process.due_trackers(START + 7 * SECOND - timedelta(milliseconds=1)) == []
    process.time_out(process.due_trackers(late), now=late)

    step = process.step("approve")
    assert (step.state, step.attempt, step.waits_for) == (StepState.IN_PROGRESS, 2, None)
    assert (step.resumption, step.due_at) == (0, late + SECOND)
    assert told(process) == [("ProcessStepTimedOut", 1), ("StepStarted", 2)]


def test_a_wait_that_ran_out_fails_the_step_where_no_retry_is_left():
    process = a_suspended_process(wait_ms=7_000)
    late = START + 7 * SECOND

    process.time_out(process.trackers(), now=late)

    step = process.step("approve")
    assert (step.state, step.error, step.waits_for) == (StepState.FAILED, "timed out", None)
    assert [event.type for event in process.events] == [
        "ProcessStepTimedOut",
        "StepFailed",
        "ProcessFailed",
    ]


def test_suspending_a_suspended_step_again_is_a_no_op():
    process = a_suspended_process(wait_ms=7_000)

    with nothing_changes(process):
        tracker = process.suspend_step("approve", now=START + SECOND, timeout_ms=60_000)

    assert tracker is not None
    assert tracker.due_at == START + 7 * SECOND


def test_a_suspension_by_an_older_attempt_is_ignored():
    process = a_started_process(timeout_ms=1_000, retries_permitted=1)
    process.time_out(process.trackers(), now=START + SECOND)
    process.saved()

    with nothing_changes(process):
        process.suspend_step("approve", now=START + SECOND, attempt=1)


def test_a_suspension_by_work_that_began_with_an_older_resumption_is_ignored():
    process = a_suspended_process()
    process.resume_step("approve", "yes", now=START)
    process.saved()

    with nothing_changes(process):
        process.suspend_step("approve", now=START, attempt=1, resumption=0)

    process.suspend_step("approve", now=START, attempt=1, resumption=1)
    assert process.step("approve").is_suspended


def test_a_step_nobody_started_cannot_be_suspended():
    process = a_stored_process()

    says = "cannot suspend the step: step 'pay' is pending; start it first"
    with is_refused(process, StepNotStarted, "step_not_started", says):
        process.suspend_step("pay", now=START)


def test_a_finished_step_cannot_be_suspended():
    process = a_started_process(a_step("send"))
    process.complete_step("approve", now=START)
    process.saved()

    with is_refused(process, StepFinished, "step_finished", "cannot suspend the step"):
        process.suspend_step("approve", now=START, attempt=1)

    process.cancel(now=START)
    process.saved()
    with is_refused(process, ProcessFinished, "process_finished", "cannot suspend the step 'send'"):
        process.suspend_step("send", now=START)


def test_a_suspension_by_work_that_cannot_have_begun_is_refused():
    process = a_started_process()

    with is_refused(
        process,
        ResumptionUnknown,
        "resumption_unknown",
        "step 'approve' is at resumption 0; resumption 1 does not follow",
    ):
        process.suspend_step("approve", now=START, resumption=1)
    with is_refused(process, AttemptUnknown, "attempt_unknown", "attempt 2 was never started"):
        process.suspend_step("approve", now=START, attempt=2)


@pytest.mark.parametrize("timeout_ms", [0, -1, 366 * 24 * 3_600_000 + 1, 1.5, "1", True])
def test_a_wait_is_limited_to_a_millisecond_to_a_year(timeout_ms):
    process = a_started_process()

    with nothing_changes(process), is_refused_input("timeout_ms", repr(timeout_ms), "from 1 to"):
        process.suspend_step("approve", now=START, timeout_ms=timeout_ms)


# -- resuming --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ANY_DATA)
def test_a_resumed_step_goes_on_in_the_same_attempt_with_the_data(data):
    process = a_suspended_process(wait_ms=7_000, timeout_ms=1_000)
    later = START + 5 * SECOND

    tracker = process.resume_step("approve", data, now=later, actor="ann")

    step = process.step("approve")
    assert (step.state, step.attempt, step.started_at) == (StepState.IN_PROGRESS, 1, START)
    assert (step.waits_for, step.resumption, step.resumed_early) == (None, 1, False)
    assert step.resume_data == data
    assert type(step.resume_data) is type(data)
    assert step.reported_by == "ann"
    assert tracker is not None
    assert tracker.due_at == later + SECOND, "its time counts from the resumption"
    assert told(process) == [("StepResumed", 1)]


def test_a_step_may_be_suspended_and_resumed_over_and_over():
    process = a_suspended_process(resumptions=3)

    process.resume_step("approve", "answer 4", now=START, resumption=4)

    step = process.step("approve")
    assert (step.resumption, step.resume_data) == (4, "answer 4")


def test_a_resumption_after_the_wait_ran_out_but_before_the_sweep_is_taken():
    process = a_suspended_process(wait_ms=1_000)
    before = process.trackers()
    late = START + 9 * DAY

    process.resume_step("approve", "late", now=late)
    process.saved()

    assert process.time_out(before, now=late) == []
    step = process.step("approve")
    assert (step.state, step.resume_data) == (StepState.IN_PROGRESS, "late")


def test_data_beyond_its_limit_is_refused():
    process = a_suspended_process()
    at_the_limit = "x" * (32 * 1_024 - 2)  # two more for its quotes

    with (
        nothing_changes(process),
        is_refused_input("data", "32769 bytes of JSON", "allowed are 32768", TooLarge),
    ):
        process.resume_step("approve", at_the_limit + "x", now=START)
    with nothing_changes(process), pytest.raises(InvalidInput, match=r"^data: got nan"):
        process.resume_step("approve", float("nan"), now=START)

    process.resume_step("approve", at_the_limit, now=START)
    assert process.step("approve").resume_data == at_the_limit


def test_the_callers_data_stay_the_callers():
    process = a_suspended_process()
    mine = {"lines": [1]}
    process.resume_step("approve", mine, now=START)

    mine["lines"].append(2)

    assert process.step("approve").resume_data == {"lines": [1]}


def test_a_step_that_never_began_cannot_be_resumed():
    process = a_stored_process()

    says = "cannot resume the step: step 'pay' is pending; start it first"
    with is_refused(process, StepNotStarted, "step_not_started", says):
        process.resume_step("pay", "yes", now=START)


def test_a_finished_step_cannot_be_resumed_once_more():
    process = a_suspended_process(a_step("send"))
    process.complete_step("approve", "by hand", now=START)
    process.saved()

    with is_refused(process, StepFinished, "step_finished", "cannot resume the step"):
        process.resume_step("approve", "yes", now=START, resumption=1)


# -- which resumption ------------------------------------------------------------------------


def test_a_resumption_that_is_named_counts_once_however_often_it_comes():
    process = a_suspended_process()
    process.resume_step("approve", "first", now=START, resumption=1)
    process.saved()
    with nothing_changes(process):
        process.resume_step("approve", "again", now=START, resumption=1)

    process.suspend_step("approve", now=START, resumption=1)
    process.saved()
    with nothing_changes(process):
        process.resume_step("approve", "again", now=START)
    assert process.step("approve").is_suspended


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_the_repeat_of_a_resumption_is_harmless_also_once_all_is_over(end):
    process = a_suspended_process(resumptions=1)
    if end == "complete":
        process.complete_step("approve", now=START)
    elif end == "fail":
        process.fail_step("approve", "no", now=START)
    else:
        process.cancel(now=START)
    process.saved()

    with nothing_changes(process):
        process.resume_step("approve", "again", now=START, resumption=1)


def test_a_resumption_that_does_not_follow_is_refused():
    process = a_suspended_process(resumptions=1)

    with is_refused(
        process,
        ResumptionUnknown,
        "resumption_unknown",
        "step 'approve' is at resumption 1; resumption 3 does not follow",
    ):
        process.resume_step("approve", "yes", now=START, resumption=3)


def test_the_resumption_after_one_that_is_kept_is_refused_rather_than_lost():
    process = a_started_process()
    process.resume_step("approve", "first", now=START, resumption=1)
    process.saved()

    with is_refused(process, ResumptionUnknown, "resumption_unknown", "resumption 2"):
        process.resume_step("approve", "second", now=START, resumption=2)


@pytest.mark.parametrize("resumption", [0, -1, 1_000_001, "1", 1.5, True])
def test_a_resumption_is_a_whole_number_from_one(resumption):
    process = a_suspended_process()

    with nothing_changes(process), is_refused_input("resumption", repr(resumption), "from 1 to"):
        process.resume_step("approve", now=START, resumption=resumption)


@pytest.mark.parametrize("resumption", [-1, 1_000_001, "1", 1.5, True])
def test_the_resumption_that_work_began_with_is_a_whole_number_from_nought(resumption):
    process = a_started_process()

    with nothing_changes(process), is_refused_input("resumption", repr(resumption), "from 0 to"):
        process.suspend_step("approve", now=START, resumption=resumption)


# -- a resumption that comes early -----------------------------------------------------------


@pytest.mark.parametrize("data", ANY_DATA)
def test_a_resumption_that_comes_before_the_suspension_is_taken_with_it(data):
    process = a_started_process(timeout_ms=1_000)

    process.resume_step("approve", data, now=START, actor="ann")
    step = process.step("approve")
    assert (step.state, step.resumption, step.resumed_early) == (StepState.IN_PROGRESS, 0, True)
    assert step.reported_by == "ann"
    assert step.due_at == START + SECOND, "the attempt under way is none the longer for it"
    assert process.events == ()
    process.saved()

    later = START + SECOND / 2
    tracker = process.suspend_step("approve", now=later, timeout_ms=60_000, resumption=0)

    step = process.step("approve")
    assert (step.state, step.resumption, step.resumed_early) == (StepState.IN_PROGRESS, 1, False)
    assert step.resume_data == data
    assert tracker is not None
    assert tracker.due_at == later + SECOND
    assert told(process) == [("StepSuspended", 1), ("StepResumed", 1)]


def test_an_early_resumption_comes_once_and_its_first_data_stay():
    process = a_started_process()
    process.resume_step("approve", "first", now=START)
    process.saved()

    with nothing_changes(process):
        process.resume_step("approve", "again", now=START, resumption=1)


def test_an_early_resumption_is_taken_by_the_next_attempt_after_a_timeout():
    process = a_started_process(timeout_ms=1_000, retries_permitted=1)
    process.resume_step("approve", "early", now=START)

    process.time_out(process.trackers(), now=START + SECOND)

    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "early")
    assert not step.resumed_early


def test_a_resumption_between_attempts_is_taken_by_the_next_one():
    process = a_started_process(retries_permitted=1)
    process.fail_step("approve", "no route", now=START, retry_after_ms=5_000, attempt=1)
    process.resume_step("approve", "early", now=START + SECOND)
    assert process.step("approve").waits_for_retry, "it does not end the backoff"

    late = START + 5 * SECOND
    process.time_out(process.due_trackers(late), now=late)

    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "early")
    process.suspend_step("approve", now=late, attempt=2, resumption=1)
    assert process.step("approve").is_suspended, "it was taken, and once only"


def test_a_resumption_for_a_wait_that_ran_out_is_taken_by_the_next_suspension():
    process = a_suspended_process(wait_ms=1_000, retries_permitted=1)
    process.time_out(process.trackers(), now=START + SECOND)

    process.resume_step("approve", "late", now=START + 2 * SECOND, resumption=1)
    process.suspend_step("approve", now=START + 3 * SECOND, attempt=2, resumption=0)

    step = process.step("approve")
    assert (step.state, step.attempt, step.resume_data) == (StepState.IN_PROGRESS, 2, "late")


def test_a_resumption_before_the_second_suspension_leaves_the_first_alone():
    process = a_suspended_process(resumptions=1)
    process.resume_step("approve", "answer 2", now=START, resumption=2)
    process.resume_step("approve", "answer 3", now=START, resumption=3)
    assert (process.step("approve").resumption, process.step("approve").resumed_early) == (2, True)

    process.suspend_step("approve", now=START, resumption=2)

    step = process.step("approve")
    assert (step.resumption, step.resume_data, step.resumed_early) == (3, "answer 3", False)


def test_an_early_resumption_survives_a_failure_and_its_retry_on_purpose():
    process = a_started_process()
    process.resume_step("approve", "early", now=START)
    process.fail_step("approve", "no", now=START)

    process.start_step("approve", now=START)

    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "early")


@pytest.mark.parametrize("when", ["before it was given up", "after the reopening"])
def test_a_resumption_survives_that_its_process_failed_and_was_reopened(when):
    process = a_started_process(a_step("send"))
    if when == "before it was given up":
        process.resume_step("approve", "early", now=START)
    process.fail_step("send", "no van", now=START)
    process.start_step("send", now=START)
    assert process.step("approve").state is StepState.PENDING
    if when == "after the reopening":
        process.resume_step("approve", "early", now=START)

    process.start_step("approve", now=START)

    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "early")


def test_the_repeat_of_an_early_resumption_that_nobody_took_is_harmless():
    process = a_started_process(a_step("send"))
    process.resume_step("approve", {"much": "data"}, now=START, resumption=1)
    process.complete_step("approve", now=START)
    process.saved()

    assert process.step("approve").resume_data is None, "what is done needs no data"
    with nothing_changes(process):
        process.resume_step("approve", {"much": "data"}, now=START, resumption=1)


def test_an_attempt_that_fails_after_it_was_resumed_is_followed_by_one_that_is_resumed_as_well():
    process = a_suspended_process(retries_permitted=1)
    process.resume_step("approve", "yes", now=START)

    process.fail_step("approve", "no route", now=START, retry_after_ms=0, attempt=1)

    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "yes")


# -- other reports on a suspended step -------------------------------------------------------


def test_a_suspended_step_may_be_completed():
    process = a_suspended_process(wait_ms=7_000)

    process.complete_step("approve", "by hand", now=START)

    step = process.step("approve")
    assert (step.state, step.waits_for, step.due_at) == (StepState.COMPLETED, None, None)
    assert process.is_completed()


def test_a_suspended_step_may_fail_for_good():
    process = a_suspended_process(wait_ms=7_000, retries_permitted=1)

    process.fail_step("approve", "refused", now=START)

    step = process.step("approve")
    assert (step.state, step.waits_for, step.due_at) == (StepState.FAILED, None, None)


@pytest.mark.parametrize("retry_after_ms", [0, 5_000])
def test_a_suspended_step_may_fail_and_be_tried_again(retry_after_ms):
    process = a_suspended_process(wait_ms=60_000, retries_permitted=1)

    process.fail_step("approve", "lost", now=START, retry_after_ms=retry_after_ms, attempt=1)
    late = START + 5 * SECOND
    process.time_out(process.due_trackers(late), now=late)

    step = process.step("approve")
    assert (step.state, step.attempt) == (StepState.IN_PROGRESS, 2)


def test_starting_a_suspended_step_is_a_no_op():
    process = a_suspended_process()

    for attempt in (None, 1):
        with nothing_changes(process):
            process.start_step("approve", now=START, attempt=attempt)


def test_a_heartbeat_of_a_suspended_step_is_ignored():
    process = a_suspended_process(wait_ms=1_000, timeout_ms=9_000)

    with nothing_changes(process):
        process.heartbeat("approve", now=START)


def test_a_suspended_step_is_given_up_with_its_process():
    process = a_suspended_process(a_step("send"), wait_ms=1_000)

    process.fail_step("send", "no van", now=START)

    step = process.step("approve")
    assert (step.state, step.waits_for, step.due_at) == (StepState.CANCELLED, None, None)
    assert process.wake_up_at is None


def test_the_processs_own_deadline_runs_on_while_a_step_waits():
    process = a_stored_process(a_step("approve"), timeout_ms=1_000, auto_start_steps=True)
    process.suspend_step("approve", now=START)
    process.saved()
    late = START + SECOND

    process.time_out(process.due_trackers(late), now=late)

    assert (process.state, process.reason) == (ProcessState.FAILED, "timeout")


def test_a_suspension_of_a_step_that_waits_for_its_retry_is_ignored():
    process = a_started_process(retries_permitted=1)
    process.fail_step("approve", "no route", now=START, retry_after_ms=5_000, attempt=1)
    process.saved()

    with nothing_changes(process):
        process.suspend_step("approve", now=START, attempt=1)


# -- wake-ups --------------------------------------------------------------------------------


def test_a_wait_with_a_limit_has_its_wake_up():
    process = a_suspended_process(wait_ms=7_000)

    assert process.wake_up_at == START + 7 * SECOND
    assert process.waits()


def test_a_resumption_brings_the_wake_up_forward_where_the_attempt_is_due_before_it():
    process = a_suspended_process(wait_ms=9_000_000, timeout_ms=1_000)
    process.time_out(process.trackers(), now=START + 2 * SECOND)  # moves the early wake-up
    assert process.wake_up_at == START + timedelta(milliseconds=9_000_000)

    process.resume_step("approve", now=START + 5 * SECOND)

    assert process.wake_up_at == START + 6 * SECOND


def test_a_step_that_waits_as_long_as_it_takes_needs_no_wake_up():
    process = a_suspended_process(timeout_ms=1_000)
    late = START + 2 * SECOND

    process.time_out(process.due_trackers(late), now=late)

    assert (process.wake_up_at, process.waits(), process.wakes_in_time()) == (None, False, True)
