"""Spans in units of the calendar, such as ``1mo``, and the zones whose clocks count them."""

from __future__ import annotations

import re
from calendar import monthrange
from contextlib import suppress
from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo
from importlib import import_module
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from trellis_process.errors import InvalidInput
from trellis_process.extras import from_extra
from trellis_process.nearest import did_you_mean

_NUMBER = "([0-9]{1,10})"  # the seconds of 100 years have ten digits
_SHORT = "(?=[0-9])" + "".join(
    f"(?:{_NUMBER}{unit})?" for unit in ("y", "mo", "w", "d", "h", "m", "s")
)
_ISO = (
    f"P(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    f"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
CALENDAR_SPAN_PATTERN = f"^(?:{_SHORT}|{_ISO})$"
_SPAN = re.compile(CALENDAR_SPAN_PATTERN)
_UNITS = 7
_ALLOWED = (
    "allowed are spans such as 30s, 90m, 3d, 2w, 1mo, 1y6mo, P1M or P1DT12H, of 1 s to 100 years"
)
_DAY_SECONDS = 86_400
_MONTH_SECONDS = 2_629_746  # a twelfth of the mean year of the calendar
_LONGEST_SECONDS = 100 * 12 * _MONTH_SECONDS

_LONGEST_ZONE = 64  # twice as long as any name there is
# Some machines have their own clock among the zones, and all others again with leap seconds.
_ZONE = re.compile(r"(?!posix|right/|localtime$)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_KNOWN_EVERYWHERE = "Europe/London"
_ZONES_ALLOWED = "allowed are names of the IANA time zones, such as Europe/London or UTC"


class CalendarSpan(NamedTuple):
    """A span whose months and days are as long as the calendar and the clocks make them."""

    #: Those of its years among them.
    months: int = 0
    #: Those of its weeks among them.
    days: int = 0
    #: Hours, minutes and seconds.
    exact: timedelta = timedelta(0)

    @classmethod
    def of(cls, field: str, text: object) -> Self:
        """The span that text means: ``1mo``, ``1y6mo``, ``2w``, ``90m``, or ISO 8601 ``P1M``.

        In the short form ``m`` are minutes and ``mo`` months. Raises InvalidInput for what is
        none, for nothing at all, and for more than 100 years.
        """
        found = _SPAN.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidInput(field, text, _ALLOWED)
        numbers = [int(number or 0) for number in found.groups()]
        years, months, weeks, days, hours, minutes, seconds = (
            short or iso for short, iso in zip(numbers[:_UNITS], numbers[_UNITS:], strict=True)
        )
        months, days = 12 * years + months, 7 * weeks + days
        seconds += 60 * minutes + 3_600 * hours
        if not 0 < months * _MONTH_SECONDS + days * _DAY_SECONDS + seconds <= _LONGEST_SECONDS:
            raise InvalidInput(field, text, _ALLOWED)
        return cls(months, days, timedelta(seconds=seconds))

    def after(self, moment: datetime, zone: tzinfo) -> datetime:
        """The end of the span when it begins at an aware moment, in UTC.

        Months, then days, are counted on the clock of the zone, so that it shows the same time
        of day; a month without such a day ends on its last. Where the clock leaves that time out,
        it is as much later as the clock was put forward. Where it is there twice, it is the
        first one, unless the span begins in the second of two as well. The exact part is time
        that elapses after that. Raises OverflowError for an end after the year 9999.
        """
        local = moment.astimezone(zone)
        wall = _months_later(local.replace(tzinfo=None), self.months) + timedelta(days=self.days)
        # In a gap the first reading is the later one, of a repeated time the second.
        readings = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, local.fold))
        return max(reading.astimezone(UTC) for reading in readings) + self.exact


def zone_of(field: str, name: object) -> ZoneInfo:
    """The time zone that an IANA name such as ``Europe/London`` means.

    Raises InvalidInput for a name that there is not, and ModuleNotFoundError where the machine
    knows no zones, saying what brings them.
    """
    is_short = isinstance(name, str) and len(name) <= _LONGEST_ZONE
    if isinstance(name, str) and is_short and _ZONE.fullmatch(name):
        # A folder, such as Europe, is no zone either; Windows refuses to open one.
        with suppress(ZoneInfoNotFoundError, ValueError, IsADirectoryError, PermissionError):
            return ZoneInfo(name)
    known = available_timezones()
    if _KNOWN_EVERYWHERE not in known:
        with from_extra("definitions", "a time zone"):
            import_module("tzdata")
    hint = did_you_mean(name, known) if is_short else ""
    raise InvalidInput(field, name, _ZONES_ALLOWED + hint)


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = divmod(12 * wall.year + wall.month - 1 + months, 12)
    if year > MAXYEAR:
        raise OverflowError("there is no such year")
    _, last_day = monthrange(year, month + 1)
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last_day))
