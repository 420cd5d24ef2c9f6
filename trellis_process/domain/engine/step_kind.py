"""StepKind: what steps of one kind do; Holder: what those do that hold lists of steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from trellis_process.domain.change import TIMED_OUT, TIMEOUT_CODE
from trellis_process.domain.definition.steps import AnyStep, StepDefinition
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

Defined = TypeVar("Defined", bound=StepDefinition)
"""What describes a step of that kind in a definition."""

OpenList: TypeAlias = tuple[tuple[AnyStep, ...], str]
"""A list of steps that is gone through, and for which items: ``:17:3``, or nothing."""


class StepKind(Generic[Defined]):
    """What steps of one kind do. It keeps nothing: all that it knows it is told."""

    @abstractmethod
    def begin(self, run: Run, defined: Defined, step: ProcessStep) -> None:
        """The step is entered: it is pending. Raises ExpressionError before anything is done."""

    def due(self, run: Run, defined: Defined, step: ProcessStep) -> None:
        """What the step waits for, beside an attempt, takes too long; most have failed with it."""
        run.fail(step, TIMED_OUT, code=TIMEOUT_CODE)

    def go_on(self, run: Run, defined: Defined, step: ProcessStep) -> None:
        """Its process was suspended and goes on; most steps have nothing to catch up with."""

    def give_up(self, run: Run, defined: Defined, step: ProcessStep) -> None:
        """The open step is given up; most have nothing outside of the process to call off."""


class Holder(StepKind[Defined]):
    """A kind whose steps hold lists of steps: branches, or the same list for each item."""

    @abstractmethod
    def list_ended(
        self, run: Run, defined: Defined, step: ProcessStep, inside: ProcessStep, error: str | None
    ) -> None:
        """A list inside of the step ended with the step ``inside``; or failed, and why."""

    @abstractmethod
    def open_lists(self, defined: Defined, step: ProcessStep) -> Iterator[OpenList]:
        """The lists that the waiting step waits for."""

    @abstractmethod
    def reopen(self, run: Run, step: ProcessStep, inside: str) -> None:
        """The step waits again for the list in which that other one stands, which has ended."""

    @abstractmethod
    def try_again(self, run: Run, defined: Defined, step: ProcessStep) -> bool:
        """What failed inside of the step, or was given up, is tried again; False where nothing was.

        What was completed inside stays as it is.
        """
