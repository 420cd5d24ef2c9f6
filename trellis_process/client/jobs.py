"""Jobs as the step API tells of them: asked for, and what became of each process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trellis_process.application.job_request import JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, ResultPage, job_from_json, result_from_json
from trellis_process.domain.limits import MAX_REASON_CHARACTERS, check_name, check_optional_text
from trellis_process.errors import InvalidInput


def jobs_path(tenant_id: str) -> str:
    """Where a tenant's jobs are."""
    return f"/tenants/{check_name('tenant_id', tenant_id)}/jobs"


def job_path(tenant_id: str, job_id: str) -> str:
    """Where a job is."""
    return f"{jobs_path(tenant_id)}/{check_name('job_id', job_id)}"


def job_body(
    command: JobCommand | None,
    filter: JobFilter | None,
    *,
    dry_run: bool,
    of: str | None,
    reason: str | None,
) -> dict[str, Any]:
    """The body that asks for a job."""
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


def results_query(outcome: JobOutcome | None, cursor: str | None) -> dict[str, str]:
    """Which results are asked for."""
    query = {} if cursor is None else {"cursor": cursor}
    if outcome is None:
        return query
    try:
        return {**query, "outcome": JobOutcome(outcome).value}
    except ValueError:
        allowed = f"allowed are {', '.join(JobOutcome)}"
        raise InvalidInput("outcome", outcome, allowed) from None


def known_job_from_json(value: Any) -> Job:
    """A job that was there before it was asked for."""
    return replace(job_from_json(value), was_there=True)


def results_from_json(value: Any) -> ResultPage:
    """A page of results. Raises ValueError for what is no such JSON."""
    try:
        results, cursor = value["results"], value.get("cursor")
        return ResultPage([result_from_json(each) for each in results], cursor)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no results of a job: {error!r}") from error
