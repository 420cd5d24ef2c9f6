"""Attempts: retries, late reports, and which attempt a report is about."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, is_refused_input, nothing_changes
from trellis_process import Process, ProcessState, StepState
from trellis_process.errors import AttemptUnknown, ProcessFinished
from trellis_process.testing import START, a_step, a_stored_process

SECOND = timedelta(seconds=1)


def a_retried_process(*, attempts: int = 2, retries_permitted: int = 3) -> Process:
    """A process whose step timed out until this attempt was under way, started a second ago."""
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000, retries_permitted=retries_permitted),
        a_step("send"),
    )
    process.start_step("pay", now=START)
    for n in range(1, attempts):
        process.time_out(process.trackers(), now=START + n * SECOND)
    process.saved()
    return process


# -- a success ------------------------------------------------------------------------------


def test_a_late_success_ends_the_retry():
    process = a_retried_process(attempts=2)

    process.complete_step("pay", "paid", now=START + 2 * SECOND, attempt=1)

    step = process.steps["pay"]
    assert (step.state, step.output, step.due_at) == (StepState.COMPLETED, "paid", None)
    assert process.trackers() == []


def test_a_late_success_is_told_as_that_of_its_own_attempt():
    process = a_retried_process(attempts=3)

    process.complete_step("pay", now=START + 3 * SECOND, attempt=2)

    assert [(event.type, event.attempt) for event in process.events] == [("StepCompleted", 2)]


def test_a_success_of_the_current_attempt_is_accepted():
    process = a_retried_process(attempts=2)

    process.complete_step("pay", now=START + 2 * SECOND, attempt=2)

    assert process.steps["pay"].state is StepState.COMPLETED


def test_a_success_after_its_time_but_before_the_sweep_is_accepted():
    process = a_retried_process(attempts=1)

    process.complete_step("pay", now=START + timedelta(days=9))

    assert process.steps["pay"].state is StepState.COMPLETED


def test_a_success_after_the_last_attempt_timed_out_is_refused():
    process = a_retried_process(attempts=1, retries_permitted=0)
    process.time_out(process.trackers(), now=START + SECOND)
    process.saved()

    with is_refused(
        process, ProcessFinished, "process_finished", "'pay', which is failed: the process is fail"
    ):
        process.complete_step("pay", now=START + 2 * SECOND)


# -- a failure ------------------------------------------------------------------------------


def test_a_failure_of_an_older_attempt_is_ignored():
    process = a_retried_process(attempts=2)

    with nothing_changes(process):
        process.fail_step("pay", "too slow", now=START + 2 * SECOND, attempt=1)


def test_a_failure_of_the_current_attempt_counts():
    process = a_retried_process(attempts=2)

    process.fail_step("pay", "no", now=START + 2 * SECOND, attempt=2)

    assert process.steps["pay"].state is StepState.FAILED
    assert process.events[0].attempt == 2


def test_a_failure_that_names_no_attempt_is_about_the_current_one():
    process = a_retried_process(attempts=2)

    process.fail_step("pay", "no", now=START + 2 * SECOND)

    assert (process.steps["pay"].state, process.steps["pay"].attempt) == (StepState.FAILED, 2)


def test_a_failure_of_an_older_attempt_is_ignored_also_by_a_step_that_failed():
    process = a_retried_process(attempts=2)
    process.fail_step("pay", "no", now=START + 2 * SECOND)
    process.saved()

    with nothing_changes(process):
        process.fail_step("pay", "no either", now=START + 3 * SECOND, attempt=1)


# -- naming an attempt ----------------------------------------------------------------------


@pytest.mark.parametrize("command", ["start_step", "heartbeat", "complete_step", "fail_step"])
@pytest.mark.parametrize("attempt", [3, 1_000_000])
def test_an_attempt_that_was_never_started_is_refused(command, attempt):
    process = a_retried_process(attempts=2)
    details = ["no"] if command == "fail_step" else []

    with is_refused(
        process,
        AttemptUnknown,
        "attempt_unknown",
        f"step 'pay' is at attempt 2; attempt {attempt} was never started",
    ):
        getattr(process, command)("pay", *details, now=START + SECOND, attempt=attempt)


@pytest.mark.parametrize("command", ["start_step", "heartbeat", "complete_step", "fail_step"])
@pytest.mark.parametrize("attempt", [0, -1, 1_000_001, "1", 1.5, True])
def test_an_attempt_is_a_whole_number_from_one(command, attempt):
    process = a_retried_process(attempts=2)
    details = ["no"] if command == "fail_step" else []

    with (
        nothing_changes(process),
        is_refused_input("attempt", repr(attempt), "a whole number from 1 to 1000000"),
    ):
        getattr(process, command)("pay", *details, now=START + SECOND, attempt=attempt)


def test_the_attempt_to_start_is_a_whole_number_too():
    process = a_stored_process()

    with nothing_changes(process), is_refused_input("attempt", "True", "a whole number from 1"):
        process.start_step("pay", now=START, attempt=True)


@pytest.mark.parametrize("command", ["complete_step", "fail_step"])
def test_a_step_nobody_started_takes_a_report_on_its_first_attempt_alone(command):
    process = a_stored_process(a_step("pay"), a_step("send"))
    details = ["no"] if command == "fail_step" else []

    with is_refused(
        process,
        AttemptUnknown,
        "attempt_unknown",
        "step 'pay' is at attempt 0; attempt 2 was never started",
    ):
        getattr(process, command)("pay", *details, now=START, attempt=2)

    getattr(process, command)("pay", *details, now=START, attempt=1)
    assert process.steps["pay"].attempt == 1


def test_starting_the_attempt_that_follows_begins_it():
    process = a_stored_process()

    process.start_step("pay", now=START, attempt=1)

    assert process.steps["pay"].attempt == 1


def test_repeating_the_start_of_an_attempt_is_a_no_op():
    process = a_retried_process(attempts=2)

    for attempt in (1, 2):
        with nothing_changes(process):
            process.start_step("pay", now=START + 5 * SECOND, attempt=attempt)


def test_starting_an_attempt_that_does_not_follow_is_refused():
    process = a_stored_process()

    with is_refused(process, AttemptUnknown, "attempt_unknown", "attempt 2 was never started"):
        process.start_step("pay", now=START, attempt=2)


# -- a retry on purpose ---------------------------------------------------------------------


def a_failed_process() -> Process:
    process = a_stored_process(
        a_step("pay", timeout_ms=1_000),
        a_step("send", timeout_ms=5_000),
        a_step("file"),
        timeout_ms=60_000,
    )
    process.start_step("pay", now=START)
    process.start_step("send", now=START)
    process.complete_step("file", "kept", now=START)
    process.fail_step("pay", "no money", now=START)
    process.saved()
    return process


def test_starting_a_failed_step_is_a_new_attempt():
    process = a_failed_process()

    tracker = process.start_step("pay", now=START + 9 * SECOND)

    step = process.steps["pay"]
    assert (step.state, step.attempt, step.error) == (StepState.IN_PROGRESS, 2, None)
    assert (step.started_at, step.ended_at) == (START + 9 * SECOND, None)
    assert tracker is not None
    assert (tracker.attempt, tracker.due_at) == (2, START + 10 * SECOND)
    assert [(event.type, event.attempt) for event in process.events] == [("StepStarted", 2)]


def test_retrying_a_failed_step_opens_the_process_again():
    process = a_failed_process()

    process.start_step("pay", now=START + 9 * SECOND)

    assert (process.state, process.reason, process.ended_at) == (
        ProcessState.IN_PROGRESS,
        None,
        None,
    )
    given_up = process.steps["send"]
    assert (given_up.state, given_up.attempt) == (StepState.PENDING, 1)
    assert (given_up.started_at, given_up.due_at, given_up.ended_at) == (None, None, None)
    assert process.steps["file"].output == "kept"


def test_a_reopened_process_has_its_whole_time_before_it():
    process = a_failed_process()

    process.start_step("pay", now=START + timedelta(hours=1))

    assert process.due_at == START + timedelta(hours=1, minutes=1)
    assert process.wake_up_at == START + timedelta(hours=1, seconds=1)


def test_a_step_given_up_and_reopened_starts_its_next_attempt():
    process = a_failed_process()
    process.start_step("pay", now=START + 9 * SECOND)

    process.start_step("send", now=START + 9 * SECOND)

    assert process.steps["send"].attempt == 2


def test_a_late_failure_of_the_attempt_that_was_given_up_is_ignored():
    process = a_failed_process()
    process.start_step("pay", now=START + 9 * SECOND)

    process.fail_step("send", "late", attempt=1, now=START + 10 * SECOND)

    assert process.steps["send"].state is StepState.PENDING
    assert process.state is ProcessState.IN_PROGRESS


def test_a_late_success_of_the_attempt_that_was_given_up_counts():
    process = a_failed_process()
    process.start_step("pay", now=START + 9 * SECOND)

    process.complete_step("send", attempt=1, now=START + 10 * SECOND)

    assert process.steps["send"].state is StepState.COMPLETED


def test_a_reopened_process_can_still_complete():
    process = a_failed_process()
    process.start_step("pay", now=START + 9 * SECOND)
    process.complete_step("pay", now=START + 9 * SECOND)

    process.complete_step("send", now=START + 9 * SECOND)

    assert process.is_completed()


def test_a_retry_on_purpose_is_beyond_those_permitted():
    process = a_stored_process(a_step("pay", timeout_ms=1_000, retries_permitted=1))
    process.start_step("pay", now=START)
    process.time_out(process.trackers(), now=START + SECOND)
    process.time_out(process.trackers(), now=START + 2 * SECOND)
    assert process.has_failed()

    process.start_step("pay", now=START + 3 * SECOND)
    process.saved()
    assert process.steps["pay"].attempt == 3

    process.time_out(process.trackers(), now=START + 4 * SECOND)
    assert process.has_failed()


def test_a_late_repeat_of_the_retry_is_harmless():
    process = a_failed_process()
    process.start_step("pay", now=START + 9 * SECOND, attempt=2)
    process.saved()
    with nothing_changes(process):
        process.start_step("pay", now=START + 9 * SECOND, attempt=2)
    process.fail_step("pay", "still no money", now=START + 9 * SECOND)
    process.saved()

    with is_refused(
        process, ProcessFinished, "process_finished", "'pay', which is failed: the process is fail"
    ):
        process.start_step("pay", now=START + 9 * SECOND, attempt=2)


def test_a_step_given_up_before_its_first_attempt_is_refused_like_any_other():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.cancel(now=START)
    process.saved()

    for attempt in (None, 1):
        with is_refused(process, ProcessFinished, "process_finished", "the process is cancelled"):
            process.start_step("send", now=START, attempt=attempt)


def test_a_given_up_step_does_not_open_the_process_again():
    process = a_failed_process()

    with is_refused(
        process,
        ProcessFinished,
        "process_finished",
        "cannot start the step 'send', which is cancelled: the process is failed",
    ):
        process.start_step("send", now=START + SECOND)


def test_a_process_past_its_deadline_is_not_opened_by_a_given_up_step():
    process = a_stored_process(timeout_ms=1_000)
    process.time_out(process.trackers(), now=START + SECOND)
    process.saved()

    with is_refused(process, ProcessFinished, "process_finished", "the process is failed"):
        process.start_step("pay", now=START + 2 * SECOND)
