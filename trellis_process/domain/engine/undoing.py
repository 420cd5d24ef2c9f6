"""Undoing: the compensations of completed steps, in reverse, one after another, each at most once.

What is to be undone stands in ``process.to_undo`` in the order of completion, and leaves it in the
write that begins to undo it. A compensation is a step of its own, with attempts of its own. Where
one fails for good the others are undone all the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.definition.process_definition import Compensation
from trellis_process.domain.engine import names
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.errors import ExpressionError

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

DONE = "done"  # everything is undone
PARTIAL = "partial"  # something could not be undone


def end(run: Run, state: ProcessState, reason: str | None, *, compensate: bool) -> None:
    """The process ends, where asked after undoing what is to be undone."""
    process = run.process
    undoing = _undoing_now(run)
    if not compensate or not (process.to_undo or undoing):
        if process.state is ProcessState.COMPENSATING or undoing:
            process.compensation = PARTIAL
        run.change.finish(state, reason)
        return
    for step in list(process.steps.values()):
        if step.is_open and step.undoes is None:
            process.steps[step.name] = step.cancelled(run.change.now)
    run.change.stop_timers(None)
    process.timers = ()
    process.due_at = None
    process.reason, process.ends_as = reason, state
    if process.state is not ProcessState.COMPENSATING:  # else what is under way goes on
        was_partial = any((step.progress or {}).get("partial") for step in process.steps.values())
        process.compensation = PARTIAL if was_partial else None
        run.change.move(ProcessState.COMPENSATING)
    run.change.record(happened.ProcessCompensating, reason=reason)
    if not undoing:
        _undo_next(run)


def roll_back(run: Run, block: ProcessStep) -> None:
    """What had been completed inside of a parallel step is undone, and then that fails."""
    if not _undoing_now(run, block.name):
        _undo_next(run, block.name)


def undone(run: Run, step: ProcessStep) -> None:
    """A compensation has ended, one way or the other; the next one follows."""
    block = _rolled_back(run, step)
    if block is None and run.process.state is not ProcessState.COMPENSATING:
        return  # what it was undone for has been given up meanwhile, and the process goes on
    if step.state is StepState.FAILED:
        _note_failure(run, block)
    # Two parallel steps may have been rolled back at once when the process failed.
    if block is not None or not _undoing_now(run):
        _undo_next(run, block)


def compensation_of(run: Run, step_name: str) -> Compensation:
    """What undoes a step. It is there, or the step would not be to be undone."""
    compensation = run.compiled.compensation_of(names.defined_name(step_name))
    assert compensation is not None, "a step is to be undone that something undoes"
    return compensation


def _undo_next(run: Run, block: str | None = None) -> None:
    process = run.process
    for name in reversed(process.to_undo):
        if block is not None and not run.is_inside(name, block):
            continue
        process.to_undo = tuple(each for each in process.to_undo if each != name)
        try:
            _begin(run, name)
        except ExpressionError as error:
            # Nobody can be told what to undo, which is as good as not being able to.
            run.change.fail(_compensation_step(run, name), str(error))
            _note_failure(run, block)
        else:
            return
    _all_undone(run, block)


def _note_failure(run: Run, block: str | None) -> None:
    if block is None:
        run.process.compensation = PARTIAL
    else:
        around = run.process.step(block)
        run.change.put(replace(around, progress=around.progress | {"partial": True}))


def _begin(run: Run, name: str) -> None:
    compensation, step = compensation_of(run, name), run.process.step(name)
    told = {"name": name, "output": step.output, "input": step.input or {}}
    inputs = {"input": "step.input", "output": "step.output"}
    given = compensation.inputs if compensation.inputs is not None else inputs
    resolved = run.values(name).resolve(given, step=told)
    undo = _compensation_step(run, name)
    run.change.start_attempt(replace(undo, service=compensation.service, input=resolved))


def _compensation_step(run: Run, name: str) -> ProcessStep:
    compensation = compensation_of(run, name)
    before = run.process.steps.get(UNDO + name)
    attempt = 0 if before is None else before.attempt
    return ProcessStep(
        name=UNDO + name,
        timeout_ms=in_ms("timeout", compensation.timeout),
        retries_permitted=compensation.retry.max_attempts - 1,
        visits=1 if before is None else before.visits + 1,
        attempt=attempt,
        first_attempt=attempt + 1,
    )


def _all_undone(run: Run, block: str | None) -> None:
    process = run.process
    if block is not None:
        around = process.step(block)
        run.fail(around, around.progress["undoing"])
        return
    assert process.ends_as is not None, "a process that undoes is to end"
    process.compensation = process.compensation or DONE
    run.change.finish(process.ends_as, process.reason)


def _undoing_now(run: Run, block: str | None = None) -> bool:
    """Whether a compensation is under way, of the whole process or inside of a parallel step."""
    return any(
        step.is_open
        and step.undoes is not None
        and (block is None or run.is_inside(step.undoes, block))
        for step in run.process.steps.values()
    )


def _rolled_back(run: Run, step: ProcessStep) -> str | None:
    """The parallel step for which a step is undone; None where it is for the whole process."""
    if run.process.state is ProcessState.COMPENSATING:
        return None
    assert step.undoes is not None, "it undoes a step"
    place, items = run.place(step.undoes), names.items_of(step.undoes)
    while place.around is not None:
        around = run.process.step(names.name_around(place, items))
        if around.is_open and around.progress and "undoing" in around.progress:
            return around.name
        place, items = place.around, names.items_of(around.name)
    return None
