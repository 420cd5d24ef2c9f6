"""What waits in the processes of an in-memory store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from trellis_process.application.repositories import ProcessRepository, WakeUp
from trellis_process.memory.process_repository import InMemoryProcessRepository


class InMemoryStepTrackerRepository:
    """A StepTrackerRepository over an InMemoryProcessRepository.

    Which one, ProcessService tells it when it is given both, or the constructor.
    """

    def __init__(self, processes: InMemoryProcessRepository | None = None) -> None:
        self._processes = processes

    @property
    def processes(self) -> InMemoryProcessRepository:
        """Where the processes are. Raises RuntimeError before anybody said so."""
        if self._processes is None:
            raise RuntimeError(
                "these trackers belong to no processes yet: "
                "pass them to ProcessService(processes, trackers) first"
            )
        return self._processes

    def attach(self, processes: ProcessRepository) -> None:
        """As StepTrackerRepository.attach."""
        if not isinstance(processes, InMemoryProcessRepository):
            raise ValueError("in-memory trackers need an InMemoryProcessRepository")
        if self._processes not in (None, processes):
            raise ValueError("these trackers belong to another process repository already")
        self._processes = processes

    def due(self, now: datetime) -> Iterator[WakeUp]:
        """As StepTrackerRepository.due."""
        for due_at, key in self.processes.keys_due(now):
            yield WakeUp(key, due_at, partial(self.processes.get, key))
