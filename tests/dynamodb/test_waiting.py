"""Steps that wait, in an item: what they take there, and what a full one still takes."""

from __future__ import annotations

import json

import pytest

from trellis_process import Process, ProcessService, ProcessStep, StepState, TimeoutCheckerService
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.size import MAX_ITEM_BYTES, item_size
from trellis_process.errors import TooLarge
from trellis_process.testing import START, ManualClock, a_step, a_stored_process


def the_step(process: Process) -> object:
    (step,) = json.loads(to_item(process)["steps"]["S"])
    return step


def test_what_a_waiting_step_does_not_have_is_left_out() -> None:
    process = a_stored_process(a_step("approve", retries_permitted=1), auto_start_steps=True)
    usual = {"r": 1}

    process.suspend_step("approve", now=START)
    assert the_step(process) == ["approve w0", None, usual]
    process.resume_step("approve", now=START)
    assert the_step(process) == ["approve i0", None, {**usual, "u": 1}]
    process.resume_step("approve", {}, now=START, resumption=2)
    early = {**usual, "u": 1, "g": {}, "k": True}
    assert the_step(process) == ["approve i0", None, early]
    process.fail_step("approve", "no", now=START, retry_after_ms=5_000, attempt=1)
    assert the_step(process) == ["approve r0<5000", None, {**early, "x": "no"}]


def full(service: ProcessService) -> Process:
    """A process with room for a few thousand bytes of payload, whose ``approve`` is under way."""
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[
            ProcessStep(name="approve", timeout_ms=30_000, retries_permitted=9),
            *(ProcessStep(name=f"step-{n}") for n in range(60)),
        ],
    )
    for n in range(11):
        service.complete_step(process, f"step-{n}", {"text": "x" * 32_000})
    service.complete_step(process, "step-11", {"text": "x" * 19_000})
    service.start_step(process, "approve")
    return process


def fill_up(service: ProcessService, process: Process) -> None:
    """Leaves no room for any payload at all."""
    for size in (1_000, 100, 10, 1):
        while True:
            name = next(n for n, step in process.steps.items() if step.state is StepState.PENDING)
            try:
                service.complete_step(process, name, "x" * size)
            except TooLarge:
                break


def test_a_resumption_that_a_full_process_cannot_hold_is_refused_and_said_to_be(
    service: ProcessService,
) -> None:
    process = full(service)
    version = process.version

    for suspended in (False, True):
        with pytest.raises(TooLarge, match="allowed are 376832"):
            service.resume_step(process, "approve", "x" * 30_000)
        assert process.version == version
        if not suspended:
            version = service.suspend_step(process, "approve").version

    service.resume_step(process, "approve", "short")
    assert process.step("approve").resume_data == "short"


def test_a_resumption_that_was_taken_in_is_taken_also_by_a_full_process(
    service: ProcessService,
) -> None:
    process = full(service)
    service.resume_step(process, "approve", "x" * 1_000)
    fill_up(service, process)

    service.suspend_step(process, "approve", timeout_ms=60_000, reason="r" * 1_000)

    step = process.step("approve")
    assert (step.state, step.resumption) == (StepState.IN_PROGRESS, 1)
    assert item_size(to_item(process)) > MAX_ITEM_BYTES, "it was not full"


def test_a_full_process_goes_on_while_it_keeps_an_early_resumption(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock
) -> None:
    process = full(service)
    service.resume_step(process, "approve", "x" * 1_000)
    fill_up(service, process)

    clock.advance(seconds=29)
    service.heartbeat(process, "approve", actor="a" * 256)
    clock.advance(seconds=1)
    assert checker.check_for_timed_out_steps().failures == []  # moves the wake-up
    service.fail_step(process, "approve", "e" * 4_000, retry_after_ms=1_000, attempt=1)
    clock.advance(seconds=1)
    assert checker.check_for_timed_out_steps().retried == 1

    process = service.get_process("tenant-1", process.process_id)
    step = process.step("approve")
    assert (step.attempt, step.resumption, step.resume_data) == (2, 1, "x" * 1_000)
    assert item_size(to_item(process)) > MAX_ITEM_BYTES, "it was not full"
