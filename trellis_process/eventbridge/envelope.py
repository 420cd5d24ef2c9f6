"""The envelope: one event as consumers get it, completed from the process it happened to.

``docs/events.md`` describes it for people and ``docs/events.schema.json`` for programs.
"""

from __future__ import annotations

from typing import Any

from trellis_process.domain.events import (
    ProcessEvent,
    ProcessFailed,
    ProcessStarted,
    ProcessStepTimedOut,
    StepAttemptFailed,
    StepCompleted,
    StepEvent,
    StepFailed,
    StepResumed,
    StepStarted,
    StepSuspended,
    event_id,
)
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text

SOURCE = "trellis"


def envelopes(process: Process) -> list[dict[str, Any]]:
    """The events of a process's latest saved change, in order; fields without a value left out."""
    return [_envelope(process, n, event) for n, event in enumerate(process.events, start=1)]


def _envelope(process: Process, n: int, event: ProcessEvent) -> dict[str, Any]:
    said = {
        "id": event_id(process.process_id, process.version, n),
        "type": event.type,
        "time": to_text(event.occurred_at),
        "tenant_id": process.tenant_id,
        "process_id": process.process_id,
        "process_type": process.process_type,
        "process_state": process.state.value,
        "aggregate_type": process.aggregate_type,
        "aggregate_id": process.aggregate_id,
        "version": process.version,
        "previous_version": process.previous_event_version,
        "event_count": len(process.events),
        "actor": event.actor,
        "reason": event.reason,
        **_details(process, event),
    }
    return {name: value for name, value in said.items() if value is not None}


def _details(process: Process, event: ProcessEvent) -> dict[str, Any]:
    """What an event of this type says beside what all say."""
    if isinstance(event, StepEvent):
        about = {"step_name": event.step_name, "attempt": event.attempt}
        return about | _step_details(process, process.step(event.step_name), event)
    if isinstance(event, ProcessStarted):
        return {
            "metadata": process.metadata,
            "due_at": to_text(process.due_at),
            "steps": [_asked_for(step) for step in process.steps.values()],
        }
    if isinstance(event, ProcessFailed):
        failed = (step for step in process.steps.values() if step.state is StepState.FAILED)
        step = next(failed, None)
        return {} if step is None else {"failed_step": step.name, "error": step.error}
    return {}


def _step_details(process: Process, step: ProcessStep, event: StepEvent) -> dict[str, Any]:
    if isinstance(event, StepStarted | StepResumed):
        return {
            "metadata": process.metadata,
            "retries_permitted": step.retries_permitted,
            "due_at": to_text(step.due_at),
            "resumption": step.resumption or None,
            "resume_data": step.resume_data if step.resumption else None,
        }
    if isinstance(event, StepAttemptFailed):
        due_at = step.due_at if step.waits_for_retry else event.occurred_at
        return {"error": step.error, "retry_at": to_text(due_at)}
    if isinstance(event, StepSuspended):
        return {"due_at": to_text(step.due_at) if step.is_suspended else None}
    if isinstance(event, StepCompleted):
        return {"output": step.output}
    if isinstance(event, StepFailed):
        return {"error": step.error}
    if isinstance(event, ProcessStepTimedOut):
        return {
            "retry_count": event.retry_count,
            "retries_permitted": event.retries_permitted,
            "fully_timed_out": event.has_fully_timed_out(),
        }
    return {}


def _asked_for(step: ProcessStep) -> dict[str, Any]:
    asked: dict[str, Any] = {"name": step.name, "retries_permitted": step.retries_permitted}
    return asked if step.timeout_ms is None else asked | {"timeout_ms": step.timeout_ms}
