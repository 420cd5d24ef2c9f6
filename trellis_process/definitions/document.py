"""A document as it was read: its value, and where each part of it stands in the text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from trellis_process.definitions.finding import Finding, Path, path_text
from trellis_process.domain.limits import MAX_INTEGER_DIGITS
from trellis_process.errors import InvalidDefinition, shown

MAX_BYTES = 1_000_000  # a thousand steps of some length are a quarter of that
MAX_NODES = 100_000
MAX_DEPTH = 32  # as JSON may have elsewhere

Place: TypeAlias = tuple[int, int]
"""Line and column, counted from 1."""


@dataclass(frozen=True)
class Document:
    """The value of a document. It shares nothing with the caller's, and is ours to complete."""

    value: Any
    #: Where values begin; empty for what was no text.
    values: Mapping[Path, Place] = field(default_factory=dict)
    #: Where the keys of mappings begin.
    keys: Mapping[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, of_key: bool = False) -> Place | None:
        """Where a value begins, or its key; of what is missing, where it would be inside of."""
        found = (self.keys if of_key else self.values).get(path)
        while found is None and path:
            path = path[:-1]
            found = self.values.get(path)
        return found


def checked_text(text: str | bytes) -> str:
    """Text within its limits. Raises InvalidDefinition."""
    if len(text) > MAX_BYTES:
        raise _refused("too_large", f"more than {MAX_BYTES:,} bytes; allowed are so many")
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        size = len(decoded.encode("utf-8"))
    except UnicodeError as error:
        raise _refused("syntax", f"allowed is text in UTF-8 ({error})") from error
    if size > MAX_BYTES:
        raise _refused("too_large", f"got {size:,} bytes; allowed are {MAX_BYTES:,}")
    return decoded


def read_value(value: Any) -> Document:
    """A document that was read elsewhere already: mappings, lists and scalars of JSON.

    Raises InvalidDefinition where it is something else, too large or too deep.
    """
    return Document(_Copy().of(value, ()))


def read_json(text: str | bytes) -> Document:
    """A document from JSON. Raises InvalidDefinition where it is none, too large or too deep."""
    from trellis_process.definitions.yaml_document import read_marked

    text = checked_text(text)
    # JSON is YAML too. So the one knows what is allowed, and the other where it stands.
    try:
        json.loads(text, parse_constant=_no_constant, parse_int=float)
    except json.JSONDecodeError as error:
        place = (error.lineno, error.colno)
        raise _refused("syntax", f"this is not JSON: {error.msg}", place) from error
    except RecursionError as error:
        raise _refused("too_deep", f"allowed are {MAX_DEPTH} levels of nesting") from error
    except ValueError as error:
        raise _refused("syntax", f"this is not JSON: {error}") from error
    return read_marked(text, escaped_pairs=True)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _refused(code: str, message: str, place: Place | None = None) -> InvalidDefinition:
    line, column = place or (None, None)
    return InvalidDefinition(
        [Finding(path="", message=message, code=code, line=line, column=column)]
    )


class _Copy:
    """Copies a value while it counts, so that what refers to itself is refused in time."""

    def __init__(self) -> None:
        self._nodes = 0

    def of(self, value: Any, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _refused("too_large", f"more than {MAX_NODES:,} values; allowed are so many")
        if isinstance(value, Mapping | list | tuple) and len(path) >= MAX_DEPTH:
            raise _at(path, "too_deep", f"allowed are {MAX_DEPTH} levels of nesting")
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str):
                    raise _at(path, "key", f"got the key {shown(key)}; allowed is text")
            return {key: self.of(each, (*path, key)) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(each, (*path, place)) for place, each in enumerate(value)]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise _at(path, "syntax", "allowed is text in valid Unicode") from error
            return str(value)
        if isinstance(value, int) and abs(value) < 10**MAX_INTEGER_DIGITS:
            return int(value)
        if isinstance(value, float) and value - value == 0:  # neither infinite nor no number
            return float(value)
        raise _at(path, "wrong_type", f"got {shown(value)}; allowed are values of JSON")


def _at(path: Path, code: str, message: str) -> InvalidDefinition:
    return InvalidDefinition([Finding(path=path_text(path), message=message, code=code)])
