"""A definition made ready to be followed: where each step stands, and how to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.steps import (
    AnyStep,
    ForEachStep,
    ParallelStep,
    lists_inside,
    walk,
)
from trellis_process.domain.engine import names
from trellis_process.domain.limits import JsonValue


class Expressions(Protocol):
    """How expressions are evaluated; the domain knows no language of its own."""

    def evaluate(self, text: str, variables: Mapping[str, Any]) -> Any:
        """The value of an expression, as JSON. Raises ExpressionError."""

    def references(self, text: str) -> frozenset[tuple[str, ...]]:
        """What an expression looks at: ``("input", "amount")``. Raises ExpressionError."""


class DataSchema(Protocol):
    """What is declared of the data that processes keep; the domain knows no schemas."""

    def defaults(self) -> dict[str, JsonValue]:
        """The data that a process begins with."""

    def check(self, data: dict[str, JsonValue]) -> None:
        """Raises InvalidInput where data is not as declared."""


class AnyData:
    """Nothing is declared, so data may be anything."""

    def defaults(self) -> dict[str, JsonValue]:
        """As DataSchema.defaults."""
        return {}

    def check(self, data: dict[str, JsonValue]) -> None:
        """As DataSchema.check."""


ANY_DATA = AnyData()


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

    def __init__(
        self,
        definition: ProcessDefinition,
        expressions: Expressions,
        data: DataSchema = ANY_DATA,
    ) -> None:
        self.definition = definition
        self.expressions = expressions
        self.data = data
        self.places: dict[str, Place] = {
            place.step.name: place for place in _places(definition.steps, None, None)
        }
        self._compensations: dict[str, Compensation] = {
            each.name: each for each in definition.compensations
        }

    def place(self, step_name: str) -> Place:
        """Where a step of a process stands, or the one that it undoes."""
        return self.places[names.defined_name(step_name)]

    def around(self, step_name: str) -> Iterator[str]:
        """The names of the steps inside of which a step of a process stands, the innermost first.

        With those around a foreach that are steps of the parent, where the process is for a part.
        """
        place, items = self.place(step_name), names.items_of(step_name)
        while place.around is not None:
            name = names.name_around(place, items)
            yield name
            place, items = place.around, names.items_of(name)

    def compensation_of(self, step_name: str) -> Compensation | None:
        """What undoes a step of a process; None where nothing does."""
        name = getattr(self.place(step_name).step, "compensate_with", None)
        return None if name is None else self._compensations[name]

    def can_be_undone_inside(self, step_name: str) -> bool:
        """Whether something undoes a step that stands inside of that one, however deep."""
        return any(
            self.compensation_of(each.name) is not None
            for listed in lists_inside(self.place(step_name).step)
            for each in walk(listed)
        )


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
