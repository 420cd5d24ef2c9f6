"""Several callers at one process: every race is settled, and no change is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application.orders import SECOND, an_order
from tests.application.stores import no_pause
from trellis_process import (
    InMemoryProcessRepository,
    ProcessKey,
    ProcessService,
    ProcessState,
    StepState,
)
from trellis_process.application import deciding
from trellis_process.errors import LostRace, ProcessFinished, StepFinished
from trellis_process.testing import START, a_step

PAY = a_step("pay", timeout_ms=1_000, retries_permitted=3)


def time_out(theirs):
    theirs.time_out(theirs.trackers(), now=START + SECOND)


def test_a_lost_race_decides_anew_on_the_process_as_it_is_by_then(service, processes):
    process = an_order(service, a_step("pay"), a_step("send"))
    processes.requests.clear()
    processes.meanwhile(lambda theirs: theirs.complete_step("send", now=START))

    service.complete_step(process, "pay")

    assert process.is_completed()
    assert process == processes.stored(process)
    assert process.version == 3


def test_a_lost_race_needs_no_second_read_by_the_service(service, processes):
    process = an_order(service, a_step("pay"), a_step("send"))
    processes.requests.clear()
    processes.meanwhile(lambda theirs: theirs.complete_step("send", now=START))

    service.complete_step(process, "pay")

    # The second read is the store's own: a refused write says what is stored.
    assert processes.requests == ["read", "write", "read", "write"]


def test_who_finds_it_done_after_a_lost_race_writes_nothing_more(service, processes):
    process = an_order(service, a_step("pay"), a_step("send"))
    processes.meanwhile(lambda theirs: theirs.complete_step("pay", "theirs", now=START))

    service.complete_step(process, "pay", "mine")

    assert process.version == 2
    assert process.steps["pay"].output == "theirs"


def test_who_finds_it_impossible_after_a_lost_race_is_refused(service, processes):
    process = an_order(service, a_step("pay"), a_step("send"))
    processes.meanwhile(lambda theirs: theirs.complete_step("pay", now=START))

    with pytest.raises(StepFinished) as refused:
        service.fail_step(process, "pay", "no")

    assert process == refused.value.process == processes.stored(process)


def test_a_success_that_loses_against_the_sweep_ends_the_retry(service, processes):
    process = an_order(service, PAY, auto_start_steps=True)
    processes.meanwhile(time_out)

    service.complete_step(process, "pay")

    assert process.is_completed()
    assert process.steps["pay"].attempt == 2


def test_an_unnamed_failure_never_counts_for_an_attempt_that_began_after_it_was_reported(
    service, processes
):
    process = an_order(service, PAY, auto_start_steps=True)
    processes.meanwhile(time_out)

    service.fail_step(process, "pay", "no")

    assert process.state is ProcessState.IN_PROGRESS
    assert (process.steps["pay"].state, process.steps["pay"].attempt) == (StepState.IN_PROGRESS, 2)
    assert process == processes.stored(process)


def test_an_unnamed_heartbeat_never_extends_an_attempt_that_began_after_it_was_sent(
    service, processes, clock
):
    process = an_order(service, PAY, auto_start_steps=True)
    processes.meanwhile(time_out)
    clock.advance(seconds=1.5)

    service.heartbeat(process, "pay")

    assert process.steps["pay"].attempt == 2
    assert process.steps["pay"].due_at == START + 2 * SECOND


def test_an_unnamed_start_begins_no_second_attempt_after_a_lost_race(service, processes):
    process = an_order(service, PAY)

    def start_and_fail(theirs):
        theirs.start_step("pay", now=START)
        theirs.fail_step("pay", "no", now=START)

    processes.meanwhile(start_and_fail)

    with pytest.raises(ProcessFinished):
        service.start_step(process, "pay")

    assert process.steps["pay"].attempt == 1
    assert process == processes.stored(process)


def test_a_retry_on_purpose_is_begun_once_when_two_ask_for_it(service, processes):
    process = an_order(service, PAY, auto_start_steps=True)
    service.fail_step(process, "pay", "no")
    processes.meanwhile(lambda theirs: theirs.start_step("pay", now=START))

    service.start_step(process, "pay")

    assert process.steps["pay"].attempt == 2


# -- bounds ----------------------------------------------------------------------------------


def beaten(times):
    """So many changes by somebody else, one before each save."""
    return [
        lambda theirs, n=n: theirs.complete_step(f"theirs-{n}", now=START) for n in range(times)
    ]


def test_the_last_try_may_still_win(service, processes):
    theirs = [a_step(f"theirs-{n}") for n in range(50)]
    process = an_order(service, a_step("pay"), *theirs)
    processes.meanwhile(*beaten(deciding.MAX_TRIES - 1))

    service.complete_step(process, "pay")

    assert process.steps["pay"].state is StepState.COMPLETED
    assert process.version == 1 + deciding.MAX_TRIES


def test_after_bounded_tries_the_race_is_lost_and_nothing_written(service, processes):
    theirs = [a_step(f"theirs-{n}") for n in range(50)]
    process = an_order(service, a_step("pay"), *theirs)
    processes.meanwhile(*beaten(deciding.MAX_TRIES))
    processes.requests.clear()

    with pytest.raises(LostRace, match="nothing was written, try again") as lost:
        service.complete_step(process, "pay")

    assert lost.value.may_have_happened is False
    assert processes.requests.count("write") == deciding.MAX_TRIES
    assert processes.stored(process).steps["pay"].state is StepState.PENDING


def test_after_a_lost_race_the_callers_object_shows_nothing_that_was_not_saved(service, processes):
    theirs = [a_step(f"theirs-{n}") for n in range(50)]
    process = an_order(service, a_step("pay"), *theirs)
    processes.meanwhile(*beaten(deciding.MAX_TRIES))

    with pytest.raises(LostRace):
        service.complete_step(process, "pay")

    assert process.steps["pay"].state is StepState.PENDING
    assert not process.has_changed


def test_after_a_lost_race_the_callers_object_is_as_stored(service, processes):
    theirs = [a_step(f"theirs-{n}") for n in range(50)]
    process = an_order(service, a_step("pay"), *theirs)
    processes.meanwhile(*beaten(deciding.MAX_TRIES))

    with pytest.raises(LostRace):
        service.complete_step(process, "pay")

    assert process == processes.stored(process)


def test_pauses_come_between_tries_and_are_bounded(processes, clock):
    pauses: list[float] = []
    service = ProcessService(processes, clock=clock, pause=pauses.append)
    theirs = [a_step(f"theirs-{n}") for n in range(50)]
    process = an_order(service, a_step("pay"), *theirs)
    service.complete_step(process, "theirs-49")
    assert pauses == []

    processes.meanwhile(*beaten(deciding.MAX_TRIES))
    with pytest.raises(LostRace):
        service.complete_step(process, "pay")

    assert len(pauses) == deciding.MAX_TRIES - 1
    assert all(0 <= pause <= deciding.LONGEST_PAUSE_SECONDS for pause in pauses)
    assert pauses[0] <= 2 * deciding.FIRST_PAUSE_SECONDS


# -- threads ---------------------------------------------------------------------------------


def test_sixteen_threads_on_one_process_lose_no_update(clock):
    processes = InMemoryProcessRepository()
    service = ProcessService(processes, clock=clock, pause=no_pause)
    names = [f"step-{n}" for n in range(64)]
    process = an_order(service, *map(a_step, names))

    def report(name: str) -> None:
        service.complete_step(process.key, name, name)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(report, names))

    stored = processes.get(process.key)
    assert stored is not None
    assert stored.is_completed()
    assert [step.output for step in stored.steps.values()] == names
    assert stored.version == 1 + len(names)


def test_sixteen_threads_that_report_the_same_change_make_one(clock):
    saved = []
    processes = InMemoryProcessRepository(on_saved=saved.append)
    service = ProcessService(processes, clock=clock, pause=no_pause)
    process = an_order(service, a_step("pay"), a_step("send"))

    with ThreadPoolExecutor(16) as pool:
        reports = [pool.submit(service.complete_step, process.key, "pay", n) for n in range(16)]
        outputs = {report.result().steps["pay"].output for report in reports}

    assert len(outputs) == 1
    assert [each.version for each in saved] == [1, 2]


def test_a_success_and_a_failure_at_once_leave_one_of_them(clock):
    for _ in range(20):
        processes = InMemoryProcessRepository()
        service = ProcessService(processes, clock=clock, pause=no_pause)
        key = ProcessKey("tenant-1", an_order(service).process_id)

        with ThreadPoolExecutor(2) as pool:
            success = pool.submit(service.complete_step, key, "pay")
            failure = pool.submit(service.fail_step, key, "pay", "no")
        refused = [each.exception() for each in (success, failure)]

        stored = processes.get(key)
        assert stored is not None
        assert stored.version == 2
        assert refused.count(None) == 1
        assert stored.is_completed() == (refused[0] is None)
