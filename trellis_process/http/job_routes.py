"""The routes of jobs: a command for many processes, followed, read, called off."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body as InBody
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from trellis_process.application.job_request import (
    MAX_SEARCHED,
    CommandName,
    JobCommand,
)
from trellis_process.application.job_request import JobFilter as Filter
from trellis_process.application.job_states import JobOutcome
from trellis_process.commands.bodies import Body, DefinitionVersion, Name, ReasonText, checked
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    MAX_REASON_CHARACTERS,
    JsonValue,
    check_json,
)
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput
from trellis_process.http.answers import JSON, json_text
from trellis_process.http.parameters import Cursor, IdempotencyKey, Limit, Moment, TenantId
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.application.job_service import JobService
    from trellis_process.application.jobs import Job

MakeJobs: TypeAlias = Callable[[], "JobService"]
"""Gives the JobService, made when it is first asked for."""

JOBS = "/tenants/<tenant_id>/jobs"
JOB = f"{JOBS}/<job_id>"
MAX_JOB_REASON = 900


_Kind = TypeVar("_Kind", CommandName, JobOutcome, ProcessState)


def _check_one_of(kind: type[_Kind], field: str, value: object) -> _Kind:
    try:
        return kind(str(value))
    except ValueError as error:
        raise InvalidInput(field, value, f"allowed are {', '.join(kind)}") from error


JobId: TypeAlias = Annotated[
    Name, Path(description="The job's id, as the answer to its start gave it.")
]
OutcomeFilter: TypeAlias = Annotated[
    Annotated[JobOutcome, checked(partial(_check_one_of, JobOutcome))] | None,
    Query(description="Only results with this outcome."),
]


class FilterOfJob(Body):
    """Which processes: those for which all that is said here is true."""

    process_type: Name | None = Field(None, description="Of this type.")
    state: Annotated[ProcessState, checked(partial(_check_one_of, ProcessState))] | None = Field(
        None, description="In this state. Left out, in those that the command is about."
    )
    definition_version: DefinitionVersion | None = Field(
        None, description="Of this version of their definition."
    )
    step_name: Name | None = Field(
        None, description="That are at this step: it is open, or failed."
    )
    started_after: Moment | None = Field(None, description="Started then or later.")
    started_before: Moment | None = Field(None, description="Started earlier.")
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARACTERS)] | None = Field(
        None, description="Whose reason, for which they failed or ended, begins so."
    )
    search_attributes: dict[str, JsonValue] | None = Field(
        None,
        description=f"That have these search attributes with these values, at most {MAX_SEARCHED}.",
    )

    def as_filter(self) -> Filter:
        """The filter that this asks for."""
        return Filter(**{name: value for name, value in vars(self).items() if value is not None})


class StartJob(Body):
    """A job to start: a command for every process that a filter is about."""

    command: Annotated[CommandName, checked(partial(_check_one_of, CommandName))] | None = Field(
        None, description="What each process is told. Left out with `of`."
    )
    step_name: Name | None = Field(
        None,
        description="The step, of `SkipStep` and `RerunFrom`; of `RetryStep` the step that failed "
        "last, unless said.",
    )
    compensate: bool = Field(
        False, description="Of `CancelProcess`: whether what had been completed is undone first."
    )
    output: Annotated[JsonValue, checked(partial(check_json, at_most=MAX_OUTPUT_BYTES))] = Field(
        None,
        description="Of `SkipStep`: what stands in for the step's result, any JSON of at most "
        f"{MAX_OUTPUT_BYTES} bytes.",
    )
    filter: FilterOfJob | None = Field(
        None,
        description="Which processes. Only a dry run may leave it empty. Left out with `of`.",
    )
    dry_run: bool = Field(
        False, description="Whether to say of each process what would happen, and change nothing."
    )
    of: Name | None = Field(
        None,
        description="The id of a completed dry run, to do what it said to the processes that it "
        "listed, and to no others.",
    )
    reason: ReasonText | None = Field(
        None,
        description="Why, in words for people; travels along in the events of each change, with "
        f"the job's id. At most {MAX_JOB_REASON} characters.",
    )

    def as_command(self) -> JobCommand | None:
        """The command that this asks for; None where a dry run says it."""
        if self.command is None:
            return None
        return JobCommand(
            command=self.command,
            step_name=self.step_name,
            compensate=self.compensate,
            output=self.output,
        )


def add_job_routes(router: Router, jobs: MakeJobs) -> None:
    """The routes of jobs."""

    @router.post(JOBS, operation_id="start_job", summary="Start a job", tags=["jobs"])
    def start_job(
        tenant_id: TenantId,
        body: Annotated[StartJob, InBody()],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[str]:
        job = jobs().start(
            tenant_id,
            body.as_command(),
            None if body.filter is None else body.filter.as_filter(),
            dry_run=body.dry_run,
            of=body.of,
            key=idempotency_key,
            actor=router.asked.actor,
            reason=body.reason,
        )
        where = {"Location": f"/tenants/{tenant_id}/jobs/{job.job_id}"}
        return _answer(job, 200 if job.was_there else 201, where)

    @router.get(JOBS, operation_id="list_jobs", summary="List jobs", tags=["jobs"])
    def list_jobs(tenant_id: TenantId, limit: Limit = 100, cursor: Cursor = None) -> Response[str]:
        from trellis_process.application.jobs import job_as_json  # there, for the jobs are

        router.asked.refuse_unknown_parameters("limit", "cursor")
        page = jobs().list(tenant_id, limit=limit, cursor=cursor)
        more = {} if page.cursor is None else {"cursor": page.cursor}
        listed = [job_as_json(job) for job in page.jobs]
        return Response(200, JSON, json_text({"jobs": listed, **more}))

    @router.get(JOB, operation_id="get_job", summary="Get a job", tags=["jobs"])
    def get_job(tenant_id: TenantId, job_id: JobId) -> Response[str]:
        return _answer(jobs().get(tenant_id, job_id))

    @router.get(
        f"{JOB}/results",
        operation_id="get_job_results",
        summary="List what became of each process",
        tags=["jobs"],
    )
    def get_job_results(
        tenant_id: TenantId,
        job_id: JobId,
        outcome: OutcomeFilter = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("outcome", "limit", "cursor")
        page = jobs().results(tenant_id, job_id, outcome=outcome, limit=limit, cursor=cursor)
        more = {} if page.cursor is None else {"cursor": page.cursor}
        results = [result.as_json() for result in page.results]
        return Response(200, JSON, json_text({"results": results, **more}))

    @router.post(f"{JOB}/cancel", operation_id="cancel_job", summary="Cancel a job", tags=["jobs"])
    def cancel_job(tenant_id: TenantId, job_id: JobId) -> Response[str]:
        return _answer(jobs().cancel(tenant_id, job_id))

    @router.post(
        f"{JOB}/resume", operation_id="resume_job", summary="Have a job go on", tags=["jobs"]
    )
    def resume_job(tenant_id: TenantId, job_id: JobId) -> Response[str]:
        return _answer(jobs().resume(tenant_id, job_id))


def _answer(job: Job, status: int = 200, headers: dict[str, str] | None = None) -> Response[str]:
    from trellis_process.application.jobs import job_as_json  # there, for the job is

    return Response(status, JSON, json_text(job_as_json(job)), headers or {})
