"""Events: what happened to a process, told after it is true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trellis_process.domain.limits import JsonValue


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


class StepAttemptFailed(StepEvent):
    """An attempt failed, as reported, and another one follows, perhaps after a while."""


class StepSuspended(StepEvent):
    """A step waits until somebody resumes it; the work of its attempt is not done yet."""


class StepResumed(StepEvent):
    """A suspended step goes on, in the same attempt, with the data that it was resumed with."""


class StepCompleted(StepEvent):
    """A step is done; its output is known."""


class StepFailed(StepEvent):
    """A step failed for good; its error is known."""


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
    #: Which part of the items, from 0.
    part: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChildCancellationRequested(StepEvent):
    """A child is to be cancelled, because its parent does not need it any more."""

    child_id: str


@dataclass(frozen=True, kw_only=True)
class SignalReceived(ProcessEvent):
    """A signal came; a step that waits for it takes it, or it is kept for one that will."""

    signal: str


class CompensationStarted(StepEvent):
    """An attempt to undo a completed step began; ``step_name`` is ``undo:`` and its name."""


class CompensationCompleted(StepEvent):
    """A completed step is undone."""


class CompensationFailed(StepEvent):
    """A completed step could not be undone; the others are undone all the same."""


class ProcessCompensating(ProcessEvent):
    """A process failed, or was called off, and begins to undo what had been completed."""


class ProcessSuspended(ProcessEvent):
    """Somebody froze a process: reports are kept, and nothing moves until it is resumed."""


class ProcessResumed(ProcessEvent):
    """A frozen process goes on."""


@dataclass(frozen=True, kw_only=True)
class ProcessReopened(ProcessEvent):
    """Somebody lets a process go on at a step, after it failed or from an earlier one again."""

    step_name: str


@dataclass(frozen=True, kw_only=True)
class SlaBreached(ProcessEvent):
    """A process, or a step of it, takes longer than agreed; told once for each tier."""

    tier: str
    expected_ms: int
    actual_ms: int
    #: None where it is about the process.
    step_name: str | None = None


class ProcessCompleted(ProcessEvent):
    """Everything in a process is done."""


class ProcessFailed(ProcessEvent):
    """A process ended without success; ``reason`` says why, such as ``step_failed``."""


class ProcessCancelled(ProcessEvent):
    """Somebody called a process off."""


EVENT_TYPES: dict[str, type[ProcessEvent]] = {
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
        MessageSent,
        EffectsRequested,
        ChildRequested,
        ChildCancellationRequested,
        SignalReceived,
        CompensationStarted,
        CompensationCompleted,
        CompensationFailed,
        ProcessCompensating,
        ProcessSuspended,
        ProcessResumed,
        ProcessReopened,
        SlaBreached,
        ProcessCompleted,
        ProcessFailed,
        ProcessCancelled,
    )
}
"""Every event there is, by its name on the bus."""


def event_id(process_id: str, version: int, n: int) -> str:
    """The id of the n-th event, from 1, of the change that made this version.

    It is the same however often the event is sent, so a consumer drops a double by it.
    """
    return f"{process_id}/{version}/{n}"
