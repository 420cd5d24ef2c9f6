"""Spans that the calendar and the clock of a zone make longer or shorter."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from trellis_process.domain.calendar_span import (
    CALENDAR_SPAN_PATTERN,
    CalendarSpan,
    zone_of,
)
from trellis_process.errors import InvalidInput

ALLOWED = (
    "allowed are spans such as 30s, 90m, 3d, 2w, 1mo, 1y6mo, P1M or P1DT12H, of 1 s to 100 years"
)
LONDON = ZoneInfo("Europe/London")


def a_span(text: str) -> CalendarSpan:
    return CalendarSpan.of("after", text)


def ends(text: str, begin: str, zone: str = "Europe/London") -> str:
    """What the clock of a zone shows at the end of a span, when it showed that at its begin."""
    zone_info = ZoneInfo(zone)
    moment = datetime.fromisoformat(begin)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_info)
    end = a_span(text).after(moment, zone_info)
    assert end.tzinfo is UTC
    return end.astimezone(zone_info).isoformat(timespec="minutes")


# -- What is written -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", CalendarSpan(exact=timedelta(seconds=30))),
        ("90m", CalendarSpan(exact=timedelta(minutes=90))),
        ("1m", CalendarSpan(exact=timedelta(minutes=1))),
        ("1mo", CalendarSpan(months=1)),
        ("2y", CalendarSpan(months=24)),
        ("1y6mo", CalendarSpan(months=18)),
        ("3d", CalendarSpan(days=3)),
        ("2w", CalendarSpan(days=14)),
        ("1mo2d4h", CalendarSpan(1, 2, timedelta(hours=4))),
        ("1mo1m", CalendarSpan(months=1, exact=timedelta(minutes=1))),
        ("1y2mo3w4d5h6m7s", CalendarSpan(14, 25, timedelta(hours=5, minutes=6, seconds=7))),
        ("P1M", CalendarSpan(months=1)),
        ("PT1M", CalendarSpan(exact=timedelta(minutes=1))),
        ("P1Y2M3DT4H5M6S", CalendarSpan(14, 3, timedelta(hours=4, minutes=5, seconds=6))),
        ("P2W", CalendarSpan(days=14)),
        ("100y", CalendarSpan(months=1_200)),
        ("36524d", CalendarSpan(days=36_524)),
        ("3155695200s", CalendarSpan(exact=timedelta(seconds=3_155_695_200))),
    ],
)
def test_a_span_means_what_it_says(text, span):
    assert a_span(text) == span
    assert re.search(CALENDAR_SPAN_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1YT",
        "1.5h",
        "-1s",
        "1x",
        "1 d",
        "1d ",
        "1M",
        "1d1mo",
        "P1m",
        "1m1mo",
        "00000000001s",
        "\N{ARABIC-INDIC DIGIT ONE}d",
        "1d\n",
        "9" * 5000 + "s",
        30,
        None,
        ["1d"],
    ],
)
def test_what_is_no_span_is_refused_with_its_field_and_with_examples(text):
    with pytest.raises(InvalidInput) as refusal:
        CalendarSpan.of("after", text)

    assert str(refusal.value).startswith("after: got ")
    assert refusal.value.allowed == ALLOWED


@pytest.mark.parametrize(
    "text", ["0s", "P0D", "0y0mo", "100y1s", "1201mo", "36525d", "9999999999y"]
)
def test_nothing_at_all_and_more_than_a_hundred_years_are_refused(text):
    with pytest.raises(InvalidInput, match=f"^after: got '{text}'; allowed are"):
        a_span(text)


# -- The calendar --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("1mo", "2026-01-31T09:00", "2026-02-28T09:00+00:00"),
        ("1mo", "2028-01-31T09:00", "2028-02-29T09:00+00:00"),
        ("1mo", "2026-02-28T09:00", "2026-03-28T09:00+00:00"),
        ("2mo", "2025-12-31T09:00", "2026-02-28T09:00+00:00"),
        ("1y", "2028-02-29T09:00", "2029-02-28T09:00+00:00"),
        ("4y", "2028-02-29T09:00", "2032-02-29T09:00+00:00"),
        ("100y", "2000-02-29T09:00", "2100-02-28T09:00+00:00"),
        ("1mo1d", "2026-01-31T09:00", "2026-03-01T09:00+00:00"),
        ("P1Y11M", "2026-01-15T09:00", "2027-12-15T09:00+00:00"),
    ],
)
def test_a_month_without_that_day_ends_on_its_last(text, begin, end):
    assert ends(text, begin) == end


def test_years_and_months_are_counted_together_before_a_day_is_looked_for():
    assert ends("1y1mo", "2028-02-29T09:00") == "2029-03-29T09:00+01:00"


def test_an_end_after_the_last_year_there_is_overflows():
    for text in ("100y", "36524d", "3155695200s"):
        with pytest.raises(OverflowError):
            a_span(text).after(datetime(9950, 6, 1, tzinfo=UTC), LONDON)


# -- The clock -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("1d", "2027-03-27T12:00", "2027-03-28T12:00+01:00"),
        ("24h", "2027-03-27T12:00", "2027-03-28T13:00+01:00"),
        ("1d", "2027-10-30T12:00", "2027-10-31T12:00+00:00"),
        ("24h", "2027-10-30T12:00", "2027-10-31T11:00+00:00"),
        ("1w", "2027-03-25T09:00", "2027-04-01T09:00+01:00"),
        ("6mo", "2027-01-31T09:00", "2027-07-31T09:00+01:00"),
    ],
)
def test_days_are_as_long_as_the_clock_makes_them_and_hours_are_not(text, begin, end):
    assert ends(text, begin) == end


def test_the_exact_part_elapses_after_the_days_were_counted():
    assert ends("1d12h", "2027-03-27T00:30") == "2027-03-28T13:30+01:00"
    assert ends("1d1h", "2027-03-27T00:30") == "2027-03-28T02:30+01:00"


@pytest.mark.parametrize(
    ("begin", "zone", "end"),
    [
        ("2027-03-27T01:30", "Europe/London", "2027-03-28T02:30+01:00"),
        ("2027-03-13T02:00", "America/New_York", "2027-03-14T03:00-04:00"),
        ("2027-10-02T02:10", "Australia/Lord_Howe", "2027-10-03T02:40+11:00"),
        ("2018-11-03T00:00", "America/Sao_Paulo", "2018-11-04T01:00-02:00"),
        ("2011-12-29T10:00", "Pacific/Apia", "2011-12-31T10:00+14:00"),
    ],
)
def test_a_time_that_the_clock_leaves_out_is_as_much_later_as_it_was_put_forward(begin, zone, end):
    assert ends("1d", begin, zone) == end


def test_of_a_time_that_is_there_twice_the_first_is_the_end():
    assert ends("1d", "2027-10-30T01:30") == "2027-10-31T01:30+01:00"
    assert ends("1d", "2027-04-03T01:45", "Australia/Lord_Howe") == "2027-04-04T01:45+11:00"


def test_what_begins_in_the_second_of_two_ends_in_the_second_of_two():
    second = "2027-10-31T01:30+00:00"
    to_the_next = (datetime(2028, 10, 29) - datetime(2027, 10, 31)).days
    to_a_gap = (datetime(2028, 3, 26) - datetime(2027, 10, 31)).days

    assert ends(f"{to_the_next}d", second) == "2028-10-29T01:30+00:00"
    assert ends(f"{to_a_gap}d", second) == "2028-03-26T02:30+01:00"
    assert ends("1d", second) == "2027-11-01T01:30+00:00"
    assert ends("1h", second) == "2027-10-31T02:30+00:00"


def test_the_zone_counts_and_not_the_one_that_the_moment_is_written_in():
    written = datetime(2027, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=-5)))

    assert a_span("1mo").after(written, UTC) == datetime(2027, 3, 1, 4, 30, tzinfo=UTC)
    kolkata = zone_of("zone", "Asia/Kolkata")
    assert a_span("1mo").after(written, kolkata) == datetime(2027, 3, 1, 4, 30, tzinfo=UTC)


# -- Zones ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kolkata"]
)
def test_a_zone_is_found_by_its_name(name):
    assert zone_of("zone", name).key == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Europe/Londn", "Europe/London"),
        ("europe/london", "Europe/London"),
        ("Asia/Kolkatta", "Asia/Kolkata"),
        ("Europe/London ", "Europe/London"),
        ("right/Europe/London", "Europe/London"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_there_is(name, meant):
    with pytest.raises(InvalidInput) as refusal:
        zone_of("zone", name)

    assert str(refusal.value) == (
        f"zone: got {name!r}; allowed are names of the IANA time zones, such as Europe/London "
        f"or UTC; did you mean {meant!r}?"
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "../Europe/London",
        "Europe/../Europe/London",
        "/usr/share/zoneinfo/Europe/London",
        "/etc/passwd",
        "C:\\Windows",
        "Europe",
        "Europe/",
        "Europe/London\0",
        "\0",
        "tzdata.zi",
        "leapseconds",
        "localtime",
        "posixrules",
        "posix/UTC",
        "\udc80",
        "a" * 1_000_000,
        "a/" * 30 + "a",
        None,
        7,
    ],
)
def test_a_path_or_another_thing_that_is_no_name_is_refused(name):
    with pytest.raises(InvalidInput, match=r"^zone: got .*; allowed are names of the IANA"):
        zone_of("zone", name)


def test_where_the_machine_knows_no_zones_it_is_said_what_brings_them():
    program = """
import sys, zoneinfo
zoneinfo.reset_tzpath(to=())
sys.modules["tzdata"] = None
from trellis_process.domain.calendar_span import zone_of
zone_of("zone", "Europe/London")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    *_, said = done.stderr.splitlines()
    assert said == (
        "ModuleNotFoundError: a time zone needs tzdata, which is not installed: "
        "pip install 'trellis-process[definitions]'"
    )


def test_the_zones_of_the_package_tzdata_are_found_where_the_machine_has_none():
    program = """
import zoneinfo
zoneinfo.reset_tzpath(to=())
from trellis_process.domain.calendar_span import zone_of
from trellis_process.errors import InvalidInput
assert zone_of("zone", "Europe/London").key == "Europe/London"
for name in ("Europe", "leapseconds", "Europe/Londn"):
    try:
        zone_of("zone", name)
    except InvalidInput:
        print(name)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["Europe", "leapseconds", "Europe/Londn"]
