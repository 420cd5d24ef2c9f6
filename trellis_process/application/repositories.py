"""The seams to a store: what the services need of one, and what it raises."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState


class StaleProcess(Exception):
    """A conditional write found another version than it expected; nothing was written.

    ``current`` is the process as stored; None where there is none.
    """

    def __init__(self, current: Process | None) -> None:
        self.current = current
        super().__init__("the stored process is not the one that was decided on")


@dataclass(frozen=True)
class ProcessPage:
    """Some of the processes asked for, and where the next page begins."""

    processes: list[Process]
    #: What to pass to get the next page; None where there is none. A page may be short, even
    #: empty, and another follow all the same.
    cursor: str | None


@dataclass(frozen=True)
class WakeUp:
    """A process that the checker is to look at, because it may wait for something now due."""

    key: ProcessKey
    due_at: datetime
    #: The process as stored, or None where it is gone. May raise what ``get`` raises.
    read: Callable[[], Process | None]


class ProcessRepository(Protocol):
    """Where processes are kept, each as one item with its steps, trackers and latest events.

    Every method may raise Throttled or StoreUnavailable; after bounded tries of its own.
    """

    def add(self, process: Process) -> None:
        """Stores a new process. Raises StaleProcess if its key is taken, TooLarge.

        A write that was made although its answer was lost counts as made.
        """

    def save(self, process: Process) -> None:
        """Stores a change as the version after ``process.version``, if that is what is stored.

        Raises StaleProcess if it is not, TooLarge. A write that was made although its answer was
        lost counts as made. The process's wake-up and other indexes change in the same write.
        """

    def get(self, key: ProcessKey) -> Process | None:
        """The process as last written, never an older one; None if there is none."""

    def find(self, tenant_id: str, aggregate_type: str, aggregate_id: str) -> Process | None:
        """The newest process about an aggregate. One started this moment may not be found yet."""

    def page(
        self,
        tenant_id: str,
        *,
        process_type: str | None,
        states: Collection[ProcessState] | None,
        limit: int,
        cursor: str | None,
    ) -> ProcessPage:
        """Up to ``limit`` processes of a tenant, by type from Z to A and the newest first in each.

        Those in one of the ``states``, of which there is at least one; None stands for any. What
        changed this moment may be missing yet. Raises InvalidInput for a cursor that this
        repository did not give.
        """

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """How many of a tenant's processes of a type are open, by the version of their definition.

        None stands for those without a definition. A version of which none is open is missing, and
        what changed this moment may be counted as before.
        """


class StepTrackerRepository(Protocol):
    """What waits in the processes of one ProcessRepository, ordered by when it is due."""

    @property
    def processes(self) -> ProcessRepository:
        """Where the processes are kept whose trackers these are."""

    def attach(self, processes: ProcessRepository) -> None:
        """Says whose trackers these are; ProcessService does.

        Raises ValueError for a repository that these trackers cannot belong to.
        """

    def due(self, now: datetime) -> Iterator[WakeUp]:
        """Every process whose wake-up is due, the longest overdue first.

        May raise Throttled or StoreUnavailable.
        """


@runtime_checkable
class ShardedTrackers(Protocol):
    """What a StepTrackerRepository has besides, if it can read parts of what is due by themselves.

    Sweepers that run side by side share out these parts. Without them, one sweeper reads it all.
    """

    @property
    def shards(self) -> int:
        """How many parts there are; the wake-up of a process is in one of them."""

    def due_in(self, shards: Collection[int], now: datetime) -> Iterator[WakeUp]:
        """As ``due``, of the parts with these numbers, from 0 on; of no parts, nothing."""
