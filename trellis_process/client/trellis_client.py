"""TrellisClient: starts processes, reports on their steps and finds them, in a deployed stack."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.application.job_request import JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, JobResult, job_from_json
from trellis_process.application.repositories import ProcessPage
from trellis_process.client import jobs, requests
from trellis_process.client.authorization import Authorization, BearerToken, SigV4
from trellis_process.client.batch import BatchCommand, BatchResult, batch_body, results_from_json
from trellis_process.client.calls import Calls, Pause
from trellis_process.client.connections import Connections
from trellis_process.client.definitions import (
    DefinitionChange,
    RegisteredDefinition,
    VersionsOfDefinition,
    changes_from_json,
    document_from_json,
    names_from_json,
    registered_from_json,
    versions_from_json,
)
from trellis_process.client.views import ViewsClient
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
from trellis_process.representation import page_from_json, process_from_json


class TrellisClient:
    """What a service asks of a deployed stack: the verbs of ProcessService, over HTTP.

    ``base_url`` is the stack's output ``ApiUrl``. Calls are signed with the credentials that every
    AWS client finds, unless ``authorization`` is another one: ``SigV4(session)``,
    ``BearerToken(token)``. Who reports is the caller whom the API authenticated, so there is no
    ``actor`` to give.

    Each command returns the ``Process`` as the tracker has it, and brings the one that was passed
    up to date, also where a Conflict refuses it. What only a store needs does not come along: its
    events, fingerprint and wake-up.

    Errors are those of ``trellis_process.errors``, and those of ``trellis_process.client.errors``:
    any call may raise InvalidInput, ProcessNotFound, a Conflict that carries the process, a
    StoreError, NotAuthorized, TrackerFault or UnexpectedAnswer. Input is checked before it is sent.

    A call is tried up to ``tries`` times: ``client/calls.py`` says after which answers and how
    long it waits. That is safe because commands may be repeated; name ``attempt`` where another
    attempt may begin meanwhile, then a repeat is about yours or nothing. Opening a connection may
    take ``connect_timeout_s``, each wait for the answer ``read_timeout_s``: the tracker itself
    takes 15 s at most, so with 20 s its answer is heard.

    One client serves any number of threads, over one kept connection for each. Proxies in the
    environment are not used. Certificates are verified, by ``ssl_context`` if one is given.

    Raises ValueError for a ``base_url`` that is none, or for a token that would travel in clear.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Authorization | None = None,
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 20.0,
        tries: int = 4,
        ssl_context: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        base_url = base_url.rstrip("/")
        _check_address(base_url, authorization)
        if tries < 1:
            raise ValueError("tries is how often a call is tried in all: at least 1")
        self._connections = Connections(
            base_url,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            ssl_context=ssl_context,
        )
        self._calls = Calls(
            base_url, authorization or SigV4(), self._connections, tries=tries, pause=pause
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections. It may be used again and then opens new ones."""
        self._connections.close()

    @property
    def views(self) -> ViewsClient:
        """Open tasks, lists, histories and statistics, of a stack that keeps read models."""
        return ViewsClient(self._calls)

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

    def start(
        self,
        definition: str,
        *,
        tenant_id: str,
        input: dict[str, JsonValue] | None = None,  # as definitions call it
        key: str | None = None,
        version: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
        reason: str | None = None,
    ) -> Process:
        """Starts a process of a definition, in its newest version unless one is named.

        ``key`` (as an ``aggregate_id``) names the process among the tenant's of this definition:
        the same key returns the process that it started before, as it is now, whatever the input;
        its ``was_there`` tells. Without one the client makes a random one, so that its own tries
        start one process.
        """
        path = f"{requests.tenants_definition_path(tenant_id, definition)}/processes"
        body = requests.start_by_name_body(
            input=input,
            key=str(uuid.uuid4()) if key is None else key,
            version=version,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            metadata=metadata,
            reason=reason,
        )
        return self._calls.post(path, body, {}, read=process_from_json, read_known=_known_process)

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

    def retry_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Opens a failed process again at its failed step; begins one now that waits for a retry.

        Raises Compensated where what had been completed before has been undone.
        """
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "retry", body, expected_version)

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

    def rerun_from(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """An open or failed process goes on from a step that has ended, as if no further."""
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "rerun", body, expected_version)

    def claim_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        by: str,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's. Raises TaskTaken where it is somebody else's."""
        body = requests.report_body(reason=reason, by=requests.person("by", by))
        return self._report(process, step_name, "claim", body, expected_version)

    def release_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task is nobody's again."""
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "release", body, expected_version)

    def reassign_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        to: str,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's, whoever's it was."""
        body = requests.report_body(reason=reason, to=requests.person("to", to))
        return self._report(process, step_name, "reassign", body, expected_version)

    def signal(
        self,
        process: Process | ProcessKey,
        signal: str,
        payload: JsonValue = None,
        *,
        signal_id: str | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Gives a process a signal, which is kept until a step waits for it.

        With ``signal_id`` a repeat is harmless; the client's own tries need one. Raises
        TooManySignals.
        """
        said = str(uuid.uuid4()) if signal_id is None else signal_id
        body = requests.signal_body(signal, payload, said, reason)
        path = f"{requests.process_path(process)}/signal"
        return self._command(process, path, body, expected_version)

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

    def batch(self, tenant_id: str, commands: Iterable[BatchCommand]) -> list[BatchResult]:
        """Runs 1 to 25 commands of one tenant in their order, each for itself; a result for each.

        One that is refused does not stop the others, and raises nothing: its result says the
        error. Processes that were passed are brought up to date. The call as a whole is tried
        again like any other; of its results those with a StoreError may be sent again.
        """
        asked = list(commands)
        return self._calls.post(
            requests.batch_path(tenant_id),
            batch_body(tenant_id, asked),
            {},
            read=lambda value: results_from_json(asked, value),
        )

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
        return self._listed(path, requests.listing_query(process_type, state))

    def count_open(self, tenant_id: str, process_type: str) -> VersionsOfDefinition:
        """How many of a tenant's processes of a definition are open, by version.

        What changed this moment may be counted as before.
        """
        path = requests.tenants_definition_path(tenant_id, process_type)
        return self._calls.get(path, read=versions_from_json)

    def register(self, document: str, *, strict: bool = False) -> RegisteredDefinition:
        """Adds a version of a definition, written as YAML or JSON; the same again is a no-op.

        With ``strict`` what is merely doubtful is refused as well. For operators, as is all about
        definitions that follows. Raises InvalidDefinition with all that is wrong, and
        DefinitionConflict where the version is there with other content.
        """
        body: dict[str, Any] = {"document": document}
        if strict:
            body["strict"] = True
        path = requests.definitions_path()
        return self._calls.post(path, body, {}, read=registered_from_json)

    def list_definitions(self) -> Iterator[str]:
        """The names of all definitions, from A to Z by the codes of their characters."""
        cursor: str | None = ""
        while cursor is not None:
            query = {"cursor": cursor} if cursor else None
            page = self._calls.get(requests.definitions_path(), query, read=names_from_json)
            yield from page.names
            cursor = page.cursor

    def get_definition_versions(self, definition: str) -> VersionsOfDefinition:
        """The versions of a definition with their statuses. Raises DefinitionNotFound."""
        return self._calls.get(requests.definition_path(definition), read=versions_from_json)

    def get_definition(self, definition: str, version: int) -> dict[str, JsonValue]:
        """A version as it was registered, as values of JSON. Raises DefinitionNotFound.

        ``ProcessDefinition.from_dict`` of the library makes it an object.
        """
        path = requests.definition_path(definition, version)
        return self._calls.get(path, read=document_from_json)

    def diff_definition(
        self, definition: str, *, from_version: int, to_version: int
    ) -> list[DefinitionChange]:
        """What one version changes in another, field by field. Raises DefinitionNotFound."""
        query = {
            "from": str(requests.definition_version(from_version)),
            "to": str(requests.definition_version(to_version)),
        }
        path = f"{requests.definition_path(definition)}/diff"
        return self._calls.get(path, query, read=changes_from_json)

    def set_definition_status(
        self, definition: str, version: int, status: DefinitionStatus
    ) -> VersionsOfDefinition:
        """Drains, archives or activates a version.

        Raises DefinitionNotFound; and DefinitionInUse where processes of one that is to be archived
        are open, or InvalidInput where the audit has not counted these yet.
        """
        path = f"{requests.definition_path(definition, version)}/status"
        body = {"status": DefinitionStatus(status).value}
        return self._calls.post(path, body, {}, read=versions_from_json)

    def start_job(
        self,
        tenant_id: str,
        command: JobCommand | None = None,
        filter: JobFilter | None = None,  # as everybody calls it
        *,
        dry_run: bool = False,
        of: str | None = None,
        key: str | None = None,
        reason: str | None = None,
    ) -> Job:
        """Asks for a job: a command for all of the tenant's processes that the filter is about.

        It is done piece by piece from then on; ``get_job`` tells how far it has come. With
        ``dry_run`` it only says of each process what would happen; ``of`` names a completed dry
        run, whose command is then given to what that listed and to nothing else. With a ``key`` (1
        to 256 printable ASCII characters, the tenant's own) the same request returns the job that
        it started before; its ``was_there`` tells. Without one the client makes a random one, so
        that its own tries start one job.
        """
        return self._calls.post(
            jobs.jobs_path(tenant_id),
            jobs.job_body(command, filter, dry_run=dry_run, of=of, reason=reason),
            requests.start_headers(str(uuid.uuid4()) if key is None else key),
            read=job_from_json,
            read_known=jobs.known_job_from_json,
        )

    def get_job(self, tenant_id: str, job_id: str) -> Job:
        """A job, and how far it has come. Raises JobNotFound, also for another tenant's id."""
        return self._calls.get(jobs.job_path(tenant_id, job_id), read=job_from_json)

    def get_job_results(
        self, tenant_id: str, job_id: str, *, outcome: JobOutcome | None = None
    ) -> Iterator[JobResult]:
        """What became of each process, in the order in which the job came to them.

        Pages of 100 are read as the iteration gets to them. While the job runs it is those so far.
        """
        path, cursor = f"{jobs.job_path(tenant_id, job_id)}/results", None
        while True:
            query = jobs.results_query(outcome, cursor)
            page = self._calls.get(path, query, read=jobs.results_from_json)
            yield from page.results
            if (cursor := page.cursor) is None:
                return

    def cancel_job(self, tenant_id: str, job_id: str) -> Job:
        """Calls a job off; what is done stays done. Of one that has ended nothing changes."""
        path = f"{jobs.job_path(tenant_id, job_id)}/cancel"
        return self._calls.post(path, {}, {}, read=job_from_json)

    def resume_job(self, tenant_id: str, job_id: str) -> Job:
        """Has a job go on that was interrupted; harmless for any other."""
        path = f"{jobs.job_path(tenant_id, job_id)}/resume"
        return self._calls.post(path, {}, {}, read=job_from_json)

    def _listed(self, path: str, query: dict[str, str]) -> Iterator[Process]:
        cursor: str | None = ""
        while cursor is not None:
            asked = {**query, "cursor": cursor} if cursor else query
            page: ProcessPage = self._calls.get(path, asked, read=page_from_json)
            yield from page.processes
            cursor = page.cursor

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


def _known_process(value: Any) -> Process:
    process = process_from_json(value)
    process.was_there = True
    return process


def _check_address(base_url: str, authorization: Authorization | None) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(
            f"base_url is to be the stack's output ApiUrl, https://…; got {base_url!r}"
        )
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and isinstance(authorization, BearerToken) and not is_here:
        raise ValueError(f"a token is sent over https only, and not to {base_url!r}")
