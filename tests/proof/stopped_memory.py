"""Stores in memory that stop where another store was stopped: after so many writes."""

from __future__ import annotations

from tests.proof.stack import Crash
from trellis_process import InMemoryProcessRepository, Process
from trellis_process.application.jobs import Job, JobPage
from trellis_process.memory.job_repository import InMemoryJobRepository


class Writes:
    """How many writes are let through."""

    def __init__(self) -> None:
        #: So many more; None for all.
        self.left: int | None = None

    def begin(self) -> None:
        """A write is about to be made. Raises Crash where none is let through any more."""
        if self.left == 0:
            raise Crash

    def made(self) -> None:
        """It was made; one whose condition failed is none."""
        if self.left is not None:
            self.left -= 1


class StoppedProcesses(InMemoryProcessRepository):
    """Processes in memory whose writes are counted."""

    writes: Writes

    def add(self, process: Process) -> None:
        self.writes.begin()
        super().add(process)
        self.writes.made()

    def save(self, process: Process) -> None:
        self.writes.begin()
        super().save(process)
        self.writes.made()


class StoppedJobs(InMemoryJobRepository):
    """Jobs in memory whose writes are counted."""

    writes: Writes

    def add(self, job: Job) -> bool:
        return self.save(job)

    def save(self, job: Job) -> bool:
        self.writes.begin()
        return self._counted(super().save(job))

    def put_page(self, job: Job, page: JobPage) -> bool:
        self.writes.begin()
        return self._counted(super().put_page(job, page))

    def _counted(self, is_made: bool) -> bool:
        if is_made:
            self.writes.made()
        return is_made
