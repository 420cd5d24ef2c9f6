"""A scenario: what a process is started with and what comes from outside, as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError

from trellis_process.definitions.document import Document, read_json
from trellis_process.definitions.finding import Path, path_text
from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.domain.definition.duration import Duration, span_of
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.time import moment_from
from trellis_process.errors import Described, InvalidInput
from trellis_process.nearest import what_there_is
from trellis_process.simulation.answer import Answer
from trellis_process.simulation.command import Command

GivenAnswers: TypeAlias = Mapping[str, Any]
"""By the name of a step: an Answer or its fields, or several of them in a list."""


_Told = TypeVar("_Told", Answer, Command)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a simulation is told; each field is an argument of ``simulate``."""

    input: Mapping[str, JsonValue] | None = None  # it is what definitions call it
    #: By the name of a step, or of a compensation.
    answers: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    #: What is behind references to lists, by their id.
    lists: Mapping[str, tuple[JsonValue, ...]] = field(default_factory=dict)
    #: When it begins, as text with a time zone.
    start: str | None = None
    #: How long it goes on at most.
    until: Duration | None = None

    @property
    def starts_at(self) -> datetime | None:
        """When it begins; None for whenever. Raises InvalidInput."""
        return None if self.start is None else _moment(self.start)


def read_scenario(text: str | bytes, *, is_json: bool = False) -> Scenario:
    """A scenario from YAML, or JSON.

    Raises InvalidInput with everything that is wrong with it, and its subclass InvalidDefinition
    for what is no such document at all.
    """
    return scenario_of(read_json(text) if is_json else read_yaml(text))


def scenario_of(document: Document) -> Scenario:
    """A scenario from a document. Raises InvalidInput."""
    value = document.value
    known = [each.name for each in fields(Scenario)]
    if not isinstance(value, dict):
        raise InvalidInput("scenario", value, f"allowed is a mapping with {', '.join(known)}")
    for name, given in value.items():
        if name not in known:
            allowed = f"there is no such field{what_there_is(name, known)}"
            raise InvalidInput(name, given, allowed)
    _check(value, "input", dict, "a mapping")
    _check(value, "commands", list, "a list of commands")
    _check(value, "lists", dict, "a mapping from ids to lists")
    for name, items in value.get("lists", {}).items():
        if not isinstance(items, list):
            raise InvalidInput(f"lists.{name}", items, "allowed is a list")
    _check(value, "start", str, "a moment such as 2027-01-31T09:00:00Z")
    if "until" in value:
        span_of("until", value["until"])
    if "start" in value:
        _moment(value["start"])
    return Scenario(
        input=value.get("input"),
        answers=answers_of(value.get("answers", {})),
        commands=commands_of(value.get("commands", ())),
        lists={name: tuple(items) for name, items in value.get("lists", {}).items()},
        start=value.get("start"),
        until=value.get("until"),
    )


def answers_of(given: GivenAnswers) -> dict[str, tuple[Answer, ...]]:
    """Answers as a program or a document gives them. Raises InvalidInput."""
    if not isinstance(given, Mapping):
        raise InvalidInput("answers", given, "allowed is a mapping from steps to answers")
    read: dict[str, tuple[Answer, ...]] = {}
    problems: list[InvalidInput] = []
    for name, each in given.items():
        # One answer is as good as a list of one.
        several = isinstance(each, list | tuple)
        path: Path = ("answers", str(name))
        listed = [((*path, place), one) for place, one in enumerate(each)] if several else None
        found = [_of(Answer, one, at, problems) for at, one in listed or [(path, each)]]
        read[str(name)] = tuple(one for one in found if one is not None)
    _refuse(problems)
    return read


def commands_of(given: Sequence[Command | Mapping[str, Any]]) -> tuple[Command, ...]:
    """Commands as a program or a document gives them. Raises InvalidInput."""
    problems: list[InvalidInput] = []
    found = [_of(Command, each, ("commands", place), problems) for place, each in enumerate(given)]
    _refuse(problems)
    return tuple(each for each in found if each is not None)


def _moment(text: str) -> datetime:
    try:
        return moment_from(text)
    except ValueError as error:
        allowed = f"allowed is a moment such as 2027-01-31T09:00:00Z ({error})"
        raise InvalidInput("start", text, allowed) from error


def _check(value: dict[str, Any], name: str, kind: type, allowed: str) -> None:
    if name in value and not isinstance(value[name], kind):
        raise InvalidInput(name, value[name], f"allowed is {allowed}")


@cache
def _readers() -> dict[type, TypeAdapter[Any]]:
    return {of: TypeAdapter(of) for of in (Answer, Command)}


def _of(of: type[_Told], value: Any, path: Path, problems: list[InvalidInput]) -> _Told | None:
    """An answer or a command; where it is none, why not is among the problems."""
    if isinstance(value, of):
        return value
    if not isinstance(value, Mapping):
        problems.append(InvalidInput(path_text(path), value, "allowed is a mapping of its fields"))
        return None
    try:
        read: _Told = _readers()[of].validate_python(dict(value))
    except ValidationError as error:
        known = [each.name for each in fields(of) if each.init]
        problems += _problems(error, path, known)
    except InvalidInput as error:  # it contradicts itself
        at = path if error.field == "command" else (*path, error.field)
        problems.append(InvalidInput(path_text(at), Described(error.given), error.allowed))
    else:
        return read
    return None


def _problems(error: ValidationError, path: Path, known: Sequence[str]) -> Iterator[InvalidInput]:
    for each in error.errors(include_url=False):
        where = path_text((*path, *each["loc"]))
        allowed = f"allowed: {each['msg'][:1].lower()}{each['msg'][1:]}"
        if each["type"] == "unexpected_keyword_argument":
            allowed = f"there is no such field{what_there_is(each['loc'][-1], known)}"
        yield InvalidInput(where, each["input"], allowed)


def _refuse(problems: list[InvalidInput]) -> None:
    """Raises all of them as one."""
    if problems:
        first, *others = problems
        allowed = "; ".join([first.allowed, *map(str, others)])
        raise InvalidInput(first.field, Described(first.given), allowed)
