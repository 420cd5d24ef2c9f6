"""Whether a document has the fields of a definition, each of its type; and the definition then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import Discriminator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from trellis_process.definitions.finding import Path
from trellis_process.definitions.parts import (
    KINDS,
    Outline,
    Part,
    field_names,
    kinds_with,
)
from trellis_process.definitions.report import Report, listed
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    AnyStep,
    ForEachStep,
    ParallelStep,
    StepDefinition,
)
from trellis_process.errors import shown

DURATIONS = frozenset(
    (
        "due",
        "escalate_after",
        "every",
        "interval",
        "max_duration",
        "max_interval",
        "timeout",
        "wait",
    )
)
SPANS = "spans such as 30s, 5m, 4h, 7d, 1h30m or PT30S"

#: What is allowed where a value has the wrong type, by the name that pydantic has for the error.
_ALLOWED = {
    "string_type": "allowed is text",
    "int_type": "allowed is a whole number",
    "int_from_float": "allowed is a whole number",
    "int_parsing_size": "allowed is a whole number",
    "float_type": "allowed is a number",
    "bool_type": "allowed are true and false",
    "tuple_type": "allowed is a list",
    "dict_type": "allowed is a mapping",
    "mapping_type": "allowed is a mapping",
    "dataclass_type": "allowed is a mapping of its fields",
}
_ITEM_FAILURE = "allowed are continue, fail, a number such as 3, or a share such as 10%"


@cache
def definitions() -> TypeAdapter[ProcessDefinition]:
    """Reads a whole definition at once."""
    return TypeAdapter(ProcessDefinition)


@cache
def _steps() -> TypeAdapter[AnyStep]:
    return TypeAdapter(Annotated[AnyStep, Discriminator("kind")])


def definition_of(value: Mapping[str, Any]) -> ProcessDefinition:
    """The definition that was written as this value by ``to_dict``, without looking for errors.

    For what had been checked before it was stored. Raises pydantic's ValidationError for what
    was not.
    """
    # Step by step, because a step of unknown kind would be tried as each kind there is.
    root = definitions().validate_json(json.dumps({**value, "steps": []}), strict=True)
    return replace(root, steps=_steps_of(value.get("steps", [])))


def _steps_of(values: list[Any]) -> tuple[AnyStep, ...]:
    return tuple(map(_step_of, values))


def _step_of(value: dict[str, Any]) -> AnyStep:
    step = _steps().validate_json(json.dumps(_without_steps_inside(value)), strict=True)
    if isinstance(step, ParallelStep):
        branches = tuple(
            replace(branch, steps=_steps_of(each["steps"]))
            for branch, each in zip(
                step.parallel.branches, value["parallel"]["branches"], strict=True
            )
        )
        return replace(step, parallel=replace(step.parallel, branches=branches))
    if isinstance(step, ForEachStep):
        inside = _steps_of(value["foreach"]["steps"])
        return replace(step, foreach=replace(step.foreach, steps=inside))
    return step


def _without_steps_inside(value: dict[str, Any]) -> dict[str, Any]:
    """A step by itself: each list of steps inside of it empty, as long as it is a list."""
    foreach, parallel = value.get("foreach"), value.get("parallel")
    if isinstance(foreach, dict):
        return {**value, "foreach": _emptied(foreach)}
    if isinstance(parallel, dict) and isinstance(parallel.get("branches"), list):
        return {
            **value,
            "parallel": {**parallel, "branches": [*map(_emptied, parallel["branches"])]},
        }
    return value


def _emptied(value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("steps"), list):
        return {**value, "steps": []}
    return value


def check_shape(outline: Outline, report: Report) -> None:
    """Finds unknown fields, missing ones, and values of a wrong type, in all parts."""
    root = outline.root.value
    steps = root.get("steps")
    if isinstance(steps, list):
        root = {**root, "steps": []}
    try:
        definitions().validate_json(json.dumps(root), strict=True)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            _tell(each["loc"], each, outline, report)
    for each_list in outline.lists:
        _check_members(each_list.path, outline, report)
    for part in outline.steps:
        if report.is_full:
            return
        if part.of is StepDefinition:
            continue  # its kind is not known, which has been said
        try:
            _steps().validate_json(json.dumps(_without_steps_inside(part.value)), strict=True)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                _, *inside = each["loc"]  # the first is the kind
                _tell((*part.path, *inside), each, outline, report)


def _check_members(path: Path, outline: Outline, report: Report) -> None:
    """Steps that are no mappings."""
    members: Any = outline.root.value
    for key in path:
        members = members[key]
    for place, member in enumerate(members):
        if not isinstance(member, dict):
            message = f"got {shown(member)}; allowed is a mapping of a step's fields"
            report.error((*path, place), "wrong_type", message)


def _tell(path: Path, error: ErrorDetails, outline: Outline, report: Report) -> None:
    """What pydantic found, in our words."""
    kind, given, name = error["type"], error["input"], path[-1] if path else ""
    if "on_item_failure" in path:
        path = path[: path.index("on_item_failure") + 1]
        report.error(path, "wrong_type", f"got {shown(given)}; {_ITEM_FAILURE}")
    elif kind == "unexpected_keyword_argument":
        _tell_unknown(path, str(name), outline, report)
    elif kind == "missing":
        report.error(path, "missing", "it is missing; it has to be there")
    elif kind == "literal_error":
        hint, values = _choices(outline.parts[path[:-1]], str(name))
        message = f"got {shown(given)}; allowed are {hint}{report.near(given, values)}"
        report.error(path, "not_allowed", message)
    elif kind == "string_type" and name in DURATIONS:
        advice = "; whole seconds have a field of their own, wait_duration_seconds"
        message = f"got {shown(given)}; allowed are {SPANS}, as text"
        report.error(path, "duration", message + (advice if name == "wait" else ""))
    else:
        allowed = _ALLOWED.get(kind, error["msg"])
        report.error(path, "wrong_type", f"got {shown(given)}; {allowed}")


def _tell_unknown(path: Path, name: str, outline: Outline, report: Report) -> None:
    part = outline.parts[path[:-1]]
    kinds = kinds_with(name) if part.is_step else ()
    if kinds:
        message = (
            f"a step of kind {_kind_of(part)} has no {name!r}, which belongs to {listed(kinds)}"
        )
        report.error(path, "kind_contradicts", message, of_key=True)
        return
    known = [each for each in field_names(part.of) if each not in part.value]
    near = report.near(name, known)
    allowed = near or f"; allowed are {listed(field_names(part.of), 40)}"
    report.error(path, "unknown_field", f"there is no such field{allowed}", of_key=True)


def _kind_of(part: Part) -> str:
    return next(kind for kind, of in KINDS.items() if of is part.of)


@cache
def _choices_of(of: type) -> dict[str, tuple[str, ...]]:
    choices: dict[str, tuple[str, ...]] = {}
    for name, hint in get_type_hints(of).items():
        for option in (hint, *get_args(hint)):  # it may be left out as well
            if get_origin(option) is Literal:
                choices[name] = get_args(option)
    return choices


def _choices(part: Part, name: str) -> tuple[str, tuple[str, ...]]:
    values = _choices_of(part.of)[name]
    return listed(values), values
