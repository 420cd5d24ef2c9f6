"""Events that only processes with a definition have, and that say more than what happened where.

They stand apart because most functions never meet them, and a class with fields takes its time to
make; ``domain.events`` finds them here when they are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from trellis_process.domain.events import ProcessEvent, StepEvent
from trellis_process.domain.limits import JsonValue


@dataclass(frozen=True, kw_only=True)
class MessageSent(StepEvent):
    """A message for a channel, with which its step is completed."""

    channel: str
    message: str
    payload: JsonValue


@dataclass(frozen=True, kw_only=True)
class EffectsRequested(StepEvent):
    """Entities are to be created, updated or deleted, with which the step is completed.

    Each effect has an ``action``, an ``entity``, an ``id`` (but for one to create) and ``set``.
    """

    effects: list[dict[str, JsonValue]]


@dataclass(frozen=True, kw_only=True)
class ChildRequested(StepEvent):
    """A process is to be started as a child: of a definition, or a part of this one's items."""

    child_id: str
    #: The definition of a child of another kind; None for a part of a foreach.
    child_definition: str | None = None
    #: Its version; None for the newest.
    child_definition_version: int | None = None
    #: What names a process that is no child, and is only to be started.
    child_key: str | None = None
    #: Which part of the items, from 0.
    part: int | None = None
    #: How often the foreach was tried again by then, and what failed of the part with it.
    round: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChildCancellationRequested(StepEvent):
    """A child is to be cancelled, because its parent does not need it any more."""

    child_id: str
    #: True where it is to undo what it completed, even if it has ended: its parent undoes its step.
    compensate: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SignalReceived(ProcessEvent):
    """A signal came; a step that waits for it takes it, or it is kept for one that will."""

    signal: str


@dataclass(frozen=True, kw_only=True)
class ProcessReopened(ProcessEvent):
    """Somebody lets a process go on at a step, after it failed or from an earlier one again."""

    step_name: str


@dataclass(frozen=True, kw_only=True)
class EventReceived(ProcessEvent):
    """An event from outside came to a process, which reacts to it."""

    #: What the definition calls it.
    event: str
    event_id: str


@dataclass(frozen=True, kw_only=True)
class TimerRang(ProcessEvent):
    """The moment of a timer came, which a reaction had set."""

    timer: str


@dataclass(frozen=True, kw_only=True)
class CommandSent(ProcessEvent):
    """A message for a channel, sent by a reaction."""

    channel: str
    message: str
    payload: JsonValue


@dataclass(frozen=True, kw_only=True)
class RunSkipped(ProcessEvent):
    """A schedule passed over a time: ``reason`` says why, such as ``overlap`` or ``missed``."""

    #: The time, as ISO 8601 in UTC.
    scheduled_at: str


class ScheduleChanged(ProcessEvent):
    """A schedule goes on by other terms."""


@dataclass(frozen=True, kw_only=True)
class SlaBreached(ProcessEvent):
    """A process, or a step of it, takes longer than agreed; told once for each tier."""

    tier: str
    expected_ms: int
    actual_ms: int
    #: None where it is about the process.
    step_name: str | None = None
