"""A sweep that deals with several processes at the same time."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from tests.application.orders import SECOND, an_order, slow
from tests.application.stores import no_pause
from trellis_process import ProcessStepTimedOut, Sweep, TimeoutCheckerService
from trellis_process.errors import Throttled


def side_by_side(trackers, clock, on_timeout=None) -> TimeoutCheckerService:
    return TimeoutCheckerService(trackers, on_timeout, clock=clock, pause=no_pause, side_by_side=4)


@pytest.mark.parametrize("many", [1, 4, 100])
def test_everything_due_fires_once(service, processes, trackers, clock, many):
    orders = [
        an_order(service, slow(retries_permitted=1), auto_start_steps=True) for _ in range(many)
    ]
    clock.advance(seconds=31)
    checker = side_by_side(trackers, clock)

    assert checker.check_for_timed_out_steps() == Sweep(
        looked_at=many, timed_out=many, lateness=SECOND
    )
    assert {processes.stored(order).step("pay").attempt for order in orders} == {2}
    assert checker.check_for_timed_out_steps() == Sweep()


def test_it_deals_with_so_many_at_the_same_time(service, trackers, clock):
    for _ in range(8):
        an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    together = threading.Barrier(4)

    def meet(timed_out: ProcessStepTimedOut) -> None:
        together.wait(timeout=10)  # broken, and so raised, unless four are told at once

    sweep = side_by_side(trackers, clock, meet).check_for_timed_out_steps()

    assert (sweep.timed_out, sweep.failures) == (8, [])


def test_one_that_cannot_be_dealt_with_does_not_stop_the_others(service, trackers, clock):
    orders = [an_order(service, slow(), auto_start_steps=True) for _ in range(40)]
    clock.advance(seconds=30)

    def refuse_one(timed_out: ProcessStepTimedOut) -> None:
        if timed_out.process_id == orders[7].process_id:
            raise RuntimeError("no")

    sweep = side_by_side(trackers, clock, refuse_one).check_for_timed_out_steps()

    assert (sweep.looked_at, sweep.timed_out) == (40, 39)
    assert [failure.key for failure in sweep.failures] == [orders[7].key]


def test_what_was_read_before_the_index_failed_is_dealt_with(service, trackers, clock, monkeypatch):
    for _ in range(40):
        an_order(service, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    whole = trackers.due

    def breaks_off(now):
        yield from islice(whole(now), 30)
        raise Throttled("no more")

    monkeypatch.setattr(trackers, "due", breaks_off)

    sweep = side_by_side(trackers, clock).check_for_timed_out_steps()

    assert (sweep.looked_at, sweep.timed_out, sweep.is_complete) == (30, 30, False)
    assert [failure.key for failure in sweep.failures] == [None]


def test_it_looks_at_nothing_once_its_time_is_up(service, trackers, clock):
    for _ in range(100):
        an_order(service, slow(), auto_start_steps=True)
    now = clock.advance(seconds=30)
    told = []

    def time_passes(timed_out: ProcessStepTimedOut) -> None:
        told.append(timed_out)
        clock.set(now + 20 * SECOND)

    checker = side_by_side(trackers, clock, time_passes)
    sweep = checker.check_for_timed_out_steps(stop_at=now + 10 * SECOND)

    # As many as were begun before the first had ended.
    assert 1 <= sweep.looked_at == sweep.timed_out == len(told) <= 4
    assert not sweep.is_complete
    rest = side_by_side(trackers, clock).check_for_timed_out_steps()
    assert rest.timed_out == 100 - len(told)


def test_time_that_is_up_with_the_last_one_leaves_nothing(service, trackers, clock):
    an_order(service, slow(), auto_start_steps=True)
    now = clock.advance(seconds=30)
    checker = side_by_side(trackers, clock, lambda timed_out: clock.advance(seconds=60))

    sweep = checker.check_for_timed_out_steps(stop_at=now + 10 * SECOND)

    assert (sweep.timed_out, sweep.is_complete) == (1, True)
