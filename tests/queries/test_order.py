"""In which order rows come, and how many."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process.queries import QueryError, Rows, Sources

from .asking import PROCESS, a_query, answered

PEOPLE = [
    {"name": "Ida", "age": 30},
    {"name": "Max", "age": None},
    {"name": "Ann", "age": 30},
    {"name": "Eva"},
    {"name": "Bob", "age": 4.5},
]


def names(**asked: Any) -> list[str]:
    return [row["name"] for row in answered(PEOPLE, **asked)]


def test_rows_come_as_their_source_gives_them_unless_an_order_is_asked_for() -> None:
    assert names() == ["Ida", "Max", "Ann", "Eva", "Bob"]


def test_rows_are_ordered_by_a_field_and_equal_ones_stay_as_they_came() -> None:
    assert names(order_by="age") == ["Bob", "Ida", "Ann", "Max", "Eva"]


def test_with_a_minus_the_largest_comes_first_and_nulls_still_last() -> None:
    assert names(order_by="-age") == ["Ida", "Ann", "Bob", "Max", "Eva"]
    assert names(order_by="-name", limit=2) == ["Max", "Ida"]


def test_a_limit_takes_the_first_of_the_order_nulls_where_nothing_else_is_left() -> None:
    assert names(order_by="age", limit=2) == ["Bob", "Ida"]
    assert names(order_by="age", limit=4) == ["Bob", "Ida", "Ann", "Max"]


def test_a_dot_orders_by_what_is_inside() -> None:
    rows = [{"at": {"day": 2}}, {"at": {"day": 1}}]

    assert answered(rows, order_by="at.day") == [rows[1], rows[0]]


def test_a_hundred_rows_are_enough_unless_said_and_no_more_are_read() -> None:
    read = []

    def endless() -> Any:
        while True:
            read.append(1)
            yield {"n": len(read)}

    assert len(answered(endless())) == 100
    assert len(read) <= 101


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1, "a"], "rows have a number and text in 'x'; ordered are numbers, or texts"),
        ([True, False], "rows have true or false in 'x'"),
        ([[1], [2]], "rows have a list in 'x'"),
        ([float("inf")], "a row has the number inf in 'x'"),
    ],
)
def test_what_has_no_order_fails_for_good(values: list[Any], why: str) -> None:
    with pytest.raises(QueryError, match=why):
        answered([{"x": each} for each in values], order_by="x")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"limit": 0}, "limit: got 0; allowed is a whole number from 1 to 1000"),
        ({"limit": 1001}, "from 1 to 1000"),
        ({"limit": True}, "from 1 to 1000"),
        ({"order_by": "-"}, "order_by: got ''; allowed is the name of a field"),
        ({"order_by": "due desc"}, "order_by: got 'due desc'"),
        ({"source": 7}, "source: got 7; allowed is the name of a source"),
    ],
)
def test_a_query_that_is_none_is_refused(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(QueryError, match=why):
        a_query(**asked)


def test_rows_that_come_in_order_are_read_as_far_as_the_limit() -> None:
    read = []

    def counted() -> Any:
        for n in range(1000):
            read.append(n)
            yield {"n": n}

    sources = Sources()
    sources.source("people")(lambda query, process: Rows(counted(), is_ordered=True))

    assert sources.rows(a_query(order_by="n", limit=3), PROCESS) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert len(read) <= 4


def test_a_filter_that_the_source_has_applied_is_not_applied_to_fields_that_do_not_show_it() -> (
    None
):
    sources = Sources()
    sources.source("people")(lambda query, process: Rows([{"n": 1}], applied=["words"]))

    assert sources.rows(a_query(words="a b"), PROCESS) == [{"n": 1}]
    assert sources.rows(a_query(words="a b", n__gt=1), PROCESS) == []
