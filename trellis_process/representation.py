"""Processes, steps and pages as JSON, and back. What a process does not have is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trellis_process.application.repositories import ProcessPage
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text
from trellis_process.errors import InvalidInput


def process_as_json(process: Process) -> dict[str, Any]:
    """A process with its steps, in their order."""
    return _without_none(
        tenant_id=process.tenant_id,
        process_id=process.process_id,
        process_type=process.process_type,
        aggregate_type=process.aggregate_type,
        aggregate_id=process.aggregate_id,
        state=process.state.value,
        version=process.version,
        started_at=to_text(process.started_at),
        changed_at=to_text(process.changed_at),
        ended_at=to_text(process.ended_at),
        due_at=to_text(process.due_at),
        timeout_ms=process.timeout_ms,
        reason=process.reason,
        metadata=process.metadata,
        steps=[_step_as_json(step) for step in process.steps.values()],
    )


def process_from_json(value: Any) -> Process:
    """The process that ``process_as_json`` gave this for; passes over fields it does not know.

    What only a store needs does not travel: the latest events, the wake-up and the fingerprint of
    the start are those of a new process. Raises ValueError for what is no such JSON.
    """
    try:
        return Process(
            tenant_id=value["tenant_id"],
            process_id=value["process_id"],
            process_type=value["process_type"],
            aggregate_type=value["aggregate_type"],
            aggregate_id=value["aggregate_id"],
            state=ProcessState(value["state"]),
            version=value["version"],
            started_at=datetime.fromisoformat(value["started_at"]),
            changed_at=datetime.fromisoformat(value["changed_at"]),
            due_at=_moment(value, "due_at"),
            timeout_ms=value.get("timeout_ms"),
            reason=value.get("reason"),
            metadata=value["metadata"],
            steps={step["name"]: _step_from_json(step) for step in value["steps"]},
        )
    except (AttributeError, InvalidInput, KeyError, TypeError) as error:
        raise ValueError(f"this is no process: {error!r}") from error


def page_as_json(page: ProcessPage) -> dict[str, Any]:
    """A page of a listing; ``cursor`` leads to the next one and is missing from the last."""
    return _without_none(
        processes=[process_as_json(process) for process in page.processes], cursor=page.cursor
    )


def page_from_json(value: Any) -> ProcessPage:
    """The page that ``page_as_json`` gave this for. Raises ValueError for what is no such JSON."""
    try:
        processes, cursor = value["processes"], value.get("cursor")
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no page of processes: {error!r}") from error
    return ProcessPage([process_from_json(process) for process in processes], cursor)


def _step_as_json(step: ProcessStep) -> dict[str, Any]:
    return _without_none(
        name=step.name,
        state=step.state.value,
        waits_for=None if step.waits_for is None else step.waits_for.value,
        attempt=step.attempt,
        retries_permitted=step.retries_permitted,
        timeout_ms=step.timeout_ms,
        started_at=to_text(step.started_at),
        due_at=to_text(step.due_at),
        ended_at=to_text(step.ended_at),
        output=step.output,
        error=step.error,
        reported_by=step.reported_by,
        resumption=step.resumption or None,
        resume_data=step.resume_data,
        resumed_early=step.resumed_early or None,
    )


def _step_from_json(value: Mapping[str, Any]) -> ProcessStep:
    return ProcessStep(
        name=value["name"],
        timeout_ms=value.get("timeout_ms"),
        retries_permitted=value["retries_permitted"],
        state=StepState(value["state"]),
        attempt=value["attempt"],
        started_at=_moment(value, "started_at"),
        due_at=_moment(value, "due_at"),
        ended_at=_moment(value, "ended_at"),
        output=value.get("output"),
        error=value.get("error"),
        reported_by=value.get("reported_by"),
        waits_for=WaitingFor(value["waits_for"]) if "waits_for" in value else None,
        resumption=value.get("resumption", 0),
        resume_data=value.get("resume_data"),
        resumed_early=value.get("resumed_early", False),
    )


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    text = value.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
