"""Processes, steps and pages as JSON. What a process does not have is left out, never null."""

from __future__ import annotations

from typing import Any

from trellis_process.application.repositories import ProcessPage
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text


def process_as_json(process: Process) -> dict[str, Any]:
    """A process with its steps, in their order."""
    return _without_none(
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


def page_as_json(page: ProcessPage) -> dict[str, Any]:
    """A page of a listing; ``cursor`` leads to the next one and is missing from the last."""
    return _without_none(
        processes=[process_as_json(process) for process in page.processes], cursor=page.cursor
    )


def _step_as_json(step: ProcessStep) -> dict[str, Any]:
    return _without_none(
        name=step.name,
        state=step.state.value,
        attempt=step.attempt,
        retries_permitted=step.retries_permitted,
        timeout_ms=step.timeout_ms,
        started_at=to_text(step.started_at),
        due_at=to_text(step.due_at),
        ended_at=to_text(step.ended_at),
        output=step.output,
        error=step.error,
        reported_by=step.reported_by,
    )


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
