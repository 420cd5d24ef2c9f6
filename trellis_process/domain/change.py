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
from trellis_process.domain.tracker import ProcessTracker, Tracker, kept_wake_up

if TYPE_CHECKING:
    from trellis_process.domain.process import Process
    from trellis_process.domain.step import ProcessStep

STEP_FAILED = "step_failed"  # the reason of a process that failed because a step did
TIMEOUT = "timeout"  # the reason of a process that ran past its own deadline
TIMED_OUT = "timed out"  # the error of a step whose last attempt timed out

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
            self._move(ProcessState.IN_PROGRESS)
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
        self.record(happened.StepStarted, step_name=step.name, attempt=step.attempt)

    def retry_later(self, step: ProcessStep, error: str, delay_ms: int) -> None:
        """An attempt failed; the next one begins after so long, or at once."""
        due_at = self.now + timedelta(milliseconds=delay_ms)
        step = self.put(step.waiting_for_retry(error, due_at, self.actor))
        self.record(happened.StepAttemptFailed, step_name=step.name, attempt=step.attempt)
        if not delay_ms:
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

    def fail(self, step: ProcessStep, error: str) -> None:
        """A step fails for good, and with it the process."""
        step = self.put(step.failed(error, self.now, self.actor))
        self.record(happened.StepFailed, step_name=step.name, attempt=step.attempt)
        self.finish(ProcessState.FAILED, STEP_FAILED)

    def fire(self, tracker: Tracker) -> None:
        """What waited has waited long enough.

        The process fails at its own deadline. A timed-out attempt, or one that nobody resumed in
        time, is followed by the next, or its step fails if none is left. A backoff that is over is
        followed by its attempt.
        """
        if isinstance(tracker, ProcessTracker):
            self.finish(ProcessState.FAILED, TIMEOUT)
            return
        step = self.process.step(tracker.step_name)
        if tracker.is_backoff:
            self.start_attempt(step)
            return
        self.record(
            happened.ProcessStepTimedOut,
            step_name=step.name,
            attempt=step.attempt,
            retries_permitted=step.retries_permitted,
        )
        if tracker.has_retries_left():
            self.start_attempt(step)
        else:
            self.fail(step, TIMED_OUT)

    def finish(self, state: ProcessState, reason: str | None = None) -> None:
        """The process ends; what is open in it is given up, and nothing waits any more."""
        process = self.process
        for step in list(process.steps.values()):
            if step.is_open:
                process.steps[step.name] = step.cancelled(self.now)
        self._move(state)
        process.reason = reason
        process.due_at = None
        self.record(_ENDINGS[state], reason=reason)

    def reopen(self) -> None:
        """A failed process is under way again, with its whole time before it."""
        process = self.process
        self._move(ProcessState.IN_PROGRESS)
        process.reason = None
        self._set_deadline()
        for step in list(process.steps.values()):
            if step.state is StepState.CANCELLED:
                process.steps[step.name] = step.reopened()

    def _set_deadline(self) -> None:
        limit = self.process.timeout_ms
        self.process.due_at = None if limit is None else self.now + timedelta(milliseconds=limit)

    def _move(self, state: ProcessState) -> None:
        before = self.process.state
        assert state in PROCESS_MOVES[before], f"{before} → {state} is no move of a process"
        self.process.state = state
