"""What a filter of a query compares, and by what: ``due__lt`` is a field and a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from trellis_process.errors import InvalidInput

MAX_ROWS = 1_000
DEFAULT_ROWS = 100  # of a query without a limit
MAX_FIELD_CHARACTERS = 256

EQUALS = "equals"  # of a field's bare name; nobody writes it
#: What may follow ``__`` after the name of a field.
COMPARISONS = (
    "gt",
    "gte",
    "lt",
    "lte",
    "ne",
    "in",
    "not_in",
    "contains",
    "icontains",
    "isnull",
)
ORDERED = frozenset({"gt", "gte", "lt", "lte"})

# Dots lead into objects. Brackets would lead into lists, which nothing here does.
_FIELD = re.compile(r"[^\s.\[\]\x00-\x1f\x7f]+(\.[^\s.\[\]\x00-\x1f\x7f]+)*")
_FIELD_ALLOWED = (
    f"allowed is the name of a field of up to {MAX_FIELD_CHARACTERS} characters without spaces and "
    "brackets; customer.name is the name inside of customer"
)


def split_filter(name: str) -> tuple[str, str]:
    """The field and the comparison of a filter; a bare name is compared by EQUALS.

    Raises InvalidInput, for its ``comparison`` or its ``field``.
    """
    field, separated, comparison = name.rpartition("__")
    if not separated:
        return check_field(name), EQUALS
    if not field or comparison not in COMPARISONS:
        raise InvalidInput("comparison", comparison, f"allowed are {', '.join(COMPARISONS)}")
    return check_field(field), comparison


def check_field(field: str) -> str:
    """The name of a field, with dots where it is inside of another. Raises InvalidInput."""
    if len(field) > MAX_FIELD_CHARACTERS or not _FIELD.fullmatch(field):
        raise InvalidInput("field", field, _FIELD_ALLOWED)
    return field


def split_order(order_by: str) -> tuple[str, bool]:
    """The field to order by, and whether the largest comes first. Raises InvalidInput."""
    return check_field(order_by.removeprefix("-")), order_by.startswith("-")


def check_compared(comparison: str, value: Any) -> None:
    """Raises InvalidInput for what fields cannot be compared with by this comparison."""
    is_allowed, allowed = _VALUES[comparison]
    if not is_allowed(value):
        raise InvalidInput("value", value, f"allowed is {allowed}")


def check_written(comparison: str, value: Any) -> None:
    """As ``check_compared``, as far as it shows before the expressions have values."""
    if not isinstance(value, str):  # which is an expression; in a list text may stand either way
        check_compared(comparison, value)


def _is_simple(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple)


def _is_ordered(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_simple, value))


_Values = tuple[Callable[[Any], bool], str]

_SIMPLE: _Values = (_is_simple, "text, a number, true, false or null")
_ORDERED: _Values = (_is_ordered, "text or a number")
_LIST: _Values = (_is_list, "a list of texts, numbers, true, false or null")
_PART: _Values = (
    lambda value: value is not None and _is_simple(value),
    "text, a number, true or false",
)
#: What each comparison compares with.
_VALUES: dict[str, _Values] = {
    EQUALS: _SIMPLE,
    "ne": _SIMPLE,
    **dict.fromkeys(ORDERED, _ORDERED),
    "in": _LIST,
    "not_in": _LIST,
    "contains": _PART,
    "icontains": (lambda value: isinstance(value, str), "text"),
    "isnull": (lambda value: isinstance(value, bool), "true or false"),
}
