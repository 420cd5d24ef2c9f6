"""What a sweep does with what is due."""

from __future__ import annotations

from datetime import timedelta

from tests.application.orders import SECOND, an_order, slow
from trellis_process import (
    ProcessState,
    StepState,
    Sweep,
    TimeoutCheckerService,
)
from trellis_process.testing import START, a_step

# -- what it does ----------------------------------------------------------------------------


def test_a_sweep_with_nothing_due_does_nothing(service, processes, checker, clock):
    process = an_order(service, slow(), auto_start_steps=True)
    processes.requests.clear()
    clock.advance(seconds=29, milliseconds=999)

    assert checker.check_for_timed_out_steps() == Sweep()
    assert processes.requests == []
    assert processes.stored(process) == process


def test_an_attempt_with_retries_left_is_followed_by_the_next(service, processes, checker, clock):
    process = an_order(service, slow(retries_permitted=1), auto_start_steps=True)
    late = clock.advance(seconds=31)

    sweep = checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert (stored.steps["pay"].attempt, stored.steps["pay"].due_at) == (2, late + 30 * SECOND)
    assert [event.type for event in stored.events] == ["ProcessStepTimedOut", "StepStarted"]
    assert sweep == Sweep(looked_at=1, timed_out=1, failed=0, lateness=SECOND)


def test_with_no_retry_left_the_step_fails_in_the_same_write(service, processes, checker, clock):
    process = an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    processes.requests.clear()

    sweep = checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert stored.has_failed()
    assert stored.version == 2
    assert [event.type for event in stored.events] == [
        "ProcessStepTimedOut",
        "StepFailed",
        "ProcessFailed",
    ]
    assert processes.requests == ["read", "write"]
    assert sweep == Sweep(looked_at=1, timed_out=1, failed=1, lateness=timedelta(0))


def test_a_process_past_its_own_deadline_fails(service, processes, telling, told, clock):
    process = an_order(service, slow(retries_permitted=9), timeout_ms=60_000, auto_start_steps=True)
    clock.advance(seconds=60)

    sweep = telling.check_for_timed_out_steps()

    assert (processes.stored(process).state, processes.stored(process).reason) == (
        ProcessState.FAILED,
        "timeout",
    )
    assert told == []
    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (1, 1, 1)


def test_a_sweep_after_a_long_pause_burns_no_attempts(service, processes, checker, clock):
    process = an_order(service, slow(retries_permitted=1), auto_start_steps=True)
    clock.advance(days=30)

    checker.check_for_timed_out_steps()
    checker.check_for_timed_out_steps()

    assert processes.stored(process).steps["pay"].attempt == 2


def test_an_early_wake_up_is_moved_forward_and_told_to_nobody(
    service, processes, telling, told, clock
):
    process = an_order(
        service, slow("quick", seconds=1), slow("slow", seconds=60), auto_start_steps=True
    )
    service.complete_step(process, "quick")
    clock.advance(seconds=1)

    sweep = telling.check_for_timed_out_steps()

    assert processes.stored(process).wake_up_at == START + 60 * SECOND
    assert processes.stored(process).events == ()
    assert told == []
    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (1, 0, 0)
    assert telling.check_for_timed_out_steps().looked_at == 0


def test_a_sweep_tells_its_numbers(service, checker, clock):
    an_order(service, slow(seconds=1), auto_start_steps=True)
    an_order(service, slow(seconds=2, retries_permitted=1), auto_start_steps=True)
    an_order(
        service,
        slow("pay", seconds=3, retries_permitted=1),
        slow("send", seconds=3, retries_permitted=1),
        auto_start_steps=True,
    )
    an_order(service, timeout_ms=4_000)
    early = an_order(
        service, slow("quick", seconds=5), slow("slow", seconds=60), auto_start_steps=True
    )
    service.complete_step(early, "quick")
    an_order(service, slow(seconds=60), auto_start_steps=True)
    clock.advance(seconds=10)

    sweep = checker.check_for_timed_out_steps()

    assert sweep == Sweep(
        looked_at=5, timed_out=5, failed=2, lateness=9 * SECOND, failures=[], is_complete=True
    )


def test_more_than_a_thousand_due_are_all_taken(service, checker, clock):
    for _ in range(1_001):
        an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)

    sweep = checker.check_for_timed_out_steps()

    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (1_001, 1_001, 1_001)
    assert checker.check_for_timed_out_steps().looked_at == 0


def test_every_tenants_processes_are_swept_apart(service, processes, checker, clock):
    ours = an_order(service, slow(), tenant_id="ours", auto_start_steps=True)
    theirs = an_order(service, slow(seconds=60), tenant_id="theirs", auto_start_steps=True)
    clock.advance(seconds=30)

    checker.check_for_timed_out_steps()

    assert processes.stored(ours).has_failed()
    assert processes.stored(theirs) == theirs


# -- time ------------------------------------------------------------------------------------


def test_the_longest_overdue_comes_first(service, telling, told, clock):
    by_delay = {
        seconds: an_order(service, slow(seconds=seconds), auto_start_steps=True).process_id
        for seconds in (5, 1, 9, 3, 7)
    }
    clock.advance(seconds=60)

    telling.check_for_timed_out_steps()

    assert [event.process_id for event in told] == [by_delay[n] for n in (1, 3, 5, 7, 9)]


def test_a_sweep_stops_in_time_and_leaves_the_rest_to_the_next(service, trackers, clock, told):
    for seconds in (4, 2, 3, 1):
        an_order(service, slow(seconds=seconds), auto_start_steps=True, aggregate_id=str(seconds))

    def takes_ten_seconds(event):
        told.append(event)
        clock.advance(seconds=10)

    checker = TimeoutCheckerService(trackers, takes_ten_seconds, clock=clock)
    now = clock.advance(seconds=60)

    sweep = checker.check_for_timed_out_steps(stop_at=now + 20 * SECOND)

    assert (sweep.looked_at, sweep.timed_out, sweep.is_complete) == (2, 2, False)
    rest = checker.check_for_timed_out_steps()
    assert (rest.looked_at, rest.timed_out, rest.is_complete) == (2, 2, True)
    found = [service.get_process(event.tenant_id, event.process_id) for event in told]
    assert [process.aggregate_id for process in found] == ["1", "2", "3", "4"]


def test_a_sweep_whose_time_is_up_already_looks_at_nothing(service, checker, clock):
    an_order(service, slow(), auto_start_steps=True)
    now = clock.advance(seconds=60)

    assert checker.check_for_timed_out_steps(stop_at=now) == Sweep(is_complete=False)


def test_a_sweep_with_nothing_due_is_complete_whatever_its_time(checker, clock):
    assert checker.check_for_timed_out_steps(stop_at=clock()).is_complete


# -- others at the same time -----------------------------------------------------------------


def test_two_sweeps_at_once_are_harmless(service, processes, trackers, checker, clock, told):
    process = an_order(service, slow(retries_permitted=3), auto_start_steps=True)

    def sweeps_as_well(event):
        told.append(event)
        checker.check_for_timed_out_steps()

    clock.advance(seconds=30)
    outer = TimeoutCheckerService(trackers, sweeps_as_well, clock=clock)

    sweep = outer.check_for_timed_out_steps()

    assert processes.stored(process).steps["pay"].attempt == 2
    assert len(told) == 1
    assert (sweep.timed_out, sweep.failures) == (0, [])


def test_a_sweep_that_loses_the_race_decides_anew(service, processes, checker, clock):
    process = an_order(service, slow(retries_permitted=3), a_step("send"), auto_start_steps=True)
    clock.advance(seconds=30)
    processes.meanwhile(lambda theirs: theirs.complete_step("send", now=clock()))

    sweep = checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert (stored.steps["pay"].attempt, stored.steps["send"].state) == (2, StepState.COMPLETED)
    assert (sweep.timed_out, sweep.failures) == (1, [])


def test_a_success_that_comes_before_the_sweep_saves_is_kept(service, processes, checker, clock):
    process = an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    processes.meanwhile(lambda theirs: theirs.complete_step("pay", "just in time", now=clock()))

    sweep = checker.check_for_timed_out_steps()

    assert processes.stored(process).is_completed()
    assert processes.stored(process).steps["pay"].output == "just in time"
    assert (sweep.timed_out, sweep.failed, sweep.failures) == (0, 0, [])


def test_a_heartbeat_that_comes_before_the_sweep_saves_is_kept(service, processes, checker, clock):
    process = an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    processes.meanwhile(lambda theirs: theirs.heartbeat("pay", now=clock()))

    sweep = checker.check_for_timed_out_steps()

    assert processes.stored(process).steps["pay"].state is StepState.IN_PROGRESS
    assert sweep.timed_out == 0


def test_an_attempt_that_began_meanwhile_is_not_timed_out_for_the_one_before(
    service, processes, checker, clock
):
    process = an_order(service, slow(retries_permitted=1), auto_start_steps=True)
    clock.advance(seconds=30)

    def fail_and_retry(theirs):
        theirs.fail_step("pay", "no", now=clock())
        theirs.start_step("pay", now=clock())

    processes.meanwhile(fail_and_retry)

    checker.check_for_timed_out_steps()

    stored = processes.stored(process)
    assert (stored.state, stored.steps["pay"].attempt) == (ProcessState.IN_PROGRESS, 2)


def test_a_wake_up_whose_process_is_gone_is_passed_over(service, processes, checker, clock):
    an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    processes.get = lambda key: None

    sweep = checker.check_for_timed_out_steps()

    assert (sweep.looked_at, sweep.timed_out, sweep.failures) == (1, 0, [])
