"""Engine: the course of a process that a definition orders."""

from __future__ import annotations

from collections.abc import Iterable

from trellis_process.domain.change import TIMED_OUT, TIMEOUT_CODE, Change
from trellis_process.domain.course import TIMEOUT, Failure
from trellis_process.domain.definition.process_definition import Compensation
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import COMPLETED, HumanTaskStep, WorkStep
from trellis_process.domain.definition.steps import TIMED_OUT as TIMED_OUT_OUTCOME
from trellis_process.domain.engine import names, undoing_parts
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.kinds import KINDS
from trellis_process.domain.engine.progress import ItemProgress, PartProgress, Progress, progress_of
from trellis_process.domain.engine.reopening import reopen, try_again
from trellis_process.domain.engine.run import Run
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.tracker import StepTracker, Timer
from trellis_process.errors import Described, InvalidInput, NotReported, OutcomeUnknown, Suspended


class Engine:
    """Follows a definition. Immutable; it knows nothing of a process but what it is told."""

    def __init__(self, compiled: CompiledDefinition) -> None:
        self.compiled = compiled

    def run(self, change: Change) -> Run:
        """A run of the process that is being changed."""
        return Run(self.compiled, change)

    def check_completion(
        self, process: Process, step: ProcessStep, outcome: str | None
    ) -> str | None:
        """As Course.check_completion: of a human task an outcome is chosen, work has none."""
        defined = self._reported(step)
        if not isinstance(defined, HumanTaskStep):
            if outcome is not None:
                raise OutcomeUnknown(step.name, outcome, [])
            return None
        assert step.task is not None, "an open task has terms"
        # Timing out is what happens to a task that nobody completes; nobody chooses it.
        known = [name for name, _ in step.task.outcomes if name != TIMED_OUT_OUTCOME]
        chosen = COMPLETED if outcome is None and known == [COMPLETED] else outcome
        if chosen not in known:
            raise OutcomeUnknown(step.name, outcome, known)
        return chosen

    def kept(self, process: Process, step: ProcessStep) -> dict[str, JsonValue]:
        """As Course.kept: what it was given, or how its items were dealt with, to undo that."""
        if step.undoes is not None:
            return {}
        if self.compiled.compensation_of(step.name) is not None:
            return {"input": step.input}
        progress = progress_of(step)
        if isinstance(progress, PartProgress) and self.compiled.can_be_undone_inside(step.name):
            return {"progress": progress._replace(failed={}).as_json()}
        if step.name == names.foreach_of_part(process) and _has_failures(progress):
            return {"input": step.input, "progress": step.progress}  # to try those again
        return {}

    def pause_after(
        self, process: Process, step: ProcessStep, failure: Failure, attempt: int | None
    ) -> int | None:
        """As Course.pause_after: by the definition's rules for retries."""
        defined = self._reported(step)
        if isinstance(defined, HumanTaskStep):
            instead = "complete it with an outcome, or skip it"
            raise NotReported(step.name, "human task", instead)
        if not step.has_retries_left or failure.is_fatal:
            return None
        if attempt is None:
            allowed = "allowed is the number of the attempt that failed, while another may follow"
            raise InvalidInput("attempt", Described("nothing"), allowed)
        return self._pause(process, step, defined.retry, failure)

    def timed_out(self, change: Change, step: ProcessStep, tracker: StepTracker) -> None:
        """As Course.timed_out."""
        if step.waits_for not in (None, WaitingFor.RESUMPTION):
            run, defined = self.run(change), self.compiled.place(step.name).step
            KINDS[type(defined)].due(run, defined, step)
            run.settle()
            return
        work, pause_ms = self._reported(step), None
        if step.has_retries_left and not isinstance(work, HumanTaskStep):
            failure = Failure(TIMED_OUT, code=TIMEOUT_CODE)
            pause_ms = self._pause(change.process, step, work.retry, failure)
        change.time_out(step, pause_ms)

    def rang(self, change: Change, timer: Timer) -> None:
        """As Course.rang: the reactions follow that the definition has for it."""
        run = self.run(change)
        run.ring(timer.name)
        run.settle()

    def step_ended(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_ended: what the definition says comes next."""
        run = self.run(change)
        run.ended(step.name)
        run.settle()

    def step_kept(self, change: Change, step: ProcessStep) -> None:
        """As Course.step_kept: it is to be undone all the same, should the process fail."""
        self.run(change).note_done(step.name)

    def leave(self, change: Change, step: ProcessStep) -> None:
        """As Course.leave: with what stands inside of it, and the children that it has."""
        run = self.run(change)
        if step.undoes is None:
            run.give_up(step)
            run.cancel_steps(run.inside(step.name))

    def resumed(self, change: Change, ended: Iterable[str]) -> None:
        """As Course.resumed: what is open catches up with what came meanwhile."""
        run = self.run(change)
        if not self.compiled.definition.steps:
            change.move(ProcessState.IN_PROGRESS)  # as from its start: it waits for events
        kept, change.process.kept_events = change.process.kept_events, ()
        for event in kept:
            run.take(event)
        for name in ended:
            run.follow(name)
        run.settle()
        for name in list(change.process.steps):
            if change.process.state is not ProcessState.IN_PROGRESS:
                return
            step = change.process.step(name)  # as it is now: the one before may have ended it
            if not step.is_open:
                continue
            if step.undoes is None:
                defined = self.compiled.place(name).step
                KINDS[type(defined)].go_on(run, defined, step)
            else:
                undoing_parts.go_on(run, step)
            run.settle()

    def deadline_passed(self, change: Change) -> None:
        """As Course.deadline_passed: it fails, and undoes what had been completed."""
        self.run(change).fail_process(TIMEOUT)

    def cancel(self, change: Change, *, compensate: bool) -> None:
        """As Course.cancel."""
        run = self.run(change)
        run.end_process(ProcessState.CANCELLED, change.reason, compensate=compensate)

    def reopen(self, change: Change, step: ProcessStep) -> None:
        """As Course.reopen: with what it stands in, and what was given up beside it."""
        run = self.run(change)
        reopen(run, step)
        run.settle()

    def retry(self, change: Change, step: ProcessStep) -> None:
        """As Course.retry: a failed step of any kind does again what it does first."""
        if change.process.state is ProcessState.SUSPENDED:
            raise Suspended("start the step")
        if step.waits_for_retry:
            change.start_attempt(step)
            return
        run = self.run(change)
        reopen(run, step)
        try_again(run, step)
        run.settle()

    def _reported(self, step: ProcessStep) -> WorkStep | HumanTaskStep | Compensation:
        """What the definition says of a step that somebody reports on. Raises NotReported."""
        if step.undoes is not None:
            compensation = self.compiled.compensation_of(step.name)
            if compensation is None:
                raise NotReported(step.name, "foreach", "its parts report, or skip it")
            return compensation
        defined = self.compiled.place(step.name).step
        if not isinstance(defined, WorkStep | HumanTaskStep):
            raise NotReported(step.name, defined.kind, "skip it to go on without it")
        return defined

    def _pause(
        self, process: Process, step: ProcessStep, retry: Retry, failure: Failure
    ) -> int | None:
        if not retry.is_retried(failure.code):
            return None
        if failure.retry_after_ms is not None:
            return failure.retry_after_ms
        failed = step.current_attempt - step.first_attempt + 1
        seed = f"{process.process_id}/{step.name}/{step.visits}"
        return round(retry.pause_after(failed, seed).total_seconds() * 1000)


def _has_failures(progress: Progress | None) -> bool:
    return isinstance(progress, ItemProgress) and bool(progress.failed)
