"""What can be asked of a process that a definition orders, beside what can be of any."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import children, names, parts, timers, undoing, undoing_parts
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.foreach import begin_items
from trellis_process.domain.engine.progress import ItemProgress, PartProgress, without
from trellis_process.domain.engine.reopening import reopen, rerun, try_again
from trellis_process.domain.engine.values import Values
from trellis_process.domain.engine.waits import give_signal
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_aggregate_id,
    check_assignee,
    check_json,
    check_metadata,
    check_name,
)
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.errors import (
    Compensated,
    Compensating,
    ExpressionError,
    NoDefinition,
    NotReported,
    ProcessFinished,
    StepFinished,
    TaskTaken,
    TooManySignals,
)

MAX_SIGNALS = 100  # kept until a step takes them, in one process
MAX_SIGNAL_IDS = 20  # remembered, to know a repeated signal
#: Why a part goes on after its end, where no person let it.
WITH_ITS_WHOLE = "its whole is tried again"


def start(
    compiled: CompiledDefinition,
    *,
    process_id: str,
    tenant_id: str,
    input: dict[str, JsonValue],  # it is what definitions call it
    now: datetime,
    aggregate_type: str | None = None,
    aggregate_id: str | None = None,
    metadata: dict[str, JsonValue] | None = None,
    parent: Parent | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> Process:
    """Begins a process of a definition, and goes on to where it waits for the outside.

    ``input`` has been checked against what the definition declares. What the process is about is
    the process itself unless given. Raises InvalidInput for a name, an id or a size that is not
    as allowed.
    """
    process = _new_process(
        compiled, process_id, tenant_id, now, aggregate_type, aggregate_id, metadata, parent
    )
    process.input = check_json("input", input, MAX_OUTPUT_BYTES)
    definition = compiled.definition
    process.timeout_ms = in_ms("timeout", definition.timeout)
    engine = Engine(compiled)
    process.course = engine
    with Change(process, now, actor, reason) as change:
        change.start_process()
        change.bring(process.input or None)
        run = engine.run(change)
        timers.agree(change, definition.sla)
        try:
            process.search_attributes = {
                name: run.values().value(expression)
                for name, expression in definition.search_attributes.items()
            }
        except ExpressionError as error:
            run.fail_process_without_value(error)
        else:
            run.enter(definition.steps[0])
        run.settle()
    process.started_at = process.changed_at
    return process


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
    input and of the steps before.
    """
    step = parent.step(step_name)
    told = Parent(
        process_id=parent.process_id,
        step_name=step_name,
        attempt=step.attempt,
        part=part,
        depth=1 + (parent.parent.depth if parent.parent else 0),
    )
    process = _new_process(
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
        process.input = Values(compiled, parent, step_name).inherited().as_json()
        own = ProcessStep(name=step_name).waiting(WaitingFor.CHILDREN, change.now)
        own = replace(own, input=items)
        begin_items(run, _foreach(compiled, step_name), own, first=first, total=len(items))
        run.settle()
    process.started_at = process.changed_at
    return process


def send_signal(
    process: Process,
    signal: str,
    payload: JsonValue = None,
    *,
    now: datetime,
    signal_id: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A signal with any JSON of at most 32 KB, also none, comes to a process.

    The first step that waits for it takes it; where none does it is kept, first in first out, for
    the next. With ``signal_id`` a repeat changes nothing, as long as it is one of the latest 20.
    Raises NoDefinition, ProcessFinished, TooManySignals, InvalidInput.
    """
    engine = _engine(process)
    check_name("signal", signal)
    payload = check_json("payload", payload, MAX_OUTPUT_BYTES)
    if signal_id is not None and check_name("signal_id", signal_id) in process.signal_ids:
        return
    if process.state.is_final:
        raise ProcessFinished(f"signal {signal!r}", process.state)
    kept = process.signals.get(signal, ())
    if sum(len(each) for each in process.signals.values()) >= MAX_SIGNALS:
        raise TooManySignals(f"{MAX_SIGNALS} signals")
    check_json("payload", [*kept, payload], MAX_OUTPUT_BYTES)
    with Change(process, now, actor, reason) as change:
        change.bring(payload)
        change.record(happened.SignalReceived, signal=signal)
        process.signals = process.signals | {signal: (*kept, payload)}
        if signal_id is not None:
            process.signal_ids = (*process.signal_ids, signal_id)[-MAX_SIGNAL_IDS:]
        if process.state is ProcessState.SUSPENDED:
            return
        run = engine.run(change)
        give_signal(run, signal)
        run.settle()


def claim_task(
    process: Process,
    step_name: str,
    *,
    by: str,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A task becomes somebody's; claiming one's own again is a no-op.

    Raises NoDefinition, StepNotFound, NotReported, StepFinished, ProcessFinished, TaskTaken.
    """
    step = _open_task(process, step_name, "claim the task")
    by = check_assignee("by", by)
    assert step.task is not None, "an open task has terms"
    if step.task.assignee == by:
        return
    if step.task.assignee is not None:
        raise TaskTaken(step_name, step.task.assignee)
    _give(process, step, by, now, actor or by, reason)


def release_task(
    process: Process,
    step_name: str,
    *,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A task is nobody's again; a no-op where it is nobody's. Raises as claim_task."""
    step = _open_task(process, step_name, "release the task")
    if step.task is not None and step.task.assignee is not None:
        _give(process, step, None, now, actor, reason)


def reassign_task(
    process: Process,
    step_name: str,
    *,
    to: str,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A task becomes somebody's, whoever's it was. Raises as claim_task, but for TaskTaken."""
    step = _open_task(process, step_name, "reassign the task")
    to = check_assignee("to", to)
    if step.task is not None and step.task.assignee != to:
        _give(process, step, to, now, actor, reason)


def rerun_from(
    process: Process,
    step_name: str,
    *,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """An open or failed process goes on from a step that has ended, as if it had come no further.

    Raises NoDefinition, StepNotFound, StepFinished, ProcessFinished, Compensating.
    """
    engine = _engine(process)
    step = process.step(step_name)
    with Change(process, now, actor, reason) as change:
        run = engine.run(change)
        rerun(run, step)
        run.settle()


def child_ended(
    process: Process,
    step_name: str,
    *,
    attempt: int,
    part: int | None,
    state: ProcessState,
    output: JsonValue,
    error: str,
    now: datetime,
    left_in_round: int | None = None,
    actor: str | None = None,
) -> None:
    """A child says how it ended; what the step does not wait for any more changes nothing.

    ``left_in_round`` as of that function: the end of an earlier round changes nothing either.
    """
    engine = _engine(process)
    told = Parent(process_id=process.process_id, step_name=step_name, attempt=attempt, part=part)
    if not children.awaits(process, told):
        return
    step = process.step(step_name)
    if left_in_round is not None and left_in_round < PartProgress.of(step.progress).round:
        return  # it has not heard yet that it is to try again what failed
    with Change(process, now, actor) as change:
        if part is not None:
            run = engine.run(change)
            foreach = _foreach(engine.compiled, step_name)
            parts.ended(run, foreach, step, part, state, output, error)
            run.settle()
            return
        if state is ProcessState.COMPLETED:
            change.complete(step, output, None, attempt)
        else:
            change.fail(step, error)
        change.step_ended(step_name)


def child_reopened(process: Process, told: Parent, *, now: datetime) -> None:
    """A child goes on after it had failed, and so does the parent that failed because of it.

    A parent that has gone another way, or has undone what it did, stays as it is.
    """
    engine, step = _engine(process), process.steps.get(told.step_name)
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
    engine, root = _engine(process), process.step(str(names.foreach_of_part(process)))
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
    process: Process, *, round_: int, now: datetime, reason: str | None = None
) -> None:
    """A child is not needed any more. One that undoes what it did goes on with that.

    ``round_`` is how often the parent had its parts try again when it gave this one up: one that
    has heard of a later round is needed after all. Raises ProcessFinished.
    """
    name = names.foreach_of_part(process)
    root = None if name is None else process.step(name)
    is_needed = root is not None and root.is_open and _round_of(root) > round_
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
    engine = _engine(process)
    part = undoing_parts.open_parts(process, step_name, attempt).get(child_id)
    if part is not None:
        with Change(process, now) as change:
            run, undo = engine.run(change), process.step(UNDO + step_name)
            undoing_parts.ended(run, undo, part, compensation)
            run.settle()


def undo_part(process: Process, *, now: datetime, reason: str | None = None) -> None:
    """What was completed in a part of a foreach is undone, whether the part has ended or not.

    It ends as cancelled, or as failed if it had. Only once: where it was undone already, or is
    being, nothing changes; where nothing is to be undone, that is on record as done.
    """
    engine = _engine(process)
    if process.compensation is not None or process.state is ProcessState.COMPENSATING:
        return
    with Change(process, now, reason=reason) as change:
        undoing.undo_part(engine.run(change), reason)


def child_refused(process: Process, told: Parent, error: str, *, now: datetime) -> None:
    """A child cannot be started, which fails what waits for it."""
    child_ended(
        process,
        told.step_name,
        attempt=told.attempt,
        part=told.part,
        state=ProcessState.FAILED,
        output=None,
        error=error,
        now=now,
    )


def _engine(process: Process) -> Engine:
    if not isinstance(process.course, Engine):
        raise NoDefinition(process.process_id)
    return process.course


def _round_of(root: ProcessStep) -> int:
    return ItemProgress.of(root.progress).round


def _foreach(compiled: CompiledDefinition, step_name: str) -> ForEachStep:
    defined = compiled.place(step_name).step
    assert isinstance(defined, ForEachStep), "only a foreach has parts"
    return defined


def _open_task(process: Process, step_name: str, action: str) -> ProcessStep:
    _engine(process)
    step = process.step(step_name)
    if process.state.is_final:
        raise ProcessFinished(action, process.state)
    if step.state.is_final:
        raise StepFinished(action, step_name, step.state)
    if step.waits_for is not WaitingFor.PERSON:
        raise NotReported(step_name, "step", "it is no human task")
    return step


def _give(
    process: Process,
    step: ProcessStep,
    assignee: str | None,
    now: datetime,
    actor: str | None,
    reason: str | None,
) -> None:
    assert step.task is not None, "an open task has terms"
    event = happened.TaskReleased if assignee is None else happened.TaskClaimed
    with Change(process, now, actor, reason) as change:
        change.put(replace(step, task=replace(step.task, assignee=assignee)))
        change.record(event, step_name=step.name, attempt=step.attempt)


def _new_process(
    compiled: CompiledDefinition,
    process_id: str,
    tenant_id: str,
    now: datetime,
    aggregate_type: str | None,
    aggregate_id: str | None,
    metadata: dict[str, JsonValue] | None,
    parent: Parent | None,
) -> Process:
    definition = compiled.definition
    return Process(
        tenant_id=check_name("tenant_id", tenant_id),
        process_id=check_name("process_id", process_id),
        process_type=definition.process,
        aggregate_type=check_name("aggregate_type", aggregate_type or definition.process),
        aggregate_id=check_aggregate_id("aggregate_id", aggregate_id or process_id),
        steps={},
        metadata=check_metadata("metadata", metadata),
        definition_version=definition.version,
        parent=parent,
        started_at=now,
        changed_at=now,
    )
