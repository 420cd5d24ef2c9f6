"""Giving one process the command of a job: decided like any other, and at most once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from trellis_process.application.clock import Clock
from trellis_process.application.deciding import Definitions, Pause, decide_and_save
from trellis_process.application.job_request import CommandName, JobCommand
from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, JobResult
from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.course import Course
from trellis_process.domain.decide import Trigger, decide
from trellis_process.domain.engine import commands
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import (
    Conflict,
    DefinitionNotFound,
    ProcessNotFound,
    StoreError,
    TrellisError,
)

logger = logging.getLogger(__name__)

STORE_TRIES = 3  # each of which has bounded tries of its own
PAUSE_SECONDS = 0.2
MAX_EVENTS = 10  # of a change, told in a result
MAX_MESSAGE_CHARACTERS = 300
UNEXPECTED = "internal_error"


class NoLongerMatches(Conflict):
    """The process is not as the job's filter says any more."""

    code = "no_longer_matches"

    def __init__(self, process: Process) -> None:
        super().__init__(f"it is {process.state} by now and not what the job is about any more")


class GoneOn(Conflict):
    """The step has been entered or attempted again since the job looked, by the job or another."""

    code = "gone_on"

    def __init__(self, step_name: str) -> None:
        super().__init__(f"step {step_name!r} has gone on since the job looked at it")


class JobOrders:
    """Gives processes the command of a job, or says what would come of it."""

    def __init__(
        self,
        processes: ProcessRepository,
        definitions: Definitions | None,
        *,
        clock: Clock,
        pause: Pause,
    ) -> None:
        self._processes = processes
        self._definitions = definitions
        self._clock = clock
        self._pause = pause

    def look(self, job: Job, process: Process) -> JobResult:
        """The entry of a process that the job is about, with what makes the command its own.

        A step is entered and attempted again and again; the mark says which time is meant, so that
        the command, given again after a piece broke off, is not given to the next one.
        """
        step = job.command.step_in(process)
        if step is None:
            return JobResult(process_id=process.process_id)
        mark = _mark(job.command, step)
        return JobResult(process_id=process.process_id, step_name=step.name, mark=mark)

    def foresee(self, job: Job, process: Process, entry: JobResult) -> JobResult:
        """What would come of the command, decided by the same rules on a copy. Writes nothing."""
        return self._told(entry, lambda: self._decided(job, process.copy(), entry))

    def give(self, job: Job, entry: JobResult) -> JobResult:
        """Gives the command to the process of an entry; what came of it."""

        def given() -> JobResult:
            process = self._processes.get(ProcessKey(job.tenant_id, entry.process_id))
            if process is None:
                raise ProcessNotFound(entry.process_id)
            return self._given(job, process, entry)

        return self._told(entry, given)

    def _decided(self, job: Job, process: Process, entry: JobResult) -> JobResult:
        version = process.version
        trigger, _ = _trigger(job, entry)
        try:
            decide(self._course(process), process, trigger, self._clock())
        except Conflict as refusal:
            refusal.process = process
            raise
        if not process.has_changed:
            return replace(_at(entry, process), outcome=JobOutcome.UNCHANGED)
        events = tuple(event.type for event in process.events)[:MAX_EVENTS]
        return replace(_at(entry, process), outcome=JobOutcome.DONE, version=version, events=events)

    def _given(self, job: Job, process: Process, entry: JobResult) -> JobResult:
        trigger, decided_on = _trigger(job, entry)
        try:
            changed = decide_and_save(
                self._processes,
                process,
                trigger,
                clock=self._clock,
                definitions=self._definitions,
                pause=self._pause,
            )
        except Conflict as refusal:
            if refusal.process is not None and _is_of(job, refusal.process):
                return _done(entry, refusal.process)
            raise
        if changed.version > decided_on() or _is_of(job, changed):
            return _done(entry, changed)
        return replace(_at(entry, changed), outcome=JobOutcome.UNCHANGED)

    def _told(self, entry: JobResult, act: Callable[[], JobResult]) -> JobResult:
        """What ``act`` gives, or what it raised as a result; a store in trouble is asked again."""
        for tried in range(STORE_TRIES):
            if tried:
                self._pause(PAUSE_SECONDS * 2**tried)
            try:
                return act()
            except StoreError as error:
                failure = error
            except TrellisError as refusal:
                return _refused(entry, refusal)
            except Exception as error:  # of one process, for whose sake the others do not wait
                logger.exception("a job met what nobody expected in process %s", entry.process_id)
                told = f"{type(error).__name__}: it is on record in the log"
                return _ended(entry, JobOutcome.FAILED, UNEXPECTED, told)
        return _ended(entry, JobOutcome.FAILED, failure.code, str(failure))

    def _course(self, process: Process) -> Course | None:
        version = process.definition_version
        if version is None:
            return None
        if self._definitions is None:
            raise DefinitionNotFound(process.process_type, version)
        return self._definitions.course(process.process_type, version)


def _trigger(job: Job, entry: JobResult) -> tuple[Trigger, Callable[[], int]]:
    """What gives the command to a process as it is then, and the version that this was last."""
    decided_on = 0

    def trigger(process: Process, now: datetime) -> None:
        nonlocal decided_on
        decided_on = process.version
        if entry.step_name is not None:
            step = process.step(entry.step_name)
            if _mark(job.command, step) != entry.mark:
                raise GoneOn(step.name)
        if not job.filter.matches(process, job.command):
            raise NoLongerMatches(process)
        _command(job, process, entry, now)

    return trigger, lambda: decided_on


def _command(job: Job, process: Process, entry: JobResult, now: datetime) -> None:
    asked, actor, reason = job.command, job.actor, job.recorded_reason
    step_name = entry.step_name or ""
    match asked.command:
        case CommandName.SUSPEND_PROCESS:
            process.suspend(now=now, actor=actor, reason=reason)
        case CommandName.RESUME_PROCESS:
            process.resume(now=now, actor=actor, reason=reason)
        case CommandName.CANCEL_PROCESS:
            process.cancel(now=now, compensate=asked.compensate, actor=actor, reason=reason)
        case CommandName.RETRY_STEP:
            process.start_step(step_name, now=now, attempt=entry.mark, actor=actor, reason=reason)
        case CommandName.SKIP_STEP:
            process.skip_step(step_name, asked.output, now=now, actor=actor, reason=reason)
        case CommandName.RERUN_FROM:
            commands.rerun_from(process, step_name, now=now, actor=actor, reason=reason)


def _mark(command: JobCommand, step: ProcessStep) -> int:
    return step.attempt_to_start if command.command is CommandName.RETRY_STEP else step.visits


def _is_of(job: Job, process: Process) -> bool:
    """Whether the latest change of a process is this job's."""
    return any(event.reason == job.recorded_reason for event in process.events)


def _at(entry: JobResult, process: Process) -> JobResult:
    return replace(entry, version=process.version, state=process.state.value)


def _done(entry: JobResult, process: Process) -> JobResult:
    events = tuple(event.type for event in process.events)[:MAX_EVENTS]
    return replace(_at(entry, process), outcome=JobOutcome.DONE, events=events)


def _refused(entry: JobResult, refusal: TrellisError) -> JobResult:
    process = refusal.process if isinstance(refusal, Conflict) else None
    told = entry if process is None else _at(entry, process)
    outcome = JobOutcome.UNCHANGED if isinstance(refusal, GoneOn) else JobOutcome.REFUSED
    return _ended(told, outcome, refusal.code, str(refusal))


def _ended(entry: JobResult, outcome: JobOutcome, code: str, told: str) -> JobResult:
    return replace(entry, outcome=outcome, code=code, message=told[:MAX_MESSAGE_CHARACTERS])
