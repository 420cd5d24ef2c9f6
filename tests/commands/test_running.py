"""What commands do to a process, and which refusals mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import InMemoryProcessRepository, Process, ProcessService
from trellis_process.commands import is_overtaken, read_command, run
from trellis_process.errors import Conflict, IdempotencyKeyReused, VersionMismatch
from trellis_process.testing import ManualClock

from .commands import a_report, a_start


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(clock: ManualClock) -> ProcessService:
    return ProcessService(InMemoryProcessRepository(), clock=clock, new_id=lambda: "p-1")


@pytest.fixture
def started(service: ProcessService) -> Process:
    return told(service, a_start())


def told(service: ProcessService, value: dict[str, Any]) -> Process:
    return run(read_command(value), service, actor="AROA:worker")


def test_a_journey_through_every_command(service: ProcessService, clock: ManualClock) -> None:
    told(
        service,
        a_start(
            steps=[{"name": "pay", "timeout_ms": 30_000, "retries_permitted": 2}, {"name": "ship"}],
            metadata={"priority": "high"},
            timeout_ms=86_400_000,
        ),
    )
    begun = told(service, a_report("StartStep", attempt=1, reason="paid by card")).step("pay")
    clock.advance(seconds=20)
    alive = told(service, a_report("Heartbeat", attempt=1)).step("pay")
    assert begun.due_at is not None
    assert alive.due_at is not None
    assert (alive.due_at - begun.due_at).total_seconds() == 20

    paid = told(service, a_report("CompleteStep", output={"receipt": 1}))
    assert (paid.step("pay").output, paid.step("pay").reported_by) == (
        {"receipt": 1},
        "AROA:worker",
    )
    failed = told(service, a_report("FailStep", step_name="ship", error="no van"))
    assert failed.has_failed()
    again = told(service, a_report("StartStep", step_name="ship", attempt=2, reason="a van came"))
    assert [event.reason for event in again.events] == ["a van came"]
    cancel = {"command": "CancelProcess", "tenant_id": "tenant-1", "process_id": "p-1"}
    assert told(service, {**cancel, "reason": "withdrawn"}).state == "cancelled"


def test_a_journey_that_fails_waits_and_is_resumed(service: ProcessService) -> None:
    told(service, a_start(steps=[{"name": "pay", "retries_permitted": 2}]))
    told(service, a_report("StartStep", attempt=1))

    later = a_report("FailStep", attempt=1, error="closed", retry_after_ms=60_000)
    assert told(service, later).step("pay").waits_for_retry
    assert told(service, a_report("StartStep", attempt=2)).step("pay").attempt == 2
    at_once = a_report("FailStep", attempt=2, error="busy", retry_after_ms=0)
    assert told(service, at_once).step("pay").attempt == 3

    suspension = a_report("SuspendStep", attempt=3, resumption=0, timeout_ms=1_000, reason="ask")
    asked = told(service, suspension)
    assert asked.step("pay").is_suspended
    assert asked.step("pay").due_at is not None
    assert [event.reason for event in asked.events] == ["ask"]
    answer = a_report("ResumeStep", resumption=1, data={}, reason="answered")
    answered = told(service, answer)
    assert (answered.step("pay").resumption, answered.step("pay").resume_data) == (1, {})
    assert [(event.actor, event.reason) for event in answered.events] == [
        ("AROA:worker", "answered")
    ]

    for repeated in (later, at_once, suspension, answer):
        assert told(service, repeated).version == answered.version


def test_a_start_without_a_key_takes_that_of_its_delivery(service: ProcessService) -> None:
    command = read_command(a_start())

    first = run(command, service, actor=None, default_key="m-1")
    again = run(command, service, actor=None, default_key="m-1")

    assert (first.process_id, again.version) == (again.process_id, 1)
    assert run(command, service, actor=None, default_key="m-2").process_id != first.process_id


def test_a_key_of_its_own_holds_over_deliveries(service: ProcessService) -> None:
    command = read_command(a_start(idempotency_key="order-1"))
    first = run(command, service, actor=None, default_key="m-1")

    assert run(command, service, actor=None, default_key="m-2").process_id == first.process_id
    with pytest.raises(IdempotencyKeyReused):
        told(service, a_start(idempotency_key="order-1", aggregate_id="order-2"))


def test_a_version_can_be_expected(service: ProcessService, started: Process) -> None:
    with pytest.raises(VersionMismatch):
        told(service, a_report("StartStep", expected_version=7))
    assert told(service, a_report("StartStep", expected_version=1)).version == 2


def refused(service: ProcessService, value: dict[str, Any]) -> bool:
    """Whether the refusal of a command means nothing."""
    command = read_command(value)
    with pytest.raises(Conflict) as caught:
        run(command, service, actor=None)
    return is_overtaken(command, caught.value)


@pytest.mark.parametrize("end", ["CompleteStep", "FailStep"])
@pytest.mark.parametrize("command", ["StartStep", "SuspendStep", "Heartbeat"])
def test_a_report_that_comes_after_the_end_of_its_attempt_is_overtaken(
    service: ProcessService, started: Process, command: str, end: str
) -> None:
    told(service, a_report(end, attempt=1, **({"error": "e"} if end == "FailStep" else {})))

    assert refused(service, a_report(command, attempt=1))


def test_without_its_attempt_nobody_can_tell(service: ProcessService, started: Process) -> None:
    told(service, a_report("CompleteStep", attempt=1))

    assert not refused(service, a_report("StartStep"))
    assert not refused(service, a_report("Heartbeat"))


def test_what_was_called_off_is_not_overtaken(service: ProcessService, started: Process) -> None:
    told(service, a_report("StartStep", attempt=1))
    service.cancel_process(started)

    assert not refused(service, a_report("Heartbeat", attempt=1))


def test_a_success_after_a_failure_is_not_overtaken(
    service: ProcessService, started: Process
) -> None:
    told(service, a_report("FailStep", attempt=1, error="e"))

    assert not refused(service, a_report("CompleteStep", attempt=1))


def test_an_answer_that_comes_after_the_end_is_not_overtaken(
    service: ProcessService, started: Process
) -> None:
    told(service, a_report("StartStep", attempt=1))
    told(service, a_report("SuspendStep", attempt=1))
    told(service, a_report("CompleteStep", attempt=1))

    assert not refused(service, a_report("ResumeStep", resumption=1, data="unheard"))


def test_an_attempt_that_never_was_is_not_overtaken(
    service: ProcessService, started: Process
) -> None:
    told(service, a_report("CompleteStep", attempt=1))

    assert not refused(service, a_report("StartStep", attempt=2))
