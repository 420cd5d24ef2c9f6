"""What a report on a step does, and what it no longer does."""

from __future__ import annotations

from datetime import timedelta

from tests.domain.unchanged import is_refused, nothing_changes
from trellis_process import ProcessState, StepState
from trellis_process.errors import (
    ProcessFinished,
    StepFinished,
)
from trellis_process.testing import START, a_step, a_stored_process

LATER = START + timedelta(minutes=1)


# -- starting --------------------------------------------------------------------------------


def test_starting_a_step_begins_its_first_attempt():
    process = a_stored_process(a_step("pay"), a_step("send"))

    tracker = process.start_step("pay", now=LATER)

    step = process.steps["pay"]
    assert (step.state, step.attempt, step.started_at) == (StepState.IN_PROGRESS, 1, LATER)
    assert tracker is None
    assert process.has_changed
    assert [event.type for event in process.events] == ["StepStarted"]


def test_with_its_first_report_a_pending_process_is_under_way():
    process = a_stored_process(a_step("pay"), a_step("send"))

    process.start_step("pay", now=START)

    assert process.state is ProcessState.IN_PROGRESS
    assert process.steps["send"].state is StepState.PENDING


def test_starting_a_step_with_a_timeout_returns_its_tracker():
    process = a_stored_process(a_step("pay", timeout_ms=30_000, retries_permitted=3))

    tracker = process.start_step("pay", now=LATER)

    assert tracker is not None
    assert (tracker.tenant_id, tracker.process_id) == ("tenant-1", "process-1")
    assert (tracker.step_name, tracker.attempt, tracker.retries_permitted) == ("pay", 1, 3)
    assert tracker.due_at == LATER + timedelta(seconds=30)
    assert tracker == process.tracker("pay")


def test_starting_a_step_twice_is_a_no_op():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)

    with nothing_changes(process):
        tracker = process.start_step("pay", now=LATER)

    assert tracker is not None
    assert tracker.due_at == START + timedelta(seconds=1)


def test_starting_a_completed_step_is_refused():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("pay", now=START)
    process.saved()

    with is_refused(
        process, StepFinished, "step_finished", "cannot start the step: step 'pay' is completed"
    ):
        process.start_step("pay", now=LATER)


# -- completing ------------------------------------------------------------------------------


def test_completing_a_step_keeps_its_output_and_when():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.start_step("pay", now=START)

    process.complete_step("pay", {"receipt": 7}, now=LATER)

    step = process.steps["pay"]
    assert (step.state, step.output, step.ended_at) == (StepState.COMPLETED, {"receipt": 7}, LATER)
    assert (step.started_at, step.due_at, step.error) == (START, None, None)
    assert process.state is ProcessState.IN_PROGRESS


def test_the_last_completed_step_completes_the_process():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("send", now=START)
    assert not process.is_completed()
    process.saved()

    process.complete_step("pay", now=LATER)

    assert process.is_completed()
    assert not process.has_failed()
    assert (process.state, process.ended_at) == (ProcessState.COMPLETED, LATER)
    assert [event.type for event in process.events] == ["StepCompleted", "ProcessCompleted"]


def test_a_step_may_be_completed_without_having_been_started():
    process = a_stored_process()

    process.complete_step("pay", now=LATER)

    step = process.steps["pay"]
    assert (step.state, step.attempt, step.started_at) == (StepState.COMPLETED, 1, None)


def test_completing_a_completed_step_again_is_a_no_op():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("pay", "first", now=START)
    process.saved()

    with nothing_changes(process):
        process.complete_step("pay", "second", now=LATER)

    assert process.steps["pay"].output == "first"


def test_completing_a_step_again_is_a_no_op_also_after_the_process_is_completed():
    process = a_stored_process()
    process.complete_step("pay", now=START)
    process.saved()

    with nothing_changes(process):
        process.complete_step("pay", now=LATER, attempt=1)


def test_a_completed_step_of_a_failed_process_may_be_completed_again_to_no_effect():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("pay", now=START)
    process.fail_step("send", "no", now=START)
    process.saved()

    with nothing_changes(process):
        process.complete_step("pay", now=LATER)


def test_completing_a_failed_step_is_refused():
    process = a_stored_process()
    process.fail_step("pay", "no", now=START)
    process.saved()

    with is_refused(
        process,
        ProcessFinished,
        "process_finished",
        "cannot complete the step 'pay', which is failed: the process is failed",
    ):
        process.complete_step("pay", now=LATER)


def test_completing_an_open_step_of_a_cancelled_process_is_refused():
    process = a_stored_process()
    process.cancel(now=START)
    process.saved()

    with is_refused(
        process,
        ProcessFinished,
        "process_finished",
        "'pay', which is cancelled: the process is cancelled",
    ):
        process.complete_step("pay", now=LATER)


# -- failing ---------------------------------------------------------------------------------


def test_a_failed_step_fails_the_process_and_gives_up_what_is_open():
    process = a_stored_process(a_step("pay"), a_step("send", timeout_ms=1_000), a_step("file"))
    process.start_step("send", now=START)
    process.complete_step("file", now=START)
    process.saved()

    process.fail_step("pay", "no money", now=LATER)

    assert process.has_failed()
    assert not process.is_completed()
    assert (process.state, process.reason, process.ended_at) == (
        ProcessState.FAILED,
        "step_failed",
        LATER,
    )
    states = {name: step.state for name, step in process.steps.items()}
    assert states == {
        "pay": StepState.FAILED,
        "send": StepState.CANCELLED,
        "file": StepState.COMPLETED,
    }
    assert process.steps["pay"].error == "no money"
    assert process.steps["send"].ended_at == LATER
    assert process.trackers() == []
    assert process.wake_up_at is None
    assert [event.type for event in process.events] == ["StepFailed", "ProcessFailed"]


def test_a_step_may_be_failed_without_having_been_started():
    process = a_stored_process()

    process.fail_step("pay", "no", now=START)

    assert (process.steps["pay"].state, process.steps["pay"].attempt) == (StepState.FAILED, 1)


def test_a_reported_failure_uses_up_no_retries_but_ends_the_step():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=5))
    process.start_step("pay", now=START)

    process.fail_step("pay", "no", now=START)

    assert process.steps["pay"].state is StepState.FAILED


def test_failing_a_failed_step_again_is_a_no_op():
    process = a_stored_process()
    process.fail_step("pay", "first", now=START)
    process.saved()

    with nothing_changes(process):
        process.fail_step("pay", "second", now=LATER)

    assert process.steps["pay"].error == "first"


def test_failing_a_completed_step_is_refused():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.complete_step("pay", now=START)
    process.saved()

    with is_refused(
        process, StepFinished, "step_finished", "cannot fail the step: step 'pay' is completed"
    ):
        process.fail_step("pay", "no", now=LATER)


def test_failing_a_step_of_a_completed_process_is_refused():
    process = a_stored_process()
    process.complete_step("pay", now=START)
    process.saved()

    with is_refused(
        process,
        ProcessFinished,
        "process_finished",
        "'pay', which is completed: the process is completed",
    ):
        process.fail_step("pay", "no", now=LATER)
