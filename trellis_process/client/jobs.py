"""JobsClient: commands for many processes at once, asked for, followed, listed, called off."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trellis_process.application.job_request import JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, JobResult, job_from_json, result_from_json
from trellis_process.client import requests
from trellis_process.client.calls import Calls
from trellis_process.domain.limits import MAX_REASON_CHARACTERS, check_name, check_optional_text
from trellis_process.errors import InvalidInput


class JobsClient:
    """What a TrellisClient asks about many processes at once: the verbs of JobService.

    Any call may raise what all calls of the client raise, and those about one job JobNotFound,
    also for another tenant's id.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def start(
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

        It is done piece by piece from then on; ``get`` tells how far it has come. With ``dry_run``
        it only says of each process what would happen; ``of`` names a completed dry run, whose
        command is then given to what that listed and to nothing else. With a ``key`` (1 to 256
        printable ASCII characters, the tenant's own) the same request returns the job that it
        started before; its ``was_there`` tells. Without one the client makes a random one, so that
        its own tries start one job.
        """
        return self._calls.post(
            _jobs_path(tenant_id),
            _job_body(command, filter, dry_run=dry_run, of=of, reason=reason),
            requests.start_headers(str(uuid.uuid4()) if key is None else key),
            read=job_from_json,
            read_known=_known_job_from_json,
        )

    def get(self, tenant_id: str, job_id: str) -> Job:
        """A job, and how far it has come."""
        return self._calls.get(_job_path(tenant_id, job_id), read=job_from_json)

    def list(self, tenant_id: str) -> Iterator[Job]:
        """A tenant's jobs, the newest first, each with how far it has come.

        Pages of 100 are read as the iteration gets to them. One asked for this moment may be
        missing yet.
        """
        return self._calls.listed(_jobs_path(tenant_id), {}, "jobs", job_from_json)

    def results(
        self, tenant_id: str, job_id: str, *, outcome: JobOutcome | None = None
    ) -> Iterator[JobResult]:
        """What became of each process, in the order in which the job came to them.

        Pages of 100 are read as the iteration gets to them. While the job runs it is those so far.
        """
        path = f"{_job_path(tenant_id, job_id)}/results"
        return self._calls.listed(path, _results_query(outcome), "results", result_from_json)

    def cancel(self, tenant_id: str, job_id: str) -> Job:
        """Calls a job off; what is done stays done. Of one that has ended nothing changes."""
        path = f"{_job_path(tenant_id, job_id)}/cancel"
        return self._calls.post(path, {}, {}, read=job_from_json)

    def resume(self, tenant_id: str, job_id: str) -> Job:
        """Has a job go on that was interrupted; harmless for any other."""
        path = f"{_job_path(tenant_id, job_id)}/resume"
        return self._calls.post(path, {}, {}, read=job_from_json)


def _jobs_path(tenant_id: str) -> str:
    return f"/tenants/{check_name('tenant_id', tenant_id)}/jobs"


def _job_path(tenant_id: str, job_id: str) -> str:
    return f"{_jobs_path(tenant_id)}/{check_name('job_id', job_id)}"


def _job_body(
    command: JobCommand | None,
    filter: JobFilter | None,
    *,
    dry_run: bool,
    of: str | None,
    reason: str | None,
) -> dict[str, Any]:
    body: dict[str, Any] = {} if command is None else command.as_json()
    if filter is not None:
        body["filter"] = filter.as_json()
    if dry_run:
        body["dry_run"] = True
    if of is not None:
        body["of"] = check_name("of", of)
    if reason is not None:
        body["reason"] = check_optional_text("reason", reason, MAX_REASON_CHARACTERS)
    return body


def _results_query(outcome: JobOutcome | None) -> dict[str, str]:
    if outcome is None:
        return {}
    try:
        return {"outcome": JobOutcome(outcome).value}
    except ValueError:
        allowed = f"allowed are {', '.join(JobOutcome)}"
        raise InvalidInput("outcome", outcome, allowed) from None


def _known_job_from_json(value: Any) -> Job:
    """A job that was there before it was asked for."""
    return replace(job_from_json(value), was_there=True)
