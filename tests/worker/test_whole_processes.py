"""Whole processes with their workers, without any cloud."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trellis_process import Process, ProcessState, StepState, WaitingFor
from trellis_process.errors import StoreUnavailable
from trellis_process.testing import LocalTracker, a_step
from trellis_process.worker import AttemptOver, Fatal, RetryAfter, StepContext, Worker


def started(local: LocalTracker, *steps: object, **asked: object) -> Process:
    """A process of these steps, all of them started, before anything is delivered."""
    return local.service.start_process(
        **{
            "tenant_id": "tenant-1",
            "process_type": "CaseCreation",
            "aggregate_type": "Referral",
            "aggregate_id": "ref-123",
            "steps": steps or [a_step("create_case")],
            "auto_start_steps": True,
            **asked,
        }
    )


def as_stored(local: LocalTracker, process: Process) -> Process:
    return local.service.get_process(process.tenant_id, process.process_id)


def run(worker: Worker, *steps: object, **asked: object) -> Process:
    """What becomes of a process whose work is done at once."""
    with LocalTracker(worker) as local:
        process = started(local, *steps, **asked)
        local.run()
        return as_stored(local, process)


# -- what it is told -------------------------------------------------------------------------


def test_it_is_told_what_the_step_is_about():
    worker, told = Worker(), []

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> None:
        told.append(ctx)

    with LocalTracker(worker) as local:
        process = started(
            local,
            a_step("create_case", timeout_ms=30_000, retries_permitted=1),
            metadata={"priority": "high"},
        )
        local.run()

        (ctx,) = told
        assert ctx.process == process.key
        assert (ctx.process_type, ctx.aggregate_type, ctx.aggregate_id, ctx.step_name) == (
            "CaseCreation",
            "Referral",
            "ref-123",
            "create_case",
        )
        assert (ctx.attempt, ctx.is_last_attempt) == (1, False)
        assert ctx.input == {"priority": "high"}
        assert ctx.deadline == local.clock() + timedelta(seconds=30)
        assert (ctx.is_resumed, ctx.resumption, ctx.resume_data) == (False, 0, None)


# -- how it ends -----------------------------------------------------------------------------


@pytest.mark.parametrize("output", [{"case": "c-77"}, [1], "text", 0, False, None])
def test_what_the_function_returns_is_the_output(output):
    worker = Worker()
    worker.step("create_case")(lambda ctx: output)

    process = run(worker)

    assert process.is_completed()
    assert process.step("create_case").output == output


def test_an_exception_is_a_failed_attempt_and_the_next_one_follows():
    worker, attempts = Worker(), []

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> str:
        attempts.append((ctx.attempt, ctx.is_last_attempt))
        if ctx.attempt < 3:
            raise ConnectionError("no route")
        return "made"

    process = run(worker, a_step("create_case", retries_permitted=2))

    assert attempts == [(1, False), (2, False), (3, True)]
    assert process.step("create_case").output == "made"
    assert process.step("create_case").error is None


def test_with_no_retry_left_an_exception_fails_the_step_in_its_own_words():
    worker = Worker()

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> None:
        raise ConnectionError("no route")

    process = run(worker, a_step("create_case", retries_permitted=1))

    step = process.step("create_case")
    assert (process.state, step.attempt) == (ProcessState.FAILED, 2)
    assert step.error == "ConnectionError: no route"


def test_fatal_uses_no_retry():
    worker = Worker()

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> None:
        raise Fatal("there is no such referral")

    process = run(worker, a_step("create_case", retries_permitted=5))

    step = process.step("create_case")
    assert (process.state, step.attempt) == (ProcessState.FAILED, 1)
    assert step.error == "there is no such referral"


@pytest.mark.parametrize("delay", [timedelta(minutes=10), 600, 600.0])
def test_retry_after_begins_the_next_attempt_after_the_delay(delay):
    worker, began = Worker(), []

    with LocalTracker(worker) as local:

        @worker.step("create_case")
        def create_case(ctx: StepContext) -> None:
            began.append(local.clock())
            if ctx.attempt == 1:
                raise RetryAfter(delay, "the other side is closed")

        process = started(local, a_step("create_case", retries_permitted=1))
        start = local.clock()
        local.run()
        step = as_stored(local, process).step("create_case")
        assert (step.state, step.waits_for) == (StepState.WAITING, WaitingFor.RETRY)
        assert step.error == "the other side is closed"

        local.advance(minutes=9, seconds=59)
        assert len(began) == 1
        local.advance(seconds=1)

        assert began == [start, start + timedelta(minutes=10)]
        assert as_stored(local, process).is_completed()


@pytest.mark.parametrize("delay", [-1, timedelta(days=400)])
def test_a_delay_out_of_its_limits_is_said_in_the_steps_error(delay):
    worker = Worker()

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> None:
        raise RetryAfter(delay)

    error = run(worker).step("create_case").error
    assert error is not None
    assert error.startswith("InvalidInput: delay: got")


@pytest.mark.parametrize(
    ("output", "refusal"),
    [
        ("x" * 40_000, "output: got 40002 bytes of JSON"),
        ({1, 2}, "output: got {1, 2}; allowed is JSON"),
        (float("nan"), "output: got nan; allowed is JSON"),
    ],
)
def test_an_output_that_is_refused_fails_the_step_with_the_reason(output, refusal):
    worker = Worker()
    worker.step("create_case")(lambda ctx: output)

    process = run(worker, a_step("create_case", retries_permitted=5))

    error = process.step("create_case").error
    assert process.has_failed()
    assert error is not None
    assert refusal in error


def test_an_error_that_no_step_can_hold_is_made_readable():
    worker = Worker()

    @worker.step("create_case")
    def create_case(ctx: StepContext) -> None:
        raise Fatal("\x00\ud800" + "long " * 2_000)

    error = run(worker).step("create_case").error
    assert error is not None
    assert error.startswith("\\x00\\ud800long")
    assert len(error) == 4_096


# -- waiting ---------------------------------------------------------------------------------


def approval(worker: Worker, runs: list[tuple[bool, object]]) -> None:
    @worker.step("approve")
    def approve(ctx: StepContext) -> object:
        runs.append((ctx.is_resumed, ctx.resume_data))
        if not ctx.is_resumed:
            ctx.suspend(timeout=timedelta(days=7), reason="a person decides")
        return {"decided": ctx.resume_data}


@pytest.mark.parametrize("data", [{"by": "ann"}, {}, [], "", 0, False, None])
def test_a_resumed_function_runs_again_from_its_top_with_the_data(data):
    worker, runs = Worker(), []
    approval(worker, runs)

    with LocalTracker(worker) as local:
        process = started(local, a_step("approve", timeout_ms=1_000))
        local.run()
        local.advance(days=6)  # the attempt's own time limit does not run
        step = as_stored(local, process).step("approve")
        assert (step.state, step.waits_for) == (StepState.WAITING, WaitingFor.RESUMPTION)

        local.service.resume_step(process, "approve", data)
        local.run()

        assert runs == [(False, None), (True, data)]
        assert as_stored(local, process).step("approve").output == {"decided": data}


def test_a_resumption_that_comes_before_the_function_suspends_is_not_lost():
    worker, runs = Worker(), []

    with LocalTracker(worker) as local:

        @worker.step("approve")
        def approve(ctx: StepContext) -> object:
            runs.append(ctx.is_resumed)
            if not ctx.is_resumed:
                local.service.resume_step(ctx.process, ctx.step_name, {}, resumption=1)
                ctx.suspend()
            return ctx.resume_data

        process = started(local, a_step("approve"))
        local.run()

        assert runs == [False, True]
        assert as_stored(local, process).step("approve").output == {}


def test_a_function_may_suspend_more_than_once():
    worker, runs = Worker(), []

    @worker.step("approve")
    def approve(ctx: StepContext) -> object:
        runs.append((ctx.resumption, ctx.resume_data))
        if ctx.resumption < 2:
            ctx.suspend()
        return ctx.resume_data

    with LocalTracker(worker) as local:
        process = started(local, a_step("approve"))
        for n, answer in enumerate(("first", "second"), start=1):
            local.run()
            local.service.resume_step(process, "approve", answer, resumption=n)
        local.run()

        assert runs == [(0, None), (1, "first"), (2, "second")]
        assert as_stored(local, process).is_completed()


def test_who_is_not_resumed_in_time_begins_its_next_attempt_from_the_start():
    worker, runs = Worker(), []
    approval(worker, runs)

    with LocalTracker(worker) as local:
        process = started(local, a_step("approve", retries_permitted=1))
        local.run()
        local.advance(days=7)
        assert runs == [(False, None), (False, None)]

        local.service.resume_step(process, "approve", "yes")
        local.run()

        assert as_stored(local, process).step("approve").output == {"decided": "yes"}


def test_a_retry_of_a_resumed_run_is_resumed_with_the_same_data():
    worker, runs = Worker(), []

    @worker.step("approve")
    def approve(ctx: StepContext) -> None:
        runs.append((ctx.attempt, ctx.resume_data))
        if not ctx.is_resumed:
            ctx.suspend()
        if ctx.attempt == 1:
            raise ConnectionError

    with LocalTracker(worker) as local:
        process = started(local, a_step("approve", retries_permitted=1))
        local.run()
        local.service.resume_step(process, "approve", "yes")
        local.run()

        assert runs == [(1, None), (1, "yes"), (2, "yes")]
        assert as_stored(local, process).is_completed()


def test_no_except_in_the_function_keeps_a_suspension():
    worker = Worker()

    @worker.step("approve")
    def approve(ctx: StepContext) -> str:
        try:
            ctx.suspend()
        except Exception:
            return "kept"

    assert run(worker, a_step("approve")).step("approve").state is StepState.WAITING


# -- heartbeats ------------------------------------------------------------------------------


def test_a_heartbeat_moves_the_deadline():
    worker, deadlines = Worker(), []

    with LocalTracker(worker) as local:

        @worker.step("create_case")
        def create_case(ctx: StepContext) -> None:
            local.clock.advance(seconds=20)
            deadlines.extend([ctx.heartbeat(), ctx.deadline])

        started(local, a_step("create_case", timeout_ms=30_000))
        local.run()

        assert deadlines == [local.clock() + timedelta(seconds=30)] * 2


def over_by_cancelling(local: LocalTracker, process: Process) -> None:
    local.service.cancel_process(process)


def over_by_completing(local: LocalTracker, process: Process) -> None:
    local.service.complete_step(process, "create_case", "by hand")


def over_by_a_later_attempt(local: LocalTracker, process: Process) -> None:
    local.service.fail_step(process, "create_case", "by hand", retry_after_ms=0, attempt=1)


def over_by_a_suspension(local: LocalTracker, process: Process) -> None:
    local.service.suspend_step(process, "create_case")


def over_by_a_retry_to_come(local: LocalTracker, process: Process) -> None:
    local.service.fail_step(process, "create_case", "by hand", retry_after_ms=60_000, attempt=1)


@pytest.mark.parametrize(
    "end",
    [
        over_by_cancelling,
        over_by_completing,
        over_by_a_later_attempt,
        over_by_a_retry_to_come,
        over_by_a_suspension,
    ],
)
def test_a_heartbeat_tells_that_nobody_waits_any_more(end):
    worker, stopped = Worker(), []

    with LocalTracker(worker) as local:

        @worker.step("create_case")
        def create_case(ctx: StepContext) -> None:
            if ctx.attempt > 1:
                return
            end(local, process)
            before = as_stored(local, process)
            try:
                ctx.heartbeat()
            except AttemptOver as over:
                stopped.append((str(over), before))
                raise

        process = started(local, a_step("create_case", retries_permitted=1), a_step("other"))
        worker.handler({"detail": local.events[1]}, None)

        ((told, before),) = stopped
        assert told
        assert as_stored(local, process) == before, "an attempt that is over reported something"


# -- deliveries ------------------------------------------------------------------------------


def test_the_idempotency_key_stays_the_same_over_deliveries_and_resumptions_of_an_attempt():
    worker, keys = Worker(), []

    @worker.step("approve")
    def approve(ctx: StepContext) -> None:
        keys.append((ctx.attempt, ctx.idempotency_key))
        if not ctx.is_resumed:
            ctx.suspend(timeout=timedelta(hours=1))

    with LocalTracker(worker) as local:
        process = started(local, a_step("approve", retries_permitted=1))
        local.run()
        local.deliver_again()
        local.advance(hours=1)
        local.service.resume_step(process, "approve")
        local.run()

    start = f"tenant-1/{process.process_id}/approve"
    assert keys == [(1, f"{start}/1"), (1, f"{start}/1"), (2, f"{start}/2"), (2, f"{start}/2")]


def test_delivering_everything_twice_changes_nothing():
    worker, runs = Worker(), []
    approval(worker, runs)
    worker.step("create_case")(lambda ctx: f"c-{len(runs)}")

    with LocalTracker(worker) as local:
        process = started(local, a_step("create_case"), a_step("approve"))
        local.run()
        local.deliver_again()
        waiting = as_stored(local, process)
        assert waiting.step("approve").state is StepState.WAITING
        local.service.resume_step(process, "approve", "yes", resumption=1)
        local.run()
        ended = as_stored(local, process)
        assert ended.is_completed()

        local.deliver_again()

        assert as_stored(local, process) == ended


def test_a_report_that_comes_too_late_is_left_at_that():
    worker = Worker()

    with LocalTracker(worker) as local:

        @worker.step("create_case")
        def create_case(ctx: StepContext) -> str:
            local.service.cancel_process(process)
            return "made"

        process = started(local)
        local.run()

        assert as_stored(local, process).state is ProcessState.CANCELLED


def test_where_the_tracker_cannot_be_reached_the_event_is_delivered_again():
    class Unreachable:
        def complete_step(self, *args: object, **kwargs: object) -> Process:
            raise StoreUnavailable("away", may_have_happened=False)

    worker = Worker(Unreachable())
    handler = worker.step("create_case")(lambda ctx: None)

    with LocalTracker() as local:
        started(local)
        event = {"detail": local.events[1]}

    with pytest.raises(StoreUnavailable):
        handler(event, None)


def test_after_the_test_the_worker_reports_where_it_did_before():
    tracker = LocalTracker().service
    worker = Worker(tracker)

    with LocalTracker(worker) as local:
        assert worker.tracker() is local.service

    assert worker.tracker() is tracker
