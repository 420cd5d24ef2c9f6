"""ProcessService: starts processes, takes the reports on their steps, and finds them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from trellis_process.application import start_request
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Definitions, Pause, decide_and_save, load
from trellis_process.application.repositories import (
    ProcessPage,
    ProcessRepository,
    StaleProcess,
    StepTrackerRepository,
)
from trellis_process.domain.decide import Trigger
from trellis_process.domain.limits import (
    JsonValue,
    check_aggregate_id,
    check_name,
    check_whole_number,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidInput,
    LostRace,
    ProcessNotFound,
)

MAX_PAGE = 100  # as many items as one read of a batch takes


class ProcessService:
    """What a program asks of Trellis about its processes.

    A process is meant by the ``Process`` object that an earlier call returned, or by its
    ``ProcessKey``. Each command loads the stored process anew, decides on it and saves it on the
    condition that nobody changed it meanwhile; otherwise it begins again. The ``Process`` that
    was passed is brought up to date, also where the command is refused, and returned.

    Commands may be repeated: what is true already changes nothing. Any of them may raise
    ProcessNotFound, a Conflict that carries the process, InvalidInput, or a StoreError.

    Every command takes ``actor``, who causes the change, and ``reason``, why; both travel along in
    its events. ``attempt`` says which attempt a report is about, the current one unless given;
    ``expected_version`` makes a change on that version of the process or not at all.
    """

    def __init__(
        self,
        processes: ProcessRepository,
        trackers: StepTrackerRepository | None = None,
        *,
        clock: Clock = system_clock,
        new_id: Callable[[], str] = start_request.random_process_id,
        pause: Pause = time.sleep,
        definitions: Definitions | None = None,
    ) -> None:
        self._processes = processes
        self._definitions = definitions
        self._clock = clock
        self._new_id = new_id
        self._pause = pause
        if trackers is not None:
            trackers.attach(processes)

    def start_process(
        self,
        *,
        tenant_id: str,
        process_type: str,
        aggregate_type: str,
        aggregate_id: str,
        steps: Iterable[ProcessStep],
        metadata: dict[str, JsonValue] | None = None,
        timeout_ms: int | None = None,
        auto_start_steps: bool = False,
        idempotency_key: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Starts a process; with ``auto_start_steps`` its steps' first attempts begin with it.

        ``timeout_ms`` is the time that the whole process may take. With an ``idempotency_key``
        (1 to 256 characters, the tenant's own) the same request returns the process it started
        before, as it is now; another request raises IdempotencyKeyReused.
        """
        check_name("tenant_id", tenant_id)
        keyed = idempotency_key is not None
        process = Process.start(
            process_id=start_request.process_id_for(tenant_id, idempotency_key)
            if idempotency_key is not None
            else self._new_id(),
            tenant_id=tenant_id,
            process_type=process_type,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            steps=steps,
            metadata=metadata,
            timeout_ms=timeout_ms,
            auto_start_steps=auto_start_steps,
            now=self._clock(),
            actor=actor,
            reason=reason,
        )
        if keyed:
            process.start_fingerprint = start_request.fingerprint(
                process, auto_start_steps=auto_start_steps
            )
        try:
            self._processes.add(process)
        except StaleProcess as stale:
            return self._started_before(stale.current, process, idempotency_key)
        process.saved()
        return process

    def start_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        attempt: int | None = None,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Begins an attempt at a step; a failed step is tried again and its process reopened."""
        loaded = self._load(process)
        if attempt is None:
            attempt = loaded.step(step_name).attempt_to_start
        return self._change(
            process,
            loaded,
            lambda current, now: current.start_step(
                step_name, now=now, attempt=attempt, actor=actor, reason=reason
            ),
            expected_version,
        )

    def complete_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        output: JsonValue = None,
        *,
        outcome: str | None = None,
        attempt: int | None = None,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Ends a step with success and what it resulted in: JSON of at most 32 KB.

        ``outcome`` is what a person chose in a human task.
        """
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.complete_step(
                step_name,
                output,
                now=now,
                outcome=outcome,
                attempt=attempt,
                actor=actor,
                reason=reason,
            ),
            expected_version,
        )

    def fail_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        error: str,
        *,
        retry_after_ms: int | None = None,
        code: str | None = None,
        fatal: bool = False,
        attempt: int | None = None,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Ends a step without success, and with it the process; or, if asked, tries it again.

        With ``retry_after_ms`` (0 to a year) the next attempt begins that much later, as long as
        retries are permitted: by itself and at once where it is 0, else with the first sweep after
        it is due; ``attempt`` is needed then. Without it the step has failed for good.

        Where a definition orders the steps it says what is tried again, by the error's ``code``,
        and when; ``fatal`` says that trying again is of no use. ``attempt`` is needed there while
        another one may follow.
        """
        loaded = self._load(process)
        if attempt is None and retry_after_ms is None and loaded.definition_version is None:
            attempt = loaded.step(step_name).current_attempt
        return self._change(
            process,
            loaded,
            lambda current, now: current.fail_step(
                step_name,
                error,
                now=now,
                retry_after_ms=retry_after_ms,
                code=code,
                fatal=fatal,
                attempt=attempt,
                actor=actor,
                reason=reason,
            ),
            expected_version,
        )

    def suspend_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        timeout_ms: int | None = None,
        attempt: int | None = None,
        resumption: int = 0,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a started step wait until it is resumed, at most ``timeout_ms`` (1 to a year).

        ``resumption`` says which resumption the work began with that suspends now, none unless
        given.
        """
        loaded = self._load(process)
        step = loaded.step(step_name)
        attempt = step.current_attempt if attempt is None else attempt
        return self._change(
            process,
            loaded,
            lambda current, now: current.suspend_step(
                step_name,
                now=now,
                timeout_ms=timeout_ms,
                attempt=attempt,
                resumption=resumption,
                actor=actor,
                reason=reason,
            ),
            expected_version,
        )

    def resume_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        data: JsonValue = None,
        *,
        resumption: int = 1,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a suspended step go on, with JSON of at most 32 KB; kept where it comes early.

        ``resumption`` says which one it is, the first unless given, so that a repeat is harmless.
        """
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.resume_step(
                step_name, data, now=now, resumption=resumption, actor=actor, reason=reason
            ),
            expected_version,
        )

    def heartbeat(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        attempt: int | None = None,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Says that an attempt is alive: its time limit counts anew from now."""
        loaded = self._load(process)
        if attempt is None:
            attempt = loaded.step(step_name).current_attempt
        return self._change(
            process,
            loaded,
            lambda current, now: current.heartbeat(
                step_name, now=now, attempt=attempt, actor=actor, reason=reason
            ),
            expected_version,
        )

    def skip_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        output: JsonValue = None,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Goes on as if a step were completed; a failed process is open again with it."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.skip_step(
                step_name, output, now=now, actor=actor, reason=reason
            ),
            expected_version,
        )

    def suspend_process(
        self,
        process: Process | ProcessKey,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Freezes a process: reports are kept, and nothing moves or times out until it resumes."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.suspend(now=now, actor=actor, reason=reason),
            expected_version,
        )

    def resume_process(
        self,
        process: Process | ProcessKey,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a suspended process go on, first from what was reported meanwhile."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.resume(now=now, actor=actor, reason=reason),
            expected_version,
        )

    def cancel_process(
        self,
        process: Process | ProcessKey,
        *,
        compensate: bool = False,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Calls a process off; what is open in it is given up.

        With ``compensate`` what had been completed is undone first, where its definition says how.
        """
        return self._change(
            process,
            self._load(process),
            lambda current, now: current.cancel(
                now=now, compensate=compensate, actor=actor, reason=reason
            ),
            expected_version,
        )

    def get_process(self, tenant_id: str, process_id: str) -> Process:
        """The process of that id. Raises ProcessNotFound, also for another tenant's id."""
        return self._load(ProcessKey(tenant_id, process_id))

    def find_process(
        self, tenant_id: str, aggregate_type: str, aggregate_id: str
    ) -> Process | None:
        """The newest process about an aggregate, or None. Follows a start within a moment."""
        return self._processes.find(
            check_name("tenant_id", tenant_id),
            check_name("aggregate_type", aggregate_type),
            check_aggregate_id("aggregate_id", aggregate_id),
        )

    def list_processes(
        self,
        tenant_id: str,
        *,
        process_type: str | None = None,
        state: ProcessState | None = None,
        limit: int = MAX_PAGE,
        cursor: str | None = None,
    ) -> ProcessPage:
        """A page of a tenant's processes: by type from Z to A, the newest first in each.

        ``limit`` is 1 to 100. Pass ``cursor`` of the page before to get the next.
        """
        return self._processes.page(
            check_name("tenant_id", tenant_id),
            process_type=None if process_type is None else check_name("process_type", process_type),
            states=None if state is None else {_check_state(state)},
            limit=check_whole_number("limit", limit, 1, MAX_PAGE),
            cursor=cursor,
        )

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """How many of a tenant's processes of a type are open, by the version of their definition.

        None stands for those without one. What changed this moment may be counted as before.
        """
        return self._processes.count_open(
            check_name("tenant_id", tenant_id), check_name("process_type", process_type)
        )

    def _load(self, process: Process | ProcessKey) -> Process:
        check_name("tenant_id", process.tenant_id)
        check_name("process_id", process.process_id)
        loaded = load(self._processes, ProcessKey(process.tenant_id, process.process_id))
        if isinstance(process, Process):
            process.become(loaded)  # true also where the command is refused
        return loaded

    def _change(
        self,
        asked: Process | ProcessKey,
        loaded: Process,
        trigger: Trigger,
        expected_version: int | None = None,
    ) -> Process:
        try:
            changed = decide_and_save(
                self._processes,
                loaded,
                trigger,
                clock=self._clock,
                definitions=self._definitions,
                expected_version=expected_version,
                pause=self._pause,
            )
        except (Conflict, LostRace) as refusal:
            if isinstance(asked, Process) and refusal.process is not None:
                asked.become(refusal.process)
            raise
        if isinstance(asked, Process):
            asked.become(changed)
            return asked
        return changed

    def _started_before(
        self, current: Process | None, asked: Process, idempotency_key: str | None
    ) -> Process:
        """The process that stands where a new one was to be added."""
        if current is None:
            raise ProcessNotFound(asked.process_id)  # gone between the refusal and a second look
        # Without a key the id is random, so whoever took it is this very request, repeated.
        if idempotency_key is None or current.start_fingerprint == asked.start_fingerprint:
            return current
        raise IdempotencyKeyReused(
            "idempotency_key",
            idempotency_key,
            f"it started process {current.process_id!r} with another request; "
            "allowed is the same request, or a key not used before",
        )


def _check_state(state: str) -> ProcessState:
    try:
        return ProcessState(state)
    except ValueError:
        allowed = ", ".join(ProcessState)
        raise InvalidInput("state", state, f"allowed is one of {allowed}") from None
