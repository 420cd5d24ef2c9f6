"""What the handler of timeouts is told, and what it may do."""

from __future__ import annotations

from tests.application.orders import SECOND, an_order, slow
from trellis_process import (
    ProcessState,
    ProcessStepTimedOut,
    StepState,
    TimeoutCheckerService,
)
from trellis_process.testing import START, a_step


def test_the_handler_is_told_of_each_timed_out_attempt(service, telling, told, clock):
    process = an_order(service, slow(retries_permitted=1), auto_start_steps=True)
    first = clock.advance(seconds=30)
    telling.check_for_timed_out_steps()
    second = clock.advance(seconds=30)
    telling.check_for_timed_out_steps()

    def timed_out(attempt, occurred_at):
        return ProcessStepTimedOut(
            tenant_id="tenant-1",
            process_id=process.process_id,
            occurred_at=occurred_at,
            step_name="pay",
            attempt=attempt,
            retries_permitted=1,
        )

    assert told == [timed_out(1, first), timed_out(2, second)]
    assert [event.retry_count for event in told] == [0, 1]
    assert [event.has_fully_timed_out() for event in told] == [False, True]


def test_the_handler_is_told_before_the_consequence_is_saved(service, processes, trackers, clock):
    process = an_order(service, slow(), auto_start_steps=True)
    seen = []
    checker = TimeoutCheckerService(
        trackers, lambda event: seen.append(processes.stored(process)), clock=clock
    )
    clock.advance(seconds=30)

    checker.check_for_timed_out_steps()

    assert [each.state for each in seen] == [ProcessState.IN_PROGRESS]


def test_the_handler_is_told_of_every_step_that_is_due(service, telling, told, clock):
    an_order(
        service,
        slow("pay", seconds=1),
        slow("send", seconds=2, retries_permitted=1),
        slow("file", seconds=90),
        auto_start_steps=True,
    )
    clock.advance(seconds=30)

    telling.check_for_timed_out_steps()

    assert [event.step_name for event in told] == ["pay", "send"]


def test_a_handler_may_fail_the_step_in_its_own_words(service, processes, trackers, clock):
    process = an_order(service, slow(retries_permitted=3), auto_start_steps=True)
    checker = TimeoutCheckerService(
        trackers,
        lambda event: service.fail_step(process, event.step_name, "given up"),
        clock=clock,
    )
    clock.advance(seconds=30)

    sweep = checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert (stored.steps["pay"].state, stored.steps["pay"].error) == (StepState.FAILED, "given up")
    assert stored.version == 2
    assert process == stored
    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (1, 0, 0)
    assert sweep.failures == []


def test_a_handler_may_complete_the_step(service, processes, trackers, clock):
    process = an_order(service, slow(retries_permitted=3), auto_start_steps=True)
    checker = TimeoutCheckerService(
        trackers, lambda event: service.complete_step(process, event.step_name), clock=clock
    )
    clock.advance(seconds=30)
    processes.requests.clear()

    checker.check_for_timed_out_steps()

    assert processes.stored(process).is_completed()
    # The sweep looks, the handler reports, the sweep looks again and leaves it at that.
    assert processes.requests == ["read", "read", "write", "read"]
    assert processes.stored(process).steps["pay"].attempt == 1


def test_a_handler_may_keep_the_attempt_alive(service, processes, trackers, clock):
    process = an_order(service, slow(retries_permitted=3), auto_start_steps=True)
    checker = TimeoutCheckerService(
        trackers, lambda event: service.heartbeat(process, event.step_name), clock=clock
    )
    clock.advance(seconds=30)

    checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert stored.steps["pay"].attempt == 1
    assert stored.wake_up_at == stored.steps["pay"].due_at == START + 60 * SECOND


def test_a_handler_may_report_on_another_step(service, processes, trackers, clock):
    process = an_order(service, slow(retries_permitted=1), a_step("send"), auto_start_steps=True)
    checker = TimeoutCheckerService(
        trackers, lambda event: service.complete_step(process, "send"), clock=clock
    )
    clock.advance(seconds=30)

    checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert (stored.steps["pay"].attempt, stored.steps["send"].state) == (2, StepState.COMPLETED)
