"""Views in memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_ms
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.history import HistoryEntry, HistoryPage, history_entry, with_gaps
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.projection import Changes
from trellis_process.views.statistics import CountKey
from trellis_process.views.store import RowPage, TaskFilter, TaskPage, cursor_at, place_of
from trellis_process.views.task_entry import TaskEntry

_NEVER = 10**14 - 1  # what has no due date comes last


class InMemoryViewStore:
    """A ViewStore that lives as long as the program. Safe to use from several threads."""

    def __init__(self) -> None:
        self._rows: dict[ProcessKey, ProcessRow] = {}
        self._history: dict[ProcessKey, dict[tuple[int, int], HistoryEntry]] = {}
        self._tasks: dict[tuple[ProcessKey, str], TaskEntry] = {}
        self._counts: dict[CountKey, Counter[str]] = {}
        self._lock = threading.Lock()

    def row(self, key: ProcessKey) -> ProcessRow | None:
        """As ViewStore.row."""
        return self._rows.get(key)

    def keep_history(self, events: Sequence[BusEvent]) -> None:
        """As ViewStore.keep_history."""
        with self._lock:
            for event in events:
                self._history.setdefault(event.key, {})[event.place] = history_entry(event)

    def commit(self, changes: Changes) -> bool:
        """As ViewStore.commit."""
        row, before = changes.row, changes.before
        with self._lock:
            kept = self._rows.get(row.key)
            if (kept and kept.revision) != (before and before.revision):
                return False
            self._rows[row.key] = row
            for step, task in changes.tasks.items():
                if task is None:
                    self._tasks.pop((row.key, step), None)
                else:
                    self._tasks[row.key, step] = task
            for key, counted in changes.counts.items():
                self._counts.setdefault(key, Counter()).update(counted)
        return True

    def history(self, key: ProcessKey, *, limit: int, cursor: str | None) -> HistoryPage:
        """As ViewStore.history."""
        place = place_of(cursor, int, int)
        with self._lock:
            kept = self._history.get(key, {})
            before = None if place is None else kept.get((place[0], place[1]))
            later = sorted(each for each in kept if place is None or each > (place[0], place[1]))
            entries = [kept[each] for each in later[:limit]]
        more = cursor_at(*later[limit - 1]) if len(later) > limit else None
        return HistoryPage(with_gaps(entries, before), more)

    def tasks(
        self, tenant_id: str, wanted: TaskFilter, *, limit: int, cursor: str | None
    ) -> TaskPage:
        """As ViewStore.tasks."""
        place = place_of(cursor, int, str, str)
        with self._lock:
            found = sorted(
                (
                    (_due(task), task.key.process_id, task.step_name)
                    for task in self._tasks.values()
                    if _is_wanted(task, tenant_id, wanted)
                ),
            )
            later = [each for each in found if place is None or each > tuple(place)]
            tasks = [
                self._tasks[ProcessKey(tenant_id, process_id), step]
                for _, process_id, step in later[:limit]
            ]
        return TaskPage(tasks, cursor_at(*later[limit - 1]) if len(later) > limit else None)

    def with_attribute(
        self, tenant_id: str, name: str, value: str, *, limit: int, cursor: str | None
    ) -> RowPage:
        """As ViewStore.with_attribute."""
        with self._lock:
            rows = [row for row in self._rows.values() if (name, value) in row.attribute_values()]
        return _page(rows, tenant_id, limit, cursor)

    def of_type(
        self,
        tenant_id: str,
        process_type: str,
        *,
        state: ProcessState | None,
        limit: int,
        cursor: str | None,
    ) -> RowPage:
        """As ViewStore.of_type."""
        with self._lock:
            rows = [
                row
                for row in self._rows.values()
                if row.process_type == process_type and state in (None, row.state)
            ]
        return _page(rows, tenant_id, limit, cursor)

    def counts(
        self, tenant_id: str | None, process_type: str
    ) -> Mapping[CountKey, Mapping[str, int]]:
        """As ViewStore.counts."""
        with self._lock:
            return {
                key: dict(counted)
                for key, counted in self._counts.items()
                if key.process_type == process_type and tenant_id in (None, key.tenant_id)
            }


def _is_wanted(task: TaskEntry, tenant_id: str, wanted: TaskFilter) -> bool:
    is_due = wanted.due_before is None or (
        task.due_at is not None and task.due_at < wanted.due_before
    )
    return (
        task.key.tenant_id == tenant_id
        and wanted.role in (None, task.assignee_role)
        and wanted.assignee in (None, task.assignee)
        and is_due
    )


def _due(task: TaskEntry) -> int:
    return _NEVER if task.due_at is None else to_ms(task.due_at)


def _page(rows: list[ProcessRow], tenant_id: str, limit: int, cursor: str | None) -> RowPage:
    place = place_of(cursor, int, str)
    listed = {
        (to_ms(row.started_at), row.key.process_id): row
        for row in rows
        if row.started_at is not None and row.is_listed and row.key.tenant_id == tenant_id
    }
    later = [each for each in sorted(listed, reverse=True) if place is None or each < tuple(place)]
    more = cursor_at(*later[limit - 1]) if len(later) > limit else None
    return RowPage([listed[each] for each in later[:limit]], more)
