"""What expressions look at, and of which type they take it to be: what examples are made of."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, TypeAlias

from trellis_process.definitions.expression_cost import Path, parts_of, path_of
from trellis_process.definitions.expression_syntax import (
    Call,
    Entry,
    Literal,
    Loop,
    Node,
    Operation,
    read,
)
from trellis_process.domain.definition.expressions import expressions_of, texts_in
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    AnyStep,
    ConditionStep,
    ForEachStep,
    HumanTaskStep,
    WaitStep,
    walk,
)


class Kind(StrEnum):
    """What a value is taken to be."""

    ANY = "any"
    BOOL = "bool"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    MOMENT = "moment"


Wanted: TypeAlias = tuple[Path, Kind, Any]
"""A path, what it is taken to be, and a value that would do where one is written beside it."""

_NUMBERS = ("<", "<=", ">", ">=", "-", "*", "/", "%")
_OF_TEXT = ("startsWith", "endsWith", "contains", "matches", "lower", "upper", "trim", "split")
_OF_MOMENTS = (
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
)
_OF_LISTS = ("join", "sum", "max", "min")


def wanted_by(definition: ProcessDefinition) -> Iterator[tuple[AnyStep | None, Wanted]]:
    """All that a definition's expressions look at, each with the step whose expression it is."""
    for step in walk(definition.steps):
        for expression in expressions_of(step):
            for wanted in _of_text(expression, _kind_of(step, expression)):
                yield step, wanted
    for each in (definition.outputs, definition.search_attributes, *_of_reactions(definition)):
        for expression in texts_in(each):
            for wanted in _of_text(expression, Kind.ANY):
                yield None, wanted
    for compensation in definition.compensations:
        undone = [
            step
            for step in walk(definition.steps)
            if getattr(step, "compensate_with", None) == compensation.name
        ]
        for expression in texts_in(compensation.inputs or {}):
            for path, kind, value in _of_text(expression, Kind.ANY):
                if path[0] != "step":
                    yield None, (path, kind, value)
                for step in undone if path[0] == "step" else ():
                    yield step, (("steps", step.name, *path[1:]), kind, value)


def _of_reactions(definition: ProcessDefinition) -> Iterator[Any]:
    """What holds the expressions of reactions, and those that are named."""
    yield from (definition.constraints, definition.invariants, definition.ends_when)
    for reaction in definition.reactions:
        yield from (reaction.when, reaction.set)
        yield from (each.inputs for each in reaction.send)
        yield from (each.at for each in reaction.set_timers)


def _kind_of(step: AnyStep, expression: str) -> Kind:
    """What the whole expression has to be, by where it stands."""
    if isinstance(step, ConditionStep) and expression == step.condition:
        return Kind.BOOL
    if isinstance(step, ForEachStep) and expression == step.foreach.items:
        return Kind.LIST
    if isinstance(step, WaitStep) and expression == step.until:
        return Kind.MOMENT
    if isinstance(step, HumanTaskStep) and expression == step.human_task.assignee:
        return Kind.TEXT
    if any(each.when == expression for each in step.transitions):
        return Kind.BOOL
    return Kind.ANY


def _of_text(expression: str, kind: Kind) -> Iterator[Wanted]:
    yield from _of_node(read(expression, {}).tree, kind, None)


def _of_node(node: Node, kind: Kind, value: Any) -> Iterator[Wanted]:
    path = path_of(node)
    if path is not None:
        yield path, kind, value
        return
    if isinstance(node, Operation):
        yield from _of_operation(node, kind)
    elif isinstance(node, Call):
        first = Kind.ANY
        if node.function in _OF_TEXT:
            first = Kind.TEXT
        elif node.function in _OF_MOMENTS:
            first = Kind.MOMENT
        elif node.function in _OF_LISTS:
            first = Kind.LIST
        elif node.function in ("int", "double"):
            first = Kind.NUMBER
        for place, each in enumerate(node.arguments):
            yield from _of_node(each, first if place == 0 else Kind.ANY, None)
    elif isinstance(node, Loop):
        yield from _of_node(node.over, Kind.LIST, None)
        for body in node.bodies:
            # What the macro names itself is no variable.
            yield from (
                each for each in _of_node(body, Kind.ANY, None) if each[0][0] != node.variable
            )
    elif isinstance(node, Entry):
        whole = isinstance(node.at, Literal) and node.at.is_whole_number
        yield from _of_node(node.of, Kind.LIST if whole else Kind.ANY, None)
        yield from _of_node(node.at, Kind.ANY, None)
    else:
        for part in parts_of(node):
            yield from _of_node(part, Kind.ANY, None)


def _of_operation(node: Operation, kind: Kind) -> Iterator[Wanted]:
    operator, operands = node.operator, node.operands
    if operator in ("&&", "||", "!"):
        for each in operands:
            yield from _of_node(each, Kind.BOOL, None)
    elif operator == "?":
        yield from _of_node(operands[0], Kind.BOOL, None)
        for each in operands[1:]:
            yield from _of_node(each, kind, None)
    elif operator == "in":
        yield from _of_node(operands[0], Kind.ANY, None)
        yield from _of_node(operands[1], Kind.LIST, None)
    else:
        for place, each in enumerate(operands):
            beside = operands[1 - place] if len(operands) == 2 else None
            found, value = _beside(operator, beside, kind)
            yield from _of_node(each, found, value)


def _beside(operator: str, beside: Node | None, kind: Kind) -> tuple[Kind, Any]:
    """What an operand is taken to be, by the operator and what stands on its other side."""
    if isinstance(beside, Literal):
        if beside.text is not None:
            return Kind.TEXT, beside.text if operator == "==" else None
        if beside.is_whole_number or operator in _NUMBERS:
            return Kind.NUMBER, None
        return Kind.ANY, None
    if isinstance(beside, Call) and beside.function in ("timestamp", "duration"):
        return Kind.MOMENT, None
    if operator in _NUMBERS:
        return Kind.NUMBER, None
    return (kind, None) if operator == "+" else (Kind.ANY, None)
