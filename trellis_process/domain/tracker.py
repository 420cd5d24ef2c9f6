"""Trackers: what waits, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from trellis_process.domain.events import ProcessStepTimedOut
from trellis_process.domain.states import WaitingFor


@dataclass(frozen=True, kw_only=True)
class StepTracker:
    """The time limit of one attempt at a step, or of its waiting."""

    tenant_id: str
    process_id: str
    step_name: str
    attempt: int
    retries_permitted: int
    due_at: datetime
    #: What the step waits for until then; None where an attempt is under way.
    waits_for: WaitingFor | None = None

    #: The first attempt that counts, where the step was entered before.
    first_attempt: int = 1

    @property
    def retry_count(self) -> int:
        """The retries made so far: none during the first attempt."""
        return self.attempt - self.first_attempt

    def is_due(self, now: datetime) -> bool:
        """Whether the attempt's time is up: due is due at the very moment."""
        return now >= self.due_at

    @property
    def is_backoff(self) -> bool:
        """Whether it is the pause before the next attempt, whose end is nobody's fault."""
        return self.waits_for is WaitingFor.RETRY

    @property
    def is_attempt(self) -> bool:
        """Whether it bounds an attempt, also one that waits for somebody in between."""
        return self.waits_for in (None, WaitingFor.RESUMPTION)

    def has_retries_left(self) -> bool:
        """Whether another attempt follows if this one times out."""
        return self.retry_count < self.retries_permitted

    def timed_out(self, now: datetime) -> ProcessStepTimedOut:
        """The event of this attempt having timed out."""
        return ProcessStepTimedOut(
            tenant_id=self.tenant_id,
            process_id=self.process_id,
            occurred_at=now,
            step_name=self.step_name,
            attempt=self.attempt,
            retries_permitted=self.retries_permitted,
        )


@dataclass(frozen=True, kw_only=True)
class ProcessTracker:
    """The time limit of a process as a whole."""

    tenant_id: str
    process_id: str
    due_at: datetime

    def is_due(self, now: datetime) -> bool:
        """Whether the process's time is up."""
        return now >= self.due_at


class TimerKind(StrEnum):
    """What it means that a timer is due."""

    #: A process or step takes longer than agreed; told, and nothing else.
    SLA = "sla"
    #: A reaction set it, and others follow.
    TIMER = "timer"
    #: Nobody has dealt with a task for so long that somebody else should know.
    ESCALATION = "escalation"


@dataclass(frozen=True, kw_only=True)
class Timer:
    """A moment at which something is told, beside what bounds an attempt, a wait or a process."""

    tenant_id: str
    process_id: str
    kind: TimerKind
    #: Of several of a kind, which: the tier of an SLA.
    name: str
    due_at: datetime
    #: When its time began to count.
    since: datetime
    #: The step that it is about; None for the process.
    step_name: str | None = None
    #: Whether it is told by an event; otherwise it is only on record.
    sends_event: bool = True

    def is_due(self, now: datetime) -> bool:
        """Whether its moment has come."""
        return now >= self.due_at


Tracker: TypeAlias = StepTracker | ProcessTracker | Timer
"""Anything that waits."""


def earliest(trackers: Sequence[Tracker]) -> datetime | None:
    """When the first of these is due; None where nothing waits."""
    return min((tracker.due_at for tracker in trackers), default=None)


def kept_wake_up(planned: datetime | None, trackers: Sequence[Tracker]) -> datetime | None:
    """When the checker is to look, given when it was to look already.

    A wake-up may come early, never late. One that is early enough is kept although nothing is due
    then, because moving it costs an index write and a sweep that finds nothing moves it anyway:
    so a step that ends and the next that starts within the same deadline cost no index write.
    """
    needed = earliest(trackers)
    if planned is None:
        return needed
    return planned if needed is None else min(planned, needed)
