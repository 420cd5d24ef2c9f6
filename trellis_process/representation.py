"""Processes, steps and pages as JSON, and back. What a process does not have is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

from trellis_process.application.repositories import ProcessPage
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.time import to_text
from trellis_process.errors import InvalidInput

#: What is told of a step, in this order, unless it is as here; some things are always told.
_TOLD_OF_STEPS: dict[str, Any] = {
    "name": ...,
    "state": ...,
    "waits_for": None,
    "attempt": ...,
    "retries_permitted": ...,
    "timeout_ms": None,
    "started_at": None,
    "due_at": None,
    "ended_at": None,
    "output": None,
    "error": None,
    "reported_by": None,
    "resumption": 0,
    "resume_data": None,
    "resumed_early": False,
    "visits": 1,
    "first_attempt": 1,
    "service": None,
    "priority": None,
    "input": None,
    "task": None,
    "outcome": None,
    "progress": None,
}


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
        definition_version=process.definition_version,
        parent=parent_as_json(process.parent),
        metadata=process.metadata,
        input=process.input or None,
        output=process.output,
        data=process.data or None,
        scheduled_at=to_text(process.scheduled_at),
        search_attributes=process.search_attributes or None,
        signals={name: len(kept) for name, kept in process.signals.items()} or None,
        breaches=process.breaches or None,
        ends_as=None if process.ends_as is None else process.ends_as.value,
        compensation=process.compensation,
        steps=[_step_as_json(step) for step in process.steps.values()],
    )


def process_from_json(value: Any) -> Process:
    """The process that ``process_as_json`` gave this for; passes over fields it does not know.

    What only a store needs does not travel: the latest events, the wake-up, the fingerprint of the
    start, timers, what is to be undone, marks of events and events that are kept, how many came
    after it, and the signals that are kept, of which only the number is told, are those of a new
    process. Raises ValueError for what is no such JSON.
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
            definition_version=value.get("definition_version"),
            parent=_parent_from_json(value["parent"]) if "parent" in value else None,
            metadata=value["metadata"],
            input=value.get("input", {}),
            output=value.get("output"),
            data=value.get("data", {}),
            scheduled_at=_moment(value, "scheduled_at"),
            search_attributes=value.get("search_attributes", {}),
            breaches=value.get("breaches", {}),
            ends_as=ProcessState(value["ends_as"]) if "ends_as" in value else None,
            compensation=value.get("compensation"),
            steps={step["name"]: _step_from_json(step) for step in value["steps"]},
        )
    except (AttributeError, InvalidInput, KeyError, TypeError) as error:
        raise ValueError(f"this is no process: {error!r}") from error


def page_as_json(page: ProcessPage) -> dict[str, Any]:
    """A page of a listing; ``cursor`` leads to the next one and is missing from the last."""
    return _without_none(
        processes=[process_as_json(process) for process in page.processes], cursor=page.cursor
    )


def parent_as_json(parent: Parent | None) -> dict[str, Any] | None:
    """The process and step that a process was started for; None where it was not."""
    if parent is None:
        return None
    return _without_none(
        process_id=parent.process_id,
        step_name=parent.step_name,
        attempt=parent.attempt,
        part=parent.part,
    )


def task_as_json(task: HumanTaskTerms | None) -> dict[str, Any] | None:
    """What a person is asked; None where nobody is."""
    if task is None:
        return None
    return _without_none(
        surface=task.surface,
        assignee_role=task.assignee_role,
        assignee=task.assignee,
        outcomes=[{"name": name, "label": label} for name, label in task.outcomes],
        priority=task.priority,
    )


_AS_JSON: dict[str, Callable[[Any], Any]] = {
    "state": attrgetter("value"),
    "waits_for": attrgetter("value"),
    "started_at": to_text,
    "due_at": to_text,
    "ended_at": to_text,
    "task": task_as_json,
}


def _step_as_json(step: ProcessStep) -> dict[str, Any]:
    has = vars(step)
    told = {name: has[name] for name, unless in _TOLD_OF_STEPS.items() if has[name] != unless}
    for name in _AS_JSON.keys() & told.keys():
        told[name] = _AS_JSON[name](told[name])
    return told


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
        visits=value.get("visits", 1),
        first_attempt=value.get("first_attempt", 1),
        service=value.get("service"),
        priority=value.get("priority"),
        input=value.get("input"),
        task=_task_from_json(value["task"]) if "task" in value else None,
        outcome=value.get("outcome"),
        progress=value.get("progress"),
    )


def _parent_from_json(value: Mapping[str, Any]) -> Parent:
    return Parent(
        process_id=value["process_id"],
        step_name=value["step_name"],
        attempt=value["attempt"],
        part=value.get("part"),
    )


def _task_from_json(value: Mapping[str, Any]) -> HumanTaskTerms:
    return HumanTaskTerms(
        surface=value["surface"],
        assignee_role=value.get("assignee_role"),
        assignee=value.get("assignee"),
        outcomes=tuple((each["name"], each["label"]) for each in value["outcomes"]),
        priority=value["priority"],
    )


def _moment(value: Mapping[str, Any], name: str) -> datetime | None:
    text = value.get(name)
    return None if text is None else datetime.fromisoformat(text)


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
