"""Trackers: what waits, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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

    @property
    def retry_count(self) -> int:
        """The retries made so far: none during the first attempt."""
        return self.attempt - 1

    def is_due(self, now: datetime) -> bool:
        """Whether the attempt's time is up: due is due at the very moment."""
        return now >= self.due_at

    @property
    def is_backoff(self) -> bool:
        """Whether it is the pause before the next attempt, whose end is nobody's fault."""
        return self.waits_for is WaitingFor.RETRY

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


Tracker: TypeAlias = StepTracker | ProcessTracker
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
