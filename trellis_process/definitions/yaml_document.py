"""A document from YAML: scalars as YAML 1.2 reads them, and nothing that is not plain to see.

What YAML has beyond JSON to make documents short or clever is refused: anchors and aliases, merge
keys, tags, several documents. So no text means more than it says, and no bomb has what to grow by.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from trellis_process.definitions.document import (
    MAX_DEPTH,
    MAX_NODES,
    Document,
    Place,
    checked_text,
)
from trellis_process.definitions.finding import Finding, Path, path_text
from trellis_process.definitions.scalars import plain_value
from trellis_process.errors import InvalidDefinition, shown

MAX_FINDINGS = 100  # of the text as such; what is made by a program may have it everywhere

_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")


def read_yaml(text: str | bytes) -> Document:
    """A document from YAML. Raises InvalidDefinition with all that its text does not allow."""
    return read_marked(checked_text(text))


def read_marked(text: str, *, escaped_pairs: bool = False) -> Document:
    """A document of text within its limits; with JSON's pairs of escapes for rare characters."""
    if escaped_pairs:
        text = _ESCAPE.sub(_joined, text)
    builder = _Builder()
    try:
        # Event by event, so that no more is read than the limits allow.
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = None if mark is None else (mark.line + 1, mark.column + 1)
        builder.refuse((), "syntax", f"this is not YAML: {error.problem or error.context}", place)
    except yaml.YAMLError as error:  # a character that YAML has not
        reason = getattr(error, "reason", None) or error
        builder.refuse((), "syntax", f"this is not YAML: {reason}", _place_in(text, error))
    except _Enough:
        pass
    if not builder.findings and not builder.documents:
        builder.refuse((), "syntax", "the document is empty", (1, 1))
    if builder.findings:
        raise InvalidDefinition(builder.findings)
    return Document(builder.value, builder.values, builder.keys)


def _joined(found: re.Match[str]) -> str:
    high, low = found.groups()
    if high is None:
        return found[0]
    code = 0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00)
    return f"\\U{code:08x}"


def _place_in(text: str, error: yaml.YAMLError) -> Place | None:
    position = getattr(error, "position", None)  # in bytes of UTF-8
    if not isinstance(position, int):
        return None
    before = text.encode("utf-8")[:position].decode("utf-8", "ignore")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Enough(Exception):
    """Nothing more is to be read."""


@dataclass
class _Open:
    """A list or mapping whose end is still to come."""

    path: Path
    items: list[Any] | dict[str, Any]
    #: The key whose value is next.
    key: str | None = None


@dataclass
class _Builder:
    """Makes a value of events, without recursion and within the limits."""

    value: Any = None
    documents: int = 0
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _nodes: int = 0

    def refuse(self, path: Path, code: str, message: str, place: Place | None) -> None:
        line, column = place or (None, None)
        at = path_text(path)
        self.findings.append(Finding(path=at, message=message, code=code, line=line, column=column))
        if len(self.findings) >= MAX_FINDINGS:
            raise _Enough

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            place = _place(event)
            self.refuse((), "several", "a second document; allowed is one in a file", place)
            raise _Enough
        if event.version not in (None, (1, 2)):
            self.refuse(
                (), "syntax", "allowed is YAML 1.2; leave the line %YAML out", _place(event)
            )

    def _node(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            message = f"more than {MAX_NODES:,} values; allowed are so many"
            self.refuse((), "too_large", message, _place(event))
            raise _Enough
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.items, dict) and top.key is None:
            self._key(event, top, top.items)
            return
        path = () if top is None else (*top.path, _next(top))
        self.values[path] = _place(event)
        self._plain(event, path)
        value = self._value(event, path)
        if top is None:
            self.value = value
        elif isinstance(top.items, list):
            top.items.append(value)
        else:
            assert top.key is not None
            top.items[top.key] = value
            top.key = None
        if isinstance(value, list | dict):
            if len(self._open) >= MAX_DEPTH:
                message = f"allowed are {MAX_DEPTH} levels of nesting"
                self.refuse(path, "too_deep", message, _place(event))
                raise _Enough
            self._open.append(_Open(path, value))

    def _key(self, event: Any, top: _Open, items: dict[str, Any]) -> None:
        place = _place(event)
        self._plain(event, top.path)
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self.refuse(
                    top.path, "key", "a key that is a list or a mapping; allowed is text", place
                )
                raise _Enough
            top.key = ""
            return
        key = event.value
        if not event.style:
            if key == "<<":
                self.refuse(top.path, "merge", "merge keys are not allowed; write it out", place)
            elif not isinstance(self._scalar(event, top.path), str):
                message = f"the key {key} is no text; put it into quotes"
                self.refuse(top.path, "key", message, place)
        path = (*top.path, key)
        if key in items:
            before = self.keys[path]
            message = f"a second time; the first one is in line {before[0]}"
            self.refuse(path, "duplicate_key", message, place)
        self.keys[path] = place
        top.key = key

    def _plain(self, event: Any, path: Path) -> None:
        if isinstance(event, yaml.AliasEvent):
            message = f"the alias *{event.anchor} is not allowed; write it out"
            self.refuse(path, "alias", message, _place(event))
        elif event.anchor is not None:
            message = f"the anchor &{event.anchor} is not allowed; write it out where it is needed"
            self.refuse(path, "alias", message, _place(event))
        tag = getattr(event, "tag", None)
        if tag is not None:
            message = f"the tag {shown(tag)} is not allowed; text is put into quotes"
            self.refuse(path, "tag", message, _place(event))

    def _value(self, event: Any, path: Path) -> Any:
        if isinstance(event, yaml.SequenceStartEvent):
            return []
        if isinstance(event, yaml.MappingStartEvent):
            return {}
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        return None  # an alias, which has been refused

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        if event.style:
            return event.value
        try:
            return plain_value(event.value)
        except ValueError as error:
            self.refuse(path, "number", f"got {shown(event.value)}; {error}", _place(event))
            return event.value


def _next(top: _Open) -> str | int:
    if isinstance(top.items, list):
        return len(top.items)
    assert top.key is not None
    return top.key


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1
