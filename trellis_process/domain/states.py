"""The states of processes and steps, and the moves between them."""

from __future__ import annotations

from enum import StrEnum


class ProcessState(StrEnum):
    """Where a process as a whole stands."""

    #: Started, but none of its steps has been.
    PENDING = "pending"
    #: At least one step was started or reported; more is to come.
    IN_PROGRESS = "in_progress"
    #: Frozen by a person: nothing moves until it is resumed.
    SUSPENDED = "suspended"
    #: Failed, and undoing what had been completed.
    COMPENSATING = "compensating"
    #: Every step is completed or skipped. Final.
    COMPLETED = "completed"
    #: A step failed for good, or the process ran past its own deadline. Final but for a retry.
    FAILED = "failed"
    #: Called off by somebody. Final.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows, unless a failed step is retried on purpose."""
        return self in FINAL_PROCESS_STATES


class StepState(StrEnum):
    """Where one step stands."""

    #: Not started yet.
    PENDING = "pending"
    #: An attempt is under way.
    IN_PROGRESS = "in_progress"
    #: Between two attempts, or suspended until somebody resumes it; see WaitingFor.
    WAITING = "waiting"
    #: Done. Final.
    COMPLETED = "completed"
    #: Failed for good. Final, but for a retry on purpose.
    FAILED = "failed"
    #: Passed over on purpose; counts as done. Final.
    SKIPPED = "skipped"
    #: Given up because the process ended. Pending again if the process is reopened.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the step takes no more reports."""
        return self in FINAL_STEP_STATES

    @property
    def is_done(self) -> bool:
        """Whether the process need not wait for this step any more."""
        return self in (StepState.COMPLETED, StepState.SKIPPED)


class WaitingFor(StrEnum):
    """What a waiting step waits for."""

    #: The time of its next attempt, the last one having failed.
    RETRY = "retry"
    #: Somebody who resumes it, or the end of the time given for that.
    RESUMPTION = "resumption"
    #: A moment, and nothing else.
    TIME = "time"
    #: A signal by name, or the end of the time given for that.
    SIGNAL = "signal"
    #: A person who chooses an outcome, or the day it is due.
    PERSON = "person"
    #: Steps inside of it, or processes that it started.
    CHILDREN = "children"


FINAL_PROCESS_STATES = frozenset(
    {ProcessState.COMPLETED, ProcessState.FAILED, ProcessState.CANCELLED}
)
FINAL_STEP_STATES = frozenset(
    {StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED}
)

_ENDS = {ProcessState.COMPLETED, ProcessState.FAILED, ProcessState.CANCELLED}

#: Which state of a process may follow which.
PROCESS_MOVES: dict[ProcessState, set[ProcessState]] = {
    ProcessState.PENDING: {
        ProcessState.IN_PROGRESS,
        ProcessState.SUSPENDED,
        ProcessState.COMPENSATING,
        *_ENDS,
    },
    ProcessState.IN_PROGRESS: {ProcessState.SUSPENDED, ProcessState.COMPENSATING, *_ENDS},
    ProcessState.SUSPENDED: {
        ProcessState.PENDING,
        ProcessState.IN_PROGRESS,
        ProcessState.COMPENSATING,  # called off, with what was done to be undone
        *_ENDS,
    },
    ProcessState.COMPENSATING: {ProcessState.FAILED, ProcessState.CANCELLED},
    # A failed step is retried on purpose. What has ended of a foreach whose items are dealt with in
    # parts is only a part: it may be tried again with the whole, or undone with it.
    ProcessState.COMPLETED: {ProcessState.IN_PROGRESS, ProcessState.COMPENSATING},
    ProcessState.FAILED: {ProcessState.IN_PROGRESS, ProcessState.COMPENSATING},
    ProcessState.CANCELLED: {ProcessState.IN_PROGRESS, ProcessState.COMPENSATING},
}

#: Which state of a step may follow which.
STEP_MOVES: dict[StepState, set[StepState]] = {
    StepState.PENDING: {
        StepState.IN_PROGRESS,
        StepState.WAITING,
        *FINAL_STEP_STATES,  # services that only report the end never start it
    },
    StepState.IN_PROGRESS: {
        StepState.IN_PROGRESS,  # the next attempt
        StepState.WAITING,
        *FINAL_STEP_STATES,
    },
    StepState.WAITING: {
        StepState.IN_PROGRESS,
        StepState.WAITING,  # what was suspended failed and is tried again later
        *FINAL_STEP_STATES,
    },
    StepState.COMPLETED: {StepState.WAITING},  # the foreach of a part that is tried again
    # Retried on purpose, or passed over; what has steps inside of it waits for them again.
    StepState.FAILED: {StepState.IN_PROGRESS, StepState.WAITING, StepState.SKIPPED},
    StepState.SKIPPED: set(),
    StepState.CANCELLED: {StepState.PENDING, StepState.WAITING},  # the process is reopened
}
