"""JSON in an item: text without a byte that need not be there."""

from __future__ import annotations

import json
from typing import Any

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def to_json(value: Any) -> str:
    """A value as the shortest JSON text; characters beyond ASCII stand for themselves."""
    return _ENCODER.encode(value)


def without_tail(row: list[Any], usual: list[Any]) -> list[Any]:
    """A row without what stands at its end and is as usual."""
    length = len(row)
    while length > len(row) - len(usual) and row[length - 1] == usual[length - len(row) - 1]:
        length -= 1
    return row[:length]


def with_tail(row: list[Any], length: int, usual: list[Any]) -> list[Any]:
    """A row of that length again, from what ``without_tail`` left of it.

    Raises ValueError for one that has too much or too little.
    """
    missing = length - len(row)
    if not 0 <= missing <= len(usual):
        raise ValueError(f"{len(row)} of {length} values")
    return row + usual[len(usual) - missing :]
