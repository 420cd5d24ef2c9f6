"""Workers as the services that definitions ask: what they say of failures, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from trellis_process import Process, ProcessState, StepState, WaitingFor
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.errors import InvalidInput
from trellis_process.testing import LocalTracker
from trellis_process.worker import Failed, Fatal, RetryAfter, StepContext, Worker


def paying(**retry: Any) -> ProcessDefinition:
    """A definition with one step of work, tried again so."""
    pay = ServiceStep("pay", service="Payments.pay", retry=Retry(**retry), timeout="30s")
    return ProcessDefinition("order", version=1, steps=(pay,))


def attempts_of(
    definition: ProcessDefinition, work: Callable[[StepContext], Any]
) -> tuple[Process, list[float]]:
    """What becomes of a process, and how many seconds after the start each attempt began."""
    worker = Worker()
    worker.service("Payments.pay")(work)
    with LocalTracker(worker, definitions=[definition]) as local:
        start = local.clock()
        process = local.service.start("order", tenant_id="t")
        local.advance(hours=1)
        began = [
            (datetime.fromisoformat(event["time"]) - start).total_seconds()
            for event in local.events
            if event["type"] == "StepStarted"
        ]
        return local.service.get_process("t", process.process_id), began


def failing(*failures: Exception) -> Callable[[StepContext], Any]:
    """Fails with these, one after another, and then does not."""

    def work(ctx: StepContext) -> Any:
        if ctx.attempt <= len(failures):
            raise failures[ctx.attempt - 1]
        return "paid"

    return work


def test_the_definition_says_when_a_failed_attempt_is_tried_again():
    process, began = attempts_of(
        paying(max_attempts=3, interval="10s"), failing(ConnectionError("a"), Failed("b"))
    )

    assert process.step("pay").output == "paid"
    assert began == [0, 10, 30]


def test_with_no_retry_left_the_step_has_failed_in_the_words_of_the_exception():
    process, began = attempts_of(
        paying(max_attempts=2), failing(ConnectionError("a"), ConnectionError("b"))
    )

    assert (process.state, process.step("pay").error) == (
        ProcessState.FAILED,
        "ConnectionError: b",
    )
    assert began == [0, 1]


@pytest.mark.parametrize(
    ("failure", "attempts"),
    [
        (ConnectionError("no route"), 2),
        (ValueError("no amount"), 1),
        (Failed("declined", code="declined"), 1),
        (Failed("busy", code="ConnectionError"), 2),
        (Failed("it is said of no kind"), 2),
        (RetryAfter(5, code="declined"), 1),
    ],
)
def test_the_kind_of_error_is_the_exceptions_code_or_the_name_of_its_class(failure, attempts):
    rules = {"max_attempts": 2, "fatal_on": ("ValueError", "declined")}
    _, began = attempts_of(paying(**rules), failing(failure))

    assert len(began) == attempts


def test_fatal_is_not_tried_again_whatever_its_code():
    process, began = attempts_of(
        paying(max_attempts=5), failing(Fatal("stolen card", code="ConnectionError"))
    )

    assert (process.step("pay").error, began) == ("stolen card", [0])


def test_the_service_may_know_better_when():
    _, began = attempts_of(
        paying(max_attempts=2, interval="10s"), failing(RetryAfter(timedelta(minutes=7), "closed"))
    )

    assert began == [0, 420]


def test_a_class_of_any_name_may_be_raised():
    endless = type("X" * 500, (Exception,), {})
    process, _ = attempts_of(paying(), failing(endless("why")))

    assert process.has_failed()


@pytest.mark.parametrize("code", ["x" * 129, 7, "bell\x07"])
def test_what_is_no_code_is_refused(code):
    with pytest.raises(InvalidInput, match="code"):
        Failed("why", code=code)


def test_a_step_of_a_definition_may_wait_to_be_resumed_and_so_may_a_compensation():
    worker = Worker()

    @worker.service("Payments.pay")
    def pay(ctx: StepContext) -> Any:
        if not ctx.is_resumed:
            ctx.suspend()
        return ctx.resume_data

    @worker.service("Payments.refund")
    def refund(ctx: StepContext) -> Any:
        if not ctx.is_resumed:
            ctx.suspend()
        return [ctx.undoes, ctx.input["output"], ctx.resume_data]

    @worker.service("Shipping.ship")
    def ship(ctx: StepContext) -> Any:
        raise Fatal("no truck")

    saga = ProcessDefinition(
        "order",
        version=1,
        steps=(
            ServiceStep("pay", service="Payments.pay", compensate_with="refund"),
            ServiceStep("ship", service="Shipping.ship"),
        ),
        compensations=(Compensation("refund", service="Payments.refund"),),
    )
    with LocalTracker(worker, definitions=[saga]) as local:
        process = local.service.start("order", tenant_id="t")
        local.run()
        local.service.resume_step(process, "pay", "p-1")
        local.run()
        waiting = local.service.get_process("t", process.process_id).step("undo:pay")
        assert (waiting.state, waiting.waits_for) == (StepState.WAITING, WaitingFor.RESUMPTION)
        local.service.resume_step(process, "undo:pay", "r-1")
        local.run()

        ended = local.service.get_process("t", process.process_id)
        assert (ended.state, ended.compensation) == (ProcessState.FAILED, "done")
        assert ended.step("undo:pay").output == ["pay", "p-1", "r-1"]


def test_what_a_worker_is_given_is_its_own():
    given = []

    def work(ctx: StepContext) -> None:
        given.append((ctx.input, ctx.metadata))
        ctx.input["n"] = 7

    step = ServiceStep("pay", service="Payments.pay", inputs={"n": "input.n"})
    definition = ProcessDefinition("order", version=1, steps=(step,), inputs={"n": "number"})
    worker = Worker()
    worker.service("Payments.pay")(work)
    with LocalTracker(worker, definitions=[definition]) as local:
        local.service.start("order", tenant_id="t", input={"n": 1}, metadata={"by": "ann"})
        local.run()
        local.deliver_again()

    assert [metadata for _, metadata in given] == [{"by": "ann"}] * 2
    assert next(e for e in local.events if e["type"] == "StepStarted")["input"] == {"n": 1}
