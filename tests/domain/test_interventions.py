"""What people do to a process without a definition: suspend, resume, and pass over a step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from trellis_process.domain import events as happened
from trellis_process.domain.limits import MAX_OUTPUT_BYTES
from trellis_process.domain.process import Process
from trellis_process.errors import InvalidInput, NoDefinition, ProcessFinished, StepFinished
from trellis_process.testing import START, a_step, a_stored_process

BY_ANN: dict[str, Any] = {"actor": "ann", "reason": "audit"}


def told(process: Process, name: str, **more: Any) -> happened.ProcessEvent:
    about = {
        "tenant_id": process.tenant_id,
        "process_id": process.process_id,
        "occurred_at": process.changed_at,
    }
    return happened.EVENT_TYPES[name](**(about | more))


def test_suspending_and_resuming_tell_who_and_why_and_when():
    process = a_stored_process(a_step("a"))
    now = process.changed_at + timedelta(hours=1)
    process.suspend(now=now, **BY_ANN)
    assert process.events == (told(process, "ProcessSuspended", **BY_ANN),)
    assert process.changed_at == now
    process.saved()
    process.resume(now=now, **BY_ANN)
    assert process.events == (told(process, "ProcessResumed", **BY_ANN),)
    assert process.state == "pending"


def test_a_process_that_had_begun_is_under_way_when_it_goes_on():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.start_step("b", now=now)
    process.suspend(now=now)
    process.resume(now=now)
    assert process.state == "in_progress"


def test_what_a_sweep_had_found_does_not_fire_in_a_process_that_was_suspended_since():
    process = a_stored_process(a_step(timeout_ms=1_000), timeout_ms=1_000)
    process.start_step("pay", now=START)
    found = process.trackers()
    process.suspend(now=START)
    process.saved()

    assert process.time_out(found, now=START + timedelta(seconds=1)) == []

    assert not process.has_changed


def test_a_suspended_process_waits_for_nothing_and_then_for_what_it_waited_for():
    process = a_stored_process(a_step("a", timeout_ms=60_000))
    now = process.changed_at
    process.start_step("a", now=now)
    due_at = process.wake_up_at
    process.suspend(now=now)
    assert (process.wake_up_at, process.trackers()) == (None, [])
    process.resume(now=now)
    assert process.wake_up_at == due_at == now + timedelta(minutes=1)


@pytest.mark.parametrize("reports", [("a", "b"), ("b", "a")])
def test_of_what_was_reported_meanwhile_a_failure_comes_first(reports):
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.suspend(now=now)
    for name in reports:
        if name == "a":
            process.complete_step("a", now=now)
        else:
            process.fail_step("b", "torn", now=now)
    process.resume(now=now)
    assert (process.state, process.reason) == ("failed", "step_failed")
    assert [event.type for event in process.events].count("ProcessFailed") == 1


def test_the_first_of_several_failures_that_were_kept_ends_the_process_alone():
    process = a_stored_process(a_step("a"), a_step("b"), a_step("c"))
    now = process.changed_at
    process.suspend(now=now)
    for name in ("a", "b"):
        process.fail_step(name, "torn", now=now)
    process.resume(now=now)
    assert process.state == "failed"
    assert process.step("c").state == "cancelled"


def test_steps_that_were_all_completed_meanwhile_complete_the_process_once():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.suspend(now=now)
    process.complete_step("a", now=now)
    process.complete_step("b", now=now)
    process.saved()
    process.resume(now=now)
    assert process.state == "completed"
    assert [event.type for event in process.events] == ["ProcessResumed", "ProcessCompleted"]


@pytest.mark.parametrize(
    ("action", "ask"),
    [
        ("suspend", Process.suspend),
        ("resume", Process.resume),
        ("cancel", Process.cancel),
    ],
)
def test_what_has_ended_is_not_suspended_resumed_or_called_off(action, ask):
    process = a_stored_process(a_step("a"))
    process.complete_step("a", now=process.changed_at)
    with pytest.raises(ProcessFinished) as refusal:
        ask(process, now=process.changed_at)
    assert str(refusal.value) == f"cannot {action}: the process is completed"


def test_passing_over_a_step_is_told_and_the_step_keeps_who_and_its_output():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.skip_step("a", {"n": 1}, now=now, **BY_ANN)
    skipped = told(process, "StepSkipped", step_name="a", attempt=1, **BY_ANN)
    assert process.events == (skipped,)
    step = process.step("a")
    assert (step.state, step.output, step.reported_by) == ("skipped", {"n": 1}, "ann")
    assert (step.ended_at, step.attempt) == (now, 1)
    assert process.brings_payload
    process.skip_step("b", now=now)
    assert process.state == "completed"


def test_passing_over_what_failed_forgets_why_and_names_its_attempt():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.start_step("a", now=now)
    process.fail_step("a", "torn", now=now)
    process.start_step("a", now=now)
    process.fail_step("a", "torn again", now=now)
    assert process.state == "failed"
    process.saved()
    process.skip_step("a", now=now)
    assert (process.state, process.reason) == ("in_progress", None)
    step = process.step("a")
    assert (step.state, step.error, step.attempt) == ("skipped", None, 2)
    assert process.events[-1] == told(process, "StepSkipped", step_name="a", attempt=2)
    assert not process.brings_payload


def test_passing_over_a_step_that_ended_otherwise_is_refused_with_how_it_ended():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.cancel(now=now)
    with pytest.raises(ProcessFinished) as refusal:
        process.skip_step("a", now=now)
    assert str(refusal.value) == (
        "cannot skip the step 'a', which is cancelled: the process is cancelled"
    )


def test_passing_over_a_completed_step_changes_nothing():
    process = a_stored_process(a_step("a"), a_step("b"))
    process.complete_step("a", 1, now=process.changed_at)
    process.saved()
    process.skip_step("a", 2, now=process.changed_at)
    assert not process.has_changed
    assert process.step("a").output == 1


def test_what_a_step_is_to_have_resulted_in_is_small_json():
    process = a_stored_process(a_step("a"))
    with pytest.raises(InvalidInput, match=r"^output: got "):
        process.skip_step("a", "x" * MAX_OUTPUT_BYTES, now=process.changed_at)


def test_an_outcome_is_refused_where_no_definition_says_which_there_are():
    process = a_stored_process(a_step("a"))
    with pytest.raises(NoDefinition, match=repr(process.process_id)):
        process.complete_step("a", outcome="yes", now=process.changed_at)


def test_a_failed_step_of_a_process_that_goes_on_is_not_passed_over():
    process = a_stored_process(a_step("a"), a_step("b"))
    now = process.changed_at
    process.suspend(now=now)
    process.fail_step("a", "torn", now=now)
    with pytest.raises(StepFinished) as refusal:
        process.skip_step("a", now=now)
    assert str(refusal.value) == "cannot skip the step: step 'a' is failed"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_the_step_that_failed_last_is_the_one_that_failed_last(order):
    process = a_stored_process(a_step("a"), a_step("b"), a_step("c"))
    now = process.changed_at
    process.suspend(now=now)
    assert process.last_failed_step() is None
    for n, name in enumerate(order):
        process.fail_step(name, "torn", now=now + timedelta(seconds=n))
    process.complete_step("c", now=now + timedelta(seconds=9))
    assert process.last_failed_step() == process.step(order[1])
