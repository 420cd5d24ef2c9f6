"""A reported failure that is to be tried again: at once, or after a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, is_refused_input, nothing_changes
from trellis_process import Process, ProcessState, StepState, WaitingFor
from trellis_process.errors import AttemptUnknown
from trellis_process.testing import START, a_step, a_stored_process

SECOND = timedelta(seconds=1)


def a_started_process(*, retries_permitted: int = 1, timeout_ms: int | None = None) -> Process:
    process = a_stored_process(
        a_step("pay", timeout_ms=timeout_ms, retries_permitted=retries_permitted), a_step("send")
    )
    process.start_step("pay", now=START)
    process.saved()
    return process


def a_process_in_backoff(**asked: int) -> Process:
    """A process whose first attempt at ``pay`` failed and is tried again after five seconds."""
    process = a_started_process(**asked)
    process.fail_step("pay", "no route", now=START, retry_after_ms=5_000, actor="worker", attempt=1)
    process.saved()
    return process


def told(process: Process) -> list[tuple[str, int | None]]:
    return [(event.type, getattr(event, "attempt", None)) for event in process.events]


def test_a_failed_attempt_waits_for_its_retry():
    process = a_process_in_backoff(timeout_ms=1_000)

    step = process.step("pay")
    assert (step.state, step.waits_for) == (StepState.WAITING, WaitingFor.RETRY)
    assert (step.attempt, step.error, step.reported_by) == (1, "no route", "worker")
    assert process.state is ProcessState.IN_PROGRESS
    assert told(process) == [("StepAttemptFailed", 1)]
    tracker = process.tracker("pay")
    assert tracker is not None
    assert (tracker.due_at, tracker.is_backoff) == (START + 5 * SECOND, True)
    assert process.wake_up_at == START + SECOND, "the attempt's own; early perhaps, late never"


def test_a_backoff_that_is_over_begins_the_next_attempt_and_nothing_timed_out():
    process = a_process_in_backoff(timeout_ms=1_000)
    late = START + 7 * SECOND

    (fired,) = process.time_out(process.due_trackers(late), now=late)

    step = process.step("pay")
    assert (step.state, step.waits_for, step.attempt) == (StepState.IN_PROGRESS, None, 2)
    assert (step.started_at, step.due_at) == (late, late + SECOND)
    assert step.error == "no route", "why the attempt before failed"
    assert told(process) == [("StepStarted", 2)]
    assert getattr(fired, "is_backoff", False)


def test_nothing_begins_before_the_backoff_is_over():
    process = a_process_in_backoff()
    early = START + 5 * SECOND - timedelta(milliseconds=1)

    with nothing_changes(process):
        assert process.time_out(process.trackers(), now=early) == []


def test_without_a_delay_the_next_attempt_begins_in_the_same_change():
    process = a_started_process(timeout_ms=1_000)
    later = START + SECOND / 2

    process.fail_step("pay", "no route", now=later, retry_after_ms=0, attempt=1)

    step = process.step("pay")
    assert (step.state, step.attempt, step.due_at) == (StepState.IN_PROGRESS, 2, later + SECOND)
    assert told(process) == [("StepAttemptFailed", 1), ("StepStarted", 2)]


@pytest.mark.parametrize("retry_after_ms", [0, 5_000])
def test_with_no_retry_left_the_step_fails_for_good(retry_after_ms):
    process = a_started_process(retries_permitted=0)

    process.fail_step("pay", "no route", now=START, retry_after_ms=retry_after_ms, attempt=1)

    assert (process.step("pay").state, process.step("pay").error) == (StepState.FAILED, "no route")
    assert (process.state, process.reason) == (ProcessState.FAILED, "step_failed")
    assert [event.type for event in process.events] == ["StepFailed", "ProcessFailed"]


def test_the_permitted_retries_count_timeouts_and_reported_failures_alike():
    process = a_started_process(retries_permitted=2, timeout_ms=1_000)
    process.time_out(process.trackers(), now=START + SECOND)
    process.fail_step("pay", "no", now=START + SECOND, retry_after_ms=0, attempt=2)
    assert process.step("pay").attempt == 3

    process.fail_step("pay", "no", now=START + SECOND, retry_after_ms=0, attempt=3)

    assert process.has_failed()
    assert process.step("pay").attempt == 3


def test_without_being_asked_for_a_retry_the_step_fails_for_good_whatever_is_left():
    process = a_started_process(retries_permitted=9)

    process.fail_step("pay", "no such card", now=START)

    assert process.has_failed()


def test_a_failure_for_good_ends_a_backoff():
    process = a_process_in_backoff()

    process.fail_step("pay", "no such card", now=START + SECOND)

    assert (process.step("pay").state, process.step("pay").error) == (
        StepState.FAILED,
        "no such card",
    )
    assert process.wake_up_at is None


def test_repeating_a_failure_during_its_backoff_is_a_no_op():
    process = a_process_in_backoff()

    with nothing_changes(process):
        process.fail_step("pay", "again", now=START + SECOND, retry_after_ms=60_000, attempt=1)


@pytest.mark.parametrize("retry_after_ms", [0, 60_000])
def test_what_is_to_be_tried_again_has_to_be_named(retry_after_ms):
    process = a_started_process()

    with is_refused_input("attempt", "nothing", "allowed with retry_after_ms is the number"):
        process.fail_step("pay", "no", now=START, retry_after_ms=retry_after_ms)


@pytest.mark.parametrize("retry_after_ms", [None, 0, 60_000])
def test_repeating_a_failure_that_names_its_attempt_leaves_the_next_one_alone(retry_after_ms):
    process = a_process_in_backoff()
    process.time_out(process.trackers(), now=START + 5 * SECOND)
    process.saved()

    with nothing_changes(process):
        process.fail_step(
            "pay", "again", now=START + 6 * SECOND, attempt=1, retry_after_ms=retry_after_ms
        )


def test_a_step_that_was_never_started_may_fail_and_be_tried_again():
    process = a_stored_process(a_step("pay", retries_permitted=1))

    process.fail_step("pay", "no route", now=START, retry_after_ms=5_000, attempt=1)
    assert (process.step("pay").attempt, process.state) == (1, ProcessState.IN_PROGRESS)
    process.time_out(process.trackers(), now=START + 5 * SECOND)

    assert process.step("pay").attempt == 2


# -- other reports during a backoff ----------------------------------------------------------


@pytest.mark.parametrize("attempt", [None, 2])
def test_starting_a_step_during_its_backoff_begins_the_attempt_now(attempt):
    process = a_process_in_backoff(timeout_ms=1_000)
    before = process.trackers()
    now = START + SECOND

    process.start_step("pay", now=now, attempt=attempt)
    process.saved()

    step = process.step("pay")
    assert (step.state, step.attempt, step.due_at) == (StepState.IN_PROGRESS, 2, now + SECOND)
    assert told(process) == [("StepStarted", 2)]
    late = START + 5 * SECOND
    fired = process.time_out(before, now=late)
    assert fired == [], "the backoff waits no more"
    assert process.step("pay").attempt == 2


def test_a_late_repeat_of_the_first_start_does_not_end_the_backoff():
    process = a_process_in_backoff()

    with nothing_changes(process):
        process.start_step("pay", now=START + SECOND, attempt=1)


def test_a_success_during_a_backoff_is_accepted():
    process = a_process_in_backoff()

    process.complete_step("pay", "paid after all", now=START + SECOND, attempt=1)

    step = process.step("pay")
    assert (step.state, step.due_at, step.waits_for) == (StepState.COMPLETED, None, None)
    assert step.error is None
    assert process.trackers() == []


def test_the_attempt_to_come_takes_no_report_yet():
    process = a_process_in_backoff()

    with is_refused(process, AttemptUnknown, "attempt_unknown", "attempt 2 was never started"):
        process.complete_step("pay", now=START, attempt=2)


def test_a_heartbeat_during_a_backoff_is_ignored():
    process = a_process_in_backoff(timeout_ms=60_000)

    with nothing_changes(process):
        process.heartbeat("pay", now=START + SECOND, attempt=1)


def test_a_backoff_ends_with_its_process():
    process = a_process_in_backoff()

    process.cancel(now=START + SECOND)

    step = process.step("pay")
    assert (step.state, step.waits_for, step.due_at) == (StepState.CANCELLED, None, None)
    assert process.trackers() == []


def test_the_attempt_after_a_retry_on_purpose_has_no_error_yet():
    process = a_started_process()
    process.fail_step("pay", "no such card", now=START)

    process.start_step("pay", now=START)

    assert process.step("pay").error is None


@pytest.mark.parametrize("retry_after_ms", [-1, 366 * 24 * 3_600_000 + 1, 0.5, "0", True])
def test_a_backoff_is_nothing_to_a_year(retry_after_ms):
    process = a_started_process()

    with (
        nothing_changes(process),
        is_refused_input("retry_after_ms", repr(retry_after_ms), "a whole number from 0 to"),
    ):
        process.fail_step("pay", "no", now=START, retry_after_ms=retry_after_ms, attempt=1)


def test_a_backoff_may_last_a_year():
    process = a_started_process()

    process.fail_step("pay", "no", now=START, retry_after_ms=366 * 24 * 3_600_000, attempt=1)

    assert process.step("pay").due_at == START + timedelta(days=366)


def test_why_an_attempt_failed_is_forgotten_where_the_process_was_reopened_before_the_next():
    process = a_process_in_backoff()
    process.fail_step("send", "no paper", now=START)
    process.start_step("send", now=START)
    assert process.step("pay").state is StepState.PENDING

    process.start_step("pay", now=START)

    assert (process.step("pay").attempt, process.step("pay").error) == (2, None)


def test_a_step_that_fails_has_no_output_of_an_earlier_visit():
    before = replace(a_step("pay"), state=StepState.IN_PROGRESS, attempt=2, visits=2, output=1)

    failed = before.failed("no route", START, "worker")

    assert (failed.output, failed.error, failed.reported_by) == (None, "no route", "worker")
