"""ProcessClient: the verbs of ProcessService, asked of a step API over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from trellis_process.client import requests
from trellis_process.client.calls import Calls
from trellis_process.client.definition_answers import VersionsOfDefinition, versions_from_json
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_aggregate_id,
    check_json,
    check_name,
    check_retry_after_ms,
    check_timeout_ms,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import Conflict, NotFound, StepNotFound
from trellis_process.representation import process_from_json


class ProcessClient:
    """What a service asks of a deployed stack about any process: the verbs of ProcessService.

    Each command returns the ``Process`` as the tracker has it, and brings the one that was passed
    up to date, also where a Conflict refuses it. What only a store needs does not come along: its
    events, fingerprint and wake-up. Make a TrellisClient, which is one of these.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

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
        reason: str | None = None,
    ) -> Process:
        """Starts a process; with ``auto_start_steps`` its steps' first attempts begin with it.

        ``timeout_ms`` is the time that the whole process may take. With an ``idempotency_key``
        (1 to 256 printable ASCII characters, the tenant's own) the same request returns the
        process it started before, as it is now; another request raises IdempotencyKeyReused.
        Without one the client makes a random one, so that its own tries start one process.
        """
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        asked = Process.start(  # refuses what the tracker would
            process_id="not-known-yet",
            tenant_id=tenant_id,
            process_type=process_type,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            steps=steps,
            metadata=metadata,
            timeout_ms=timeout_ms,
            now=datetime.now(UTC),
            reason=reason,
        )
        return self._calls.post(
            requests.processes_path(tenant_id),
            requests.start_body(asked, auto_start_steps=auto_start_steps, reason=reason),
            requests.start_headers(key),
            read=process_from_json,
        )

    def start_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        attempt: int | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Begins an attempt at a step; a failed step is tried again and its process reopened."""
        body = requests.report_body(attempt=attempt, reason=reason)
        return self._report(process, step_name, "start", body, expected_version)

    def complete_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        output: JsonValue = None,
        *,
        outcome: str | None = None,
        attempt: int | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Ends a step with success and what it resulted in: JSON of at most 32 KB.

        ``outcome`` is what a person chose in a human task.
        """
        body = requests.report_body(
            attempt=attempt, reason=reason, output=output, outcome=requests.outcome(outcome)
        )
        return self._report(process, step_name, "complete", body, expected_version)

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
        reason: str | None = None,
    ) -> Process:
        """Ends a step without success, and with it the process; or, if asked, tries it again.

        With ``retry_after_ms`` (0 to a year) the next attempt begins that much later, as long as
        retries are permitted; with none left, and without it, the step has failed for good. What
        is to be tried again has to be named by its ``attempt``.

        Where a definition orders the steps it says what is tried again, by the error's ``code`` (at
        most 128 characters), and when; ``fatal`` says that trying again is of no use.

        An ``error`` of more than 4,096 characters is cut, and what no error may hold is written
        out, so that a service that fails can always say so.
        """
        body = requests.report_body(
            attempt=attempt,
            reason=reason,
            error=requests.readable_error(error),
            retry_after_ms=check_retry_after_ms(retry_after_ms, attempt),
            code=requests.code(code),
            fatal=fatal or None,
        )
        return self._report(process, step_name, "fail", body, expected_version)

    def suspend_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        timeout_ms: int | None = None,
        attempt: int | None = None,
        resumption: int = 0,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a started step wait until it is resumed, at most ``timeout_ms`` (1 to a year).

        ``resumption`` says which resumption the work began with that suspends now, none unless
        given.
        """
        body = requests.report_body(
            attempt=attempt,
            reason=reason,
            timeout_ms=check_timeout_ms("timeout_ms", timeout_ms),
            resumption=requests.resumption(resumption, least=0),
        )
        return self._report(process, step_name, "suspend", body, expected_version)

    def resume_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        data: JsonValue = None,
        *,
        resumption: int = 1,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a suspended step go on, with JSON of at most 32 KB; kept where it comes early.

        ``resumption`` says which one it is, the first unless given, so that a repeat is harmless.
        """
        body = requests.report_body(
            reason=reason,
            data=check_json("data", data, MAX_OUTPUT_BYTES),
            resumption=requests.resumption(resumption, least=1),
        )
        return self._report(process, step_name, "resume", body, expected_version)

    def heartbeat(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        attempt: int | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Says that an attempt is alive: its time limit counts anew from now."""
        body = requests.report_body(attempt=attempt, reason=reason)
        return self._report(process, step_name, "heartbeat", body, expected_version)

    def skip_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        output: JsonValue = None,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Goes on as if a step were completed; a failed process is open again with it."""
        body = requests.report_body(reason=reason, output=output)
        return self._report(process, step_name, "skip", body, expected_version)

    def suspend_process(
        self,
        process: Process | ProcessKey,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Freezes a process: reports are kept, and nothing moves or times out until it resumes."""
        path = f"{requests.process_path(process)}/suspend"
        return self._command(process, path, requests.report_body(reason=reason), expected_version)

    def resume_process(
        self,
        process: Process | ProcessKey,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Lets a suspended process go on, first from what was reported meanwhile."""
        path = f"{requests.process_path(process)}/resume"
        return self._command(process, path, requests.report_body(reason=reason), expected_version)

    def cancel_process(
        self,
        process: Process | ProcessKey,
        *,
        compensate: bool = False,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Calls a process off; what is open in it is given up.

        With ``compensate`` what had been completed is undone first, where its definition says how.
        """
        path = f"{requests.process_path(process)}/cancel"
        body = requests.report_body(reason=reason, compensate=compensate or None)
        return self._command(process, path, body, expected_version)

    def get_process(self, tenant_id: str, process_id: str) -> Process:
        """The process of that id. Raises ProcessNotFound, also for another tenant's id."""
        path = requests.process_path(ProcessKey(tenant_id, process_id))
        return self._calls.get(path, read=process_from_json, process_id=process_id)

    def find_process(
        self, tenant_id: str, aggregate_type: str, aggregate_id: str
    ) -> Process | None:
        """The newest process about an aggregate, or None. Follows a start within a moment."""
        query = {
            "aggregate_id": check_aggregate_id("aggregate_id", aggregate_id),
            "aggregate_type": check_name("aggregate_type", aggregate_type),
        }
        path = f"{requests.processes_path(tenant_id)}/by-aggregate"
        try:
            return self._calls.get(path, query, read=process_from_json)
        except NotFound:
            return None

    def list_processes(
        self,
        tenant_id: str,
        *,
        process_type: str | None = None,
        state: ProcessState | None = None,
    ) -> Iterator[Process]:
        """A tenant's processes: by type from Z to A, the newest first in each.

        Pages of 100 are read as the iteration gets to them. What changed this moment may be
        missing yet.
        """
        path = requests.processes_path(tenant_id)
        query = requests.listing_query(process_type, state)
        return self._calls.listed(path, query, "processes", process_from_json)

    def count_open(self, tenant_id: str, process_type: str) -> VersionsOfDefinition:
        """How many of a tenant's processes of a definition are open, by version.

        What changed this moment may be counted as before.
        """
        path = requests.tenants_definition_path(tenant_id, process_type)
        return self._calls.get(path, read=versions_from_json)

    def _report(
        self,
        process: Process | ProcessKey,
        step_name: str,
        command: str,
        body: dict[str, Any],
        expected_version: int | None,
    ) -> Process:
        path = f"{requests.process_path(process)}/steps/{check_name('step_name', step_name)}"
        try:
            return self._command(process, f"{path}/{command}", body, expected_version)
        except StepNotFound as error:
            error.step_name = step_name
            error.known = list(process.steps) if isinstance(process, Process) else []
            raise

    def _command(
        self,
        asked: Process | ProcessKey,
        path: str,
        body: dict[str, Any],
        expected_version: int | None,
    ) -> Process:
        headers = requests.precondition(expected_version)
        try:
            current = self._calls.post(
                path, body, headers, read=process_from_json, process_id=asked.process_id
            )
        except Conflict as conflict:
            if isinstance(asked, Process) and conflict.process is not None:
                asked.become(conflict.process)
            raise
        if isinstance(asked, Process):
            asked.become(current)
            return asked
        return current
