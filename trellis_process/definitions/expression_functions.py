"""The functions of expressions: those of CEL, and a few more that processes need.

What runs over text here counts characters; the library that evaluates counts bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

MAX_PLAIN = 2**53  # whole numbers beyond are not exact in a double

#: CEL's own, as the library has them, and how many values each takes, that before the dot
#: included. ``timestamp`` and ``duration`` are for comparing: their values are no JSON.
NATIVE: dict[str, tuple[int, ...]] = {
    "contains": (2,),
    "double": (1,),
    "duration": (1,),
    "endsWith": (2,),
    "getDate": (1,),
    "getDayOfMonth": (1,),
    "getDayOfWeek": (1,),
    "getDayOfYear": (1,),
    "getFullYear": (1,),
    "getHours": (1,),
    "getMilliseconds": (1,),
    "getMinutes": (1,),
    "getMonth": (1,),
    "getSeconds": (1,),
    "has": (1,),
    "int": (1,),
    "matches": (2,),
    "startsWith": (2,),
    "timestamp": (1,),
}


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise TypeError("size is asked of text, a list or a mapping")
    return len(value)


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_PLAIN:
        return str(int(value))  # as 7 and 7.0 are the same number
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError("string is made of text, a number, a timestamp, true or false")


def _numbers(values: Any) -> list[Any]:
    if not isinstance(values, list) or not all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in values
    ):
        raise TypeError("a list of numbers is needed")
    return values


def _sum(values: Any) -> Any:
    return sum(_numbers(values))


def _least(values: Any) -> Any:
    return min(_some(values))


def _greatest(values: Any) -> Any:
    return max(_some(values))


def _some(values: Any) -> list[Any]:
    if not _numbers(values):
        raise TypeError("the list is empty")
    return _numbers(values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is needed")
    return value


def _lower(text: Any) -> str:
    return _text(text).lower()


def _upper(text: Any) -> str:
    return _text(text).upper()


def _trim(text: Any) -> str:
    return _text(text).strip()


def _split(text: Any, separator: Any) -> list[str]:
    if not _text(separator):
        raise TypeError("the separator is empty")
    return _text(text).split(separator)


def _join(values: Any, separator: Any) -> str:
    if not isinstance(values, list):
        raise TypeError("a list of texts is needed")
    return _text(separator).join(_text(each) for each in values)


#: Ours, which the library calls back.
OURS: dict[str, Callable[..., Any]] = {
    "join": _join,
    "lower": _lower,
    "max": _greatest,
    "min": _least,
    "size": _size,
    "split": _split,
    "string": _string,
    "sum": _sum,
    "trim": _trim,
    "upper": _upper,
}

KNOWN: dict[str, tuple[int, ...]] = NATIVE | {
    name: (2,) if name in ("join", "split") else (1,) for name in OURS
}
