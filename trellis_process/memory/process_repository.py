"""Processes kept in memory, with the same conditions and indexes as any other store."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime

from trellis_process.application.paging import (
    cursor_after,
    position,
    position_of,
    positions_of,
    process_id_at,
)
from trellis_process.application.repositories import ProcessPage, StaleProcess
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_ms


class InMemoryProcessRepository:
    """A ProcessRepository that lives as long as the program. Safe to use from several threads.

    ``on_saved`` is called with each process as it was just saved, after the fact and in the order
    of its versions; ``process.events`` holds what happened.
    """

    def __init__(self, on_saved: Callable[[Process], object] | None = None) -> None:
        self._on_saved = on_saved
        self._processes: dict[ProcessKey, Process] = {}
        self._wake_ups: list[tuple[datetime, str, str]] = []
        self._positions: dict[str, list[str]] = {}
        self._newest: dict[tuple[str, str, str], ProcessKey] = {}
        # Re-entrant, because on_saved may well call back.
        self._lock = threading.RLock()

    def add(self, process: Process) -> None:
        """As ProcessRepository.add."""
        with self._lock:
            if process.key in self._processes:
                raise StaleProcess(self.get(process.key))
            insort(self._positions.setdefault(process.tenant_id, []), _position(process))
            self._point_at_newest(process)
            self._put(process)

    def save(self, process: Process) -> None:
        """As ProcessRepository.save."""
        with self._lock:
            stored = self._processes.get(process.key)
            if stored is None or stored.version != process.version:
                raise StaleProcess(self.get(process.key))
            self._forget_wake_up(stored)
            self._put(process)

    def get(self, key: ProcessKey) -> Process | None:
        """As ProcessRepository.get."""
        with self._lock:
            stored = self._processes.get(key)
            return None if stored is None else stored.copy()

    def find(self, tenant_id: str, aggregate_type: str, aggregate_id: str) -> Process | None:
        """As ProcessRepository.find."""
        with self._lock:
            key = self._newest.get((tenant_id, aggregate_type, aggregate_id))
            return None if key is None else self.get(key)

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
        before = position_of(cursor, process_type)
        with self._lock:
            found: list[Process] = []
            for place in reversed(self._positions.get(tenant_id, [])):
                if before is not None and place >= before:
                    continue
                if process_type is not None and not place.startswith(positions_of(process_type)):
                    continue
                process = self._processes[ProcessKey(tenant_id, process_id_at(place))]
                if states is not None and process.state not in states:
                    continue
                if len(found) == limit:
                    return ProcessPage(found, cursor_after(_position(found[-1])))
                found.append(process.copy())
            return ProcessPage(found, None)

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """As ProcessRepository.count_open."""
        with self._lock:
            places = self._positions.get(tenant_id, [])
            of_type = [each for each in places if each.startswith(positions_of(process_type))]
            found = [self._processes[ProcessKey(tenant_id, process_id_at(at))] for at in of_type]
            return dict(
                Counter(each.definition_version for each in found if not each.state.is_final)
            )

    def keys_due(self, now: datetime) -> list[tuple[datetime, ProcessKey]]:
        """Whose wake-up is due, and since when; the longest overdue first."""
        with self._lock:
            count = bisect_right(self._wake_ups, now, key=lambda entry: entry[0])
            return [(due_at, ProcessKey(*key)) for due_at, *key in self._wake_ups[:count]]

    def _put(self, process: Process) -> None:
        stored = process.copy()
        stored.saved()
        self._processes[process.key] = stored
        if stored.wake_up_at is not None:
            insort(self._wake_ups, (stored.wake_up_at, stored.tenant_id, stored.process_id))
        if self._on_saved is not None:
            self._on_saved(stored.copy())

    def _forget_wake_up(self, stored: Process) -> None:
        if stored.wake_up_at is not None:
            entry = (stored.wake_up_at, stored.tenant_id, stored.process_id)
            del self._wake_ups[bisect_right(self._wake_ups, entry) - 1]

    def _point_at_newest(self, process: Process) -> None:
        about = (process.tenant_id, process.aggregate_type, process.aggregate_id)
        known = self._newest.get(about)
        if known is None or self._processes[known].started_at <= process.started_at:
            self._newest[about] = process.key


def _position(process: Process) -> str:
    return position(
        process.process_type,
        to_ms(process.started_at),
        process.process_id,
        process.definition_version,
    )
