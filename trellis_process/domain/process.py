"""A process: one run of a journey through its steps, and the rules it follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from trellis_process.domain.change import Change
from trellis_process.domain.course import Failure
from trellis_process.domain.events import (
    ProcessResumed,
    ProcessSuspended,
    StepSkipped,
)
from trellis_process.domain.limits import (
    MAX_CODE_CHARACTERS,
    MAX_ERROR_CHARACTERS,
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_aggregate_id,
    check_json,
    check_metadata,
    check_name,
    check_optional_text,
    check_retry_after_ms,
    check_text,
    check_time,
    check_timeout_ms,
)
from trellis_process.domain.record import Parent, ProcessKey, ProcessRecord
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import ProcessStep, steps_by_name
from trellis_process.domain.tracker import ProcessTracker, StepTracker, Timer, Tracker, earliest
from trellis_process.errors import (
    Compensating,
    ProcessFinished,
    StepFinished,
    StepNotStarted,
)

__all__ = ["Parent", "Process", "ProcessKey"]


@dataclass(kw_only=True)
class Process(ProcessRecord):
    """One run of a journey: belongs to a tenant, is about an aggregate, consists of steps.

    Begin one with ``Process.start``. Every method that changes it is told the time, and
    ``has_changed`` tells whether there is anything to save: a no-op leaves it as it was.
    """

    @classmethod
    def start(
        cls,
        *,
        process_id: str,
        tenant_id: str,
        process_type: str,
        aggregate_type: str,
        aggregate_id: str,
        steps: Iterable[ProcessStep],
        now: datetime,
        metadata: dict[str, JsonValue] | None = None,
        timeout_ms: int | None = None,
        auto_start_steps: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Self:
        """Begins a process; with ``auto_start_steps`` every step's first attempt begins with it.

        Raises InvalidInput where a name, an id, a limit or the list of steps is not as allowed.
        """
        process = cls(
            tenant_id=check_name("tenant_id", tenant_id),
            process_id=check_name("process_id", process_id),
            process_type=check_name("process_type", process_type),
            aggregate_type=check_name("aggregate_type", aggregate_type),
            aggregate_id=check_aggregate_id("aggregate_id", aggregate_id),
            steps=steps_by_name(steps),
            metadata=check_metadata("metadata", metadata),
            timeout_ms=check_timeout_ms("timeout_ms", timeout_ms),
            started_at=now,
            changed_at=now,
        )
        with Change(process, now, actor, reason) as change:
            change.start_process()
            if auto_start_steps:
                for step in list(process.steps.values()):
                    change.start_attempt(step)
        process.started_at = process.changed_at
        return process

    def start_step(
        self,
        name: str,
        *,
        now: datetime,
        attempt: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> StepTracker | None:
        """Begins an attempt at a step; returns its tracker where a timeout is configured.

        Starting a started step is a no-op. Starting a failed step is a retry on purpose: it
        begins a new attempt and opens the process again. Starting one that waits for its next
        attempt begins that now. Naming the ``attempt`` makes a late repeat harmless: only the one
        that follows is begun.

        Raises StepNotFound, StepFinished, ProcessFinished, or AttemptUnknown where the named
        attempt does not follow.
        """
        step = self.step(name)
        step.check_attempt(attempt, latest=step.attempt_to_start)
        if step.is_startable and attempt in (None, step.attempt_to_start):
            with Change(self, now, actor, reason) as change:
                self.course.retry(change, step)
            return self.tracker(name)
        self._refuse_if_finished(step, "start the step")
        return self.tracker(name)

    def complete_step(
        self,
        name: str,
        output: JsonValue = None,
        *,
        now: datetime,
        outcome: str | None = None,
        attempt: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Ends a step with success; the last one completes the process.

        A success is accepted from any attempt while the step is open, and without the step
        having been started: work done is done. Completing a completed step again is a no-op,
        the first output and outcome stay. ``outcome`` is what a person chose in a human task.

        Raises StepNotFound, StepFinished, ProcessFinished, AttemptUnknown, NotReported,
        InvalidInput.
        """
        output = check_json("output", output, MAX_OUTPUT_BYTES)
        step = self.step(name)
        step.check_attempt(attempt)
        if step.state is StepState.COMPLETED or step.is_of_earlier_visit(attempt):
            return
        self._refuse_if_finished(step, "complete the step")
        outcome = self.course.check_completion(self, step, outcome)
        with Change(self, now, actor, reason) as change:
            change.bring(output)
            change.complete(step, output, outcome, attempt)
            change.step_ended(name)

    def fail_step(
        self,
        name: str,
        error: str,
        *,
        now: datetime,
        retry_after_ms: int | None = None,
        code: str | None = None,
        fatal: bool = False,
        attempt: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Ends a step without success, and with it the process; or, if asked, tries it again.

        With ``retry_after_ms`` (0 to a year) the next attempt begins that much later, as long as
        retries are permitted; with none left, and without it, the step has failed for good. Where
        a definition orders the steps, that says what is tried again and when, by the error's
        ``code``; unless the failure is ``fatal``, or says itself when to try again.

        It counts only for the current attempt: from an older one it is ignored. Failing a
        failed step, or an attempt whose retry is to come, again is a no-op, the first error stays.
        What is to be tried again has to be named, or a repeat could fail the attempt after it.

        Raises StepNotFound, StepFinished, ProcessFinished, AttemptUnknown, InvalidInput.
        """
        failure = Failure(
            check_text("error", error, MAX_ERROR_CHARACTERS),
            code=check_optional_text("code", code, MAX_CODE_CHARACTERS),
            is_fatal=fatal,
            retry_after_ms=check_retry_after_ms(retry_after_ms, attempt),
        )
        step = self.step(name)
        step.check_attempt(attempt)
        if step.state is StepState.FAILED:
            return
        self._refuse_if_finished(step, "fail the step")
        if step.is_older(attempt):
            return
        pause_ms = self.course.pause_after(self, step, failure, attempt)
        if step.waits_for_retry and pause_ms is not None:
            return
        with Change(self, now, actor, reason) as change:
            change.fail_attempt(step, failure, pause_ms)

    def suspend_step(
        self,
        name: str,
        *,
        now: datetime,
        timeout_ms: int | None = None,
        attempt: int | None = None,
        resumption: int = 0,
        actor: str | None = None,
        reason: str | None = None,
    ) -> StepTracker | None:
        """Lets a started step wait until it is resumed; returns its tracker if it has a time limit.

        The attempt's own time limit does not run meanwhile. After ``timeout_ms`` (1 to a year)
        without a resumption the attempt has timed out; without it the step waits as long as it
        takes. A step that was resumed already, early, goes on at once.

        ``resumption`` says which resumption the work began with that suspends now, none unless
        given: of an older one it is ignored, as it is from an older attempt or in a step that
        waits.

        Raises StepNotFound, StepNotStarted, StepFinished, ProcessFinished, AttemptUnknown,
        ResumptionUnknown, InvalidInput.
        """
        check_timeout_ms("timeout_ms", timeout_ms)
        step = self.step(name)
        step.check_attempt(attempt)
        step.check_resumption(resumption, least=0, latest=step.resumption)
        self._refuse_if_finished(step, "suspend the step")
        if step.state is StepState.PENDING:
            raise StepNotStarted("suspend the step", name, step.state)
        is_older = resumption < step.resumption
        if step.state is StepState.WAITING or step.is_older(attempt) or is_older:
            return self.tracker(name)
        with Change(self, now, actor, reason) as change:
            limit = None if timeout_ms is None else timedelta(milliseconds=timeout_ms)
            change.suspend(step, None if limit is None else change.now + limit)
        return self.tracker(name)

    def resume_step(
        self,
        name: str,
        data: JsonValue = None,
        *,
        now: datetime,
        resumption: int = 1,
        actor: str | None = None,
        reason: str | None = None,
    ) -> StepTracker | None:
        """Lets a suspended step go on, with JSON of at most 32 KB; returns its tracker if limited.

        It goes on in the same attempt, whose time counts from now. Where the step is not suspended
        yet, or between attempts, the resumption is kept, and taken by the next suspension or
        attempt. ``resumption`` says which one it is, the first unless given, so that a repeat is
        harmless: one that has come already changes nothing, and its first data stay.

        Raises StepNotFound, StepNotStarted, StepFinished, ProcessFinished, ResumptionUnknown,
        InvalidInput.
        """
        data = check_json("data", data, MAX_OUTPUT_BYTES)
        step = self.step(name)
        step.check_resumption(resumption, least=1, latest=step.next_resumption)
        if resumption <= step.resumption + step.resumed_early:
            return self.tracker(name)
        self._refuse_if_finished(step, "resume the step")
        if not step.attempt:
            raise StepNotStarted("resume the step", name, step.state)
        with Change(self, now, actor, reason) as change:
            change.bring(data)
            step = change.put(step.keeping(data, change.actor))
            if step.is_suspended:
                change.resume(step)
        return self.tracker(name)

    def heartbeat(
        self,
        name: str,
        *,
        now: datetime,
        attempt: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> StepTracker | None:
        """Says that an attempt is still alive: its time limit counts anew from now.

        Ignored from an older attempt, and where the step waits or has no timeout.

        Raises StepNotFound, StepNotStarted, StepFinished, ProcessFinished, AttemptUnknown.
        """
        step = self.step(name)
        step.check_attempt(attempt)
        self._refuse_if_finished(step, "extend the step")
        if step.state is StepState.PENDING:
            raise StepNotStarted("extend the step", name, step.state)
        due_at = step.deadline_from(check_time("now", now))
        if step.state is StepState.WAITING or step.is_older(attempt):
            return self.tracker(name)
        if due_at is None or step.due_at is None or due_at <= step.due_at:
            return self.tracker(name)
        with Change(self, now, actor, reason) as change:
            change.put(step.alive_until(due_at, change.actor))
        return self.tracker(name)

    def skip_step(
        self,
        name: str,
        output: JsonValue = None,
        *,
        now: datetime,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Lets the process go on as if a step were completed, with an output if given.

        Skipping a failed step opens its process again. Skipping a skipped or completed step is a
        no-op. Raises StepNotFound, StepFinished, ProcessFinished, Compensated, InvalidInput.
        """
        output = check_json("output", output, MAX_OUTPUT_BYTES)
        step = self.step(name)
        if step.state.is_done:
            return
        if step.state is not StepState.FAILED or self.state is not ProcessState.FAILED:
            self._refuse_if_finished(step, "skip the step")
        with Change(self, now, actor, reason) as change:
            if self.state is ProcessState.FAILED:
                self.course.reopen(change, step)
            else:
                self.course.leave(change, step)
            change.bring(output)
            kept = self.course.kept(self, step)
            change.put(step.skipped(output, change.now, change.actor, kept=kept))
            change.record(StepSkipped, step_name=name, attempt=max(1, step.attempt))
            change.step_ended(name)

    def suspend(
        self, *, now: datetime, actor: str | None = None, reason: str | None = None
    ) -> None:
        """Freezes the process: reports are kept, and nothing moves or times out until it resumes.

        Suspending a suspended process is a no-op. Raises ProcessFinished where it is final, and
        Compensating where it undoes what had been completed.
        """
        if self.state is ProcessState.SUSPENDED:
            return
        if self.state.is_final:
            raise ProcessFinished("suspend", self.state)
        if self.state is ProcessState.COMPENSATING:
            raise Compensating("suspend")
        with Change(self, now, actor, reason) as change:
            change.move(ProcessState.SUSPENDED)
            change.record(ProcessSuspended)
            self.wake_up_at = None

    def resume(self, *, now: datetime, actor: str | None = None, reason: str | None = None) -> None:
        """Lets a suspended process go on, first from what was reported meanwhile.

        What has become due fires with the next sweep. A no-op where it is not suspended. Raises
        ProcessFinished where it is final.
        """
        if self.state.is_final:
            raise ProcessFinished("resume", self.state)
        if self.state is not ProcessState.SUSPENDED:
            return
        with Change(self, now, actor, reason) as change:
            begun = any(step.state is not StepState.PENDING for step in self.steps.values())
            change.move(ProcessState.IN_PROGRESS if begun else ProcessState.PENDING)
            change.record(ProcessResumed)
            ended, self.unrouted = self.unrouted, ()
            self.course.resumed(change, ended)

    def cancel(
        self,
        *,
        now: datetime,
        compensate: bool = False,
        actor: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Calls the process off; what is open in it is given up. Cancelling again is a no-op.

        With ``compensate`` what had been completed is undone first, where its definition says how.
        Raises ProcessFinished where it is completed or failed.
        """
        if self.state is ProcessState.CANCELLED or self.ends_as is ProcessState.CANCELLED:
            return
        if self.state.is_final:
            raise ProcessFinished("cancel", self.state)
        with Change(self, now, actor, reason) as change:
            self.course.cancel(change, compensate=compensate)

    def time_out(self, trackers: Iterable[Tracker], *, now: datetime) -> list[Tracker]:
        """Lets these trackers fire, then plans the next wake-up; returns those that fired.

        Only what still waits and is due fires. A step with retries left begins its next attempt,
        with a deadline that counts from now, so that time during which nobody looked burns no
        attempts; with none left it fails. The process's own deadline fails the process.
        """
        change = Change(self, now)
        fired: list[Tracker] = []
        for tracker in trackers:
            if tracker.is_due(now) and self._still_waits_for(tracker):
                change.fire(tracker)
                fired.append(tracker)
        due_next = earliest(self.trackers())
        if fired:
            self.changed_at = change.now
        if fired or due_next != self.wake_up_at:
            change.end(due_next)
        return fired

    def count_another(self, *, now: datetime) -> None:
        """Another process of the same key is to follow, of which nobody is told here."""
        self.generation += 1
        Change(self, now).end(self.wake_up_at)

    def renew_wake_up(self, *, now: datetime) -> None:
        """Plans the wake-up anew although nothing happened, as an audit does to mend its index.

        One that is planned right already comes a millisecond early from here on, which is
        harmless: a store whose index has lost the entry makes it again only where it moves.
        """
        due_next = earliest(self.trackers())
        if due_next is not None and due_next == self.wake_up_at:
            due_next -= timedelta(milliseconds=1)
        Change(self, now).end(due_next)

    def _still_waits_for(self, tracker: Tracker) -> bool:
        if self.state is ProcessState.SUSPENDED:
            return False  # since the sweep found it; it waits again once it is resumed
        if isinstance(tracker, ProcessTracker):
            return tracker == self.deadline_tracker()
        if isinstance(tracker, Timer):
            return tracker in self.timers
        return tracker == self.tracker(tracker.step_name)

    def _refuse_if_finished(self, step: ProcessStep, action: str) -> None:
        if self.state.is_final:
            raise ProcessFinished(f"{action} {step.name!r}, which is {step.state}", self.state)
        if not step.is_open:
            raise StepFinished(action, step.name, step.state)
