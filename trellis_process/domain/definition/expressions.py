"""Where a definition holds expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis_process.domain.definition.steps import (
    AnyStep,
    ConditionStep,
    Expression,
    ForEachStep,
    HumanTaskStep,
    QueryStep,
    SideEffectStep,
    SubprocessStep,
    WaitStep,
)


def expressions_of(step: AnyStep) -> Iterator[Expression]:
    """Every expression of one step; of what is inside of it only what it says itself."""
    yield from texts_in(getattr(step, "inputs", {}))
    for transition in step.transitions:
        if transition.when is not None:
            yield transition.when
    if isinstance(step, ConditionStep):
        yield step.condition
    elif isinstance(step, WaitStep) and step.until is not None:
        yield step.until
    elif isinstance(step, HumanTaskStep) and step.human_task.assignee is not None:
        yield step.human_task.assignee
    elif isinstance(step, QueryStep):
        yield from texts_in(step.query.filters)
    elif isinstance(step, SubprocessStep) and step.key is not None:
        yield step.key
    elif isinstance(step, ForEachStep):
        yield step.foreach.items
    elif isinstance(step, SideEffectStep):
        for effect in step.effects:
            if effect.id is not None:
                yield effect.id
            yield from texts_in(effect.set)


def texts_in(inputs: Any) -> Iterator[Expression]:
    """Every expression of inputs: their texts, also inside of lists and objects."""
    if isinstance(inputs, str):
        yield inputs
    elif isinstance(inputs, Mapping):
        for each in inputs.values():
            yield from texts_in(each)
    elif isinstance(inputs, list | tuple):
        for each in inputs:
            yield from texts_in(each)
