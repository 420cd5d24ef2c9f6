"""What is taken and what is refused, at the edge of each limit."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tests.domain.unchanged import is_refused_input
from trellis_process.domain import limits
from trellis_process.errors import InvalidInput, TooLarge

NAMES = ["a", "A", "0", "a" * 64, "a.b_c:d-e", "9.", "Referral:Notification.v2"]
NO_NAMES = [
    "",
    "a" * 65,
    " a",
    "a ",
    "a b",
    "-a",
    ".a",
    "_a",
    ":a",
    "a#b",
    "a/b",
    "a\n",
    "é",
    "a\x00",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_within_its_limits_is_taken(name):
    assert limits.check_name("tenant_id", name) == name


@pytest.mark.parametrize("name", [*NO_NAMES, None, 7, b"a", ["a"]])
def test_a_name_beyond_its_limits_is_refused(name):
    with is_refused_input("tenant_id", "", "1 to 64 of the characters A-Z a-z 0-9 . _ : -"):
        limits.check_name("tenant_id", name)


@pytest.mark.parametrize("text", ["a", "x" * 128, "世" * 128, "a b", "a#b/c", "🧾", "e\u0301", "-"])
def test_an_aggregate_id_is_any_printable_text(text):
    assert limits.check_aggregate_id("aggregate_id", text) == text


@pytest.mark.parametrize(
    "text",
    ["", "x" * 129, " a", "a ", "\u2003a", "a\n", "a\tb", "a\x00b", "a\x7fb", "\ud800", None, 7],
)
def test_an_aggregate_id_beyond_its_limits_is_refused(text):
    with is_refused_input("aggregate_id", "", "1 to 128 printable characters, without space at"):
        limits.check_aggregate_id("aggregate_id", text)


@pytest.mark.parametrize("text", ["a\x80b", "a\x85b", "a\x9fb"])
def test_control_characters_of_the_second_kind_are_not_printable_either(text):
    with is_refused_input("aggregate_id", "", "printable characters"):
        limits.check_aggregate_id("aggregate_id", text)


def test_an_aggregate_id_that_is_refused_is_shown():
    with is_refused_input("aggregate_id", "' ref-1'", "without space at either end"):
        limits.check_aggregate_id("aggregate_id", " ref-1")


def test_a_text_that_is_no_valid_unicode_is_refused():
    with is_refused_input("error", r"'\ud800'", "control characters, in valid Unicode"):
        limits.check_text("error", "\ud800", 99)


def test_a_text_is_taken_up_to_its_limit():
    assert limits.check_text("reason", "x" * 10, 10) == "x" * 10
    with is_refused_input("reason", "x" * 11, "at most 10 characters"):
        limits.check_text("reason", "x" * 11, 10)


def test_a_limit_counts_characters_not_bytes():
    assert limits.check_text("reason", "🧾" * 10, 10) == "🧾" * 10


def test_a_text_may_have_lines_and_tabs_but_no_other_control_characters():
    assert limits.check_text("error", "a\n\r\tb", 99) == "a\n\r\tb"
    for control in "\x00\x07\x08\x0b\x0c\x1b\x1f\x7f":
        with is_refused_input("error", repr(control)[1:-1], "without control characters"):
            limits.check_text("error", control, 99)


def test_an_optional_text_may_be_none():
    assert limits.check_optional_text("actor", None, 9) is None
    with is_refused_input("actor", "7", "allowed is text"):
        limits.check_optional_text("actor", 7, 9)


@pytest.mark.parametrize("number", [1, 2, 10])
def test_a_whole_number_within_its_limits_is_taken(number):
    assert limits.check_whole_number("limit", number, 1, 10) == number


@pytest.mark.parametrize("number", [0, 11, -1, 1.0, "1", None, True, False, Decimal(1)])
def test_a_number_beyond_its_limits_is_refused(number):
    with is_refused_input("limit", repr(number), "a whole number from 1 to 10"):
        limits.check_whole_number("limit", number, 1, 10)


def test_a_time_limit_is_from_a_millisecond_to_a_year():
    year = 366 * 24 * 3_600_000

    assert [limits.check_timeout_ms("timeout_ms", n) for n in (None, 1, year)] == [None, 1, year]
    for number in (0, year + 1):
        with is_refused_input("timeout_ms", str(number), f"from 1 to {year}"):
            limits.check_timeout_ms("timeout_ms", number)


def test_retries_are_from_none_to_a_thousand():
    from trellis_process import ProcessStep

    for number in (0, 1_000):
        assert ProcessStep(name="pay", retries_permitted=number).retries_permitted == number
    for number in (-1, 1_001, 1.0, True, None):
        with is_refused_input("retries_permitted", repr(number), "from 0 to 1000"):
            ProcessStep(name="pay", retries_permitted=number)


def test_a_moment_is_cut_to_the_millisecond_and_put_in_utc():
    there = datetime(2026, 1, 1, 1, 0, 0, 1_999, timezone(timedelta(hours=2)))

    assert limits.check_time("now", there) == datetime(2025, 12, 31, 23, 0, 0, 1_000, UTC)


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), date(2026, 1, 1), 0, "now", None])
def test_what_is_no_moment_is_refused(moment):
    with is_refused_input("now", "", "a datetime with a time zone"):
        limits.check_time("now", moment)


# -- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "a\x00b", [], {}, {"a": [{"": None}]}])
def test_json_is_taken_as_it_is(value):
    assert limits.check_json("output", value, 99) == value


def test_json_is_taken_as_a_copy():
    mine = {"a": [1, {"b": []}]}

    kept = limits.check_json("output", mine, 99)
    mine["a"][1]["b"].append(1)

    assert kept == {"a": [1, {"b": []}]}


def test_a_tuple_is_a_list_to_json():
    assert limits.check_json("output", (1, (2,)), 99) == [1, [2]]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [float("-inf")],
        {1, 2},
        b"bytes",
        Decimal("1.5"),
        datetime(2026, 1, 1),
        object(),
        "\ud800",
        {"\udfff": 1},
        {"a": {"b": 1j}},
    ],
)
def test_what_is_no_json_is_refused(value):
    with is_refused_input("output", "", "allowed is JSON ("):
        limits.check_json("output", value, 999)


@pytest.mark.parametrize("key", [1, None, True, 1.5, ("a",)])
def test_a_key_that_is_no_text_is_refused_rather_than_changed(key):
    with is_refused_input("output", repr(key), "allowed are strings as keys"):
        limits.check_json("output", [{"a": {key: 1}}], 999)


def test_the_size_of_json_counts_the_bytes_it_takes():
    assert limits.check_json("output", "é🧾", 8) == "é🧾"  # two, four, and two for the quotes
    with is_refused_input("output", "8 bytes of JSON", "allowed are 7", TooLarge) as _:
        limits.check_json("output", "é🧾", 7)


def test_what_is_too_large_says_what_to_do():
    with pytest.raises(TooLarge, match="store it elsewhere and pass a reference") as refused:
        limits.check_json("output", "x" * 99, 9)

    assert refused.value.code == "too_large"
    assert isinstance(refused.value, InvalidInput)


def nested(levels: int, value: object = 1) -> object:
    for _ in range(levels):
        value = [value] if levels % 2 else {"a": value}
    return value


@pytest.mark.parametrize("levels", [31, 32])
def test_json_is_taken_up_to_its_depth(levels):
    assert limits.check_json("output", nested(levels), 9_999) == nested(levels)


@pytest.mark.parametrize(
    "value", [nested(33), nested(34), nested(5_000), [nested(32)], nested(32, {})]
)
def test_json_beyond_its_depth_is_refused(value):
    with is_refused_input("output", "deeper nesting", "32 levels of nesting"):
        limits.check_json("output", value, 99_999)


def test_json_that_holds_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)

    with is_refused_input("output", "deeper nesting", "32 levels of nesting"):
        limits.check_json("output", endless, 99_999)


@pytest.mark.parametrize("number", [10**308 - 1, -(10**308 - 1)])
def test_an_integer_is_taken_up_to_its_digits(number):
    assert limits.check_json("output", number, 999) == number


@pytest.mark.parametrize(
    "number", [10**308, -(10**308), 10**5_000], ids=["big", "negative", "huge"]
)
def test_an_integer_beyond_its_digits_is_refused(number):
    with is_refused_input("output", "a longer integer", "integers of 308 digits"):
        limits.check_json("output", [number], 9_999)


def test_metadata_are_a_json_object():
    assert limits.check_metadata("metadata", None) == {}
    assert limits.check_metadata("metadata", {"a": 1}) == {"a": 1}
    for value in ([], "a", 1, [("a", 1)]):
        with is_refused_input("metadata", repr(value), "a JSON object"):
            limits.check_metadata("metadata", value)


def test_metadata_are_taken_up_to_sixteen_kilobytes():
    room = 16 * 1_024 - len('{"a":""}')

    assert len(limits.check_metadata("metadata", {"a": "x" * room})["a"]) == room
    with is_refused_input("metadata", "16385 bytes of JSON", "allowed are 16384", TooLarge):
        limits.check_metadata("metadata", {"a": "x" * (room + 1)})
