"""Events: what happened to a process, told after it is true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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

    @property
    def retry_count(self) -> int:
        """The number of retries already made: 0 when the first attempt timed out."""
        return self.attempt - 1

    def has_fully_timed_out(self) -> bool:
        """Whether no retry is left."""
        return self.retry_count >= self.retries_permitted


class ProcessCompleted(ProcessEvent):
    """Every step of a process is done."""


class ProcessFailed(ProcessEvent):
    """A process ended without success; ``reason`` is ``step_failed`` or ``timeout``."""


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
