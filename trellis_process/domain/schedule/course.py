"""ScheduleCourse: what follows in a schedule when its time has come."""

from __future__ import annotations

from collections.abc import Iterable

from trellis_process.domain.change import Change
from trellis_process.domain.course import Failure
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.schedule.scheduling import Scheduling
from trellis_process.domain.schedule.terms import Calendar
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.tracker import StepTracker, Timer
from trellis_process.errors import NotReported

INSTEAD = "suspend the schedule to pause it, or cancel it to end it"


class ScheduleCourse:
    """A schedule is a process of one step that waits for the next time, until it is cancelled.

    So its times stand in the index of everything that waits, pausing it is suspending it, and what
    it starts are children.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def check_completion(
        self, process: Process, step: ProcessStep, outcome: str | None
    ) -> str | None:
        """As Course.check_completion: nobody reports on it."""
        raise NotReported(step.name, "schedule", INSTEAD)

    def kept(self, process: Process, step: ProcessStep) -> dict[str, JsonValue]:
        """As Course.kept."""
        return {}

    def pause_after(
        self, process: Process, step: ProcessStep, failure: Failure, attempt: int | None
    ) -> int | None:
        """As Course.pause_after: nobody reports on it."""
        raise NotReported(step.name, "schedule", INSTEAD)

    def timed_out(self, change: Change, step: ProcessStep, tracker: StepTracker) -> None:
        """As Course.timed_out: its time has come."""
        with Scheduling(self.calendar, change) as scheduling:
            scheduling.tick()
            scheduling.go_on()

    def rang(self, change: Change, timer: Timer) -> None:
        """As Course.rang: nobody sets any."""

    def step_ended(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_ended: its only step never does."""

    def step_kept(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_kept."""

    def leave(self, change: Change, step: ProcessStep) -> None:
        """As Course.leave: there is nothing to go on with."""
        raise NotReported(step.name, "schedule", INSTEAD)

    def resumed(self, change: Change, ended: Iterable[str]) -> None:
        """As Course.resumed: what waited for runs that ended meanwhile starts."""
        with Scheduling(self.calendar, change) as scheduling:
            scheduling.go_on()

    def deadline_passed(self, change: Change) -> None:
        """As Course.deadline_passed: it has none."""

    def cancel(self, change: Change, *, compensate: bool) -> None:
        """As Course.cancel: its open runs go on."""
        change.finish(ProcessState.CANCELLED, change.reason)

    def reopen(self, change: Change, step: ProcessStep) -> None:
        """As Course.reopen: it never fails."""
        raise NotReported(step.name, "schedule", INSTEAD)

    def retry(self, change: Change, step: ProcessStep) -> None:
        """As Course.retry."""
        raise NotReported(step.name, "schedule", INSTEAD)
