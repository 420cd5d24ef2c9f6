"""A process as the lists show it: one row, with what tells which of its events are in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.views.seen import Seen

MAX_ATTRIBUTE_VALUES = 20  # each is an entry to find the process by

#: The states that a list tells apart without looking at each row.
GROUPS: dict[ProcessState, str] = {
    state: state.value if state.is_final else "open" for state in ProcessState
}


@dataclass(frozen=True)
class TaskMark:
    """What the events so far say of a step's task: the latest of them, and whether it is open."""

    #: The version and the number of that event.
    place: tuple[int, int]
    is_open: bool


@dataclass(frozen=True, kw_only=True)
class ProcessRow:
    """One process. A change makes a new object."""

    key: ProcessKey
    process_type: str
    definition_version: int | None
    aggregate_type: str
    aggregate_id: str
    #: Whether it deals with one part of another's items; such a one is in no list.
    is_part: bool
    state: ProcessState
    #: The version that said so, and when.
    version: int
    changed_at: datetime
    #: None as long as its first event has not come; it is in no list until then.
    started_at: datetime | None = None
    search_attributes: dict[str, JsonValue] = field(default_factory=dict)
    #: Whether it took longer than agreed.
    is_breached: bool = False
    #: Steps with an open task, and those whose tasks an event yet to come may be about.
    tasks: dict[str, TaskMark] = field(default_factory=dict)
    #: Up to which version every task is closed, because the process ended or is being undone.
    closed_through: int = 0
    seen: Seen = field(default_factory=Seen)
    #: What is still to be counted of its steps, where one change had no room for all of it.
    owed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Counts the changes of the row itself; 0 before it is kept.
    revision: int = 0

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None while it is open."""
        return self.changed_at if self.state.is_final else None

    @property
    def group(self) -> str:
        """``open``, or how it ended."""
        return GROUPS[self.state]

    @property
    def is_listed(self) -> bool:
        """Whether it is in lists."""
        return self.started_at is not None and not self.is_part

    @property
    def open_tasks(self) -> list[str]:
        """The steps that have an open task."""
        return [step for step, mark in self.tasks.items() if mark.is_open]

    def attribute_values(self) -> list[tuple[str, str]]:
        """What it is found by, as name and text."""
        return list(_values(self.search_attributes))[:MAX_ATTRIBUTE_VALUES]

    def next(self) -> ProcessRow:
        """The same, one revision on."""
        return replace(self, revision=self.revision + 1)


def attribute_text(value: JsonValue) -> str:
    """A value as it is looked for: text as it stands, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _values(attributes: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Each name with each value; a list is found by every member of it, None by nothing."""
    for name, value in attributes.items():
        members = value if isinstance(value, list) else [value]
        for text in dict.fromkeys(attribute_text(each) for each in members if each is not None):
            yield name, text
