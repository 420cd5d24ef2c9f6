"""A definition made ready to be followed: where each step stands, and how to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.steps import AnyStep, ForEachStep, ParallelStep


class Expressions(Protocol):
    """How expressions are evaluated; the domain knows no language of its own."""

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        """The value of an expression, as JSON. Raises ExpressionError."""

    def references(self, text: str) -> frozenset[tuple[str, ...]]:
        """What an expression looks at: ``("input", "amount")``. Raises ExpressionError."""


@dataclass(frozen=True)
class Place:
    """Where a step stands: in which list of steps, and inside of which step."""

    step: AnyStep
    siblings: tuple[AnyStep, ...]
    position: int
    around: Place | None = None
    #: The branch of the parallel step around it.
    branch: str | None = None

    @property
    def next_step(self) -> AnyStep | None:
        """The step that follows in its list; None after the last one."""
        following = self.position + 1
        return self.siblings[following] if following < len(self.siblings) else None


class CompiledDefinition:
    """A definition with its steps by name. Immutable, so that one serves all its processes."""

    def __init__(self, definition: ProcessDefinition, expressions: Expressions) -> None:
        self.definition = definition
        self.expressions = expressions
        self.places: dict[str, Place] = {
            place.step.name: place for place in _places(definition.steps, None, None)
        }
        self._compensations: dict[str, Compensation] = {
            each.name: each for each in definition.compensations
        }

    def compensation_of(self, step_name: str) -> Compensation | None:
        """What undoes a step, by the name that the definition gives it; None where nothing does."""
        name = getattr(self.places[step_name].step, "compensate_with", None)
        return None if name is None else self._compensations[name]


def _places(
    steps: tuple[AnyStep, ...], around: Place | None, branch: str | None
) -> Iterator[Place]:
    for position, step in enumerate(steps):
        place = Place(step, steps, position, around, branch)
        yield place
        if isinstance(step, ParallelStep):
            for each in step.parallel.branches:
                yield from _places(each.steps, place, each.name)
        elif isinstance(step, ForEachStep):
            yield from _places(step.foreach.steps, place, None)
