"""DynamoDB's failures: bounded retries, then an error that says what may have happened."""

from __future__ import annotations

import pytest

from tests.proof.wire import Wire, broken_line, lost_answer, refusal
from trellis_process import Process, ProcessService, ProcessStep, TimeoutCheckerService
from trellis_process.dynamodb import DynamoDBProcessRepository
from trellis_process.errors import StoreUnavailable, Throttled, TooLarge
from trellis_process.testing.clock import ManualClock

TRIES = 3  # the first and two retries


@pytest.fixture
def process(service: ProcessService, wire: Wire) -> Process:
    process = _start(service)
    wire.reset()
    return process


def _start(service: ProcessService, steps: int = 2, **asked: object) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name=f"step-{n}", timeout_ms=30_000) for n in range(steps)],
        **asked,  # type: ignore[arg-type]
    )


def test_throttling_that_passes_is_not_noticed(
    service: ProcessService, process: Process, wire: Wire
) -> None:
    wire.fail_next(refusal("ProvisionedThroughputExceededException"), TRIES - 1)

    service.complete_step(process, "step-0")

    assert process.version == 2


def test_throttling_that_stays_is_raised_and_nothing_was_written(
    service: ProcessService, process: Process, wire: Wire, processes: DynamoDBProcessRepository
) -> None:
    wire.fail_next(refusal("ThrottlingException"), TRIES)

    with pytest.raises(Throttled) as raised:
        service.complete_step(process, "step-0")

    assert not raised.value.may_have_happened
    assert processes.get(process.key) == process


def test_a_write_whose_answer_was_lost_is_recognised_and_done_once(
    service: ProcessService,
    process: Process,
    wire: Wire,
    processes: DynamoDBProcessRepository,
) -> None:
    changed = process.copy()
    changed.complete_step("step-0", now=process.started_at)
    wire.fail_next(lost_answer)

    processes.save(changed)

    stored = processes.get(process.key)
    assert stored is not None
    assert stored.version == 2
    # The write, its repeat that was refused, and the look that recognised it; then the test's own.
    assert wire.requests == {"PutItem": 2, "GetItem": 2}


def test_a_start_whose_answer_was_lost_is_recognised(
    processes: DynamoDBProcessRepository, service: ProcessService, wire: Wire
) -> None:
    wire.fail_next(lost_answer)

    process = _start(service)

    assert processes.get(process.key) == process
    assert process.version == 1


def test_a_command_whose_answer_never_came_says_that_it_may_have_happened(
    service: ProcessService, process: Process, processes: DynamoDBProcessRepository, wire: Wire
) -> None:
    changed = process.copy()
    changed.complete_step("step-0", now=process.started_at)
    wire.fail_next(lost_answer)
    wire.fail_next(broken_line, TRIES - 1)

    with pytest.raises(StoreUnavailable) as raised:
        processes.save(changed)

    assert raised.value.may_have_happened
    # Repeated as the error advises, it is done once.
    service.complete_step(process, "step-0")
    assert process.version == 2


def test_a_read_that_fails_says_that_nothing_happened(
    service: ProcessService, process: Process, wire: Wire
) -> None:
    wire.fail_next(broken_line, TRIES)

    with pytest.raises(StoreUnavailable) as raised:
        service.complete_step(process, "step-0")

    assert not raised.value.may_have_happened


def test_a_fault_of_dynamodb_after_a_write_says_that_it_may_have_happened(
    process: Process, processes: DynamoDBProcessRepository, wire: Wire
) -> None:
    changed = process.copy()
    changed.complete_step("step-0", now=process.started_at)
    wire.fail_next(refusal("InternalServerError", 500), TRIES)

    with pytest.raises(StoreUnavailable) as raised:
        processes.save(changed)

    assert raised.value.may_have_happened


def test_a_missing_right_is_told_at_once_and_nothing_happened(
    process: Process, processes: DynamoDBProcessRepository, wire: Wire
) -> None:
    changed = process.copy()
    changed.complete_step("step-0", now=process.started_at)
    wire.fail_next(refusal("AccessDeniedException"))

    with pytest.raises(StoreUnavailable, match="AccessDenied") as raised:
        processes.save(changed)

    assert not raised.value.may_have_happened
    assert wire.requests == {"PutItem": 1}


def test_a_process_near_the_item_limit_is_refused_naming_what_is_large(
    service: ProcessService, wire: Wire
) -> None:
    process = _start(service, steps=20)
    for n in range(12):
        service.complete_step(process, f"step-{n}", {"text": "x" * 30_000})
    service.complete_step(process, "step-12", {"text": "x" * 10_000})
    before = process.version
    wire.reset()

    with pytest.raises(TooLarge, match=r"steps\.step-\d+.*30\d\d\d") as raised:
        service.complete_step(process, "step-13", {"text": "x" * 30_000})

    assert raised.value.code == "too_large"
    assert "PutItem" not in wire.requests
    assert service.get_process("tenant-1", process.process_id).version == before


def test_a_full_process_can_still_fail_be_cancelled_and_time_out(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock, wire: Wire
) -> None:
    full = []
    for _ in range(3):
        process = _start(service, steps=20)
        for n in range(11):
            service.complete_step(process, f"step-{n}", {"text": "x" * 32_000})
        service.complete_step(process, "step-11", {"text": "x" * 20_000})
        with pytest.raises(TooLarge):
            service.complete_step(process, "step-12", {"text": "x" * 10_000})
        service.start_step(process, "step-19")
        full.append(process)
    failing, called_off, late = full

    service.fail_step(failing, "step-19", "e" * 4_000)
    service.cancel_process(called_off, reason="r" * 1_000)
    clock.advance(seconds=30)
    checker.check_for_timed_out_steps()

    assert failing.has_failed()
    assert called_off.state == "cancelled"
    assert service.get_process("tenant-1", late.process_id).has_failed()


def test_a_sweep_that_cannot_read_on_tells_what_it_did(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock, wire: Wire
) -> None:
    for _ in range(101):  # one more than a batch
        _start(service, auto_start_steps=True)
    clock.advance(seconds=30)
    wire.fail_at("BatchGetItem", 2, refusal("ThrottlingException"), TRIES)

    sweep = checker.check_for_timed_out_steps()

    assert (sweep.looked_at, sweep.is_complete) == (100, False)
    assert [type(failure.error) for failure in sweep.failures] == [Throttled]
    assert checker.check_for_timed_out_steps().looked_at == 1


def test_a_sweep_that_can_read_nothing_raises(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock, wire: Wire
) -> None:
    _start(service, auto_start_steps=True)
    clock.advance(seconds=30)
    wire.fail_at("BatchGetItem", 1, refusal("ThrottlingException"), TRIES)

    with pytest.raises(Throttled):
        checker.check_for_timed_out_steps()
