"""What events change in the views: of one process, in whatever order they come, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from trellis_process.domain.states import ProcessState
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.process_row import ProcessRow, TaskMark
from trellis_process.views.statistics import (
    CountKey,
    Counts,
    count_key,
    counted_of,
    counted_step,
    standing,
)
from trellis_process.views.task_entry import TaskEntry, task_of

#: What a change may add and count at once, so that one transaction has room for it beside the row
#: and what leads to that by its attributes.
WRITES_AT_ONCE = 79

_TELL_A_TASK = {"TaskOpened", "TaskClaimed", "TaskReleased", "TaskEscalated"}
_END_A_STEP = {"StepCompleted", "StepFailed", "StepSkipped", "StepCancelled"}


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is to be kept, all of it or nothing, if the row is still as it was."""

    #: None where there was none.
    before: ProcessRow | None
    row: ProcessRow
    #: By step: the task as it is now, or None for one that is not open any more.
    tasks: dict[str, TaskEntry | None] = field(default_factory=dict)
    #: What is counted more, or less.
    counts: Counts = field(default_factory=dict)
    #: Whether an end is among the events, though the process may have been opened again since.
    is_of_end: bool = False
    #: Whether more is to follow, to be decided on the row as it is then.
    is_partial: bool = False


def project(before: ProcessRow | None, events: Iterable[BusEvent]) -> Changes | None:
    """What these events of one process change; None where all of them were counted already.

    A state, or a task, is as the event of the highest version says, so the order in which events
    come does not matter; and what is counted by itself is counted with the first coming.
    """
    row, tasks, counts = before, dict[str, TaskEntry | None](), Counts()
    is_of_end = False
    for event in sorted(events, key=lambda each: each.place):
        if row is None:
            row = _first_row(event)
        if event in row.seen:
            continue
        _count(counts, row, event)
        row = _with_state(row, event)
        row = _with_task(row, event, tasks)
        row = replace(row, seen=row.seen.plus(event))
        row = _without_old_marks(row, tasks)
        is_of_end = is_of_end or event.state.is_final
    if before is not None and row == before:
        return settled(before)
    return None if row is None else finished(before, row, tasks, counts, is_of_end=is_of_end)


def settled(row: ProcessRow) -> Changes | None:
    """What is still to be counted of a row; None where nothing is."""
    return finished(row, row, {}, {}) if row.owed else None


def finished(
    before: ProcessRow | None,
    row: ProcessRow,
    tasks: dict[str, TaskEntry | None],
    counts: Counts,
    *,
    is_of_end: bool = False,
    is_partial: bool = False,
) -> Changes:
    """The changes from one row to another, with what the process counts for as it stands.

    What cannot be counted at once the row owes: should what follows never come, it is not lost.
    """
    now = standing(row)
    now.subtract(standing(before))
    told = [(count_key(row), now)]
    told += [(count_key(row, step), Counter(each)) for step, each in row.owed.items()]
    counted = _summed([*told, *counts.items()])
    kept = set() if before is None else set(before.open_tasks)
    # What never was in the inbox need not be taken out.
    tasks = {step: task for step, task in tasks.items() if task is not None or step in kept}
    # Taking out is not counted: that may be done before, and again.
    room = max(1, WRITES_AT_ONCE - sum(task is not None for task in tasks.values()))
    owed = {str(key.step_name): dict(each) for key, each in counted[room:]}
    return Changes(
        before=before,
        row=replace(row, owed=owed).next(),
        tasks=tasks,
        counts=dict(counted[:room]),
        is_of_end=is_of_end,
        is_partial=is_partial or bool(owed),
    )


def _summed(told: Iterable[tuple[CountKey, Counter[str]]]) -> list[tuple[CountKey, Counter[str]]]:
    """Each key once, in the order of its first coming, without what comes to nothing."""
    sums = Counts()
    for key, each in told:
        sums.setdefault(key, Counter()).update(each)
    nonzero = {
        key: Counter({name: n for name, n in each.items() if n}) for key, each in sums.items()
    }
    return [(key, each) for key, each in nonzero.items() if each]


def _first_row(event: BusEvent) -> ProcessRow:
    return ProcessRow(
        key=event.key,
        process_type=event.process_type,
        definition_version=event.definition_version,
        aggregate_type=event.detail["aggregate_type"],
        aggregate_id=event.detail["aggregate_id"],
        is_part=event.is_of_part,
        state=event.state,
        version=0,
        changed_at=event.time,
    )


def _with_state(row: ProcessRow, event: BusEvent) -> ProcessRow:
    if event.version >= row.version:
        row = replace(row, state=event.state, version=event.version, changed_at=event.time)
    if event.type == "ProcessStarted":
        found_by = event.detail.get("search_attributes", {})
        row = replace(row, started_at=event.time, search_attributes=found_by)
    if event.type == "SlaBreached" or event.detail.get("breaches"):
        row = replace(row, is_breached=True)
    return row


def _with_task(row: ProcessRow, event: BusEvent, tasks: dict[str, TaskEntry | None]) -> ProcessRow:
    step = event.step_name
    if step is not None and event.type in _TELL_A_TASK | _END_A_STEP:
        mark = row.tasks.get(step)
        if event.version > row.closed_through and (mark is None or event.place > mark.place):
            task = task_of(event) if event.type in _TELL_A_TASK else None
            marks = {**row.tasks, step: TaskMark(event.place, is_open=task is not None)}
            tasks[step] = task
            row = replace(row, tasks=marks)
    # What is open in a process that ends, or is undone, is given up without an event of its own.
    if event.state.is_final or event.state is ProcessState.COMPENSATING:
        row = replace(row, closed_through=max(row.closed_through, event.version))
    return row


def _without_old_marks(row: ProcessRow, tasks: dict[str, TaskEntry | None]) -> ProcessRow:
    """Without the marks of closed tasks about which no event can come any more."""
    settled = row.seen.through_version()
    kept = {}
    for step, mark in row.tasks.items():
        version, _ = mark.place
        if version <= row.closed_through:
            tasks[step] = None
        elif mark.is_open or version > settled:
            kept[step] = mark
    return row if kept == row.tasks else replace(row, tasks=kept)


def _count(counts: Counts, row: ProcessRow, event: BusEvent) -> None:
    of_process, of_step = counted_of(event)
    if of_process:
        counts.setdefault(count_key(row), Counter()).update(of_process)
    if of_step and event.step_name is not None:
        step = counted_step(event.step_name, event.definition_version)
        counts.setdefault(count_key(row, step), Counter()).update(of_step)
