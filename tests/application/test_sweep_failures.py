"""What one sweep cannot deal with stops nothing else, is reported, and is found again."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application.orders import an_order, slow
from tests.application.stores import no_pause
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessService,
    StaleProcess,
    SweepFailure,
    TimeoutCheckerService,
)
from trellis_process.errors import LostRace, StoreUnavailable, Throttled
from trellis_process.testing import ManualClock


@pytest.fixture
def orders(service, clock):
    """Three processes that are due, the first being the longest overdue."""
    started = [an_order(service, slow(seconds=n), auto_start_steps=True) for n in (1, 2, 3)]
    clock.advance(seconds=60)
    return started


class Stubborn:
    """A handler that raises for one process as long as it is told to."""

    def __init__(self, process_id: str) -> None:
        self.process_id: str | None = process_id
        self.error = RuntimeError("the mail server is down")
        self.told: list[tuple[str, int]] = []

    def __call__(self, event) -> None:
        self.told.append((event.process_id, event.attempt))
        if event.process_id == self.process_id:
            raise self.error


def has_failed(processes, orders):
    return [processes.stored(order).has_failed() for order in orders]


# -- a handler -------------------------------------------------------------------------------


@pytest.mark.parametrize("stubborn", [0, 1, 2])
def test_a_handler_that_fails_stops_no_other(processes, trackers, clock, orders, stubborn):
    handler = Stubborn(orders[stubborn].process_id)
    checker = TimeoutCheckerService(trackers, handler, clock=clock)

    sweep = checker.check_for_timed_out_steps()

    assert has_failed(processes, orders) == [n != stubborn for n in range(3)]
    assert processes.stored(orders[stubborn]) == orders[stubborn]
    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (3, 2, 2)
    assert sweep.failures == [SweepFailure(orders[stubborn].key, handler.error, "pay")]


def test_what_a_handler_failed_on_is_told_again_by_the_next_sweep(
    processes, trackers, clock, orders
):
    handler = Stubborn(orders[0].process_id)
    checker = TimeoutCheckerService(trackers, handler, clock=clock)
    checker.check_for_timed_out_steps()
    checker.check_for_timed_out_steps()
    handler.process_id = None

    sweep = checker.check_for_timed_out_steps()

    assert handler.told.count((orders[0].process_id, 1)) == 3
    assert has_failed(processes, orders) == [True, True, True]
    assert (sweep.looked_at, sweep.failures) == (1, [])


def test_a_failed_handler_of_one_step_stops_no_other_step(service, processes, trackers, clock):
    process = an_order(
        service,
        slow("pay", seconds=1, retries_permitted=1),
        slow("send", seconds=1, retries_permitted=1),
        auto_start_steps=True,
    )
    told = []

    def fails_to_pay(event):
        told.append(event.step_name)
        if event.step_name == "pay" and told.count("pay") == 1:
            raise RuntimeError("no")

    checker = TimeoutCheckerService(trackers, fails_to_pay, clock=clock)
    clock.advance(seconds=1)

    sweep = checker.check_for_timed_out_steps()

    steps = processes.stored(process).steps
    assert [steps["pay"].attempt, steps["send"].attempt] == [1, 2]
    assert [failure.step_name for failure in sweep.failures] == ["pay"]
    checker.check_for_timed_out_steps()
    assert told == ["pay", "send", "pay"]
    assert processes.stored(process).steps["pay"].attempt == 2


def test_a_handler_may_be_refused_by_the_service(service, processes, trackers, clock, orders):
    checker = TimeoutCheckerService(
        trackers, lambda event: service.start_step(orders[0], "nothing"), clock=clock
    )

    sweep = checker.check_for_timed_out_steps()

    assert len(sweep.failures) == 3
    assert has_failed(processes, orders) == [False, False, False]


def test_a_handler_that_stops_the_program_stops_it(trackers, clock, orders):
    def stop(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TimeoutCheckerService(trackers, stop, clock=clock).check_for_timed_out_steps()


# -- the store -------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_save_that_fails_stops_no_other(processes, checker, orders, broken):
    error = StoreUnavailable("broken off", may_have_happened=True)

    def break_off(process):
        if process.process_id == orders[broken].process_id:
            raise error

    processes.before_save = break_off

    sweep = checker.check_for_timed_out_steps()

    assert has_failed(processes, orders) == [n != broken for n in range(3)]
    assert (sweep.looked_at, sweep.timed_out, sweep.failed) == (3, 2, 2)
    assert sweep.failures == [SweepFailure(orders[broken].key, error)]
    processes.before_save = lambda process: None
    assert checker.check_for_timed_out_steps().looked_at == 1
    assert has_failed(processes, orders) == [True, True, True]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_process_that_cannot_be_read_stops_no_other(processes, checker, orders, broken):
    error = ValueError("no process reads like this")
    get = processes.get

    def get_or_break(key):
        if key == orders[broken].key:
            raise error
        return get(key)

    processes.get = get_or_break

    sweep = checker.check_for_timed_out_steps()

    assert has_failed(processes, orders) == [n != broken for n in range(3)]
    assert sweep.failures == [SweepFailure(orders[broken].key, error)]
    processes.get = get
    assert checker.check_for_timed_out_steps().looked_at == 1


def test_a_race_lost_to_the_end_is_left_for_the_next_sweep(processes, checker, clock, orders):
    def always_first(process):
        if process.process_id == orders[1].process_id:
            raise StaleProcess(processes.stored(process))

    processes.before_save = always_first

    sweep = checker.check_for_timed_out_steps()

    assert [type(failure.error) for failure in sweep.failures] == [LostRace]
    assert has_failed(processes, orders) == [True, False, True]


def test_where_nothing_due_can_be_read_the_sweep_says_so(trackers, checker, clock, orders):
    def due(now):
        raise Throttled("slow down")
        yield

    trackers.due = due

    with pytest.raises(Throttled):
        checker.check_for_timed_out_steps()


def test_where_what_is_due_cannot_be_read_any_further_the_rest_is_left_and_that_reported(
    processes, trackers, checker, clock, orders
):
    error = Throttled("slow down")
    everything_due = trackers.due

    def due(now):
        yield next(everything_due(now))
        raise error

    trackers.due = due

    sweep = checker.check_for_timed_out_steps()

    assert has_failed(processes, orders) == [True, False, False]
    assert (sweep.looked_at, sweep.timed_out, sweep.is_complete) == (1, 1, False)
    assert sweep.failures == [SweepFailure(None, error)]
    trackers.due = everything_due
    assert checker.check_for_timed_out_steps().looked_at == 2


# -- the report ------------------------------------------------------------------------------


def test_each_failure_is_logged_with_its_process_step_and_cause(trackers, clock, orders, caplog):
    handler = Stubborn(orders[1].process_id)

    with caplog.at_level(logging.ERROR, logger="trellis_process"):
        TimeoutCheckerService(trackers, handler, clock=clock).check_for_timed_out_steps()

    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is handler.error
    assert (record.tenant_id, record.process_id) == ("tenant-1", orders[1].process_id)
    assert record.step_name == "pay"


def test_a_sweep_without_failures_logs_nothing(checker, orders, caplog):
    with caplog.at_level(logging.DEBUG, logger="trellis_process"):
        checker.check_for_timed_out_steps()

    assert caplog.records == []


# -- many at once ----------------------------------------------------------------------------


def test_many_sweeps_and_reports_at_once_end_each_process_once():
    clock = ManualClock()
    saved = []
    processes = InMemoryProcessRepository(on_saved=saved.append)
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(processes, trackers, clock=clock, pause=no_pause)
    orders = [
        an_order(service, slow(seconds=1, retries_permitted=1), auto_start_steps=True)
        for _ in range(40)
    ]
    clock.advance(seconds=1)
    told = []
    lock = threading.Lock()

    def keep(event):
        with lock:
            told.append((event.process_id, event.attempt))

    checker = TimeoutCheckerService(trackers, keep, clock=clock, pause=no_pause)
    with ThreadPoolExecutor(8) as pool:
        sweeps = [pool.submit(checker.check_for_timed_out_steps) for _ in range(4)]
        for order in orders[::2]:
            pool.submit(service.complete_step, order.key, "pay", attempt=1)
        failures = [failure for sweep in sweeps for failure in sweep.result().failures]

    assert failures == []
    assert {each for each in told if each[1] != 1} == set()
    for n, order in enumerate(orders):
        stored = processes.get(order.key)
        assert stored is not None
        assert stored.steps["pay"].attempt <= 2
        assert stored.is_completed() == (n % 2 == 0)
    timeouts = [
        event.process_id
        for process in saved
        for event in process.events
        if event.type == "ProcessStepTimedOut"
    ]
    assert len(timeouts) == len(set(timeouts)), "an attempt timed out twice"
    assert {order.process_id for order in orders[1::2]} <= set(timeouts)
