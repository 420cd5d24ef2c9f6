"""Whether the expressions of a document can be read, and look only at what there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trellis_process.definitions.finding import Path
from trellis_process.definitions.input_schema import declared_names, is_schema
from trellis_process.definitions.parts import Outline, Part, StepList
from trellis_process.definitions.report import Report, listed
from trellis_process.definitions.values import check_identifier
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.reactions import (
    Command,
    EventDefinition,
    Reaction,
    TimerSetting,
    Trigger,
)
from trellis_process.domain.definition.steps import (
    ConditionStep,
    Effect,
    ForEach,
    HumanTask,
    HumanTaskStep,
    LlmIntent,
    LlmIntentStep,
    Query,
    SendStep,
    ServiceStep,
    SubprocessStep,
    Transition,
    WaitStep,
)
from trellis_process.errors import ExpressionError, InvalidInput

VARIABLES = ("input", "steps", "data", "process")
_EVENT = "event"
_ITEM = ("item", "item_index")
_STEP = "step"
#: What each variable has, where that is the same for every definition.
_MEMBERS = {
    "process": (
        "id",
        "tenant_id",
        "name",
        "version",
        "started_at",
        "aggregate_type",
        "aggregate_id",
        "scheduled_at",
    ),
    _STEP: ("name", "input", "output"),
}
_OF_A_STEP = ("output", "outcome", "error")

#: Fields that are one expression each.
_EXPRESSIONS: tuple[tuple[type, str], ...] = (
    (ConditionStep, "condition"),
    (Transition, "when"),
    (WaitStep, "until"),
    (SubprocessStep, "key"),
    (HumanTask, "assignee"),
    (ForEach, "items"),
    (Effect, "id"),
    (EventDefinition, "key"),
    (EventDefinition, "tenant_id"),
    (EventDefinition, "id"),
    (Reaction, "when"),
    (TimerSetting, "at"),
)
#: Fields whose values hold expressions, however deep.
_TEMPLATES: tuple[tuple[type, str], ...] = (
    (ServiceStep, "inputs"),
    (LlmIntentStep, "inputs"),
    (SendStep, "inputs"),
    (HumanTaskStep, "inputs"),
    (SubprocessStep, "inputs"),
    (Compensation, "inputs"),
    (Query, "filters"),
    (Effect, "set"),
    (ProcessDefinition, "outputs"),
    (ProcessDefinition, "search_attributes"),
    (ProcessDefinition, "constraints"),
    (ProcessDefinition, "invariants"),
    (ProcessDefinition, "ends_when"),
    (Trigger, "inputs"),
    (Reaction, "set"),
    (Command, "inputs"),
)
#: Where there is an event and no process yet.
_OF_EVENTS = (EventDefinition, Trigger)
#: Where there is both, if an event is what is reacted to.
_OF_REACTIONS = (Reaction, Command, TimerSetting)


@dataclass(frozen=True)
class _Found:
    """An expression in its place."""

    path: Path
    text: str
    part: Part

    @property
    def steps(self) -> StepList | None:
        """The list of steps that it is evaluated in; None for the process as a whole."""
        step = self.part.step
        return None if step is None else step.siblings


def check_expressions(outline: Outline, report: Report) -> None:
    """Finds expressions that cannot be read, or that name what there is not."""
    found = list(_expressions(outline))
    if not found:
        return
    # Only now, because a definition without expressions needs no library for them.
    from trellis_process.definitions import expressions

    scope = _Scope(outline, report)
    for each in found:
        try:
            references = expressions.parse(each.text).references
        except ExpressionError as error:
            report.error(each.path, "expression", f"{each.text!r} cannot be read: {error.why}")
        else:
            for reference in sorted(references):
                scope.check(reference, each)


def check_schemas(outline: Outline, report: Report) -> None:
    """Finds declared inputs, and schemas of answers, that are none."""
    for field, noun in (("inputs", "an input"), ("data", "a field of the data")):
        declared = outline.root.value.get(field)
        if isinstance(declared, dict) and declared:
            _check_schema((field,), declared, report)
            if not is_schema(declared):
                for name in declared:
                    check_identifier(noun, name, (field, name), report, key=True)
    for part in outline.all_of(LlmIntent):
        schema = part.value.get("output_schema")
        if isinstance(schema, dict) and schema:
            _check_schema(part.at("output_schema"), schema, report)


def _check_schema(path: Path, schema: dict[str, Any], report: Report) -> None:
    from trellis_process.definitions.input_schema import check_schema, schema_of

    try:
        if path in (("inputs",), ("data",)):
            schema_of(schema, field=str(path[0]))
        else:
            check_schema(schema, field="inputs")
    except InvalidInput as error:
        at = _inside(path, schema, error.field.removeprefix("inputs").removeprefix("data"))
        report.error(at, "schema", f"got {error.given}; {error.allowed}")


def _inside(path: Path, schema: Any, field: str) -> Path:
    """The path of a field in a schema that was refused, as far as it is there."""
    for name in field.replace("[", ".").replace("]", "").split("."):
        if isinstance(schema, dict) and name in schema:
            path, schema = (*path, name), schema[name]
        elif isinstance(schema, list) and name.isdecimal() and int(name) < len(schema):
            path, schema = (*path, int(name)), schema[int(name)]
    return path


def _expressions(outline: Outline) -> Iterator[_Found]:
    for of, name in _EXPRESSIONS:
        for part in outline.all_of(of):
            if (text := part.text(name)) is not None:
                yield _Found(part.at(name), text, part)
    for of, name in _TEMPLATES:
        for part in outline.all_of(of):
            for path, text in _texts(part.at(name), part.value.get(name)):
                yield _Found(path, text, part)


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts((*path, name), each)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts((*path, place), each)


class _Scope:
    """What an expression may look at."""

    def __init__(self, outline: Outline, report: Report) -> None:
        self._report = report
        self._steps = {
            name: step for step in outline.steps if (name := step.text("name")) is not None
        }
        self._inputs = declared_names(outline.root.value.get("inputs"))
        self._data = declared_names(outline.root.value.get("data"))

    def check(self, reference: tuple[str, ...], found: _Found) -> None:
        """Finds a name that is not there."""
        root, *more = reference
        known = self._variables(found)
        if root not in known:
            self._refuse_variable(root, known, found)
        elif root == "input" and more and self._inputs is not None:
            if more[0] not in self._inputs:
                self._refuse(found, f"no input {more[0]!r} is declared", more[0], self._inputs)
        elif root == "data" and more and self._data is not None:
            if more[0] not in self._data:
                message = f"no field {more[0]!r} of the data is declared"
                self._refuse(found, message, more[0], self._data)
        elif root == "steps" and more:
            self._check_step(more, found)
        elif root in _MEMBERS and more and more[0] not in _MEMBERS[root]:
            message = f"{root} has no {more[0]!r}"
            self._refuse(found, message, more[0], _MEMBERS[root])

    def _variables(self, found: _Found) -> tuple[str, ...]:
        if found.part.of in _OF_EVENTS:
            return (_EVENT,)
        known: tuple[str, ...] = VARIABLES
        if _reacts_to_event(found.part) or found.path[:1] == ("constraints",):
            known += (_EVENT,)
        if found.steps is not None and found.steps.foreach is not None:
            known += _ITEM
        if found.part.of is Compensation:
            known += (_STEP,)
        return known

    def _refuse_variable(self, root: str, known: tuple[str, ...], found: _Found) -> None:
        if root in _ITEM:
            message = f"{root!r} is there only for the steps inside of a foreach"
        elif root == _EVENT:
            message = (
                "'event' is there only for events, triggers, constraints and reactions to events"
            )
        elif root == _STEP:
            message = "'step' is there only for compensations; other steps are steps.<name>"
        elif root in self._steps:
            message = (
                f"no variable {root!r}; what the step of that name gave is steps.{root}.output"
            )
        elif self._inputs is not None and root in self._inputs:
            message = f"no variable {root!r}; the input of that name is input.{root}"
        elif root == found.text:
            message = (
                f"no variable {root!r}; text that is meant as such is quoted twice: \"'{root}'\""
            )
        else:
            self._refuse(found, f"no variable {root!r}", root, known)
            return
        self._report.error(found.path, "unknown_reference", message)

    def _check_step(self, more: list[str], found: _Found) -> None:
        step = self._steps.get(more[0])
        if step is None:
            self._refuse(found, f"no step {more[0]!r}", more[0], tuple(self._steps))
            return
        if len(more) > 1 and more[1] not in _OF_A_STEP:
            message = f"steps.{more[0]} has no {more[1]!r}"
            self._refuse(found, message, more[1], _OF_A_STEP)
        assert step.siblings is not None
        foreach = step.siblings.foreach
        if foreach is not None and not _is_within(found.steps, foreach):
            name = foreach.text("name")
            message = (
                f"step {more[0]!r} runs once for each item of {name!r}, and is seen only there; "
            )
            message += f"what all of them gave is steps.{name}.output"
            self._report.error(found.path, "unknown_reference", message)

    def _refuse(self, found: _Found, message: str, given: str, known: tuple[str, ...]) -> None:
        near = self._report.near(given, known)
        allowed = near or (f"; there are {listed(known)}" if known else "; there are none")
        self._report.error(found.path, "unknown_reference", message + allowed)


def _reacts_to_event(part: Part) -> bool:
    """Whether it is a reaction to an event, or what that does; to a timer there is none."""
    reaction = part if part.of is Reaction else part.around
    return part.of in _OF_REACTIONS and reaction is not None and reaction.text("timer") is None


def _is_within(steps: StepList | None, foreach: Part) -> bool:
    while steps is not None and steps.inside is not None:
        if steps.inside is foreach:
            return True
        steps = steps.inside.siblings
    return False
