"""The clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trellis_process.testing import START, ManualClock


def test_it_stands_still_until_it_is_moved():
    clock = ManualClock()

    assert clock() == clock() == START


def test_it_may_begin_at_another_moment():
    moment = datetime(2030, 5, 1, tzinfo=UTC)

    assert ManualClock(moment)() == moment


@pytest.mark.parametrize(
    ("by", "later"),
    [
        ({"milliseconds": 1}, timedelta(milliseconds=1)),
        ({"seconds": 1.5}, timedelta(seconds=1, milliseconds=500)),
        ({"minutes": 2}, timedelta(minutes=2)),
        ({"hours": 3}, timedelta(hours=3)),
        ({"days": 4}, timedelta(days=4)),
        ({"days": 1, "hours": 2, "minutes": 3, "seconds": 4, "milliseconds": 5}, None),
        ({}, timedelta(0)),
        ({"minutes": 1, "seconds": -20}, timedelta(seconds=40)),
    ],
)
def test_it_moves_on_by_so_much_and_returns_the_time(by, later):
    clock = ManualClock()

    assert clock.advance(**by) == clock() == START + (later or timedelta(**by))


def test_it_does_not_go_back_by_advancing():
    clock = ManualClock()

    with pytest.raises(ValueError, match="set the clock to go back"):
        clock.advance(seconds=-1)

    assert clock() == START


@pytest.mark.parametrize("hours", [-5, 5])
def test_it_may_be_set_to_any_moment(hours):
    clock = ManualClock()
    moment = START + timedelta(hours=hours)

    assert clock.set(moment) == clock() == moment


def test_it_needs_a_time_zone():
    moment = datetime(2026, 1, 1)

    with pytest.raises(ValueError, match="has no time zone"):
        ManualClock(moment)
    with pytest.raises(ValueError, match="has no time zone"):
        ManualClock().set(moment)
