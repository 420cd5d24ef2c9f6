"""Where a job stands, and what became of a process in it."""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands."""

    #: Asked for; nothing that it did is on record yet.
    PLANNED = "planned"
    #: Some of it is done, and it goes on.
    RUNNING = "running"
    #: It has been through everything. Final.
    COMPLETED = "completed"
    #: Called off by somebody; what it had done stays done. Final.
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it does no more."""
        return self in (JobState.COMPLETED, JobState.CANCELLED)


class JobOutcome(StrEnum):
    """What became of one process; in a dry run, what would."""

    #: The command changed it.
    DONE = "done"
    #: What the command asks for was true already.
    UNCHANGED = "unchanged"
    #: The rules refused the command, or the process was not as the filter says any more.
    REFUSED = "refused"
    #: The store did not answer, again and again; whether it was done is not known.
    FAILED = "failed"
