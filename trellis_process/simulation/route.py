"""Routes: where a step that has ended leads, and which expression, with which values, said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis_process.definitions import expressions
from trellis_process.domain.definition.steps import COMPLETE, FAIL, ConditionStep, HumanTaskStep
from trellis_process.domain.engine.compiled import Place
from trellis_process.domain.states import StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import ExpressionError
from trellis_process.simulation.entry import value_text


@dataclass(frozen=True)
class Evaluation:
    """What an expression gave, and what it looked at."""

    text: str
    value: Any
    looked_at: tuple[tuple[str, Any], ...]
    #: Why it has no value.
    error: str | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.text} has no value: {self.error}"
        told = ", ".join(f"{path} = {value_text(value)}" for path, value in self.looked_at)
        return f"{self.text} is {value_text(self.value)}" + (f" ({told})" if told else "")


class WatchedExpressions:
    """Evaluates expressions as usual, and remembers what came of it since it was last cleared."""

    def __init__(self) -> None:
        self.evaluations: list[Evaluation] = []

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        """As Expressions.evaluate."""
        looked_at = tuple(
            (".".join(path), found)
            for path in sorted(expressions.references(text))
            if len(path) > 1 and (found := _at(path, variables)) is not _MISSING
        )
        try:
            value = expressions.evaluate(text, variables)
        except ExpressionError as error:
            self.evaluations.append(Evaluation(text, None, looked_at, error.why))
            raise
        self.evaluations.append(Evaluation(text, value, looked_at))
        return value

    def references(self, text: str) -> frozenset[tuple[str, ...]]:
        """As Expressions.references."""
        return expressions.references(text)


def route_of(place: Place, step: ProcessStep, evaluations: list[Evaluation]) -> str:
    """Where a step that has ended leads, as far as its definition says so, and why.

    What it uses of the evaluations it takes away, for the next step with such an expression.
    """
    defined = place.step
    if step.state is StepState.FAILED:
        return _told(defined.on_failure, "", "on_failure") if defined.on_failure else ""
    if isinstance(defined, ConditionStep) and step.state is StepState.COMPLETED:
        found = _taken(defined.condition, evaluations)
        way = "on_true" if step.outcome == "true" else "on_false"
        target = getattr(defined, way)
        why = "" if found is None else str(found)
        if target is not None:
            return _told(target, why, "")
        return _onward(place, evaluations, why)
    if isinstance(defined, HumanTaskStep):
        for outcome in defined.human_task.outcomes:
            if outcome.name == step.outcome and outcome.goto is not None:
                return _told(outcome.goto, "", f"goto of {outcome.name}")
    return _onward(place, evaluations, "")


def _onward(place: Place, evaluations: list[Evaluation], why: str) -> str:
    defined = place.step
    tried = [why] if why else []
    for transition in defined.transitions:
        if transition.when is None:
            return _told(transition.to, "; ".join(tried), "the last transition")
        found = _taken(transition.when, evaluations)
        if found is None:
            break
        tried.append(str(found))
        if found.value is True:
            return _told(transition.to, "; ".join(tried), "")
    if defined.transitions:
        return "; ".join([*tried, "no transition holds"])
    if defined.on_success is not None:
        return _told(defined.on_success, why, "on_success")
    following = place.next_step
    if following is not None:
        return _told(following.name, why, "")
    return why


def _told(target: str, why: str, way: str) -> str:
    named = {COMPLETE: "complete", FAIL: "fail"}.get(target, target)
    reason = "; ".join(each for each in (way, why) if each)
    return f"→ {named}" + (f", for {reason}" if why else f" ({way})" if way else "")


def _taken(text: str, evaluations: list[Evaluation]) -> Evaluation | None:
    """The first evaluation of that expression, which is not looked at again."""
    for place, each in enumerate(evaluations):
        if each.text == text:
            return evaluations.pop(place)
    return None


_MISSING = object()


def _at(path: tuple[str, ...], variables: Mapping[str, Any]) -> Any:
    value: Any = variables
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return _MISSING
        value = value[name]
    return value
