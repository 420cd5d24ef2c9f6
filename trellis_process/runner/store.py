"""Store: where a program keeps everything, and how what is saved there is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from trellis_process.application.definitions import DefinitionRepository
from trellis_process.application.event_service import NotedEvents
from trellis_process.application.lists import ListRepository
from trellis_process.application.repositories import (
    ProcessPage,
    ProcessRepository,
    StepTrackerRepository,
    WakeUp,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.list_repository import InMemoryListRepository
from trellis_process.memory.noted_events import InMemoryNotedEvents


@dataclass(frozen=True)
class Store:
    """The repositories of one store; ``trackers`` are those of ``processes``."""

    processes: ProcessRepository
    trackers: StepTrackerRepository
    definitions: DefinitionRepository
    #: Only needed where a foreach runs over a list that is kept in pages.
    lists: ListRepository | None = None
    #: Only needed where events are to be dealt with once at most.
    noted: NotedEvents = field(default_factory=InMemoryNotedEvents)

    @classmethod
    def in_memory(cls) -> Self:
        """One that lives as long as the program."""
        processes = InMemoryProcessRepository()
        return cls(
            processes,
            InMemoryStepTrackerRepository(processes),
            InMemoryDefinitionRepository(),
            InMemoryListRepository(),
        )


class ObservedProcesses:
    """A ProcessRepository that tells of each change that another one has saved.

    In the order of the changes, for which one write waits for another.
    """

    def __init__(self, processes: ProcessRepository, on_saved: Callable[[Process], object]) -> None:
        self._processes = processes
        self._on_saved = on_saved
        self._lock = threading.RLock()

    def add(self, process: Process) -> None:
        """As ProcessRepository.add."""
        with self._lock:
            self._processes.add(process)
            self._tell(process)

    def save(self, process: Process) -> None:
        """As ProcessRepository.save."""
        with self._lock:
            self._processes.save(process)
            self._tell(process)

    def get(self, key: ProcessKey) -> Process | None:
        """As ProcessRepository.get."""
        return self._processes.get(key)

    def find(self, tenant_id: str, aggregate_type: str, aggregate_id: str) -> Process | None:
        """As ProcessRepository.find."""
        return self._processes.find(tenant_id, aggregate_type, aggregate_id)

    def page(
        self,
        tenant_id: str,
        *,
        process_type: str | None,
        states: Collection[ProcessState] | None,
        limit: int,
        cursor: str | None,
    ) -> ProcessPage:
        """As ProcessRepository.page."""
        return self._processes.page(
            tenant_id, process_type=process_type, states=states, limit=limit, cursor=cursor
        )

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """As ProcessRepository.count_open."""
        return self._processes.count_open(tenant_id, process_type)

    def _tell(self, process: Process) -> None:
        saved = process.copy()
        saved.saved()
        self._on_saved(saved)


class ObservedTrackers:
    """The StepTrackerRepository of observed processes."""

    def __init__(self, trackers: StepTrackerRepository, processes: ObservedProcesses) -> None:
        self._trackers = trackers
        self._processes = processes

    @property
    def processes(self) -> ProcessRepository:
        """As StepTrackerRepository.processes."""
        return self._processes

    def attach(self, processes: ProcessRepository) -> None:
        """As StepTrackerRepository.attach."""
        if processes is not self._processes:
            raise ValueError("these trackers belong to the processes that the runner observes")

    def due(self, now: datetime) -> Iterator[WakeUp]:
        """As StepTrackerRepository.due."""
        return self._trackers.due(now)
