"""Taking over a process as the table has it, where its events are gone, or never came."""

from __future__ import annotations

from collections import Counter

from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.views.process_row import ProcessRow, TaskMark
from trellis_process.views.projection import Changes, finished, settled
from trellis_process.views.seen import Seen
from trellis_process.views.statistics import Counts, count_key, counted_in, counted_step
from trellis_process.views.task_entry import TaskEntry

TASKS_AT_ONCE = 40  # so that one transaction has room for them

_LAST = 10**6  # after every event of its change


def adopt(before: ProcessRow | None, process: Process) -> Changes | None:
    """What the views lack of a process; None where they know as much, or more.

    State, inbox, lists and the number of open processes are exact afterwards. What only events
    tell is counted as far as the process still shows it, and only where it was not known at all:
    the last visit of each step, its last attempt's duration, and its retries.

    Of a process with very many tasks some are taken over at a time, the first that come.
    """
    if before is not None and before.version > process.version:
        return settled(before)  # what was read is older than what the events have told
    place = (process.version, _LAST)
    known = {} if before is None else {name: before.tasks[name] for name in before.open_tasks}
    is_open = _open(process)
    closed = [name for name in known if name not in is_open]
    todo = [name for name in is_open if name not in known or known[name].place != place]
    now, later = todo[:TASKS_AT_ONCE], todo[TASKS_AT_ONCE:]
    is_over = process.state.is_final or process.state is ProcessState.COMPENSATING
    if later:  # those still to come are known by what the events told of them
        closed_through = 0 if before is None else before.closed_through
    else:
        # What the item shows is the last word on everything up to its version.
        closed_through = process.version if is_over else process.version - 1
    row = ProcessRow(
        key=process.key,
        process_type=process.process_type,
        definition_version=process.definition_version,
        aggregate_type=process.aggregate_type,
        aggregate_id=process.aggregate_id,
        is_part=process.parent is not None and process.parent.part is not None,
        state=process.state,
        version=process.version,
        changed_at=process.changed_at,
        started_at=process.started_at,
        search_attributes=process.search_attributes,
        is_breached=bool(process.breaches) or (before is not None and before.is_breached),
        tasks={
            name: TaskMark(place, is_open=True) if name not in later else known[name]
            for name in is_open
            if name not in later or name in known
        },
        closed_through=closed_through,
        seen=Seen.through(process.version) if before is None else before.seen,
        owed={} if before is None else before.owed,
        revision=0 if before is None else before.revision,
    )
    if before is not None and not todo and not closed and _says_the_same(before, row):
        return settled(before)
    tasks: dict[str, TaskEntry | None] = dict.fromkeys(closed)
    tasks |= {name: _task(process, process.step(name)) for name in now}
    counts: Counts = {}
    if before is None:
        _count_steps(counts, row, process)
    return finished(before, row, tasks, counts, is_partial=bool(later))


def _open(process: Process) -> list[str]:
    """The steps in which a person is asked."""
    return [
        step.name
        for step in process.steps.values()
        if step.waits_for is WaitingFor.PERSON and step.task is not None
    ]


def _says_the_same(before: ProcessRow, row: ProcessRow) -> bool:
    """Whether nothing is to be mended; a heartbeat since is nothing that views show."""
    return (before.state, before.started_at, before.search_attributes, before.is_breached) == (
        (row.state, row.started_at, row.search_attributes, row.is_breached)
    )


def _count_steps(counts: Counts, row: ProcessRow, process: Process) -> None:
    for step in process.steps.values():
        counted = counted_in(step)
        if counted:
            name = counted_step(step.name, process.definition_version)
            counts.setdefault(count_key(row, name), Counter()).update(counted)
    undone = [step for step in process.steps.values() if process.is_compensation(step)]
    own = counts.setdefault(count_key(row), Counter())
    own["compensations"] += sum(step.state is StepState.COMPLETED for step in undone)
    own["compensations_failed"] += sum(step.state is StepState.FAILED for step in undone)
    own["sla_breaches"] += len(process.breaches)


def _task(process: Process, step: ProcessStep) -> TaskEntry:
    assert step.task is not None, "an open task has terms"
    return TaskEntry(
        key=process.key,
        step_name=step.name,
        attempt=step.attempt,
        process_type=process.process_type,
        definition_version=process.definition_version,
        aggregate_type=process.aggregate_type,
        aggregate_id=process.aggregate_id,
        surface=step.task.surface,
        assignee_role=step.task.assignee_role,
        assignee=step.task.assignee,
        outcomes=step.task.outcomes,
        priority=step.task.priority,
        changed_at=process.changed_at,
        due_at=step.due_at,
        input=step.input,
    )
