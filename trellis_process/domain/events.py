"""Events: what happened to a process, told after it is true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis_process.domain.engine.events import (
        ChildCancellationRequested,
        ChildRequested,
        CommandSent,
        EffectsRequested,
        EventReceived,
        MessageSent,
        ProcessReopened,
        RunSkipped,
        ScheduleChanged,
        SignalReceived,
        SlaBreached,
        TimerRang,
    )

__all__ = [
    "ChildCancellationRequested",
    "ChildRequested",
    "CommandSent",
    "EffectsRequested",
    "EventReceived",
    "MessageSent",
    "ProcessReopened",
    "RunSkipped",
    "ScheduleChanged",
    "SignalReceived",
    "SlaBreached",
    "TimerRang",
]


@dataclass(frozen=True, kw_only=True)
class ProcessEvent:
    """What every event says."""

    tenant_id: str
    process_id: str
    #: The time of the change that this event is part of.
    occurred_at: datetime
    #: Who caused the change, where that is known.
    actor: str | None = None
    #: Why, in the words of who caused it, or a word of ours such as ``timeout``.
    reason: str | None = None

    @property
    def type(self) -> str:
        """The event's name, as it stands on the bus: ``StepCompleted``."""
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class StepEvent(ProcessEvent):
    """What every event about a step says as well."""

    step_name: str
    #: The attempt that this is about; the first is 1.
    attempt: int


class ProcessStarted(ProcessEvent):
    """A process began. Its steps are known, none need have been started."""


class StepStarted(StepEvent):
    """An attempt at a step began: the first, a retry, or one asked for."""


@dataclass(frozen=True, kw_only=True)
class StepAttemptFailed(StepEvent):
    """An attempt failed, as reported, and another one follows, perhaps after a while."""

    #: What kind of error it was, where the report named one.
    code: str | None = None


class StepSuspended(StepEvent):
    """A step waits until somebody resumes it; the work of its attempt is not done yet."""


class StepResumed(StepEvent):
    """A suspended step goes on, in the same attempt, with the data that it was resumed with."""


class StepCompleted(StepEvent):
    """A step is done; its output is known."""


@dataclass(frozen=True, kw_only=True)
class StepFailed(StepEvent):
    """A step failed for good; its error is known."""

    #: What kind of error it was, where the report named one; ``timeout`` where time ran out.
    code: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessStepTimedOut(StepEvent):
    """An attempt at a step took longer than its ``timeout_ms``, or was not resumed in time.

    With retries left the next attempt begins; with none left the step fails.
    """

    retries_permitted: int
    #: The first attempt that counts, where the step was entered before.
    first_attempt: int = 1

    @property
    def retry_count(self) -> int:
        """The number of retries already made: 0 when the first attempt timed out."""
        return self.attempt - self.first_attempt

    def has_fully_timed_out(self) -> bool:
        """Whether no retry is left."""
        return self.retry_count >= self.retries_permitted


class StepSkipped(StepEvent):
    """Somebody let a process go on as if a step were completed."""


class StepCancelled(StepEvent):
    """A step was given up because what it was part of failed, while its process goes on."""


class WaitStarted(StepEvent):
    """A process waits for a moment, or for a signal, perhaps until a moment."""


class TaskOpened(StepEvent):
    """A person is asked something."""


class TaskClaimed(StepEvent):
    """Somebody took a task, or was given it."""


class TaskReleased(StepEvent):
    """A task is nobody's again."""


class TaskEscalated(StepEvent):
    """A task has been open for so long that somebody else should know; it stays open."""


class CompensationStarted(StepEvent):
    """An attempt to undo a completed step began; ``step_name`` is ``undo:`` and its name."""


class CompensationCompleted(StepEvent):
    """A completed step is undone."""


@dataclass(frozen=True, kw_only=True)
class CompensationFailed(StepEvent):
    """A completed step could not be undone; the others are undone all the same."""

    #: As of StepFailed.
    code: str | None = None


class ProcessCompensating(ProcessEvent):
    """A process failed, or was called off, and begins to undo what had been completed."""


class ProcessSuspended(ProcessEvent):
    """Somebody froze a process: reports are kept, and nothing moves until it is resumed."""


class ProcessResumed(ProcessEvent):
    """A frozen process goes on."""


class ProcessCompleted(ProcessEvent):
    """Everything in a process is done."""


class ProcessFailed(ProcessEvent):
    """A process ended without success; ``reason`` says why, such as ``step_failed``."""


class ProcessCancelled(ProcessEvent):
    """Somebody called a process off."""


_PLAIN: dict[str, type[ProcessEvent]] = {
    event_type.__name__: event_type
    for event_type in (
        ProcessStarted,
        StepStarted,
        StepAttemptFailed,
        StepSuspended,
        StepResumed,
        StepCompleted,
        StepFailed,
        ProcessStepTimedOut,
        StepSkipped,
        StepCancelled,
        WaitStarted,
        TaskOpened,
        TaskClaimed,
        TaskReleased,
        TaskEscalated,
        CompensationStarted,
        CompensationCompleted,
        CompensationFailed,
        ProcessCompensating,
        ProcessSuspended,
        ProcessResumed,
        ProcessCompleted,
        ProcessFailed,
        ProcessCancelled,
    )
}
_OF_DEFINITIONS = (
    "MessageSent",
    "EffectsRequested",
    "ChildRequested",
    "ChildCancellationRequested",
    "SignalReceived",
    "ProcessReopened",
    "SlaBreached",
    "RunSkipped",
    "ScheduleChanged",
    "EventReceived",
    "TimerRang",
    "CommandSent",
)


class _EventTypes(Mapping[str, type[ProcessEvent]]):
    """The types by their names; those of ``engine.events`` are loaded when one is asked for."""

    def __getitem__(self, name: str) -> type[ProcessEvent]:
        if name in _OF_DEFINITIONS:
            found: type[ProcessEvent] = __getattr__(name)
            return found
        return _PLAIN[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*_PLAIN, *_OF_DEFINITIONS))

    def __len__(self) -> int:
        return len(_PLAIN) + len(_OF_DEFINITIONS)


EVENT_TYPES: Mapping[str, type[ProcessEvent]] = _EventTypes()
"""Every event there is, by its name on the bus."""


def __getattr__(name: str) -> Any:
    if name not in _OF_DEFINITIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from trellis_process.domain.engine import events

    return getattr(events, name)


def event_id(process_id: str, version: int, n: int) -> str:
    """The id of the n-th event, from 1, of the change that made this version.

    It is the same however often the event is sent, so a consumer drops a double by it.
    """
    return f"{process_id}/{version}/{n}"
