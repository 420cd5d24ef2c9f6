"""Routes: where a step leads once it has ended, to a step of its own list or to the list's end."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    AnyStep,
    ConditionStep,
    HumanTaskStep,
    Target,
)
from trellis_process.domain.states import StepState
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.compiled import CompiledDefinition, Place
    from trellis_process.domain.engine.run import Run


class Ending(Enum):
    """How a list of steps ends."""

    COMPLETED = "completed"
    FAILED = "failed"
    #: Transitions are declared and none holds: the whole process fails, however deep the list is.
    NO_TRANSITION = "no_transition"


Route: TypeAlias = AnyStep | Ending
"""What follows from a step: another one, or the end of their list."""


def after(run: Run, step: ProcessStep) -> Route:
    """Where a step leads that is done. Raises ExpressionError where a condition has no value."""
    place = run.place(step.name)
    target = _chosen(place.step, step)
    if target is None and place.step.transitions:
        values = run.values(step.name)
        for transition in place.step.transitions:
            if transition.when is None or values.truth(transition.when):
                return to(run.compiled, place, transition.to)
        completes = run.compiled.definition.on_no_transition == "complete"
        return Ending.COMPLETED if completes else Ending.NO_TRANSITION
    return to(run.compiled, place, target or place.step.on_success)


def to(compiled: CompiledDefinition, place: Place, target: Target | None) -> Route:
    """Where a step leads that stands in that place; without a target to the next of its list."""
    if target is None:
        return place.next_step or Ending.COMPLETED
    if target == COMPLETE:
        return Ending.COMPLETED
    return Ending.FAILED if target == FAIL else compiled.places[target].step


def _chosen(defined: AnyStep, step: ProcessStep) -> Target | None:
    """The target that the outcome of a step has; None where it has none of its own."""
    if isinstance(defined, ConditionStep) and step.state is StepState.COMPLETED:
        return defined.on_true if step.outcome == "true" else defined.on_false
    if isinstance(defined, HumanTaskStep):
        for outcome in defined.human_task.outcomes:
            if outcome.name == step.outcome:
                return outcome.goto
    return None
