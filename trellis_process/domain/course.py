"""The course of a process: what follows when something in it has ended, or waited long enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trellis_process.domain.states import ProcessState, StepState
from trellis_process.errors import NoDefinition

if TYPE_CHECKING:
    from trellis_process.domain.change import Change
    from trellis_process.domain.limits import JsonValue
    from trellis_process.domain.process import Process
    from trellis_process.domain.step import ProcessStep
    from trellis_process.domain.tracker import StepTracker, Timer

STEP_FAILED = "step_failed"  # the reason of a process that failed because a step did
TIMEOUT = "timeout"  # the reason of a process that ran past its own deadline


@dataclass(frozen=True)
class Failure:
    """What is reported of an attempt that failed."""

    error: str
    #: What kind of error it is, for rules about what is tried again.
    code: str | None = None
    #: Whether trying again is of no use.
    is_fatal: bool = False
    #: When to try again, where the service knows.
    retry_after_ms: int | None = None


class Course(Protocol):
    """Who orders the steps of a process: nobody, or a definition."""

    def check_completion(
        self, process: Process, step: ProcessStep, outcome: str | None
    ) -> str | None:
        """The outcome with which a report may complete an open step. Raises what refuses it."""

    def kept(self, process: Process, step: ProcessStep) -> dict[str, JsonValue]:
        """The fields of a step that are needed still once it is completed, to undo it perhaps."""

    def pause_after(
        self, process: Process, step: ProcessStep, failure: Failure, attempt: int | None
    ) -> int | None:
        """In how many milliseconds to try again after a failed attempt; None for not at all."""

    def timed_out(self, change: Change, step: ProcessStep, tracker: StepTracker) -> None:
        """An attempt, or what a step waited for, took too long."""

    def rang(self, change: Change, timer: Timer) -> None:
        """The moment of a timer has come that a reaction set."""

    def step_ended(self, change: Change, step: ProcessStep) -> None:
        """A step is completed, skipped, or has failed for good."""

    def step_kept(self, change: Change, step: ProcessStep) -> None:
        """A step has ended while the process is suspended; what follows, does on its resumption."""

    def leave(self, change: Change, step: ProcessStep) -> None:
        """An open step is to be passed over."""

    def resumed(self, change: Change, ended: Iterable[str]) -> None:
        """A suspended process goes on; these steps ended meanwhile."""

    def deadline_passed(self, change: Change) -> None:
        """The process as a whole took too long."""

    def cancel(self, change: Change, *, compensate: bool) -> None:
        """Somebody calls the process off."""

    def reopen(self, change: Change, step: ProcessStep) -> None:
        """A failed process is to go on at a failed step. Raises what refuses it."""

    def retry(self, change: Change, step: ProcessStep) -> None:
        """A step that can be started is, on purpose. Raises what refuses it."""


class Unordered:
    """The course of a process without a definition: its steps are all there is to do, in any order.

    It is completed with its last step and fails with the first that fails.
    """

    def check_completion(
        self, process: Process, step: ProcessStep, outcome: str | None
    ) -> str | None:
        """As Course.check_completion: nobody chooses between outcomes here."""
        if outcome is not None:
            raise NoDefinition(process.process_id)
        return None

    def kept(self, process: Process, step: ProcessStep) -> dict[str, JsonValue]:
        """As Course.kept: nobody knows what would undo it."""
        return {}

    def pause_after(
        self, process: Process, step: ProcessStep, failure: Failure, attempt: int | None
    ) -> int | None:
        """As Course.pause_after: only where the report asks for it, and retries are left."""
        if failure.is_fatal or not step.has_retries_left:
            return None
        return failure.retry_after_ms

    def timed_out(self, change: Change, step: ProcessStep, tracker: StepTracker) -> None:
        """As Course.timed_out: the next attempt begins at once, if one is left."""
        change.time_out(step, 0 if tracker.has_retries_left() else None)

    def rang(self, change: Change, timer: Timer) -> None:
        """As Course.rang: nobody sets any."""

    def step_ended(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_ended."""
        if step.state is StepState.FAILED:
            change.finish(ProcessState.FAILED, STEP_FAILED)
        elif all(each.state.is_done for each in change.process.steps.values()):
            change.finish(ProcessState.COMPLETED)

    def step_kept(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_kept."""

    def leave(self, change: Change, step: ProcessStep) -> None:
        """As Course.leave: nothing stands inside of it."""

    def resumed(self, change: Change, ended: Iterable[str]) -> None:
        """As Course.resumed."""
        steps = [change.process.step(name) for name in ended]
        # A failure comes first, for what was completed beside it does not make the process so.
        for step in sorted(steps, key=lambda each: each.state is not StepState.FAILED)[:1]:
            self.step_ended(change, step)

    def deadline_passed(self, change: Change) -> None:
        """As Course.deadline_passed."""
        change.finish(ProcessState.FAILED, TIMEOUT)

    def cancel(self, change: Change, *, compensate: bool) -> None:
        """As Course.cancel: there is nothing that would undo anything."""
        change.finish(ProcessState.CANCELLED, change.reason)

    def reopen(self, change: Change, step: ProcessStep) -> None:
        """As Course.reopen."""
        change.reopen()

    def retry(self, change: Change, step: ProcessStep) -> None:
        """As Course.retry."""
        if step.state is StepState.FAILED:
            change.reopen()
        change.start_attempt(step)


UNORDERED = Unordered()
