"""Times of day again and again, as cron writes them; the library ``cronsim`` knows its calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Self

from trellis_process.errors import InvalidInput
from trellis_process.extras import from_extra

with from_extra("definitions", "a schedule in the language of cron"):
    from cronsim import CronSim, CronSimError

HORIZON_YEARS = 50  # the library looks no further; 29 February may be no Sunday for 40
MAX_CHARACTERS = 500  # all values of all fields written out are fewer

#: What each field may hold, in their order.
FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31, L for the last day and LW for the last from Monday to Friday",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 or SUN-SAT, where 0 and 7 are Sunday, MON#2 for the second Monday of a "
    "month and 1L for its last",
}
MACROS = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
}

_EXAMPLE = f"{' '.join(FIELDS)}, such as 0 9 * * MON"
_ALLOWED = f"allowed are five fields, {_EXAMPLE}, or {', '.join(MACROS).lower()}"
_SIGNS = "* for all, lists 1,2, ranges 1-5 from low to high, and steps */2"
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)  # not long ago: of clocks as they are changed now


@dataclass(frozen=True)
class Cron:
    """The times that five fields mean on the clock of a zone: ``0 9 * * MON``; ``of`` reads them.

    A day has to fit day-of-month or day-of-week where neither begins with ``*``, otherwise both.

    On a day on which the clock is changed, a time that it leaves out does not come, nor later
    instead. Of one that it shows twice the first comes, but both do where minute or hour begins
    with ``*``, for that means every so often. Debian's cron does the same, except that it makes
    up at once for what was left out; see its cron(8).
    """

    #: Five fields in capital letters.
    text: str
    zone: tzinfo

    @classmethod
    def of(cls, field: str, text: object, zone: tzinfo) -> Self:
        """Reads five fields, or one of the words for them such as ``@daily``, in any case.

        Raises InvalidInput, which says what is wrong with which of the five; also for fields
        that can each be read, but mean a time that never comes, such as 31 February.
        """
        if not isinstance(text, str) or not text.isascii() or len(text) > MAX_CHARACTERS:
            raise InvalidInput(field, text, _ALLOWED)
        capital = text.upper().strip()
        parts = MACROS.get(capital, capital).split()
        if capital.startswith("@") and capital not in MACROS:
            raise InvalidInput(field, text, _ALLOWED)
        if len(parts) != len(FIELDS):
            allowed = f"allowed are five fields, {_EXAMPLE}; seconds and years have none"
            raise InvalidInput(field, text, allowed)
        cron = cls(" ".join(parts), zone)
        try:
            if cron.next_after(_SOME_DAY) is not None:
                return cron
        except CronSimError as error:  # also where no month has such a day
            wrong = _wrong_field(parts)
            if wrong is not None:
                raise InvalidInput(field, text, wrong) from error
        allowed = f"no such time ever comes in {zone}; allowed are times that do"
        raise InvalidInput(field, text, allowed)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after an aware moment, in UTC; None where there is none in 50 years."""
        try:
            local = moment.astimezone(self.zone)
            wall = local.replace(tzinfo=None)
            # Where the clock will be put back, what it showed may come sooner than the rest.
            begins = {wall, wall - self._put_back(local)}
            found = (self._next_from(begin, moment) for begin in begins)
            return min((time for time in found if time is not None), default=None)
        except OverflowError:  # the calendar ends with the year 9999
            return None

    @property
    def _comes_twice(self) -> bool:
        minute, hour, *_ = self.text.split()
        return minute.startswith("*") or hour.startswith("*")

    def _put_back(self, local: datetime) -> timedelta:
        """By how much the clock is put back, where it shows this time twice; else nothing."""
        before, after = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
        assert before is not None
        assert after is not None
        return before - after

    def _next_from(self, begin: datetime, moment: datetime) -> datetime | None:
        """The time after ``moment`` that is soonest shown, of what a clock shows after ``begin``.

        The library is given times without a zone: its own account of changed clocks moves what
        they leave out, and is wrong where they change by half an hour.
        """
        for wall in CronSim(self.text, begin):
            if wall.year > begin.year + HORIZON_YEARS:
                return None
            for time in self._moments(wall):
                if time > moment:
                    return time
        return None

    def _moments(self, wall: datetime) -> Iterator[datetime]:
        """When the clock shows a time, as often as it counts; not at all where it is left out."""
        for fold in (0, 1) if self._comes_twice else (0,):
            time = wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
            if time.astimezone(self.zone).replace(tzinfo=None) == wall:
                yield time


def _wrong_field(parts: list[str]) -> str | None:
    """What is wrong with the first field that cannot be read by itself; None where all can."""
    for place, (name, values) in enumerate(FIELDS.items()):
        alone = ["*"] * len(FIELDS)
        alone[place] = parts[place]
        try:
            CronSim(" ".join(alone), _SOME_DAY)
        except CronSimError:
            return f"{parts[place]!r} is no {name}; allowed are {values}, {_SIGNS}"
    return None
