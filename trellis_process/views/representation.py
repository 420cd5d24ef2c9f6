"""What the views show as JSON, and back. What there is not is left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import moment_from, to_text
from trellis_process.views.history import HistoryEntry
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.statistics import Durations, StepStatistics, VersionStatistics
from trellis_process.views.task_entry import TaskEntry

_SAID_BY_ALL = ("type", "time", "process_state", "actor", "reason", "step_name")


@dataclass(frozen=True, kw_only=True)
class ListedProcess:
    """A process as a list shows it; what it is made of says ``get_process``."""

    tenant_id: str
    process_id: str
    process_type: str
    definition_version: int | None
    aggregate_type: str
    aggregate_id: str
    state: ProcessState
    started_at: datetime
    #: When its latest event happened.
    changed_at: datetime
    ended_at: datetime | None
    search_attributes: dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class ToldEvent:
    """An event in the history of a process."""

    #: ``{process_id}/{version}/{n}``, as on the bus.
    id: str
    version: int
    type: str
    time: datetime
    #: The state of the process after the change that it is part of.
    process_state: ProcessState
    actor: str | None
    reason: str | None
    step_name: str | None
    #: What else it says; what is too large is named in ``left_out``.
    details: dict[str, JsonValue] = field(default_factory=dict)
    #: Whether an event before this one is missing.
    follows_gap: bool = False


def row_as_json(row: ProcessRow) -> dict[str, Any]:
    """A process of a list."""
    return _without_none(
        tenant_id=row.key.tenant_id,
        process_id=row.key.process_id,
        process_type=row.process_type,
        definition_version=row.definition_version,
        aggregate_type=row.aggregate_type,
        aggregate_id=row.aggregate_id,
        state=row.state.value,
        started_at=to_text(row.started_at),
        changed_at=to_text(row.changed_at),
        ended_at=to_text(row.ended_at),
        search_attributes=row.search_attributes or None,
    )


def listed_process_from_json(value: Any) -> ListedProcess:
    """What ``row_as_json`` gave this for. Raises ValueError, as all of these do."""
    try:
        return ListedProcess(
            tenant_id=value["tenant_id"],
            process_id=value["process_id"],
            process_type=value["process_type"],
            definition_version=value.get("definition_version"),
            aggregate_type=value["aggregate_type"],
            aggregate_id=value["aggregate_id"],
            state=ProcessState(value["state"]),
            started_at=moment_from(value["started_at"]),
            changed_at=moment_from(value["changed_at"]),
            ended_at=moment_from(value["ended_at"]) if "ended_at" in value else None,
            search_attributes=value.get("search_attributes", {}),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no process of a list: {error!r}") from error


def entry_as_json(process_id: str, entry: HistoryEntry) -> dict[str, Any]:
    """An event of a history."""
    said = {name: entry.said.get(name) for name in _SAID_BY_ALL}
    return _without_none(
        id=f"{process_id}/{entry.version}/{entry.n}",
        version=entry.version,
        **said,
        details={k: value for k, value in entry.said.items() if k not in _SAID_BY_ALL} or None,
        follows_gap=entry.follows_gap or None,
    )


def told_event_from_json(value: Any) -> ToldEvent:
    """What ``entry_as_json`` gave this for."""
    try:
        return ToldEvent(
            id=value["id"],
            version=value["version"],
            type=value["type"],
            time=moment_from(value["time"]),
            process_state=ProcessState(value["process_state"]),
            actor=value.get("actor"),
            reason=value.get("reason"),
            step_name=value.get("step_name"),
            details=value.get("details", {}),
            follows_gap=value.get("follows_gap", False),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no event of a history: {error!r}") from error


def task_as_json(task: TaskEntry) -> dict[str, Any]:
    """An open task."""
    return _without_none(
        tenant_id=task.key.tenant_id,
        process_id=task.key.process_id,
        step_name=task.step_name,
        attempt=task.attempt,
        process_type=task.process_type,
        definition_version=task.definition_version,
        aggregate_type=task.aggregate_type,
        aggregate_id=task.aggregate_id,
        surface=task.surface,
        assignee_role=task.assignee_role,
        assignee=task.assignee,
        outcomes=[{"name": name, "label": label} for name, label in task.outcomes],
        priority=task.priority,
        changed_at=to_text(task.changed_at),
        due_at=to_text(task.due_at),
        input=task.input,
    )


def task_from_json(value: Any) -> TaskEntry:
    """What ``task_as_json`` gave this for."""
    try:
        return TaskEntry(
            key=ProcessKey(value["tenant_id"], value["process_id"]),
            step_name=value["step_name"],
            attempt=value["attempt"],
            process_type=value["process_type"],
            definition_version=value.get("definition_version"),
            aggregate_type=value["aggregate_type"],
            aggregate_id=value["aggregate_id"],
            surface=value["surface"],
            assignee_role=value.get("assignee_role"),
            assignee=value.get("assignee"),
            outcomes=tuple((each["name"], each["label"]) for each in value["outcomes"]),
            priority=value["priority"],
            changed_at=moment_from(value["changed_at"]),
            due_at=moment_from(value["due_at"]) if "due_at" in value else None,
            input=value.get("input"),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is no open task: {error!r}") from error


def statistics_as_json(name: str, versions: Iterable[VersionStatistics]) -> dict[str, Any]:
    """The statistics of a definition, or type, by version."""
    return {"name": name, "versions": [_pruned(asdict(version)) for version in versions]}


def statistics_from_json(value: Any) -> list[VersionStatistics]:
    """What ``statistics_as_json`` gave this for."""
    try:
        return [_version_from_json(version) for version in value["versions"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no statistics: {error!r}") from error


def _version_from_json(value: Any) -> VersionStatistics:
    counted = {
        name: value[name]
        for name in (
            *("started", "open", "completed", "failed", "cancelled", "retries", "timeouts"),
            *("compensations", "compensations_failed", "sla_breaches"),
        )
    }
    return VersionStatistics(
        definition_version=value.get("definition_version"),
        sla_compliance=value.get("sla_compliance"),
        durations=_durations_from_json(value["durations"]),
        steps=tuple(
            StepStatistics(
                step_name=step["step_name"],
                retries=step["retries"],
                timeouts=step["timeouts"],
                completed=step["completed"],
                failed=step["failed"],
                skipped=step["skipped"],
                durations=_durations_from_json(step["durations"]),
            )
            for step in value["steps"]
        ),
        **counted,
    )


def _durations_from_json(value: Any) -> Durations:
    return Durations(
        count=value["count"], p50=value.get("p50"), p90=value.get("p90"), p99=value.get("p99")
    )


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_pruned(each) for each in value]
    return value


def _without_none(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
