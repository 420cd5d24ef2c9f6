"""A store that counts what is asked of it, and lets a test come in between."""

from __future__ import annotations

from collections.abc import Callable

from trellis_process import (
    InMemoryProcessRepository,
    Process,
    ProcessKey,
    StaleProcess,
)


def no_pause(seconds: float) -> None:
    """Waits not at all."""


class WatchedProcesses(InMemoryProcessRepository):
    """A store in memory that keeps a list of the requests made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        #: Called before each save reaches the store, with what is to be saved.
        self.before_save: Callable[[Process], object] = lambda process: None

    def add(self, process: Process) -> None:
        self.requests.append("write")
        super().add(process)

    def save(self, process: Process) -> None:
        self.before_save(process)
        self.requests.append("write")
        super().save(process)

    def get(self, key: ProcessKey) -> Process | None:
        self.requests.append("read")
        return super().get(key)

    def stored(self, process: Process) -> Process:
        """The process as it is stored, without being asked for it."""
        found = super().get(process.key)
        assert found is not None
        return found

    def meanwhile(self, *changes: Callable[[Process], object]) -> None:
        """Makes one of these changes, in somebody else's name, before each save that follows."""
        to_come = list(changes)

        def come_in_between(process: Process) -> None:
            if to_come:
                theirs = self.stored(process)
                to_come.pop(0)(theirs)
                super(WatchedProcesses, self).save(theirs)

        self.before_save = come_in_between


class FleetingProcesses(WatchedProcesses):
    """A store in which whatever stands in the way of a save is gone again by the next look."""

    def save(self, process: Process) -> None:
        raise StaleProcess(None)

    def add(self, process: Process) -> None:
        if process.start_fingerprint is not None:
            raise StaleProcess(None)
        super().add(process)
