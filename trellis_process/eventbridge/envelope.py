"""The envelope: one event as consumers get it, completed from the process it happened to.

``docs/events.md`` describes it for people and ``docs/events.schema.json`` for programs.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from trellis_process.domain.course import STEP_FAILED
from trellis_process.domain.events import (
    CompensationCompleted,
    CompensationFailed,
    CompensationStarted,
    ProcessCancelled,
    ProcessCompleted,
    ProcessEvent,
    ProcessFailed,
    ProcessStarted,
    ProcessStepTimedOut,
    ScheduleChanged,
    StepAttemptFailed,
    StepCompleted,
    StepEvent,
    StepFailed,
    StepResumed,
    StepSkipped,
    StepStarted,
    StepSuspended,
    TaskClaimed,
    TaskEscalated,
    TaskOpened,
    TaskReleased,
    WaitStarted,
    event_id,
)
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text
from trellis_process.representation import parent_as_json, task_as_json

#: The reasons of a failed process that are about a step. The second is the engine's own, whose
#: rules no publisher has to load.
_OF_A_STEP = {STEP_FAILED, "expression_error"}

_SAID_BY_ALL = {each.name for each in fields(ProcessEvent)}


def envelopes(process: Process) -> list[dict[str, Any]]:
    """The events of a process's latest saved change, in order; fields without a value left out."""
    return [_envelope(process, n, event) for n, event in enumerate(process.events, start=1)]


def _envelope(process: Process, n: int, event: ProcessEvent) -> dict[str, Any]:
    own = [each.name for each in fields(event) if each.name not in _SAID_BY_ALL]
    said = {
        "id": event_id(process.process_id, process.version, n),
        "type": event.type,
        "time": to_text(event.occurred_at),
        "tenant_id": process.tenant_id,
        "process_id": process.process_id,
        "process_type": process.process_type,
        "definition_version": process.definition_version,
        "process_state": process.state.value,
        "aggregate_type": process.aggregate_type,
        "aggregate_id": process.aggregate_id,
        "parent": parent_as_json(process.parent),
        "version": process.version,
        "previous_version": process.previous_event_version,
        "event_count": len(process.events),
        "actor": event.actor,
        "reason": event.reason,
        **{name: getattr(event, name) for name in own},
        **_details(process, event),
    }
    return {name: value for name, value in said.items() if value is not None}


def _details(process: Process, event: ProcessEvent) -> dict[str, Any]:
    """What an event of this type says beside what it holds itself."""
    if isinstance(event, StepEvent):
        return _step_details(process, process.step(event.step_name), event)
    if isinstance(event, ProcessStarted):
        return {
            "metadata": process.metadata,
            "input": process.input or None,
            "search_attributes": process.search_attributes or None,
            "scheduled_at": to_text(process.scheduled_at),
            "due_at": to_text(process.due_at),
            "steps": [_asked_for(step) for step in process.steps.values()],
        }
    if isinstance(event, ScheduleChanged):
        return {"input": process.input}
    if isinstance(event, ProcessCompleted):
        return {"output": process.output, "breaches": process.breaches or None}
    if isinstance(event, ProcessFailed):
        step = _failed_step(process)
        about = {} if step is None else {"failed_step": step.name, "error": step.error}
        ended = {"compensation": process.compensation, "breaches": process.breaches or None}
        return about | ended
    if isinstance(event, ProcessCancelled):
        return {"compensation": process.compensation, "breaches": process.breaches or None}
    return {}


def _step_details(process: Process, step: ProcessStep, event: StepEvent) -> dict[str, Any]:
    if isinstance(event, StepStarted | StepResumed):
        return _work(process, step)
    if isinstance(event, StepAttemptFailed):
        due_at = step.due_at if step.waits_for_retry else event.occurred_at
        return {"error": step.error, "retry_at": to_text(due_at)}
    if isinstance(event, StepSuspended):
        return {"due_at": to_text(step.due_at) if step.is_suspended else None}
    if isinstance(event, StepCompleted):
        began = to_text(step.started_at)
        return {"output": step.output, "outcome": step.outcome, "started_at": began}
    if isinstance(event, StepSkipped):
        return {"output": step.output}
    if isinstance(event, StepFailed):
        return {"error": step.error}
    if isinstance(event, ProcessStepTimedOut):
        return {
            "first_attempt": None,
            "retry_count": event.retry_count,
            "fully_timed_out": event.has_fully_timed_out(),
        }
    if isinstance(event, WaitStarted):
        progress = step.progress if isinstance(step.progress, dict) else {}
        return {"due_at": to_text(step.due_at), "signal": progress.get("signal")}
    if isinstance(event, TaskOpened | TaskClaimed | TaskReleased | TaskEscalated):
        task = task_as_json(step.task) or {}
        return {**task, "due_at": to_text(step.due_at), "input": step.input}
    if isinstance(event, CompensationStarted):
        return {"undoes": step.undoes, **_work(process, step)}
    if isinstance(event, CompensationCompleted):
        began = to_text(step.started_at)
        return {"undoes": step.undoes, "output": step.output, "started_at": began}
    if isinstance(event, CompensationFailed):
        return {"undoes": step.undoes, "error": step.error}
    return {}


def _work(process: Process, step: ProcessStep) -> dict[str, Any]:
    """What the service needs that does a step's work."""
    return {
        "metadata": process.metadata,
        "service": step.service,
        "priority": step.priority,
        "input": step.input,
        "retries_permitted": step.retries_permitted,
        "first_attempt": step.first_attempt if step.first_attempt > 1 else None,
        "due_at": to_text(step.due_at),
        "resumption": step.resumption or None,
        "resume_data": step.resume_data if step.resumption else None,
    }


def _failed_step(process: Process) -> ProcessStep | None:
    """The step of which a process failed: the last that did, for a route may have handled others.

    Not one that was to undo another: that comes after the failure.
    """
    if process.reason not in _OF_A_STEP:
        return None
    failed = [step for step in process.steps.values() if step.state is StepState.FAILED]
    if process.definition_version is not None:
        failed = [step for step in failed if step.undoes is None]
    return max(failed, key=lambda step: step.ended_at or process.started_at, default=None)


def _asked_for(step: ProcessStep) -> dict[str, Any]:
    asked: dict[str, Any] = {"name": step.name, "retries_permitted": step.retries_permitted}
    return asked if step.timeout_ms is None else asked | {"timeout_ms": step.timeout_ms}
