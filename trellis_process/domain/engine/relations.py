"""What parents and their children tell one another, each a command to the one or the other."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import children, foreach, names, parts, undoing, undoing_parts
from trellis_process.domain.engine.commands import engine_of, new_process
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.progress import ItemProgress, PartProgress, without
from trellis_process.domain.engine.reopening import reopen, try_again
from trellis_process.domain.engine.values import Values
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.errors import (
    Compensated,
    Compensating,
    StepFinished,
)

#: Why a part goes on after its end, where no person let it.
WITH_ITS_WHOLE = "its whole is tried again"


def start_part(
    compiled: CompiledDefinition,
    parent: Process,
    step_name: str,
    part: int,
    *,
    items: list[JsonValue],
    first: int,
    now: datetime,
) -> Process:
    """Begins the process that deals with one part of the items of a parent's foreach.

    ``first`` is the index of its first item. It sees what the parent's expressions see of the
    input, of the steps before and of the data, which it keeps as it is now.
    """
    step = parent.step(step_name)
    told = Parent(
        process_id=parent.process_id,
        step_name=step_name,
        attempt=step.attempt,
        part=part,
        depth=1 + (parent.parent.depth if parent.parent else 0),
    )
    process = new_process(
        compiled,
        names.child_id(parent.process_id, step_name, step.attempt, part),
        parent.tenant_id,
        now,
        parent.aggregate_type,
        parent.aggregate_id,
        None,
        told,
    )
    engine = Engine(compiled)
    process.course = engine
    with Change(process, now) as change:
        change.start_process()
        run = engine.run(change)
        inherited = Values(compiled, parent, step_name).inherited()
        process.input, process.data = inherited.as_json(), inherited.data
        own = ProcessStep(name=step_name).waiting(WaitingFor.CHILDREN, change.now)
        own = replace(own, input=items)
        foreach.begin_items(run, _foreach(compiled, step_name), own, first=first, total=len(items))
        run.settle()
    process.started_at = process.changed_at
    return process


@dataclass(frozen=True)
class ChildEnding:
    """How a child ended, as its parent is told."""

    state: ProcessState
    #: What it resulted in; of a part that failed because an item did, what it had counted by then.
    output: JsonValue = None
    #: Why it did not complete.
    error: str = ""
    #: As of ``left_in_round``: the end of an earlier round is none for the parent.
    round: int | None = None

    @classmethod
    def of(cls, child: Process) -> ChildEnding:
        """That of a process that has ended."""
        if child.is_completed():
            return cls(child.state, child.output, round=left_in_round(child))
        failed = child.last_failed_step()
        error = (failed.error if failed is not None else None) or child.reason or child.state.value
        return cls(child.state, foreach.counted(child), error, left_in_round(child))


def child_ended(process: Process, told: Parent, ending: ChildEnding, *, now: datetime) -> None:
    """A child says how it ended; what the step does not wait for any more changes nothing."""
    engine = engine_of(process)
    if not children.awaits(process, told):
        return
    step = process.step(told.step_name)
    if ending.round is not None and ending.round < PartProgress.of(step.progress).round:
        return  # it has not heard yet that it is to try again what failed
    with Change(process, now) as change:
        if told.part is not None:
            run = engine.run(change)
            defined = _foreach(engine.compiled, step.name)
            parts.ended(run, defined, step, told.part, ending.state, ending.output, ending.error)
            run.settle()
            return
        if ending.state is ProcessState.COMPLETED:
            change.complete(step, ending.output, None, told.attempt)
        else:
            change.fail(step, ending.error)
        change.step_ended(step.name)


def child_reopened(process: Process, told: Parent, *, now: datetime) -> None:
    """A child goes on after it had failed, and so does the parent that failed because of it.

    A parent that has gone another way, or has undone what it did, stays as it is.
    """
    engine, step = engine_of(process), process.steps.get(told.step_name)
    if step is None or step.attempt != told.attempt or step.state is not StepState.FAILED:
        return
    with suppress(StepFinished, Compensating, Compensated), Change(process, now) as change:
        run = engine.run(change)
        if step.name in process.unrouted:  # it is suspended, and nothing has followed yet
            process.unrouted = without(process.unrouted, step.name)
        else:
            reopen(run, step)
        if told.part is None:
            children.wait_again(run, step)
        else:
            try_again(run, step)
        run.settle()


def try_part_again(process: Process, round_: int, *, now: datetime) -> None:
    """What failed in a part, or was given up, is tried again, because its whole is.

    Once for each round. A part of which everything is done, or undone, stays as it is, and so does
    one that is open, which only keeps in mind that it has heard.
    """
    engine, root = engine_of(process), process.step(str(names.foreach_of_part(process)))
    if root.is_open and process.state is not ProcessState.COMPENSATING:
        is_behind = ItemProgress.of(root.progress).round < round_
    else:
        left = left_in_round(process)
        is_behind = left is not None and left < round_
    if not is_behind:
        return
    heard = ItemProgress.of(root.progress)._replace(round=round_)
    with Change(process, now, reason=WITH_ITS_WHOLE) as change:
        if root.is_open:
            change.put(replace(root, progress=heard.as_json()))
            return
        run = engine.run(change)
        change.open_again()
        process.output = None
        change.record(happened.ProcessReopened, step_name=root.name)
        try_again(run, change.put(replace(root, progress=heard.as_json())))
        run.settle()


def left_in_round(process: Process) -> int | None:
    """The round in which a part ended that has something left to try again; None without that."""
    name = names.foreach_of_part(process)
    if name is None or not process.state.is_final or process.compensation is not None:
        return None
    root = process.step(name)
    if root.state is StepState.SKIPPED or root.progress is None:
        return None
    return ItemProgress.of(root.progress).round


def give_up_child(
    process: Process, *, round_: int | None, now: datetime, reason: str | None = None
) -> None:
    """A child is not needed any more. One that undoes what it did goes on with that.

    ``round_`` is how often the parent had its parts try again when it gave this one up: one that
    has heard of a later round is needed after all; with None there is none. Raises ProcessFinished.
    """
    name = names.foreach_of_part(process)
    root = None if name is None else process.step(name)
    is_needed = False
    if root is not None and root.is_open and round_ is not None:
        is_needed = _round_of(root) > round_
    if process.state is not ProcessState.COMPENSATING and not is_needed:
        process.cancel(now=now, reason=reason)


def part_undone(
    process: Process,
    step_name: str,
    *,
    attempt: int,
    child_id: str,
    compensation: str | None,
    now: datetime,
) -> None:
    """A part says how far it could undo what it completed; unless asked that changes nothing.

    None is for a part that is not there.
    """
    engine = engine_of(process)
    part = undoing_parts.open_parts(process, step_name, attempt).get(child_id)
    if part is not None:
        with Change(process, now) as change:
            run, undo = engine.run(change), process.step(UNDO + step_name)
            undoing_parts.ended(run, undo, part, compensation)
            run.settle()


def undo_part(process: Process, *, now: datetime, reason: str | None = None) -> None:
    """What was completed in a part of a foreach is undone, whether the part has ended or not.

    It ends as cancelled, or as failed if it had. Only once: where it was undone already, or is
    being, nothing changes; where nothing is to be undone, that is on record as done, or as partial
    where a step in it was rolled back and not wholly.
    """
    engine = engine_of(process)
    if process.compensation is not None or process.state is ProcessState.COMPENSATING:
        return
    with Change(process, now, reason=reason) as change:
        undoing.undo_part(engine.run(change), reason)


def child_refused(process: Process, told: Parent, error: str, *, now: datetime) -> None:
    """A child cannot be started, which fails what waits for it."""
    child_ended(process, told, ChildEnding(ProcessState.FAILED, error=error), now=now)


def _round_of(root: ProcessStep) -> int:
    return ItemProgress.of(root.progress).round


def _foreach(compiled: CompiledDefinition, step_name: str) -> ForEachStep:
    defined = compiled.place(step_name).step
    assert isinstance(defined, ForEachStep), "only a foreach has parts"
    return defined
