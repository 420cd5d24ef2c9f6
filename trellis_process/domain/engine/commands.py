"""What can be asked of a process that a definition orders, beside what can be of any."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.engine import reacting, timers
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.received import Received
from trellis_process.domain.engine.reopening import rerun
from trellis_process.domain.engine.run import Run
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
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import (
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
MAX_EVENT_IDS = 100  # remembered, to know an event that comes again
MAX_KEPT_EVENTS = 100  # kept while a process is suspended


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
    timeout_ms: int | None = None,
    scheduled_at: datetime | None = None,
    received: Received | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> Process:
    """Begins a process of a definition, and goes on to where it waits for the outside.

    ``input`` has been checked against what the definition declares. What the process is about is
    the process itself unless given, and it takes as long as the definition says unless
    ``timeout_ms`` is given. ``scheduled_at`` is the time for which a schedule starts it, and
    ``received`` the event that does, to which it reacts in the same change.

    Raises InvalidInput for a name, an id or a size that is not as allowed, and for an event as
    ``receive_event``.
    """
    process = new_process(
        compiled, process_id, tenant_id, now, aggregate_type, aggregate_id, metadata, parent
    )
    process.input = check_json("input", input, MAX_OUTPUT_BYTES)
    definition = compiled.definition
    process.timeout_ms = timeout_ms or in_ms("timeout", definition.timeout)
    process.scheduled_at = scheduled_at
    process.data = compiled.data.defaults()
    engine = Engine(compiled)
    process.course = engine
    with Change(process, now, actor, reason) as change:
        change.start_process()
        change.bring(process.input or None)
        run = engine.run(change)
        timers.agree(change, definition.sla)
        if received is not None:
            reacting.check_constraints(run, received.event)
        try:
            process.search_attributes = {
                name: run.values().value(expression)
                for name, expression in definition.search_attributes.items()
            }
        except ExpressionError as error:
            run.fail_process_without_value(error)
        else:
            if not definition.steps:
                change.move(ProcessState.IN_PROGRESS)
            if received is not None:
                _react(run, received)
            if definition.steps and not process.state.is_final:
                run.enter(definition.steps[0])
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
    engine = engine_of(process)
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


def receive_event(process: Process, received: Received, *, now: datetime) -> None:
    """An event from outside comes to a process, which reacts to it.

    In a suspended process it is kept, up to 100 of them, until that is resumed. One that came
    before changes nothing, as long as it is one of the latest 100. Raises NoDefinition;
    ProcessFinished, and Compensating while it undoes; ConstraintNotMet where it is not for this
    process; ExpressionError, InvariantViolated and InvalidInput where its reactions are refused;
    TooManySignals. Then nothing is changed.
    """
    engine = engine_of(process)
    if received.mark in process.event_ids:
        return
    if process.state.is_final:
        raise ProcessFinished(f"receive event {received.names[0]!r}", process.state)
    if process.state is ProcessState.COMPENSATING:
        raise Compensating("receive an event")
    with Change(process, now) as change:
        run = engine.run(change)
        reacting.check_constraints(run, received.event)
        if process.state is ProcessState.SUSPENDED:
            _keep(process, received)
            _note(change, received)
        else:
            _react(run, received)
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
    engine = engine_of(process)
    step = process.step(step_name)
    with Change(process, now, actor, reason) as change:
        run = engine.run(change)
        rerun(run, step)
        run.settle()


def engine_of(process: Process) -> Engine:
    """What orders the steps of a process. Raises NoDefinition where nothing does."""
    if not isinstance(process.course, Engine):
        raise NoDefinition(process.process_id)
    return process.course


def _open_task(process: Process, step_name: str, action: str) -> ProcessStep:
    engine_of(process)
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


def _react(run: Run, received: Received) -> None:
    draft = reacting.draft_of(run, received.names, received.event)  # before anything is changed
    _note(run.change, received)
    reacting.do(run, draft)


def _note(change: Change, received: Received) -> None:
    process = change.process
    change.bring(True)  # what is kept of it, and sent because of it
    process.event_ids = (*process.event_ids, received.mark)[-MAX_EVENT_IDS:]
    for name in received.names:
        change.record(happened.EventReceived, event=name, event_id=received.id)


def _keep(process: Process, received: Received) -> None:
    if len(process.kept_events) >= MAX_KEPT_EVENTS:
        raise TooManySignals(f"{MAX_KEPT_EVENTS} events")
    kept = {"names": list(received.names), "event": dict(received.event)}
    events = check_json("event", [*process.kept_events, kept], MAX_OUTPUT_BYTES)
    process.kept_events = tuple(events)


def new_process(
    compiled: CompiledDefinition,
    process_id: str,
    tenant_id: str,
    now: datetime,
    aggregate_type: str | None,
    aggregate_id: str | None,
    metadata: dict[str, JsonValue] | None,
    parent: Parent | None,
) -> Process:
    """A process of a definition that has not begun. Raises InvalidInput as ``start``."""
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
