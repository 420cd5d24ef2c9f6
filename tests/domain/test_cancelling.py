"""Calling a process off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, nothing_changes
from trellis_process import ProcessState, StepState
from trellis_process.errors import ProcessFinished
from trellis_process.testing import START, a_step, a_stored_process

LATER = START + timedelta(minutes=1)


def test_cancelling_gives_up_what_is_open_and_keeps_what_is_done():
    process = a_stored_process(
        a_step("pay"), a_step("send", timeout_ms=1_000), a_step("file"), timeout_ms=60_000
    )
    process.complete_step("pay", "done", now=START)
    process.start_step("send", now=START)
    process.saved()

    process.cancel(now=LATER, actor="ann", reason="changed her mind")

    assert (process.state, process.reason) == (ProcessState.CANCELLED, "changed her mind")
    states = [step.state for step in process.steps.values()]
    assert states == [StepState.COMPLETED, StepState.CANCELLED, StepState.CANCELLED]
    assert process.steps["pay"].output == "done"
    assert process.steps["file"].attempt == 0
    assert (process.trackers(), process.due_at, process.wake_up_at) == ([], None, None)
    (event,) = process.events
    assert event.type == "ProcessCancelled"
    assert (event.actor, event.reason) == ("ann", "changed her mind")


def test_a_process_may_be_cancelled_before_anything_started():
    process = a_stored_process()

    process.cancel(now=START)

    assert (process.state, process.reason) == (ProcessState.CANCELLED, None)


def test_cancelling_again_is_a_no_op():
    process = a_stored_process()
    process.cancel(now=START, reason="first")
    process.saved()

    with nothing_changes(process):
        process.cancel(now=LATER, reason="second")


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_cancelling_an_ended_process_is_refused(end):
    process = a_stored_process()
    if end == "completed":
        process.complete_step("pay", now=START)
    else:
        process.fail_step("pay", "no", now=START)
    process.saved()

    with is_refused(
        process, ProcessFinished, "process_finished", f"cannot cancel: the process is {end}"
    ):
        process.cancel(now=LATER)


@pytest.mark.parametrize("command", ["start_step", "heartbeat", "complete_step", "fail_step"])
def test_a_late_report_on_a_cancelled_process_is_refused(command):
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)
    process.cancel(now=START)
    process.saved()
    details = ["too late"] if command == "fail_step" else []

    with is_refused(process, ProcessFinished, "process_finished", "the process is cancelled"):
        getattr(process, command)("pay", *details, now=LATER)
