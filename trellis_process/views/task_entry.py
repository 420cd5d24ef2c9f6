"""An open task as the inbox shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.time import moment_from
from trellis_process.views.bus_event import BusEvent


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """What a person is asked, by which process, and until when."""

    key: ProcessKey
    step_name: str
    attempt: int
    process_type: str
    definition_version: int | None
    aggregate_type: str
    aggregate_id: str
    surface: str
    #: Who may take it, and whose it is; None for anybody, and for nobody's yet.
    assignee_role: str | None
    assignee: str | None
    #: The outcomes to choose from, by name, each with its label.
    outcomes: tuple[tuple[str, str], ...]
    #: The lower, the sooner: 0 to 9.
    priority: int
    #: When the latest event said so.
    changed_at: datetime
    due_at: datetime | None
    #: What the form or page is given.
    input: JsonValue = None


def task_of(event: BusEvent) -> TaskEntry | None:
    """The task as this event has it; None where it was dealt with in the same change."""
    detail: Any = event.detail
    if "surface" not in detail:
        return None
    return TaskEntry(
        key=event.key,
        step_name=detail["step_name"],
        attempt=detail["attempt"],
        process_type=event.process_type,
        definition_version=event.definition_version,
        aggregate_type=detail["aggregate_type"],
        aggregate_id=detail["aggregate_id"],
        surface=detail["surface"],
        assignee_role=detail.get("assignee_role"),
        assignee=detail.get("assignee"),
        outcomes=tuple((each["name"], each["label"]) for each in detail["outcomes"]),
        priority=detail["priority"],
        changed_at=event.time,
        due_at=moment_from(detail["due_at"]) if "due_at" in detail else None,
        input=detail.get("input"),
    )
