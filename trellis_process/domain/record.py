"""What is kept of a process, and what it says of itself."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from trellis_process.domain.course import UNORDERED, Course
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.tracker import ProcessTracker, StepTracker, Timer, Tracker, earliest
from trellis_process.errors import StepNotFound

_JSON_FIELDS = (
    "metadata",
    "input",
    "output",
    "search_attributes",
    "signals",
    "breaches",
    "data",
    "kept_events",
)


@dataclass(frozen=True)
class ProcessKey:
    """What tells one process from all others. An id means nothing without its tenant."""

    tenant_id: str
    process_id: str


@dataclass(frozen=True, kw_only=True)
class Parent:
    """What a child is for: a step of another process, or one part of its items."""

    process_id: str
    step_name: str
    #: The attempt at that step, by which a late answer is told from a timely one.
    attempt: int
    #: Which part of the items, from 0; None for a process of its own kind.
    part: int | None = None
    #: How many parents there are above it, this one counted.
    depth: int = 1


@dataclass(kw_only=True)
class ProcessRecord:
    """How a process stands: whose it is, its steps, what waits, and what happened last."""

    tenant_id: str
    process_id: str
    process_type: str
    aggregate_type: str
    aggregate_id: str
    steps: dict[str, ProcessStep]
    started_at: datetime
    changed_at: datetime
    state: ProcessState = ProcessState.PENDING
    metadata: dict[str, JsonValue] = field(default_factory=dict)
    #: How long the whole process may take, in milliseconds; None for as long as it likes.
    timeout_ms: int | None = None
    #: The deadline of the whole process.
    due_at: datetime | None = None
    #: Why it failed or was cancelled.
    reason: str | None = None
    #: The version of the definition that orders its steps; None where nobody does.
    definition_version: int | None = None
    #: What it was started with, and what its definition's expressions see as ``input``.
    input: dict[str, JsonValue] = field(default_factory=dict)
    #: What it resulted in, where its definition says so.
    output: JsonValue = None
    #: What it keeps between its triggers: of a schedule, its runs.
    data: dict[str, JsonValue] = field(default_factory=dict)
    #: The time for which a schedule started it.
    scheduled_at: datetime | None = None
    #: Values to find it by.
    search_attributes: dict[str, JsonValue] = field(default_factory=dict)
    #: The process and step that it was started for.
    parent: Parent | None = None
    #: The steps to undo should it fail, in the order of their completion.
    to_undo: tuple[str, ...] = ()
    #: How undoing went: ``done``, or ``partial`` where a step could not be undone.
    compensation: str | None = None
    #: What it is to become once everything is undone.
    ends_as: ProcessState | None = None
    #: Signals that came before anything waited for them, by name, the first first.
    signals: dict[str, tuple[JsonValue, ...]] = field(default_factory=dict)
    #: What is to be told at a moment.
    timers: tuple[Timer, ...] = ()
    #: Agreed times that were overrun, with the milliseconds it took: ``sla``, ``pay/sla``.
    breaches: dict[str, int] = field(default_factory=dict)
    #: The ids of the latest events from outside, by which a repeated one is known.
    event_ids: tuple[str, ...] = ()
    #: Events from outside that came while it was suspended, each with its names here.
    kept_events: tuple[JsonValue, ...] = ()
    #: The ids of the latest signals, by which a repeated one is known.
    signal_ids: tuple[str, ...] = ()
    #: The steps that ended while it was suspended, and that it goes on from.
    unrouted: tuple[str, ...] = ()
    #: Counts the changes that were saved: 0 before the first save.
    version: int = 0
    #: The version before this one that had events, by which a consumer sees a gap; 0 for none.
    previous_event_version: int = 0
    #: When the checker is to look at this process next: never later than anything is due.
    wake_up_at: datetime | None = None
    #: How many processes of the same key came after it.
    generation: int = 0
    #: What the request to start it looked like, where it came with an idempotency key.
    start_fingerprint: str | None = None
    #: What follows when a step has ended; no part of what is stored.
    course: Course = field(default=UNORDERED, repr=False, compare=False)
    #: Whether a start found it there already, by its key; no part of what is stored.
    was_there: bool = field(default=False, repr=False, compare=False)
    #: The events of the latest change.
    events: tuple[ProcessEvent, ...] = ()
    #: Whether there is a change that is not saved yet.
    has_changed: bool = False
    #: Whether that change brings metadata, an output or what a step goes on with, which a store
    #: may find too large; any other change it has to take.
    brings_payload: bool = False

    @property
    def key(self) -> ProcessKey:
        """What tells this process from all others."""
        return ProcessKey(self.tenant_id, self.process_id)

    @property
    def ended_at(self) -> datetime | None:
        """When it became final; None while it is open."""
        return self.changed_at if self.state.is_final else None

    def is_completed(self) -> bool:
        """Whether every step is done."""
        return self.state is ProcessState.COMPLETED

    def has_failed(self) -> bool:
        """Whether it ended without success."""
        return self.state is ProcessState.FAILED

    def last_failed_step(self) -> ProcessStep | None:
        """The step that failed last, compensations aside; None where none has."""
        failed = [
            step
            for step in self.steps.values()
            if step.state is StepState.FAILED and not self.is_compensation(step)
        ]
        return max(failed, key=lambda step: step.ended_at or self.started_at, default=None)

    def is_compensation(self, step: ProcessStep) -> bool:
        """Whether a step undoes another, as its definition says."""
        return self.definition_version is not None and step.undoes is not None

    def step(self, name: str) -> ProcessStep:
        """The step of that name. Raises StepNotFound, saying which steps there are."""
        try:
            return self.steps[name]
        except (KeyError, TypeError):
            raise StepNotFound(str(name), list(self.steps)) from None

    def tracker(self, step_name: str) -> StepTracker | None:
        """The time limit of a step's attempt or waiting; None where nothing limits it."""
        step = self.step(step_name)
        if step.due_at is None:
            return None
        return StepTracker(
            tenant_id=self.tenant_id,
            process_id=self.process_id,
            step_name=step.name,
            attempt=step.attempt,
            retries_permitted=step.retries_permitted,
            due_at=step.due_at,
            waits_for=step.waits_for,
            first_attempt=step.first_attempt,
        )

    def deadline_tracker(self) -> ProcessTracker | None:
        """The time limit of the process as a whole; None where nothing limits it, or it ended."""
        if self.due_at is None:
            return None
        return ProcessTracker(
            tenant_id=self.tenant_id, process_id=self.process_id, due_at=self.due_at
        )

    def trackers(self) -> list[Tracker]:
        """Everything that waits in this process, the process's own deadline first.

        Nothing waits while it is suspended; what is due by then fires after it is resumed.
        """
        if self.state is ProcessState.SUSPENDED:
            return []
        of_steps = (self.tracker(step.name) for step in self.steps.values() if step.due_at)
        waiting = [self.deadline_tracker(), *of_steps, *self.timers]
        return [tracker for tracker in waiting if tracker is not None]

    def due_trackers(self, now: datetime) -> list[Tracker]:
        """What of it is due; the process's own deadline alone, for with that everything ends."""
        due = [tracker for tracker in self.trackers() if tracker.is_due(now)]
        return due[:1] if due and isinstance(due[0], ProcessTracker) else due

    def waits(self) -> bool:
        """Whether something in it has a deadline, so that the checker must look at it some day."""
        return not self.state.is_final and bool(self.trackers())

    def wakes_in_time(self) -> bool:
        """Whether its wake-up is as promised: not after the earliest deadline, none at the end."""
        if self.state.is_final:
            return self.wake_up_at is None
        needed = earliest(self.trackers())
        return needed is None or (self.wake_up_at is not None and self.wake_up_at <= needed)

    def saved(self) -> None:
        """The change is stored: it is this version now, and there is nothing more to save."""
        self.version += 1
        self.has_changed = self.brings_payload = False

    def copy(self) -> Self:
        """The same process as an object of its own, sharing nothing that can be changed."""
        twin = copy(self)
        twin.steps = {name: step.copy() for name, step in self.steps.items()}
        for name in _JSON_FIELDS:
            value = getattr(self, name)
            # An empty one needs a twin too, but deepcopy is slow, and most are empty.
            setattr(twin, name, deepcopy(value) if value else copy(value))
        return twin

    def snapshot(self) -> Self:
        """The same process as it stands, whatever a change makes of this one.

        Cheaper than ``copy``, because the two share their values: a change puts others in their
        place and leaves them as they are.
        """
        twin = copy(self)
        twin.steps = dict(self.steps)
        return twin

    def become(self, other: ProcessRecord) -> None:
        """Turns this object into the same process as it is stored now."""
        self.__dict__.update(other.copy().__dict__)
