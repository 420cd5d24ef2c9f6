"""Whether a row passes the filters of a query, and which row comes before which."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nlargest, nsmallest
from itertools import islice
from typing import Any

from trellis_process.domain.definition.filters import EQUALS, ORDERED
from trellis_process.queries.query import Filter, Query, QueryError
from trellis_process.queries.values import Kind, NoJson, comparable, field_of

Row = Mapping[str, Any]


class NoSense(Exception):
    """A value that cannot be compared as a filter asks; the text says why."""


def passing(rows: Iterable[Row], filters: Iterable[Filter]) -> Iterator[Row]:
    """The rows that pass every filter.

    Raises QueryError at a row that cannot be compared; not if another filter leaves it out, so
    that nothing depends on the order of the filters, or on who applies them.
    """
    checks = [(each, _check(each)) for each in filters]
    for row in rows:
        trouble: QueryError | None = None
        for each, check in checks:
            try:
                if not check(*comparable(field_of(row, each.field))):
                    break
            except (NoSense, NoJson) as error:
                trouble = trouble or QueryError(f"filters.{each.name}: a row has {error}")
        else:
            if trouble is not None:
                raise trouble
            yield row


def ordered(rows: Iterable[Row], query: Query) -> list[Row]:
    """The first rows in the order that a query asks for, as many as it asks for.

    Rows without the field come last in either direction, and equal ones as they came. Raises
    QueryError where a field holds what has no order, or text here and a number there.
    """
    field = query.order_by
    if field is None:
        return list(islice(rows, query.limit))
    without: list[Row] = []
    first: Kind | None = None

    def keyed() -> Iterator[tuple[Any, Row]]:
        nonlocal first
        for row in rows:
            try:
                kind, key = comparable(field_of(row, field))
            except NoJson as error:
                raise QueryError(f"order_by: a row has {error} in {field!r}") from error
            if kind is Kind.NULL:
                if len(without) < query.limit:
                    without.append(row)
                continue
            first = first or kind
            if kind not in (Kind.TEXT, Kind.NUMBER) or kind is not first:
                what = kind if kind is first else f"{first} and {kind}"
                raise QueryError(
                    f"order_by: rows have {what} in {field!r}; ordered are numbers, or texts"
                )
            yield key, row

    # Both keep those that are equal in the order in which they came.
    take = nlargest if query.descending else nsmallest
    found = take(query.limit, keyed(), key=operator.itemgetter(0))
    return [row for _, row in found] + without[: query.limit - len(found)]


def _check(asked: Filter) -> Callable[[Kind, Any], bool]:
    """Whether a value passes a filter; raises NoSense for one that cannot be compared so."""
    if asked.comparison == "isnull":
        return lambda kind, value: (kind is Kind.NULL) is asked.value
    if asked.comparison in ("contains", "icontains"):
        return _contains(asked)
    if asked.comparison in ORDERED:
        return _in_order(asked)
    wanted = asked.value if asked.comparison in ("in", "not_in") else [asked.value]
    return _one_of(asked, wanted, asked.comparison in (EQUALS, "in"))


def _one_of(asked: Filter, wanted: Iterable[Any], outcome: bool) -> Callable[[Kind, Any], bool]:
    known: dict[Kind, set[Any]] = {}
    for each in wanted:
        kind, value = comparable(each)
        known.setdefault(kind, set()).add(value)
    kinds = known.keys() - {Kind.NULL}

    def check(kind: Kind, value: Any) -> bool:
        # Nothing is like null but null, and nothing is in an empty list.
        if kind is Kind.NULL or not kinds:
            return (kind in known) is outcome
        if kind not in kinds:
            raise NoSense(f"{kind} in {asked.field!r}, which is not compared with {_any(kinds)}")
        return (value in known[kind]) is outcome

    return check


def _in_order(asked: Filter) -> Callable[[Kind, Any], bool]:
    wanted, than = comparable(asked.value)
    compare: Callable[[Any, Any], bool] = {
        "gt": operator.gt,
        "gte": operator.ge,
        "lt": operator.lt,
        "lte": operator.le,
    }[asked.comparison]

    def check(kind: Kind, value: Any) -> bool:
        if kind is Kind.NULL:
            return False
        if kind is not wanted:
            raise NoSense(f"{kind} in {asked.field!r}, which is not compared with {wanted}")
        return compare(value, than)

    return check


def _contains(asked: Filter) -> Callable[[Kind, Any], bool]:
    fold = str.casefold if asked.comparison == "icontains" else str

    def folded(kind: Kind, value: Any) -> tuple[Kind, Any]:
        return (kind, fold(value)) if kind is Kind.TEXT else (kind, value)

    part = folded(*comparable(asked.value))

    def check(kind: Kind, value: Any) -> bool:
        if kind is Kind.NULL:
            return False
        if kind is Kind.LIST:
            return any(folded(*comparable(each)) == part for each in value)
        if kind is not Kind.TEXT:
            raise NoSense(f"{kind} in {asked.field!r}; only text and lists contain something")
        if part[0] is not Kind.TEXT:
            raise NoSense(f"text in {asked.field!r}, which contains nothing but text")
        return part[1] in folded(kind, value)[1]

    return check


def _any(kinds: Iterable[Kind]) -> str:
    return " or ".join(sorted(kinds))
