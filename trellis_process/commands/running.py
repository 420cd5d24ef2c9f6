"""Running a command: which of the service's verbs each one is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from trellis_process.application.process_service import ProcessService
from trellis_process.commands.command import (
    CancelProcessCommand,
    ClaimTaskCommand,
    Command,
    CompleteStepCommand,
    FailStepCommand,
    HeartbeatCommand,
    ReassignTaskCommand,
    ReleaseTaskCommand,
    RerunFromCommand,
    ResumeProcessCommand,
    ResumeStepCommand,
    RetryStepCommand,
    SignalByKeyCommand,
    SignalCommand,
    SkipStepCommand,
    StartCommand,
    StartProcessCommand,
    StartStepCommand,
    SuspendProcessCommand,
    SuspendStepCommand,
)
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState
from trellis_process.errors import Conflict, InvalidInput, ProcessFinished, StepFinished

if TYPE_CHECKING:
    from trellis_process.application.engine_service import EngineService

MakeEngine: TypeAlias = Callable[[], "EngineService"]
"""Gives the EngineService, made when it is first asked for: who only tracks never loads it."""

_OfDefinitions: TypeAlias = (
    StartCommand
    | SignalCommand
    | SignalByKeyCommand
    | RetryStepCommand
    | RerunFromCommand
    | ClaimTaskCommand
    | ReleaseTaskCommand
    | ReassignTaskCommand
)


def run(
    command: Command,
    service: ProcessService,
    *,
    actor: str | None,
    default_key: str | None = None,
    engine: MakeEngine | None = None,
) -> Process:
    """Has the service do what a command asks; the process as it is then.

    ``actor`` is who asks, by the authority of whoever delivered the command. ``default_key`` is
    the key of a start that brings none. What only a process with a definition can do is asked of
    the service that ``engine`` gives, and refused without one. Raises what the service raises.
    """
    if isinstance(command, _OfDefinitions):
        if engine is None:
            raise InvalidInput("command", command.command, "allowed where definitions are known")
        return _run_by_definition(command, engine(), actor, default_key)
    if isinstance(command, StartProcessCommand):
        return service.start_process(
            tenant_id=command.tenant_id,
            process_type=command.process_type,
            aggregate_type=command.aggregate_type,
            aggregate_id=command.aggregate_id,
            steps=[step.as_step() for step in command.steps],
            metadata=command.metadata,
            timeout_ms=command.timeout_ms,
            auto_start_steps=command.auto_start_steps,
            idempotency_key=command.idempotency_key or default_key,
            actor=actor,
            reason=command.reason,
        )
    said: dict[str, Any] = {
        "expected_version": command.expected_version,
        "actor": actor,
        "reason": command.reason,
    }
    if isinstance(command, CancelProcessCommand):
        return service.cancel_process(command.key, compensate=command.compensate, **said)
    if isinstance(command, ResumeStepCommand):
        said["resumption"] = command.resumption
        return service.resume_step(command.key, command.step_name, command.data, **said)
    if isinstance(command, SuspendProcessCommand):
        return service.suspend_process(command.key, **said)
    if isinstance(command, ResumeProcessCommand):
        return service.resume_process(command.key, **said)
    if isinstance(command, SkipStepCommand):
        return service.skip_step(command.key, command.step_name, command.output, **said)
    said["attempt"] = command.attempt
    match command:
        case StartStepCommand():
            return service.start_step(command.key, command.step_name, **said)
        case CompleteStepCommand():
            return service.complete_step(
                command.key, command.step_name, command.output, outcome=command.outcome, **said
            )
        case FailStepCommand():
            return service.fail_step(
                command.key,
                command.step_name,
                command.error,
                retry_after_ms=command.retry_after_ms,
                code=command.code,
                fatal=command.fatal,
                **said,
            )
        case SuspendStepCommand():
            return service.suspend_step(
                command.key,
                command.step_name,
                timeout_ms=command.timeout_ms,
                resumption=command.resumption,
                **said,
            )
        case HeartbeatCommand():
            return service.heartbeat(command.key, command.step_name, **said)


def _run_by_definition(
    command: _OfDefinitions, service: EngineService, actor: str | None, default_key: str | None
) -> Process:
    if isinstance(command, StartCommand):
        return service.start(
            command.definition,
            tenant_id=command.tenant_id,
            input=command.input,
            key=command.key or default_key,
            on_duplicate=command.on_duplicate,
            version=command.version,
            aggregate_type=command.aggregate_type,
            aggregate_id=command.aggregate_id,
            metadata=command.metadata,
            actor=actor,
            reason=command.reason,
        )
    if isinstance(command, SignalByKeyCommand):
        return service.signal_by_key(
            command.definition,
            command.key,
            command.signal,
            command.payload,
            tenant_id=command.tenant_id,
            signal_id=command.signal_id,
            actor=actor,
            reason=command.reason,
        )
    said: dict[str, Any] = {
        "expected_version": command.expected_version,
        "actor": actor,
        "reason": command.reason,
    }
    match command:
        case SignalCommand():
            return service.signal(
                command.key, command.signal, command.payload, signal_id=command.signal_id, **said
            )
        case RetryStepCommand():
            return service.retry_step(command.key, command.step_name, **said)
        case RerunFromCommand():
            return service.rerun_from(command.key, command.step_name, **said)
        case ClaimTaskCommand():
            return service.claim_task(command.key, command.step_name, by=command.by, **said)
        case ReleaseTaskCommand():
            return service.release_task(command.key, command.step_name, **said)
        case ReassignTaskCommand():
            return service.reassign_task(command.key, command.step_name, to=command.to, **said)


def is_overtaken(command: Command, refusal: Conflict) -> bool:
    """Whether a report was refused only because a later one about its attempt came first.

    A start, a suspension or a heartbeat that names an attempt, of which the end is known by now,
    was true when it was sent. It has nothing left to say, and nobody has anything to mend.
    """
    reports = StartStepCommand | SuspendStepCommand | HeartbeatCommand
    if not isinstance(command, reports) or command.attempt is None:
        return False
    if not isinstance(refusal, ProcessFinished | StepFinished) or refusal.process is None:
        return False
    step = refusal.process.step(command.step_name)
    ended = step.state in (StepState.COMPLETED, StepState.FAILED)
    return ended and command.attempt <= step.attempt
