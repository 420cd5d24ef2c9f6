"""Trackers that remember whom they told of, or tell of others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from trellis_process import ProcessKey, StepTrackerRepository
from trellis_process.application.repositories import WakeUp


class Hinted:
    """Trackers that tell of these processes, whatever their own index holds."""

    def __init__(self, trackers: StepTrackerRepository) -> None:
        self.processes = trackers.processes
        self._trackers = trackers
        #: What the index answered last, or is to answer.
        self.keys: list[ProcessKey] = []
        self.is_told = False

    def attach(self, processes: Any) -> None:
        self._trackers.attach(processes)

    def due(self, now: datetime) -> Iterator[WakeUp]:
        """What is due; remembered, or where it was told, that."""
        if self.is_told:
            yield from (WakeUp(key, now, partial(self.processes.get, key)) for key in self.keys)
            return
        self.keys = []
        for wake_up in self._trackers.due(now):
            self.keys.append(wake_up.key)
            yield wake_up
