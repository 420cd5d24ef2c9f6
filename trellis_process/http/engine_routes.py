"""The routes to what only a process can do that a definition orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from trellis_process.commands.definition_bodies import (
    ClaimTask,
    ReassignTask,
    ReleaseTask,
    RerunFrom,
    RetryStep,
    Signal,
    SignalByKey,
    Start,
)
from trellis_process.domain.process import ProcessKey
from trellis_process.http.answers import process_answer, started_by_key_answer
from trellis_process.http.parameters import (
    DefinitionName,
    IfMatch,
    ProcessId,
    StepName,
    TenantId,
)
from trellis_process.http.paths import PROCESS, STEP, TENANTS_DEFINITION
from trellis_process.http.preconditions import expected_of
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.commands import MakeEngine


def add_engine_routes(router: Router, engine: MakeEngine) -> None:
    """The routes that start processes by name, signal them, see to tasks, and intervene."""

    @router.post(
        f"{TENANTS_DEFINITION}/processes",
        operation_id="start",
        summary="Start a process of a definition",
        tags=["processes"],
    )
    def start(
        tenant_id: TenantId,
        definition: DefinitionName,
        body: Annotated[Start, Body(default_factory=Start)],
    ) -> Response[str]:
        process = engine().start(
            definition,
            tenant_id=tenant_id,
            input=body.input,
            key=body.key,
            on_duplicate=body.on_duplicate,
            version=body.version,
            aggregate_type=body.aggregate_type,
            aggregate_id=body.aggregate_id,
            metadata=body.metadata,
            actor=router.asked.actor,
            reason=body.reason,
        )
        return started_by_key_answer(process)

    @router.post(
        f"{PROCESS}/signal",
        operation_id="signal",
        summary="Give a process a signal",
        tags=["processes"],
    )
    def signal(
        tenant_id: TenantId,
        process_id: ProcessId,
        body: Annotated[Signal, Body()],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().signal(
            ProcessKey(tenant_id, process_id),
            body.signal,
            body.payload,
            signal_id=body.signal_id,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{TENANTS_DEFINITION}/signal",
        operation_id="signal_by_key",
        summary="Give the process of a key a signal",
        tags=["processes"],
    )
    def signal_by_key(
        tenant_id: TenantId, definition: DefinitionName, body: Annotated[SignalByKey, Body()]
    ) -> Response[str]:
        process = engine().signal_by_key(
            definition,
            body.key,
            body.signal,
            body.payload,
            tenant_id=tenant_id,
            signal_id=body.signal_id,
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/retry", operation_id="retry_step", summary="Try a step again", tags=["steps"]
    )
    def retry_step(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[RetryStep, Body(default_factory=RetryStep)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().retry_step(
            ProcessKey(tenant_id, process_id),
            step_name,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/rerun",
        operation_id="rerun_from",
        summary="Go on from a step that has ended",
        tags=["steps"],
    )
    def rerun_from(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[RerunFrom, Body(default_factory=RerunFrom)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().rerun_from(
            ProcessKey(tenant_id, process_id),
            step_name,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/claim", operation_id="claim_task", summary="Take a human task", tags=["tasks"]
    )
    def claim_task(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[ClaimTask, Body()],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().claim_task(
            ProcessKey(tenant_id, process_id),
            step_name,
            by=body.by,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/release",
        operation_id="release_task",
        summary="Give a human task back",
        tags=["tasks"],
    )
    def release_task(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[ReleaseTask, Body(default_factory=ReleaseTask)],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().release_task(
            ProcessKey(tenant_id, process_id),
            step_name,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)

    @router.post(
        f"{STEP}/reassign",
        operation_id="reassign_task",
        summary="Give a human task to somebody",
        tags=["tasks"],
    )
    def reassign_task(
        tenant_id: TenantId,
        process_id: ProcessId,
        step_name: StepName,
        body: Annotated[ReassignTask, Body()],
        if_match: IfMatch = None,
    ) -> Response[str]:
        process = engine().reassign_task(
            ProcessKey(tenant_id, process_id),
            step_name,
            to=body.to,
            expected_version=expected_of(engine(), tenant_id, process_id, if_match),
            actor=router.asked.actor,
            reason=body.reason,
        )
        return process_answer(process)
