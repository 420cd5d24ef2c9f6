"""The routes: what each path and method asks of the service."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from trellis_process.application.process_service import MAX_PAGE, ProcessService
from trellis_process.commands.bodies import (
    CancelProcess,
    CompleteStep,
    FailStep,
    Heartbeat,
    ResumeProcess,
    ResumeStep,
    SkipStep,
    StartProcess,
    StartStep,
    SuspendProcess,
    SuspendStep,
)
from trellis_process.domain.process import ProcessKey
from trellis_process.errors import NotFound
from trellis_process.http.answers import (
    JSON,
    found_answer,
    page_answer,
    process_answer,
    started_answer,
    unchanged_answer,
)
from trellis_process.http.parameters import (
    AggregateIdToFind,
    AggregateType,
    Cursor,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    Limit,
    ProcessId,
    ProcessTypeFilter,
    StateFilter,
    StepName,
    TenantId,
)
from trellis_process.http.paths import PROCESS, PROCESSES, STEP
from trellis_process.http.preconditions import expected_of, is_unchanged
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.commands import MakeEngine
    from trellis_process.http.job_routes import MakeJobs
    from trellis_process.http.view_routes import MakeViews


def add_routes(
    router: Router,
    service: ProcessService,
    engine: MakeEngine | None = None,
    jobs: MakeJobs | None = None,
    views: MakeViews | None = None,
) -> None:
    """Gives a router every route of the API, each of which asks the service for one thing.

    Those about definitions and schedules, and what only a process with a definition can do, are
    there with an ``engine``; those about jobs with ``jobs``, and those to the views with ``views``.
    Routes that most requests are not about are loaded when the first one is.
    """
    add_process_routes(router, service)
    add_step_routes(router, service)

    router.add_later(partial(_add_batch_route, service=service, engine=engine))
    if engine is not None:
        router.add_later(partial(_add_engine_routes, engine=engine))
        router.add_later(partial(_add_definition_routes, engine=engine))
    if jobs is not None:
        router.add_later(partial(_add_job_routes, jobs=jobs))
    if views is not None:
        router.add_later(partial(_add_view_routes, views=views))
    if engine is not None:
        router.add_later(partial(_add_schedule_routes, engine=engine))
    router.add_later(_add_document_route)


def add_process_routes(router: Router, service: ProcessService) -> None:
    """The routes that start, find and cancel processes."""

    @router.post(
        PROCESSES, operation_id="start_process", summary="Start a process", tags=["processes"]
    )
    def start_process(
        tenant_id: TenantId,
        body: Annotated[StartProcess, Body()],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[str]:
        process = service.start_process(
            tenant_id=tenant_id,
            process_type=body.process_type,
            aggregate_type=body.aggregate_type,
            aggregate_id=body.aggregate_id,
            steps=[step.as_step() for step in body.steps],
            metadata=body.metadata,
            timeout_ms=body.timeout_ms,
            auto_start_steps=body.auto_start_steps,
            idempotency_key=idempotency_key,
            actor=router.asked.actor,
            reason=body.reason,
        )
        return started_answer(process)

    @router.get(
        PROCESSES, operation_id="list_processes", summary="List processes", tags=["processes"]
    )
    def list_processes(
        tenant_id: TenantId,
        process_type: ProcessTypeFilter = None,
        state: StateFilter = None,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("process_type", "state", "limit", "cursor")
        return page_answer(
            lambda most: service.list_processes(
                tenant_id, process_type=process_type, state=state, limit=most, cursor=cursor
            ),
            limit,
        )

    # Before the route of a single process, whose path would take this one's too.
    @router.get(
        f"{PROCESSES}/by-aggregate",
        operation_id="find_process",
        summary="Find the newest process about an aggregate",
        tags=["processes"],
    )
    def find_process(
        tenant_id: TenantId, aggregate_type: AggregateType, aggregate_id: AggregateIdToFind
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("aggregate_type", "aggregate_id")
        process = service.find_process(tenant_id, aggregate_type, aggregate_id)
        if process is None:
            raise NotFound("no process about this aggregate in this tenant")
        return found_answer(process)

    @router.get(PROCESS, operation_id="get_process", summary="Get a process", tags=["processes"])
    def get_process(
        tenant_id: TenantId, process_id: ProcessId, if_none_match: IfNoneMatch = None
    ) -> Response[str]:
        process = service.get_process(tenant_id, process_id)
        if is_unchanged(if_none_match, process.version):
            return unchanged_answer(process)
        return process_answer(process)

    @router.post(
        f"{PROCESS}/cancel",
        operation_id="cancel_process",
        summary="Cancel a process",
        tags=["processes"],
    )
    def cancel_process(
        tenant_id: TenantId,
        process_id: ProcessId,
        body: Annotated[CancelProcess, Body(default_factory=CancelProcess)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.cancel_process(
            ProcessKey(tenant_id, process_id),
            compensate=body.compensate,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{PROCESS}/suspend",
        operation_id="suspend_process",
        summary="Freeze a process",
        tags=["processes"],
    )
    def suspend_process(
        tenant_id: TenantId,
        process_id: ProcessId,
        body: Annotated[SuspendProcess, Body(default_factory=SuspendProcess)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.suspend_process(
            ProcessKey(tenant_id, process_id),
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{PROCESS}/resume",
        operation_id="resume_process",
        summary="Let a suspended process go on",
        tags=["processes"],
    )
    def resume_process(
        tenant_id: TenantId,
        process_id: ProcessId,
        body: Annotated[ResumeProcess, Body(default_factory=ResumeProcess)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.resume_process(
            ProcessKey(tenant_id, process_id),
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)


def add_step_routes(router: Router, service: ProcessService) -> None:
    """The routes that take reports on steps."""

    @router.post(
        f"{STEP}/start", operation_id="start_step", summary="Start an attempt", tags=["steps"]
    )
    def start_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[StartStep, Body(default_factory=StartStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.start_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            attempt=body.attempt,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/complete", operation_id="complete_step", summary="Complete a step", tags=["steps"]
    )
    def complete_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[CompleteStep, Body(default_factory=CompleteStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.complete_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            body.output,
            outcome=body.outcome,
            attempt=body.attempt,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(f"{STEP}/fail", operation_id="fail_step", summary="Fail a step", tags=["steps"])
    def fail_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[FailStep, Body()],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.fail_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            body.error,
            retry_after_ms=body.retry_after_ms,
            code=body.code,
            fatal=body.fatal,
            attempt=body.attempt,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/suspend",
        operation_id="suspend_step",
        summary="Let a step wait until it is resumed",
        tags=["steps"],
    )
    def suspend_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[SuspendStep, Body(default_factory=SuspendStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.suspend_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            timeout_ms=body.timeout_ms,
            attempt=body.attempt,
            resumption=body.resumption,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/resume",
        operation_id="resume_step",
        summary="Let a suspended step go on",
        tags=["steps"],
    )
    def resume_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[ResumeStep, Body(default_factory=ResumeStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.resume_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            body.data,
            resumption=body.resumption,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/heartbeat",
        operation_id="heartbeat",
        summary="Say that an attempt is alive",
        tags=["steps"],
    )
    def heartbeat(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[Heartbeat, Body(default_factory=Heartbeat)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.heartbeat(
            ProcessKey(tenant_id, process_id),
            step_name,
            attempt=body.attempt,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/skip",
        operation_id="skip_step",
        summary="Go on as if a step were completed",
        tags=["steps"],
    )
    def skip_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[SkipStep, Body(default_factory=SkipStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = service.skip_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            body.output,
            expected_version=expected_of(service, tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)


def _add_batch_route(router: Router, *, service: ProcessService, engine: MakeEngine | None) -> None:
    from trellis_process.http.batch import add_batch_route

    add_batch_route(router, service, engine)


def _add_engine_routes(router: Router, *, engine: MakeEngine) -> None:
    from trellis_process.http.engine_routes import add_engine_routes

    add_engine_routes(router, engine)


def _add_definition_routes(router: Router, *, engine: MakeEngine) -> None:
    from trellis_process.http.definition_routes import add_definition_routes

    add_definition_routes(router, engine)


def _add_job_routes(router: Router, *, jobs: MakeJobs) -> None:
    from trellis_process.http.job_routes import add_job_routes

    add_job_routes(router, jobs)


def _add_view_routes(router: Router, *, views: MakeViews) -> None:
    from trellis_process.http.view_routes import add_view_routes

    add_view_routes(router, views)


def _add_schedule_routes(router: Router, *, engine: MakeEngine) -> None:
    from trellis_process.http.schedule_routes import add_schedule_routes

    add_schedule_routes(router, engine)


def _add_document_route(router: Router) -> None:
    @router.get(
        "/openapi.json",
        operation_id="get_openapi",
        summary="Get this document",
        tags=["about"],
    )
    def get_openapi() -> Response[str]:
        return Response(200, JSON, openapi_text())


@cache
def openapi_text() -> str:
    """The OpenAPI document, as it is kept beside this file."""
    return File(__file__).with_name("openapi.json").read_text(encoding="utf-8")
