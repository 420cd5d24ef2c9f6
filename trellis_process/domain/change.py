"""A change of a process in the making: when, by whom, why, and what happens in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from trellis_process.domain import events as happened
from trellis_process.domain.limits import (
    MAX_ACTOR_CHARACTERS,
    MAX_REASON_CHARACTERS,
    JsonValue,
    check_optional_text,
    check_time,
)
from trellis_process.domain.states import PROCESS_MOVES, ProcessState, StepState
from trellis_process.domain.tracker import (
    ProcessTracker,
    Timer,
    TimerKind,
    Tracker,
    kept_wake_up,
)

if TYPE_CHECKING:
    from trellis_process.domain.course import Failure
    from trellis_process.domain.process import Process
    from trellis_process.domain.step import ProcessStep

TIMED_OUT = "timed out"  # the error of a step whose last attempt timed out
TIMEOUT_CODE = "timeout"  # and its code, which rules about retries may name

_ENDINGS: dict[ProcessState, type[happened.ProcessEvent]] = {
    ProcessState.COMPLETED: happened.ProcessCompleted,
    ProcessState.FAILED: happened.ProcessFailed,
    ProcessState.CANCELLED: happened.ProcessCancelled,
}


class Change:
    """The effects that a command of Process has; the command decides which.

    Used as a context: at its end the events are the process's latest, its time is that of the
    change, and its next wake-up is planned.

    Raises InvalidInput for an actor, a reason or a time that is not as allowed.
    """

    def __init__(
        self,
        process: Process,
        now: datetime,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        self.process = process
        self.now = check_time("now", now)
        self.actor = check_optional_text("actor", actor, MAX_ACTOR_CHARACTERS)
        self.reason = check_optional_text("reason", reason, MAX_REASON_CHARACTERS)
        self.recorded: list[happened.ProcessEvent] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.process.changed_at = self.now
            self.end(kept_wake_up(self.process.wake_up_at, self.process.trackers()))

    def end(self, wake_up_at: datetime | None) -> None:
        """Leaves the process with this change's events, to be looked at again at that time."""
        process = self.process
        unsaved = process.events if process.has_changed else ()
        if process.events and not process.has_changed:
            process.previous_event_version = process.version
        process.events = (*unsaved, *self.recorded)
        process.wake_up_at = None if process.state.is_final else wake_up_at
        process.has_changed = True

    def record(
        self,
        event_type: type[happened.ProcessEvent],
        *,
        reason: str | None = None,
        **details: Any,
    ) -> None:
        """Something happened. Its reason is the change's own unless a better one is given."""
        self.recorded.append(
            event_type(
                tenant_id=self.process.tenant_id,
                process_id=self.process.process_id,
                occurred_at=self.now,
                actor=self.actor,
                reason=reason or self.reason,
                **details,
            )
        )

    def put(self, step: ProcessStep) -> ProcessStep:
        """The step stands like this now; with its first report a pending process is under way."""
        if self.process.state is ProcessState.PENDING:
            self.move(ProcessState.IN_PROGRESS)
        self.process.steps[step.name] = step
        return step

    def bring(self, payload: JsonValue) -> None:
        """The change carries data of the caller's, None for none."""
        self.process.brings_payload |= payload is not None

    def start_process(self) -> None:
        """The process begins, and with it the time it may take."""
        self._set_deadline()
        self.bring(self.process.metadata)
        self.record(happened.ProcessStarted)

    def start_attempt(self, step: ProcessStep) -> None:
        """The next attempt at a step begins."""
        step = self.put(step.next_attempt(self.now, self.actor))
        self.record(
            happened.CompensationStarted
            if self.process.is_compensation(step)
            else happened.StepStarted,
            step_name=step.name,
            attempt=step.attempt,
        )

    def complete(
        self, step: ProcessStep, output: JsonValue, outcome: str | None, attempt: int | None
    ) -> None:
        """A step is done."""
        kept = self.process.course.kept(self.process, step)
        step = self.put(step.completed(output, self.now, self.actor, outcome, kept=kept))
        self.record(
            happened.CompensationCompleted
            if self.process.is_compensation(step)
            else happened.StepCompleted,
            step_name=step.name,
            attempt=attempt or step.attempt,
        )

    def fail_attempt(self, step: ProcessStep, failure: Failure, pause_ms: int | None) -> None:
        """An attempt failed; the next one begins after so long, or the step fails."""
        if pause_ms is None:
            self.fail(step, failure.error, code=failure.code)
            self.step_ended(step.name)
        else:
            self._retry_later(step, failure, pause_ms)

    def fail(
        self, step: ProcessStep, error: str, outcome: str | None = None, *, code: str | None = None
    ) -> None:
        """A step fails for good."""
        step = self.put(step.failed(error, self.now, self.actor, outcome))
        self.record(
            happened.CompensationFailed
            if self.process.is_compensation(step)
            else happened.StepFailed,
            step_name=step.name,
            attempt=step.attempt,
            code=code,
        )

    def step_ended(self, name: str) -> None:
        """What follows from a step's end follows; in a suspended process once it is resumed."""
        process = self.process
        if process.state is ProcessState.SUSPENDED:
            process.unrouted = (*process.unrouted, name)
            process.course.step_kept(self, process.step(name))
        else:
            process.course.step_ended(self, process.step(name))

    def time_out(self, step: ProcessStep, pause_ms: int | None) -> None:
        """An attempt took too long; the next one begins after so long, or the step fails."""
        self.record(
            happened.ProcessStepTimedOut,
            step_name=step.name,
            attempt=step.attempt,
            retries_permitted=step.retries_permitted,
            first_attempt=step.first_attempt,
        )
        if pause_ms is None:
            self.fail(step, TIMED_OUT, code=TIMEOUT_CODE)
            self.step_ended(step.name)
        elif pause_ms:
            self._back_off(step, TIMED_OUT, pause_ms)
        else:
            self.start_attempt(step)

    def suspend(self, step: ProcessStep, due_at: datetime | None) -> None:
        """A step waits to be resumed; where that came already it goes on at once."""
        step = self.put(step.suspended(due_at, self.actor))
        self.record(happened.StepSuspended, step_name=step.name, attempt=step.attempt)
        if step.resumed_early:
            self.resume(step)

    def resume(self, step: ProcessStep) -> None:
        """A suspended step goes on with the resumption that it keeps."""
        step = self.put(step.resumed(self.now, self.actor))
        self.record(happened.StepResumed, step_name=step.name, attempt=step.attempt)

    def fire(self, tracker: Tracker) -> None:
        """What waited has waited long enough; the process's course says what that means."""
        process = self.process
        if isinstance(tracker, ProcessTracker):
            process.course.deadline_passed(self)
        elif isinstance(tracker, Timer):
            self.ring(tracker)
        elif tracker.is_backoff:
            self.start_attempt(process.step(tracker.step_name))
        else:
            process.course.timed_out(self, process.step(tracker.step_name), tracker)

    def ring(self, timer: Timer) -> None:
        """A timer's moment has come; it is told once."""
        process = self.process
        process.timers = tuple(each for each in process.timers if each != timer)
        if timer.kind is TimerKind.ESCALATION:
            assert timer.step_name is not None, "an escalation is about a task"
            step = process.step(timer.step_name)
            self.record(happened.TaskEscalated, step_name=step.name, attempt=step.attempt)
            return
        if timer.kind is TimerKind.TIMER:
            process.course.rang(self, timer)
            return
        scope = timer.name if timer.step_name is None else f"{timer.step_name}/{timer.name}"
        actual_ms = (self.now - timer.since) // timedelta(milliseconds=1)
        process.breaches = process.breaches | {scope: actual_ms}
        if timer.sends_event:
            self.record(
                happened.SlaBreached,
                tier=timer.name,
                expected_ms=(timer.due_at - timer.since) // timedelta(milliseconds=1),
                actual_ms=actual_ms,
                step_name=timer.step_name,
            )

    def stop_timers(self, step_name: str | None) -> None:
        """What a step's timers, or with None those of the process, were for has ended.

        One that was due by now and that no sweep has found yet is told of all the same.
        """
        for timer in [each for each in self.process.timers if each.step_name == step_name]:
            if timer.kind is TimerKind.SLA and timer.is_due(self.now):
                self.ring(timer)
        self.process.timers = tuple(
            each for each in self.process.timers if each.step_name != step_name
        )

    def finish(self, state: ProcessState, reason: str | None = None) -> None:
        """The process ends; what is open in it is given up, and nothing waits any more."""
        process = self.process
        for step in list(process.steps.values()):
            if step.is_open:
                process.steps[step.name] = step.cancelled(self.now)
        self.stop_timers(None)
        process.timers = process.unrouted = process.kept_events = ()
        self.move(state)
        process.reason = reason
        process.due_at = process.ends_as = None
        self.record(_ENDINGS[state], reason=reason)

    def reopen(self) -> None:
        """A failed process is under way again, with its whole time before it."""
        process = self.process
        self.open_again()
        for step in list(process.steps.values()):
            if step.state is StepState.CANCELLED:
                process.steps[step.name] = step.reopened()

    def open_again(self) -> None:
        """A failed process is under way again, its steps left as they are."""
        self.move(ProcessState.IN_PROGRESS)
        self.process.reason = self.process.compensation = None
        self._set_deadline()

    def _retry_later(self, step: ProcessStep, failure: Failure, delay_ms: int) -> None:
        """An attempt failed, as was reported; the next one begins after so long, or at once."""
        step = self._back_off(step, failure.error, delay_ms)
        self.record(
            happened.StepAttemptFailed,
            step_name=step.name,
            attempt=step.attempt,
            code=failure.code,
        )
        self._start_if_due(step)

    def _back_off(self, step: ProcessStep, error: str, delay_ms: int) -> ProcessStep:
        due_at = self.now + timedelta(milliseconds=delay_ms)
        return self.put(step.waiting_for_retry(error, due_at, self.actor))

    def _start_if_due(self, step: ProcessStep) -> None:
        assert step.due_at is not None, "a backoff ends"
        # In a suspended process nothing is sent; the first sweep after its resumption starts it.
        if step.due_at <= self.now and self.process.state is not ProcessState.SUSPENDED:
            self.start_attempt(step)

    def _set_deadline(self) -> None:
        limit = self.process.timeout_ms
        self.process.due_at = None if limit is None else self.now + timedelta(milliseconds=limit)

    def move(self, state: ProcessState) -> None:
        """The process is in that state now."""
        before = self.process.state
        assert state in PROCESS_MOVES[before], f"{before} → {state} is no move of a process"
        self.process.state = state
