"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

#: When a ManualClock, and a process of the builders, begins unless told otherwise.
START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


class ManualClock:
    """A Clock for tests and demonstrations: call it for the time, move it by hand.

    Raises ValueError for a moment without a time zone.
    """

    def __init__(self, now: datetime = START) -> None:
        self._now = _with_zone(now)

    def __call__(self) -> datetime:
        """The time it shows."""
        return self._now

    def advance(
        self,
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        milliseconds: float = 0,
    ) -> datetime:
        """Moves on by so much and returns the time it shows then.

        Raises ValueError for less than nothing; to go back, ``set`` the clock.
        """
        step = timedelta(
            days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=milliseconds
        )
        if step < timedelta(0):
            raise ValueError(f"cannot advance by {step}; set the clock to go back")
        self._now += step
        return self._now

    def set(self, moment: datetime) -> datetime:
        """Shows this moment from now on, be it an earlier one."""
        self._now = _with_zone(moment)
        return self._now


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give one, such as datetime.UTC")
    return moment
