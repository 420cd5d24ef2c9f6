"""Query: what a step asks of a source, with every expression replaced by its value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from trellis_process.domain.definition.filters import (
    COMPARISONS,
    DEFAULT_ROWS,
    EQUALS,
    MAX_ROWS,
    check_compared,
    split_filter,
    split_order,
)
from trellis_process.domain.limits import JsonValue, check_whole_number
from trellis_process.errors import InvalidInput, shown
from trellis_process.nearest import did_you_mean
from trellis_process.worker.endings import Fatal


class QueryError(Fatal):
    """The query cannot be answered as it was asked, however often it is tried.

    The step fails for good, with ``code``: ``query_error`` unless said otherwise.
    """

    def __init__(self, message: str, *, code: str = "query_error") -> None:
        super().__init__(message, code=code)


@dataclass(frozen=True)
class Filter:
    """One condition that every row of the answer meets."""

    #: As the definition writes it: ``due__lt``.
    name: str
    #: The field of a row, with dots where it is inside of another: ``customer.name``.
    field: str
    #: ``equals``, or one of ``gt``, ``gte``, ``lt``, ``lte``, ``ne``, ``in``, ``not_in``,
    #: ``contains``, ``icontains`` and ``isnull``.
    comparison: str
    #: What the field is compared with: JSON that has sense for the comparison.
    value: JsonValue


@dataclass(frozen=True)
class Query:
    """What is asked of a source: rows that pass every filter, so many, in this order."""

    source: str
    filters: tuple[Filter, ...] = ()
    #: The field that rows are ordered by; None where any order will do.
    order_by: str | None = None
    #: Whether the largest comes first.
    descending: bool = False
    #: How many rows there are at most, 1 to 1,000.
    limit: int = DEFAULT_ROWS

    @classmethod
    def asked(cls, given: Mapping[str, Any]) -> Self:
        """The query in the input of a step: source, filters, order_by and limit.

        Raises QueryError for what is not as allowed, and says what is.
        """
        source, order_by, limit = given.get("source"), given.get("order_by"), given.get("limit")
        if not isinstance(source, str):
            raise QueryError(f"source: got {shown(source)}; allowed is the name of a source")
        filters = given.get("filters") or {}
        if not isinstance(filters, dict):
            raise QueryError(f"filters: got {shown(filters)}; allowed is an object")
        try:
            field, descending = (None, False) if order_by is None else split_order(str(order_by))
        except InvalidInput as error:
            raise QueryError(f"order_by: got {error.given}; {error.allowed}") from error
        try:
            most = (
                DEFAULT_ROWS if limit is None else check_whole_number("limit", limit, 1, MAX_ROWS)
            )
        except InvalidInput as error:
            raise QueryError(str(error)) from error
        read = tuple(_filter(name, value) for name, value in filters.items())
        return cls(source, read, field, descending, most)

    def equal_to(self, field: str) -> Filter | None:
        """The filter that asks for one value of a field, null excepted, if there is one."""
        return next(
            (
                each
                for each in self.filters
                if each.field == field and each.comparison == EQUALS and each.value is not None
            ),
            None,
        )


def _filter(name: str, value: JsonValue) -> Filter:
    try:
        field, comparison = split_filter(name)
    except InvalidInput as error:
        hint = ""
        if error.field == "comparison":
            hint = did_you_mean(name.rpartition("__")[2], COMPARISONS)
        raise QueryError(f"filters.{name}: {error}{hint}") from error
    try:
        check_compared(comparison, value)
    except InvalidInput as error:
        raise QueryError(f"filters.{name}: got {error.given}; {error.allowed}") from error
    return Filter(name, field, comparison, value)
