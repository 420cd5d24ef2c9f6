"""Refusals over the wire: by the tracker, by what stands before it, or by the client itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trellis_process import ProcessKey, ProcessState, ProcessStep
from trellis_process.client import (
    NotAuthorized,
    TrellisClient,
    UnexpectedAnswer,
)
from trellis_process.client.problems import CONTENT_TYPE
from trellis_process.errors import (
    AttemptUnknown,
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    ProcessFinished,
    ProcessNotFound,
    ResumptionUnknown,
    StepFinished,
    StepNotFound,
    StepNotStarted,
    TrellisError,
    VersionMismatch,
)

from ..step_api_server import Fault, StepApi
from .conftest import NewClient, signed
from .orders import started

PROBLEM = {"Content-Type": CONTENT_TYPE}


def test_no_such_process(client: TrellisClient) -> None:
    with pytest.raises(ProcessNotFound, match="'guessed'") as raised:
        client.get_process("tenant-1", "guessed")
    assert raised.value.process_id == "guessed"


def test_another_tenants_process_is_not_there(client: TrellisClient) -> None:
    process = started(client)

    with pytest.raises(ProcessNotFound):
        client.complete_step(ProcessKey("tenant-2", process.process_id), "pay")


def test_no_such_step(client: TrellisClient) -> None:
    process = started(client)

    with pytest.raises(StepNotFound, match="it has pay") as raised:
        client.start_step(process, "ship")
    assert raised.value.step_name == "ship"
    assert raised.value.known == ["pay"]


def test_a_conflict_carries_the_process_and_brings_the_callers_up_to_date(
    client: TrellisClient,
) -> None:
    process = started(client)
    client.cancel_process(process.key)

    with pytest.raises(ProcessFinished) as raised:
        client.complete_step(process, "pay")

    assert process.state is ProcessState.CANCELLED
    assert raised.value.process == process


@pytest.mark.parametrize(
    ("report", "error"),
    [
        (lambda client, process: client.start_step(process, "done"), StepFinished),
        (lambda client, process: client.heartbeat(process, "pay"), StepNotStarted),
        (lambda client, process: client.suspend_step(process, "pay"), StepNotStarted),
        (lambda client, process: client.resume_step(process, "pay"), StepNotStarted),
        (
            lambda client, process: client.resume_step(process, "pay", resumption=2),
            ResumptionUnknown,
        ),
        (lambda client, process: client.complete_step(process, "pay", attempt=9), AttemptUnknown),
        (
            lambda client, process: client.complete_step(process, "pay", expected_version=7),
            VersionMismatch,
        ),
        (
            lambda client, process: client.complete_step(process, "pay", expected_version=0),
            VersionMismatch,
        ),
    ],
)
def test_what_does_not_fit_the_process_is_a_conflict(
    client: TrellisClient, report: Callable[..., object], error: type[Conflict]
) -> None:
    process = started(client, steps=[ProcessStep(name="done"), ProcessStep(name="pay")])
    client.complete_step(process, "done")

    with pytest.raises(error) as raised:
        report(client, process)
    assert raised.value.process == process


def test_a_key_that_started_another_process(client: TrellisClient) -> None:
    first = started(client, idempotency_key="order-1")
    assert started(client, idempotency_key="order-1") == first

    with pytest.raises(IdempotencyKeyReused) as raised:
        started(client, idempotency_key="order-1", process_type="Refund")
    assert raised.value.field == "idempotency_key"
    assert raised.value.given == "'order-1'"


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda client: started(client, tenant_id="a/b"), "tenant_id"),
        (lambda client: started(client, steps=[]), "steps"),
        (lambda client: started(client, metadata={"a": object()}), "metadata"),
        (lambda client: started(client, timeout_ms=0), "timeout_ms"),
        (lambda client: started(client, idempotency_key=""), "idempotency_key"),
        (lambda client: started(client, idempotency_key="a\nb"), "idempotency_key"),
        (lambda client: started(client, reason="x" * 2_000), "reason"),
        (lambda client: client.get_process("t", "../other"), "process_id"),
        (lambda client: client.start_step(ProcessKey("t", "p"), "pay/complete"), "step_name"),
        (lambda client: client.start_step(ProcessKey("t", "p"), "s", attempt=0), "attempt"),
        (lambda client: client.complete_step(ProcessKey("t", "p"), "s", {1, 2}), "output"),
        (lambda client: client.complete_step(ProcessKey("t", "p"), "s", "x" * 40_000), "output"),
        (lambda client: client.fail_step(ProcessKey("t", "p"), "s", None), "error"),
        (
            lambda client: client.fail_step(
                ProcessKey("t", "p"), "s", "e", retry_after_ms=-1, attempt=1
            ),
            "retry_after_ms",
        ),
        (lambda client: client.fail_step(ProcessKey("t", "p"), "s", "e", code="x" * 129), "code"),
        (lambda client: client.complete_step(ProcessKey("t", "p"), "s", outcome=7), "outcome"),
        (
            lambda client: client.suspend_step(ProcessKey("t", "p"), "s", timeout_ms=0),
            "timeout_ms",
        ),
        (
            lambda client: client.suspend_step(ProcessKey("t", "p"), "s", resumption=-1),
            "resumption",
        ),
        (lambda client: client.resume_step(ProcessKey("t", "p"), "s", resumption=0), "resumption"),
        (lambda client: client.resume_step(ProcessKey("t", "p"), "s", {1, 2}), "data"),
        (lambda client: client.resume_step(ProcessKey("t", "p"), "s", "x" * 40_000), "data"),
        (
            lambda client: client.cancel_process(ProcessKey("t", "p"), expected_version="7"),
            "expected_version",
        ),
        (lambda client: client.find_process("t", "Order", " "), "aggregate_id"),
        (lambda client: client.list_processes("t", state="lost"), "state"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    client: TrellisClient, step_api: StepApi, call: Callable[..., object], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        call(client)
    assert raised.value.field == field
    assert step_api.asked == []


def test_a_failing_service_can_always_say_so(client: TrellisClient) -> None:
    process = started(client)
    controls = "".join(map(chr, (*range(32), 127)))

    client.fail_step(process, "pay", controls + "\udc80" + "x" * 5_000)

    error = process.step("pay").error
    assert error is not None
    assert len(error) == 4_096
    assert error.startswith("\\x00\\x01")
    assert error.endswith("x…")
    assert "\t\n" in error
    assert "\\udc80" in error


def test_wrong_keys_are_not_authorized(new_client: NewClient, pauses: list[float]) -> None:
    client = new_client(signed(secret_key="guessed"))

    with pytest.raises(NotAuthorized, match="403: Forbidden"):
        started(client)
    assert pauses == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=200, body="<html>It works!</html>"), UnexpectedAnswer),
        (Fault(status=200, body='{"process_id": "p"}'), UnexpectedAnswer),
        (Fault(status=200, body="[]"), UnexpectedAnswer),
        (Fault(status=302, headers={"Location": "/"}, body=""), UnexpectedAnswer),
        (Fault(status=404, body='{"message":"Not Found"}'), UnexpectedAnswer),
        (Fault(status=409, body="{}", headers=PROBLEM), UnexpectedAnswer),
        (Fault(status=409, body="\xff", headers=PROBLEM), UnexpectedAnswer),
        (
            Fault(status=418, headers=PROBLEM, body='{"code": "of_tomorrow", "detail": "new"}'),
            UnexpectedAnswer,
        ),
        (Fault(status=403, body=""), NotAuthorized),
        (Fault(status=413, body='{"message":"Request Too Long"}'), UnexpectedAnswer),
    ],
)
def test_an_answer_that_is_none_of_the_step_api_is_an_error_that_says_so(
    client: TrellisClient, step_api: StepApi, fault: Fault, error: type[TrellisError]
) -> None:
    step_api.faults.append(fault)

    with pytest.raises(error) as raised:
        client.get_process("tenant-1", "process-1")
    assert str(fault.status) in str(raised.value)
    assert len(step_api.asked) == 1
