"""Steps that wait: what the service and the sweep do with them, also when two come at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application.orders import SECOND, an_order, slow
from tests.application.stores import no_pause
from trellis_process import (
    InMemoryProcessRepository,
    ProcessService,
    StepState,
    Sweep,
    TimeoutCheckerService,
    WaitingFor,
)
from trellis_process.errors import ProcessFinished, ResumptionUnknown, VersionMismatch
from trellis_process.testing import START, a_step


@pytest.fixture
def approval(service, processes):
    """A process whose step ``approve`` is under way, with one retry; it is at version 1."""
    process = an_order(service, slow("approve", retries_permitted=1), auto_start_steps=True)
    processes.requests.clear()
    return process


def events(process):
    return [event.type for event in process.events]


# -- suspend and resume ----------------------------------------------------------------------


@pytest.mark.parametrize("data", [{"approved": True}, {}, [], "", 0, False, None])
def test_a_suspended_step_goes_on_with_what_it_is_resumed_with(service, processes, approval, data):
    service.suspend_step(approval, "approve", timeout_ms=60_000)
    assert approval.step("approve").is_suspended
    assert processes.requests == ["read", "write"]
    processes.requests.clear()

    service.resume_step(approval, "approve", data)

    step = processes.stored(approval).step("approve")
    assert (step.state, step.attempt, step.resumption) == (StepState.IN_PROGRESS, 1, 1)
    assert (step.resume_data, type(step.resume_data)) == (data, type(data))
    assert processes.requests == ["read", "write"]


def test_an_early_resumption_is_kept_in_one_write_and_taken_in_another(
    service, processes, approval
):
    service.resume_step(approval, "approve", {})
    assert approval.step("approve").resumed_early
    assert approval.version == 2

    service.suspend_step(approval, "approve")

    assert approval.version == 3
    assert events(approval) == ["StepSuspended", "StepResumed"]
    assert processes.stored(approval).step("approve").resumption == 1


def test_a_suspension_or_a_resumption_may_expect_a_version(service, approval):
    with pytest.raises(VersionMismatch):
        service.suspend_step(approval, "approve", expected_version=7)
    service.suspend_step(approval, "approve", expected_version=1)

    with pytest.raises(VersionMismatch):
        service.resume_step(approval, "approve", expected_version=1)
    service.resume_step(approval, "approve", expected_version=2)
    assert approval.version == 3


def test_who_names_no_resumption_means_the_first_however_often_it_is_said(service, approval):
    service.suspend_step(approval, "approve")
    service.resume_step(approval, "approve", "first")
    service.suspend_step(approval, "approve")
    assert not approval.step("approve").is_suspended, "a repeat of the first suspension"
    service.suspend_step(approval, "approve", resumption=1)

    service.resume_step(approval, "approve", "again")

    assert approval.step("approve").is_suspended
    assert approval.step("approve").resume_data == "first"


# -- races -----------------------------------------------------------------------------------


def test_a_resumption_that_overtakes_the_suspension_is_not_lost(service, processes, approval):
    processes.meanwhile(lambda theirs: theirs.resume_step("approve", "yes", now=START))

    service.suspend_step(approval, "approve", attempt=1, resumption=0)

    step = processes.stored(approval).step("approve")
    assert (step.state, step.resumption, step.resume_data) == (StepState.IN_PROGRESS, 1, "yes")


def test_a_suspension_that_overtakes_the_resumption_is_ended_by_it(service, processes, approval):
    processes.meanwhile(lambda theirs: theirs.suspend_step("approve", now=START))

    service.resume_step(approval, "approve", "yes")

    step = processes.stored(approval).step("approve")
    assert (step.state, step.resumption, step.resume_data) == (StepState.IN_PROGRESS, 1, "yes")
    assert events(approval) == ["StepResumed"]


def test_of_two_that_resume_the_same_suspension_the_first_counts(service, processes, approval):
    service.suspend_step(approval, "approve")
    processes.meanwhile(lambda theirs: theirs.resume_step("approve", "theirs", now=START))

    service.resume_step(approval, "approve", "mine")

    step = processes.stored(approval).step("approve")
    assert (step.resumption, step.resume_data, step.resumed_early) == (1, "theirs", False)


def test_an_unnamed_suspension_never_counts_after_a_resumption_that_came_meanwhile(
    service, processes, approval
):
    def suspend_and_resume(theirs):
        theirs.suspend_step("approve", now=START)
        theirs.resume_step("approve", "yes", now=START)

    processes.meanwhile(suspend_and_resume)

    service.suspend_step(approval, "approve")

    assert processes.stored(approval).step("approve").state is StepState.IN_PROGRESS


def test_a_suspension_that_is_delivered_twice_does_not_undo_the_resumption(service, approval):
    said = {"attempt": 1, "resumption": 0}
    service.suspend_step(approval, "approve", **said)
    service.resume_step(approval, "approve", "yes", resumption=1)
    version = approval.version

    service.suspend_step(approval, "approve", **said)
    service.resume_step(approval, "approve", "yes", resumption=1)

    assert (approval.version, approval.step("approve").state) == (version, StepState.IN_PROGRESS)


def test_a_resumption_that_loses_against_the_sweep_is_kept_for_the_next_attempt(
    service, processes, approval
):
    service.suspend_step(approval, "approve", timeout_ms=1_000)
    processes.meanwhile(lambda theirs: theirs.time_out(theirs.trackers(), now=START + SECOND))

    service.resume_step(approval, "approve", "yes")

    step = processes.stored(approval).step("approve")
    assert (step.attempt, step.resumed_early, step.resume_data) == (2, True, "yes")
    service.suspend_step(approval, "approve", attempt=2, resumption=0)
    assert approval.step("approve").state is StepState.IN_PROGRESS


def test_a_resumption_that_finds_its_step_failed_is_refused_and_not_dropped(
    service, checker, clock
):
    process = an_order(service, a_step("approve"), auto_start_steps=True)
    service.suspend_step(process, "approve", timeout_ms=1_000)
    clock.advance(seconds=1)
    checker.check_for_timed_out_steps()

    with pytest.raises(ProcessFinished, match="'approve', which is failed"):
        service.resume_step(process, "approve", "yes")


def test_the_second_of_two_early_answers_is_refused_where_they_are_named(service, approval):
    service.resume_step(approval, "approve", "first", resumption=1)

    with pytest.raises(ResumptionUnknown):
        service.resume_step(approval, "approve", "second", resumption=2)


def test_suspensions_and_resumptions_of_many_threads_lose_no_resumption(clock):
    processes = InMemoryProcessRepository()
    service = ProcessService(processes, clock=clock, pause=no_pause)
    key = an_order(service, a_step("approve"), auto_start_steps=True).key

    for n in range(1, 9):
        with ThreadPoolExecutor(16) as pool:
            suspensions = [
                pool.submit(service.suspend_step, key, "approve", attempt=1, resumption=n - 1)
                for _ in range(8)
            ]
            resumptions = [
                pool.submit(service.resume_step, key, "approve", n, resumption=n) for _ in range(8)
            ]
        for each in suspensions + resumptions:
            each.result()

        stored = processes.get(key)
        assert stored is not None
        step = stored.step("approve")
        assert (step.state, step.resumption, step.resume_data) == (StepState.IN_PROGRESS, n, n)
        assert not step.resumed_early


def test_a_failure_to_be_tried_again_is_harmless_when_it_is_repeated(service, approval):
    for _ in range(3):
        service.fail_step(approval, "approve", "no route", attempt=1, retry_after_ms=0)

    assert (approval.step("approve").attempt, approval.version) == (2, 2)


def test_an_unnamed_failure_to_be_tried_again_spares_the_attempt_after_its_own(
    service, processes, approval
):
    processes.meanwhile(lambda theirs: theirs.time_out(theirs.trackers(), now=START + 30 * SECOND))

    service.fail_step(approval, "approve", "no route", retry_after_ms=5_000, attempt=1)

    step = processes.stored(approval).step("approve")
    assert (step.state, step.attempt) == (StepState.IN_PROGRESS, 2)


def test_an_attempt_begins_once_when_a_start_and_the_sweep_end_its_backoff(
    service, processes, approval
):
    service.fail_step(approval, "approve", "no route", retry_after_ms=5_000, attempt=1)
    processes.meanwhile(lambda theirs: theirs.time_out(theirs.trackers(), now=START + 5 * SECOND))

    service.start_step(approval, "approve")

    assert processes.stored(approval).step("approve").attempt == 2


# -- the sweep -------------------------------------------------------------------------------


def test_a_due_backoff_begins_its_attempt_and_is_counted_as_retried(
    service, processes, checker, approval, clock
):
    service.fail_step(approval, "approve", "no route", retry_after_ms=60_000, attempt=1)
    clock.advance(seconds=59)
    assert checker.check_for_timed_out_steps().retried == 0
    late = clock.advance(seconds=3)
    processes.requests.clear()

    sweep = checker.check_for_timed_out_steps()

    stored = processes.stored(approval)
    step = stored.step("approve")
    assert sweep == Sweep(looked_at=1, timed_out=0, retried=1, failed=0, lateness=2 * SECOND)
    assert (step.state, step.attempt, step.waits_for) == (StepState.IN_PROGRESS, 2, None)
    assert step.due_at == late + 30 * SECOND
    assert events(stored) == ["StepStarted"]
    assert processes.requests == ["read", "write"]


def test_the_end_of_a_backoff_is_told_to_no_handler_of_timeouts(
    service, processes, telling, told, approval, clock
):
    service.fail_step(approval, "approve", "no route", retry_after_ms=1_000, attempt=1)
    clock.advance(seconds=1)

    assert telling.check_for_timed_out_steps().retried == 1

    assert told == []
    assert processes.stored(approval).step("approve").attempt == 2


def test_a_handler_that_fails_holds_up_no_backoff_beside_its_step(
    service, processes, trackers, clock
):
    def broken(event):
        raise RuntimeError("down")

    process = an_order(
        service, slow("pay", seconds=1), a_step("send", retries_permitted=1), auto_start_steps=True
    )
    service.fail_step(process, "send", "no van", retry_after_ms=1_000, attempt=1)
    clock.advance(seconds=1)

    sweep = TimeoutCheckerService(trackers, broken, clock=clock).check_for_timed_out_steps()

    assert (sweep.retried, sweep.timed_out, len(sweep.failures)) == (1, 0, 1)
    assert processes.stored(process).step("send").attempt == 2


def test_a_wait_that_ran_out_counts_as_timed_out_and_the_handler_is_told(
    service, processes, telling, told, approval, clock
):
    service.suspend_step(approval, "approve", timeout_ms=60_000)
    clock.advance(seconds=60)

    sweep = telling.check_for_timed_out_steps()

    assert (sweep.timed_out, sweep.retried, sweep.failed) == (1, 0, 0)
    assert [(event.step_name, event.attempt) for event in told] == [("approve", 1)]
    stored = processes.stored(approval)
    assert stored.step("approve").attempt == 2
    assert events(stored) == ["ProcessStepTimedOut", "StepStarted"]


def test_a_handler_may_resume_a_step_that_nobody_did(service, processes, trackers, approval, clock):
    service.suspend_step(approval, "approve", timeout_ms=60_000)
    checker = TimeoutCheckerService(
        trackers, lambda event: service.resume_step(approval, event.step_name, None), clock=clock
    )
    clock.advance(seconds=60)

    sweep = checker.check_for_timed_out_steps()

    step = processes.stored(approval).step("approve")
    assert (step.state, step.attempt, step.resumption) == (StepState.IN_PROGRESS, 1, 1)
    assert sweep.timed_out == 0


def test_a_wait_without_a_limit_is_looked_at_by_no_sweep(
    service, processes, checker, approval, clock
):
    service.suspend_step(approval, "approve")
    clock.advance(days=365)
    checker.check_for_timed_out_steps()  # takes the wake-up of the attempt away

    assert checker.check_for_timed_out_steps() == Sweep()
    assert processes.stored(approval).step("approve").waits_for is WaitingFor.RESUMPTION


def test_a_sweep_after_a_long_pause_ends_a_backoff_and_burns_no_attempt(
    service, processes, checker, approval, clock
):
    service.fail_step(approval, "approve", "no route", retry_after_ms=1_000, attempt=1)
    clock.advance(days=30)

    for _ in range(3):
        checker.check_for_timed_out_steps()

    assert processes.stored(approval).step("approve").attempt == 2
