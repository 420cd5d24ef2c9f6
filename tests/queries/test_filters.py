"""Which rows pass a filter: nulls, kinds that differ, numbers, moments, text and lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from trellis_process.queries import QueryError

from .asking import a_query, answered


def passing(values: list[Any], comparison: str, value: Any) -> list[Any]:
    """The values that pass, each in a row of its own."""
    name = f"x{comparison and '__'}{comparison}"
    return [row["x"] for row in answered([{"x": each} for each in values], **{name: value})]


@pytest.mark.parametrize(
    ("comparison", "passed"),
    [
        ("", [2]),
        ("ne", [1, 3]),
        ("gt", [3]),
        ("gte", [2, 3]),
        ("lt", [1]),
        ("lte", [1, 2]),
    ],
)
def test_numbers_are_compared_with_a_number(comparison: str, passed: list[int]) -> None:
    assert passing([1, 2, 3], comparison, 2) == passed


@pytest.mark.parametrize(
    ("comparison", "passed"),
    [("", ["b"]), ("ne", ["a", "ba"]), ("gt", ["ba"]), ("lte", ["a", "b"])],
)
def test_texts_are_compared_by_their_characters(comparison: str, passed: list[str]) -> None:
    assert passing(["a", "b", "ba"], comparison, "b") == passed


def test_a_value_is_one_of_a_list_or_it_is_not() -> None:
    assert passing(["a", "b", "c"], "in", ["a", "c"]) == ["a", "c"]
    assert passing(["a", "b", "c"], "not_in", ["a", "c"]) == ["b"]


def test_nothing_is_in_an_empty_list() -> None:
    assert passing(["a", 1, None], "in", []) == []
    assert passing(["a", 1, None], "not_in", []) == ["a", 1, None]


def test_a_number_is_what_it_is_written_as() -> None:
    rows = [{"x": 1.1}, {"x": Decimal("1.1")}, {"x": Decimal("1.10")}, {"x": 1.2}]

    assert len(answered(rows, x=1.1)) == len(answered(rows, x__in=[1.1])) == 3
    assert answered(rows, x__gt=1.1) == [{"x": 1.2}]


def test_a_whole_number_is_compared_exactly_however_long_it_is() -> None:
    assert passing([2**63, 2**63 + 1], "gt", 2**63) == [2**63 + 1]
    assert passing([Decimal(3), 3.0, 3], "", 3) == [3, 3.0, 3]


@pytest.mark.parametrize("comparison", ["gt", "gte", "lt", "lte", "contains", "icontains"])
def test_what_is_null_or_missing_passes_no_comparison_with_something(comparison: str) -> None:
    value = "c" if comparison.startswith("lt") else "b"

    assert answered([{"x": None}, {}, {"x": "bb"}], **{f"x__{comparison}": value}) == [{"x": "bb"}]


def test_null_is_what_is_missing_and_nothing_else() -> None:
    rows = [{"n": 1, "x": None}, {"n": 2}, {"n": 3, "x": 0}, {"n": 4, "x": ""}, {"n": 5, "x": []}]

    def found(**asked: Any) -> list[int]:
        return [row["n"] for row in answered(rows, **asked)]

    assert found(x__isnull=True) == found(x=None) == found(x__in=[None]) == [1, 2]
    assert found(x__isnull=False) == found(x__ne=None) == found(x__not_in=[None]) == [3, 4, 5]


def test_ne_and_not_in_are_the_opposites_so_what_is_null_passes() -> None:
    assert passing([None, "a", "b"], "ne", "a") == [None, "b"]
    assert passing([None, "a", "b"], "not_in", ["a"]) == [None, "b"]
    assert passing([None, "a", "b"], "in", ["a", None]) == [None, "a"]
    assert passing([None, "a", "b"], "not_in", ["a", None]) == ["b"]


def test_true_is_no_number() -> None:
    assert passing([True, False], "", True) == [True]
    with pytest.raises(QueryError, match="a row has a number in 'x', which is not compared with"):
        passing([1], "", True)


@pytest.mark.parametrize(
    ("value", "comparison", "asked", "why"),
    [
        ("17", "", 17, "a row has text in 'x', which is not compared with a number"),
        (17, "ne", "17", "a row has a number in 'x', which is not compared with text"),
        ("17", "gt", 17, "a row has text in 'x', which is not compared with a number"),
        (True, "gt", 0, "a row has true or false in 'x', which is not compared with a number"),
        ([1], "", 1, "a row has a list in 'x'"),
        ({"y": 1}, "", 1, "a row has an object in 'x'"),
        (1.5, "in", ["a", True], "not compared with text or true or false"),
        (17, "contains", 1, "a row has a number in 'x'; only text and lists contain something"),
        ("a17", "contains", 17, "a row has text in 'x', which contains nothing but text"),
        (float("nan"), "gt", 1, "a row has the number nan"),
        (datetime(2026, 3, 1), "gt", "2026", "a row has a datetime without a time zone"),
        (b"abc", "", "abc", "a row has a bytes"),
    ],
)
def test_a_comparison_without_sense_fails_for_good_and_says_why(
    value: Any, comparison: str, asked: Any, why: str
) -> None:
    with pytest.raises(QueryError, match=why) as failed:
        passing([value], comparison, asked)
    assert failed.value.code == "query_error"


def test_a_row_that_another_filter_leaves_out_is_not_judged() -> None:
    rows = [{"kind": "old", "age": "unknown"}, {"kind": "new", "age": 3}]

    assert answered(rows, age__gt=1, kind="new") == [rows[1]]
    assert answered(rows, kind="new", age__gt=1) == [rows[1]]
    with pytest.raises(QueryError, match=r"filters\.age__gt"):
        answered(rows, age__gt=1)


def test_text_contains_a_part_of_it_and_a_list_one_of_its_items() -> None:
    assert passing(["Maria", "maria", "Ida"], "contains", "ar") == ["Maria", "maria"]
    assert passing(["Maria", "maria", "Ida"], "contains", "M") == ["Maria"]
    assert passing([["a", "b"], ["ab"], []], "contains", "a") == [["a", "b"]]
    assert passing([[1, "1"], ["1"], [1.0]], "contains", 1) == [[1, "1"], [1.0]]
    assert passing([[True], [1]], "contains", True) == [[True]]


def test_icontains_looks_at_no_capitals() -> None:
    assert passing(["Maria", "STRASSE"], "icontains", "straße") == ["STRASSE"]
    assert passing([["Straße"], ["STRASSEN"]], "icontains", "strasse") == [["Straße"]]


def test_a_moment_is_text_as_trellis_writes_it() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    east = noon.astimezone(timezone(timedelta(hours=5)))

    assert passing([noon, east, noon + timedelta(days=1)], "lte", "2026-03-01T12:00:00.000Z") == [
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:00:00.000Z",
    ]
    assert passing([date(2026, 3, 1), date(2026, 4, 1)], "lt", "2026-03-15") == ["2026-03-01"]


def test_a_dot_leads_into_an_object() -> None:
    rows = [
        {"n": 1, "customer": {"address": {"city": "Graz"}}},
        {"n": 2, "customer": MappingProxyType({"address": {"city": "Linz"}})},
        {"n": 3, "customer": "Graz"},
        {"n": 4},
    ]

    assert [row["n"] for row in answered(rows, **{"customer.address.city": "Graz"})] == [1]
    missing = answered(rows, **{"customer.address.city__isnull": True})
    assert [row["n"] for row in missing] == [3, 4]


def test_rows_become_json() -> None:
    row: Mapping[str, Any] = {
        "whole": Decimal("12.00"),
        "part": Decimal("0.1"),
        "id": UUID(int=7),
        "list": (1, Decimal("2")),
        "inside": MappingProxyType({"at": date(2026, 3, 1)}),
    }

    assert answered([row]) == [
        {
            "whole": 12,
            "part": 0.1,
            "id": "00000000-0000-0000-0000-000000000007",
            "list": [1, 2],
            "inside": {"at": "2026-03-01"},
        }
    ]


@pytest.mark.parametrize(
    ("filters", "why"),
    [
        ({"age__gtt": 1}, r"filters.age__gtt: comparison: got 'gtt'; allowed are gt, .* 'gt'\?"),
        ({"__gt": 1}, "comparison: got 'gt'"),
        ({"a b": 1}, "filters.a b: field: got 'a b'; allowed is the name of a field"),
        ({"a..b": 1}, "allowed is the name of a field"),
        ({"a[0]": 1}, "brackets"),
        ({"a__gt": None}, "filters.a__gt: got None; allowed is text or a number"),
        ({"a__lt": True}, "allowed is text or a number"),
        ({"a": [1]}, "allowed is text, a number, true, false or null"),
        ({"a__in": "abc"}, "got 'abc'; allowed is a list"),
        ({"a__not_in": [{}]}, "allowed is a list of texts"),
        ({"a__contains": None}, "allowed is text, a number, true or false"),
        ({"a__icontains": 1}, "allowed is text"),
        ({"a__isnull": "yes"}, "allowed is true or false"),
        ({"a__isnull": 1}, "allowed is true or false"),
    ],
)
def test_a_filter_that_only_its_value_shows_to_be_wrong_is_refused(
    filters: dict[str, Any], why: str
) -> None:
    with pytest.raises(QueryError, match=why):
        a_query(**filters)
