"""When something comes again: in intervals, and as five fields say on the clock of a zone."""

from __future__ import annotations

import calendar
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis_process.definitions.recurrence import MACROS, Cron
from trellis_process.domain.recurrence import Interval, Recurrence, occurrences
from trellis_process.errors import InvalidInput

LONDON = ZoneInfo("Europe/London")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def a_cron(text: str, zone: str = "Europe/London") -> Cron:
    return Cron.of("schedule", text, ZoneInfo(zone))


def shown(text: str, day: str, zone: str = "Europe/London", *, days: int = 1) -> list[str]:
    """What the clock shows, with its distance from UTC, whenever it comes on these days."""
    zone_info = ZoneInfo(zone)
    begin = datetime.fromisoformat(day).replace(tzinfo=zone_info)
    end = begin + timedelta(days=days)
    # A moment before the day begins, so that its midnight is among them.
    begin, end = begin.astimezone(UTC) - MINUTE / 2, end.astimezone(UTC) - MINUTE / 2
    found = occurrences(a_cron(text, zone), begin, end, 2_000)
    return [each.astimezone(zone_info).isoformat(timespec="minutes")[5:] for each in found]


def first(text: str, after: str, zone: str = "Europe/London", *, count: int = 1) -> list[str]:
    """The first dates and times after a time, as the clock of the zone shows them."""
    zone_info = ZoneInfo(zone)
    begin = datetime.fromisoformat(after).replace(tzinfo=zone_info)
    found = occurrences(a_cron(text, zone), begin, datetime(9000, 1, 1, tzinfo=UTC), count)
    return [f"{each.astimezone(zone_info):%Y-%m-%d %H:%M}" for each in found]


def refusal(text: object, zone: tzinfo = LONDON) -> str:
    with pytest.raises(InvalidInput) as refused:
        Cron.of("schedule", text, zone)
    assert refused.value.field == "schedule"
    return str(refused.value)


# -- Intervals -----------------------------------------------------------------------------------

ANCHOR = datetime(2027, 3, 27, 12, tzinfo=LONDON)


def test_an_interval_comes_first_when_it_has_passed_once():
    every_day = Interval(DAY, ANCHOR)

    for moment in (ANCHOR - 10 * DAY, ANCHOR - DAY, ANCHOR, ANCHOR + MINUTE):
        assert every_day.next_after(moment) == datetime(2027, 3, 28, 12, tzinfo=UTC)


def test_an_interval_comes_strictly_after_the_moment_and_in_utc():
    every_90_minutes = Interval(90 * MINUTE, ANCHOR)
    third = ANCHOR.astimezone(UTC) + 270 * MINUTE

    assert every_90_minutes.next_after(third - timedelta.resolution) == third
    following = every_90_minutes.next_after(third)
    assert following == third + 90 * MINUTE
    assert following.tzinfo is UTC


def test_an_interval_counts_time_that_elapses_whatever_the_clock_shows():
    every_day = Interval(DAY, ANCHOR)
    moment = ANCHOR + 3 * DAY  # on the clock, which was put forward in between

    assert every_day.next_after(moment) == datetime(2027, 3, 30, 12, tzinfo=UTC)
    assert every_day.next_after(moment).astimezone(LONDON).hour == 13


def test_an_interval_ends_with_the_calendar():
    yearly = Interval(366 * DAY, ANCHOR)
    assert yearly.next_after(datetime(9999, 12, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("every", [timedelta(0), -DAY])
def test_an_interval_of_no_length_is_refused(every):
    with pytest.raises(InvalidInput, match=r"^every: got .*; allowed are spans longer than none$"):
        Interval(every, ANCHOR)


# -- Several times -------------------------------------------------------------------------------


def test_times_are_those_after_one_moment_and_up_to_another_the_oldest_first():
    hourly = Interval(60 * MINUTE, ANCHOR)
    begin = ANCHOR.astimezone(UTC)
    hours = [begin + n * timedelta(hours=1) for n in range(1, 5)]

    assert occurrences(hourly, hours[0], hours[3], 10) == hours[1:]
    assert occurrences(hourly, hours[0], hours[3] - timedelta.resolution, 10) == hours[1:3]
    assert occurrences(hourly, hours[0], hours[0], 10) == []


def test_no_more_times_are_looked_for_than_are_wanted():
    hourly = Interval(60 * MINUTE, ANCHOR)
    far = ANCHOR + 10_000 * DAY

    assert len(occurrences(hourly, ANCHOR, far, 3)) == 3
    assert occurrences(hourly, ANCHOR, far, 0) == []


def test_times_end_where_there_are_none_any_more():
    class Twice:
        def next_after(self, moment: datetime) -> datetime | None:
            return next((each for each in (ANCHOR, ANCHOR + DAY) if each > moment), None)

    twice: Recurrence = Twice()
    assert occurrences(twice, ANCHOR - DAY, ANCHOR + 9 * DAY, 10) == [ANCHOR, ANCHOR + DAY]


# -- The calendar --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after", "times"),
    [
        ("0 9 * * MON", "2027-01-01", ["2027-01-04 09:00", "2027-01-11 09:00"]),
        ("0 9 * * mon-fri", "2027-01-01 09:00", ["2027-01-04 09:00", "2027-01-05 09:00"]),
        ("0 9 * * 0", "2027-01-01", ["2027-01-03 09:00", "2027-01-10 09:00"]),
        ("0 9 * * 7", "2027-01-01", ["2027-01-03 09:00", "2027-01-10 09:00"]),
        ("5,10 8-10/2 * * *", "2027-01-01 08:10", ["2027-01-01 10:05", "2027-01-01 10:10"]),
        ("0 0 1 jan,Jul *", "2027-01-01", ["2027-07-01 00:00", "2028-01-01 00:00"]),
        ("59 23 31 12 *", "2027-12-31 23:59", ["2028-12-31 23:59"]),
        ("* * * * *", "2027-12-31 23:59", ["2028-01-01 00:00", "2028-01-01 00:01"]),
        ("0 0 31 * *", "2027-01-31", ["2027-03-31 00:00", "2027-05-31 00:00"]),
        ("0 0 L * *", "2027-01-31", ["2027-02-28 00:00", "2027-03-31 00:00"]),
        ("0 0 LW 1 *", "2026-12-31", ["2027-01-29 00:00"]),
        ("0 0 * * MON#2", "2027-01-01", ["2027-01-11 00:00", "2027-02-08 00:00"]),
        ("0 0 * * 5L", "2027-01-01", ["2027-01-29 00:00", "2027-02-26 00:00"]),
        ("0 0 29 2 *", "2027-01-01", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 29 2 *", "2096-03-01", ["2104-02-29 00:00"]),
        ("0 0 29 2 */7", "2088-03-01", ["2128-02-29 00:00"]),
    ],
)
def test_five_fields_mean_times_of_the_calendar(text, after, times):
    assert first(text, after, count=len(times)) == times


def test_a_day_fits_either_of_its_fields_but_both_where_one_begins_with_an_asterisk():
    either = ["2027-01-04 00:00", "2027-01-11 00:00", "2027-01-13 00:00", "2027-01-18 00:00"]
    assert first("0 0 13 * MON", "2027-01-01", count=4) == either
    both = ["2027-01-25 00:00", "2027-02-01 00:00"]
    assert first("0 0 */12 * MON", "2027-01-01", count=2) == both


@pytest.mark.parametrize(("word", "fields"), MACROS.items())
def test_a_word_stands_for_five_fields(word, fields):
    assert a_cron(word) == a_cron(fields)
    assert a_cron(f" {word.lower()} ") == a_cron(fields)


def test_the_same_fields_in_any_writing_are_equal():
    assert a_cron("0  9 * *\tmon ") == a_cron("0 9 * * MON")
    assert a_cron("0 9 * * MON") != a_cron("0 9 * * MON", "UTC")


# -- What is refused -----------------------------------------------------------------------------

SIGNS = "* for all, lists 1,2, ranges 1-5 from low to high, and steps */2"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("60 * * * *", "'60' is no minute; allowed are 0-59"),
        ("*/0 * * * *", "'*/0' is no minute; allowed are 0-59"),
        ("0 24 * * *", "'24' is no hour; allowed are 0-23"),
        ("0 22-2 * * *", "'22-2' is no hour; allowed are 0-23"),
        ("0 0 0 * *", "'0' is no day-of-month; allowed are 1-31"),
        ("0 0 ? * MON", "'?' is no day-of-month; allowed are 1-31"),
        ("0 0 1 13 *", "'13' is no month; allowed are 1-12 or JAN-DEC"),
        ("0 0 1 MON *", "'MON' is no month; allowed are 1-12 or JAN-DEC"),
        ("0 0 * * 8", "'8' is no day-of-week; allowed are 0-7 or SUN-SAT"),
        ("0 0 * * FRI-SUN", "'FRI-SUN' is no day-of-week; allowed are 0-7 or SUN-SAT"),
        ("0 0 * * MON#6", "'MON#6' is no day-of-week; allowed are 0-7 or SUN-SAT"),
        ("-1 25 * * *", "'-1' is no minute; allowed are 0-59"),
        ("1, * * * *", "'1,' is no minute; allowed are 0-59"),
        ("99 0 31 2 *", "'99' is no minute; allowed are 0-59"),
    ],
)
def test_a_field_that_cannot_be_read_is_named_with_what_it_may_hold(text, wrong):
    said = refusal(text)

    assert said.startswith(f"schedule: got {text!r}; {wrong}")
    assert said.endswith(SIGNS)


@pytest.mark.parametrize(
    "text", ["", "* * * *", "0 0 9 * * MON", "0 9 ? * MON 2027", "cron(0 9 ? * MON *)"]
)
def test_other_than_five_fields_are_refused_so_seconds_and_years_too(text):
    assert refusal(text) == (
        f"schedule: got {text!r}; allowed are five fields, minute hour day-of-month month "
        "day-of-week, such as 0 9 * * MON; seconds and years have none"
    )


@pytest.mark.parametrize("text", ["@reboot", "@", "@daily *", None, 5, ["*"], "ſun", "1" * 10_000])
def test_what_is_no_schedule_at_all_is_refused_with_what_is_one(text):
    assert refusal(text).endswith(
        "; allowed are five fields, minute hour day-of-month month day-of-week, such as "
        "0 9 * * MON, or @hourly, @daily, @weekly, @monthly, @yearly"
    )


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0 0 31 2 *", "UTC"),
        ("0 0 30,31 2 *", "Europe/London"),
        ("0 0 31 4,6,9,11 *", "UTC"),
        ("0 0 */31 * MON#2", "UTC"),
        # The last Sunday of March, always between the times of which the clock leaves out this.
        ("30 1 25-31 3 */7", "Europe/London"),
    ],
)
def test_what_never_comes_is_refused(text, zone):
    assert refusal(text, ZoneInfo(zone)) == (
        f"schedule: got {text!r}; no such time ever comes in {zone}; allowed are times that do"
    )


def test_a_day_that_no_month_has_is_no_matter_where_a_day_of_the_week_is_enough():
    assert first("0 0 31 2 MON", "2027-01-01") == ["2027-02-01 00:00"]


# -- Changed clocks ------------------------------------------------------------------------------


def test_a_time_of_day_is_the_same_on_both_sides_of_a_change():
    assert shown("0 9 * * MON", "2027-03-22", days=8) == ["03-22T09:00+00:00", "03-29T09:00+01:00"]
    assert shown("0 9 * * MON", "2027-10-25", days=8) == ["10-25T09:00+01:00", "11-01T09:00+00:00"]
    assert shown("0 9 * * *", "2027-03-28") == ["03-28T09:00+01:00"]


@pytest.mark.parametrize(
    ("text", "day", "zone"),
    [
        ("30 1 * * *", "2027-03-28", "Europe/London"),
        ("30 2 * * *", "2027-03-14", "America/New_York"),
        ("15 2 * * *", "2027-10-03", "Australia/Lord_Howe"),
        ("0 0 * * *", "2018-11-04", "America/Sao_Paulo"),
        ("0 0 * * *", "2027-04-30", "Africa/Cairo"),
        ("0 12 * * *", "2011-12-30", "Pacific/Apia"),
    ],
)
def test_a_time_that_the_clock_leaves_out_does_not_come_that_day(text, day, zone):
    minute, hour, *_ = text.split()
    days = [date.fromisoformat(day) + n * DAY for n in (-1, 1)]
    times = [f"{each} {hour:0>2}:{minute:0>2}" for each in days]

    assert first(text, f"{days[0] - DAY} 23:59", zone, count=2) == times


@pytest.mark.parametrize(
    ("text", "day", "zone", "time"),
    [
        ("30 1 * * *", "2027-10-31", "Europe/London", "10-31T01:30+01:00"),
        ("0 1 * * *", "2027-11-07", "America/New_York", "11-07T01:00-04:00"),
        ("45 1 * * *", "2027-04-04", "Australia/Lord_Howe", "04-04T01:45+11:00"),
        ("30 23 * * *", "2018-02-17", "America/Sao_Paulo", "02-17T23:30-02:00"),
        ("0 23 * * *", "2027-10-28", "Africa/Cairo", "10-28T23:00+03:00"),
        ("0 0 * * *", "2027-11-07", "America/Havana", "11-07T00:00-04:00"),
    ],
)
def test_a_time_that_the_clock_shows_twice_comes_the_first_time_only(text, day, zone, time):
    assert shown(text, day, zone) == [time]


def test_fixed_hours_come_once_each_even_if_they_are_all_hours():
    assert len(shown("0 0-23 * * *", "2027-10-31")) == 24
    assert len(shown("0 0-23 * * *", "2027-03-28")) == 23


@pytest.mark.parametrize(
    ("text", "day", "zone", "count"),
    [
        ("0 * * * *", "2027-03-28", "Europe/London", 23),
        ("0 * * * *", "2027-10-31", "Europe/London", 25),
        ("*/15 * * * *", "2027-03-28", "Europe/London", 92),
        ("*/15 * * * *", "2027-10-31", "Europe/London", 100),
        ("*/15 * * * *", "2027-03-14", "America/New_York", 92),
        ("*/15 * * * *", "2027-11-07", "America/New_York", 100),
        ("*/15 * * * *", "2027-10-03", "Australia/Lord_Howe", 94),
        ("*/15 * * * *", "2027-04-04", "Australia/Lord_Howe", 98),
        ("0 * * * *", "2027-10-03", "Australia/Lord_Howe", 23),
        ("0 * * * *", "2027-04-04", "Australia/Lord_Howe", 24),
        ("* * * * *", "2018-02-17", "America/Sao_Paulo", 1_500),
        ("*/15 * * * *", "2027-03-28", "Asia/Kolkata", 96),
    ],
)
def test_what_comes_every_so_often_comes_whenever_the_clock_shows_it(text, day, zone, count):
    found = shown(text, day, zone)

    assert len(found) == len(set(found)) == count


def test_in_a_repeated_hour_what_comes_every_so_often_comes_again():
    assert shown("*/30 1 * * *", "2027-10-31") == [
        "10-31T01:00+01:00",
        "10-31T01:30+01:00",
        "10-31T01:00+00:00",
        "10-31T01:30+00:00",
    ]
    assert shown("*/15 2 * * *", "2027-04-04", "Australia/Lord_Howe") == [
        "04-04T02:00+10:30",
        "04-04T02:15+10:30",
        "04-04T02:30+10:30",
        "04-04T02:45+10:30",
    ]


def test_a_time_that_is_asked_for_in_the_second_hour_is_past():
    cron = a_cron("30 1 * * *")
    second = datetime(2027, 10, 31, 1, 10, tzinfo=LONDON, fold=1)

    assert cron.next_after(second) == datetime(2027, 11, 1, 1, 30, tzinfo=UTC)
    assert cron.next_after(second - timedelta(hours=1)) == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_the_moment_may_be_written_in_any_zone_and_with_parts_of_a_second():
    cron = a_cron("0 9 * * *", "America/New_York")
    nine = datetime(2027, 6, 1, 13, tzinfo=UTC)
    kolkata = ZoneInfo("Asia/Kolkata")

    assert cron.next_after((nine - timedelta.resolution).astimezone(kolkata)) == nine
    assert cron.next_after(nine.astimezone(kolkata)) == nine + DAY
    assert cron.next_after(nine + timedelta.resolution) == nine + DAY
    assert cron.next_after(nine).tzinfo is UTC


def test_nothing_comes_after_the_calendar_ends():
    for text in ("0 0 1 1 *", "* * * * *"):
        cron = Cron.of("schedule", text, UTC)
        assert cron.next_after(datetime(9999, 12, 31, 23, 59, tzinfo=UTC)) is None


# -- Any five fields, minute by minute -----------------------------------------------------------

#: Days on which a clock is changed, or not.
CHANGES = [
    ("Europe/London", "2027-03-28"),
    ("Europe/London", "2027-10-31"),
    ("America/New_York", "2027-03-14"),
    ("America/New_York", "2027-11-07"),
    ("Australia/Lord_Howe", "2027-10-03"),
    ("Australia/Lord_Howe", "2027-04-04"),
    ("America/Sao_Paulo", "2018-11-04"),
    ("America/Sao_Paulo", "2018-02-17"),
    ("Africa/Cairo", "2027-04-30"),
    ("Africa/Cairo", "2027-10-28"),
    ("America/Havana", "2027-11-07"),
    ("Antarctica/Troll", "2027-10-31"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Kwajalein", "1969-09-30"),
    ("Asia/Kolkata", "2027-12-31"),
    ("Asia/Kolkata", "2028-02-29"),
]
WEEKDAYS = ("SUN", "Mon", "tue", "WED", "THU", "FRI", "sat")
MONTHS = tuple(name.lower() for name in calendar.month_abbr)

Text: TypeAlias = str
Days: TypeAlias = Callable[[date], bool]


@st.composite
def fields(
    draw: st.DrawFn,
    low: int,
    high: int,
    names: tuple[str, ...] = (),
    common: tuple[int, ...] = (),
) -> tuple[Text, set]:
    """A field as it is written, of ``common`` values if any, and all values that fit it."""
    everything = range(low, high + 1)
    if draw(st.booleans()):
        step = draw(st.sampled_from([1, 1, 2, 3, 5, 7]))
        return "*" if step == 1 else f"*/{step}", set(everything[::step])
    texts, values = [], set()
    for _ in range(draw(st.integers(1, 2))):
        begin, end = sorted([draw(st.sampled_from(common or everything)) for _ in range(2)])
        step = draw(st.sampled_from([1, 1, 2, 5]))
        text = "-".join(names[each] if names else str(each) for each in sorted({begin, end}))
        is_stepped = begin < end and step > 1
        texts.append(f"{text}/{step}" if is_stepped else text)
        values |= set(range(begin, end + 1, step))
    return ",".join(texts), values


days_of_month: st.SearchStrategy[tuple[Text, Days]] = st.one_of(
    fields(1, 31).map(lambda field: (field[0], lambda day: day.day in field[1])),
    st.just(("L", lambda day: (day + DAY).day == 1)),
)
days_of_week: st.SearchStrategy[tuple[Text, Days]] = st.one_of(
    fields(0, 6, WEEKDAYS).map(lambda field: (field[0], lambda day: weekday(day) in field[1])),
    st.tuples(st.integers(0, 6), st.integers(1, 5)).map(
        lambda nth: (
            f"{nth[0]}#{nth[1]}",
            lambda day: (weekday(day), (day.day + 6) // 7) == nth,
        )
    ),
    st.integers(0, 6).map(
        lambda last: (
            f"{last}L",
            lambda day: weekday(day) == last and (day + 7 * DAY).month != day.month,
        )
    ),
)


def weekday(day: date) -> int:
    return day.isoweekday() % 7


@cache
def clock(zone: str, day: str) -> list[tuple[datetime, datetime]]:
    """Each minute around a day, in UTC and as the clock of the zone shows it."""
    noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    minutes = [noon + n * MINUTE for n in range(-1_200, 1_200)]
    return [(each, each.astimezone(ZoneInfo(zone))) for each in minutes]


@settings(deadline=None, max_examples=100)
@given(
    change=st.sampled_from(CHANGES),
    begin=st.integers(0, 1_800),
    minute=fields(0, 59),
    hour=fields(0, 23, common=(0, 1, 2, 3, 23)),
    day=days_of_month,
    month=fields(1, 12, MONTHS, common=(2, 3, 4, 10, 11)),
    day_of_week=days_of_week,
)
def test_any_five_fields_come_when_a_clock_that_is_watched_shows_them(
    change, begin, minute, hour, day, month, day_of_week
):
    text = " ".join(field[0] for field in (minute, hour, day, month, day_of_week))
    every_so_often = minute[0].startswith("*") or hour[0].startswith("*")
    both_days = day[0].startswith("*") or day_of_week[0].startswith("*")
    fit_days = all if both_days else any
    begun, *watched = clock(*change)[begin:]
    expected = [
        moment
        for moment, shows in watched
        if shows.minute in minute[1]
        and shows.hour in hour[1]
        and shows.month in month[1]
        and fit_days((day[1](shows.date()), day_of_week[1](shows.date())))
        and (every_so_often or shows.fold == 0)
    ]
    try:
        cron = Cron.of("schedule", text, ZoneInfo(change[0]))
    except InvalidInput:
        assert not expected
        return

    found = occurrences(cron, begun[0], watched[-1][0], 10_000)

    assert found == expected
    assert all(earlier < later for earlier, later in pairwise(found))


# -- The library ---------------------------------------------------------------------------------


def test_the_library_is_loaded_for_those_only_who_read_what_it_reads():
    program = """
import sys
import trellis_process.definitions.catalog, trellis_process.definitions.reading
import trellis_process.domain.calendar_span, trellis_process.domain.recurrence
assert "cronsim" not in sys.modules
import trellis_process.definitions.recurrence
assert "cronsim" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_where_the_library_is_missing_it_is_said_what_brings_it():
    program = 'import sys; sys.modules["cronsim"] = None; '
    program += "import trellis_process.definitions.recurrence"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    *_, said = done.stderr.splitlines()
    assert said == (
        "ModuleNotFoundError: a schedule in the language of cron needs cronsim, which is not "
        "installed: pip install 'trellis-process[definitions]'"
    )
