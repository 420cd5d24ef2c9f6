"""Writing a definition as a person would: defaults left out, fields in the order of reading."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any

import yaml

from trellis_process.definitions.scalars import plain_value
from trellis_process.domain.definition.process_definition import ProcessDefinition

#: What it is, what it takes, what it does, what bounds it, what it gives.
_DEFINITION = (
    "process",
    "title",
    "version",
    "description",
    "owners",
    "tags",
    "stability",
    "implements",
    "events",
    "triggers",
    "inputs",
    "data",
    "strict",
    "constraints",
    "steps",
    "compensations",
    "reactions",
    "invariants",
    "ends_when",
    "time_zone",
    "on_no_transition",
    "timeout",
    "sla",
    "search_attributes",
    "outputs",
    "satisfies",
)
_FIRST = ("name", "kind", "title", "description")
_LAST = ("branches", "steps")  # they are long, and what is said of them would be lost behind
_WIDTH = 100
_SHORT = 76  # a mapping or list that fits into so many characters stands in one line


def to_dict(definition: ProcessDefinition) -> dict[str, Any]:
    """The definition as values of JSON; ``from_dict`` makes the same definition of them."""
    written = _plain(definition)
    return {name: written[name] for name in _DEFINITION if name in written}


def to_json(definition: ProcessDefinition) -> str:
    """The definition as JSON, on several lines."""
    return json.dumps(to_dict(definition), ensure_ascii=False, indent=2) + "\n"


def to_yaml(definition: ProcessDefinition) -> str:
    """The definition as YAML, which reads as if written by hand."""
    text: str = yaml.dump(
        to_dict(definition),
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        width=_WIDTH,
    )
    return text


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        # The kind is told, plain as it may be: it is what one looks for first.
        return {
            each.name: _plain(getattr(value, each.name))
            for each in _in_order(type(value))
            if each.name == "kind" or getattr(value, each.name) != _default(each)
        }
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


@cache
def _in_order(of: type) -> tuple[Field[Any], ...]:
    """A class's fields: those that say what it is, its own, then those of what it is a kind of."""
    named = {each.name: each for each in fields(of)}
    order = [*_FIRST, *(name for each in of.__mro__ for name in _own(each))]
    order = [name for name in dict.fromkeys(order) if name in named]
    return tuple(named[name] for name in sorted(order, key=_LAST.__contains__))


def _own(of: type) -> Iterator[str]:
    return iter(inspect.get_annotations(of))


class _Dumper(yaml.SafeDumper):
    """Writes what this format's reader, by YAML 1.2, and others, by 1.1, read alike."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)  # the items of a list stand in from its name

    def ignore_aliases(self, data: Any) -> bool:
        return True  # what is there twice is written twice; the reader takes no aliases


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and text.strip() == text.rstrip("\n") and not text.startswith((" ", "\n")):
        style = "|"
    elif "'" in text and not set(text) & {'"', "\\"}:
        style = '"'  # constants in expressions are common, and `'''EUR'''` is hard to read
    elif not _is_text(text):
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_text(text: str) -> bool:
    """Whether the reader takes it for text, unquoted."""
    try:
        return isinstance(plain_value(text), str)
    except ValueError:
        return False


def _mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.MappingNode:
    # Steps and the whole stand one field a line, however short they are.
    is_short = "kind" not in value and "process" not in value and _is_short(value, value.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=is_short)


def _list(dumper: _Dumper, value: list[Any]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, _is_short(value, value))


def _is_short(value: Any, members: Any) -> bool:
    is_flat = not any(isinstance(each, list | dict) and each for each in members)
    return is_flat and len(json.dumps(value, ensure_ascii=False)) <= _SHORT


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(list, _list)
