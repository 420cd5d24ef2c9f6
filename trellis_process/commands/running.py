"""Running a command: which of the service's verbs each one is."""

from __future__ import annotations

from typing import Any

from trellis_process.application.process_service import ProcessService
from trellis_process.commands.command import (
    CancelProcessCommand,
    Command,
    CompleteStepCommand,
    FailStepCommand,
    HeartbeatCommand,
    ResumeStepCommand,
    StartProcessCommand,
    StartStepCommand,
    SuspendStepCommand,
)
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState
from trellis_process.errors import Conflict, ProcessFinished, StepFinished


def run(
    command: Command,
    service: ProcessService,
    *,
    actor: str | None,
    default_key: str | None = None,
) -> Process:
    """Has the service do what a command asks; the process as it is then.

    ``actor`` is who asks, by the authority of whoever delivered the command. ``default_key`` is
    the idempotency key of a start that brings none. Raises what the service raises.
    """
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
        return service.cancel_process(command.key, **said)
    if isinstance(command, ResumeStepCommand):
        said["resumption"] = command.resumption
        return service.resume_step(command.key, command.step_name, command.data, **said)
    said["attempt"] = command.attempt
    match command:
        case StartStepCommand():
            return service.start_step(command.key, command.step_name, **said)
        case CompleteStepCommand():
            return service.complete_step(command.key, command.step_name, command.output, **said)
        case FailStepCommand():
            return service.fail_step(
                command.key,
                command.step_name,
                command.error,
                retry_after_ms=command.retry_after_ms,
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
