"""Values of rows: what kind each is, how it is compared, and what JSON it becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.time import to_text


class Kind(StrEnum):
    """What kind of JSON a value is; values of two kinds are not compared."""

    NULL = "null"
    TEXT = "text"
    NUMBER = "a number"
    BOOL = "true or false"
    LIST = "a list"
    OBJECT = "an object"


class NoJson(ValueError):
    """A value that JSON does not have; the text says which, without telling it."""


def field_of(row: Mapping[str, Any], field: str) -> Any:
    """The value of a field, with dots where it is inside of another; None where it is missing."""
    found: Any = row
    for name in field.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def comparable(value: Any) -> tuple[Kind, Any]:
    """The kind of a value, and what stands for it where values of that kind are compared.

    Numbers are compared by what they are written as, so that the float 1.1 is the Decimal 1.1.
    Raises NoJson.
    """
    if isinstance(value, float):
        return Kind.NUMBER, Decimal(repr(_finite(value)))
    plain = value if isinstance(value, Decimal) else as_json(value)
    if plain is None:
        return Kind.NULL, None
    if isinstance(plain, str):
        return Kind.TEXT, plain
    if isinstance(plain, bool):
        return Kind.BOOL, plain
    if isinstance(plain, int | Decimal):
        return Kind.NUMBER, _finite(plain)
    return (Kind.OBJECT if isinstance(plain, dict) else Kind.LIST), plain


def as_json(value: Any) -> JsonValue:
    """A value of a row as JSON.

    A Decimal becomes a number, whole where it is; a moment with its time zone, a date and a UUID
    become text; tuples become lists. Raises NoJson for what JSON does not have.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, Decimal):
        whole = _finite(value) == value.to_integral_value()
        return int(value) if whole else float(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise NoJson("a datetime without a time zone")
        return to_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    raise NoJson(f"a {type(value).__name__}")


def _finite(number: Any) -> Any:
    if not math.isfinite(number):
        raise NoJson(f"the number {number}")
    return number
