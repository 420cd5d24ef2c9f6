"""Undoing in parts: each child that dealt with a part of a foreach undoes what it completed there.

The last part comes first, and as many are under way as when they were done. In the parent this is
one step, as any compensation is one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import items, names
from trellis_process.domain.engine.progress import PartProgress, UndoProgress, progress_of, without
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.step import UNDO, ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

DONE = "done"  # everything is undone
FORGOTTEN = "the step was entered again, and its earlier parts are not known any more"
NOT_ALL = "not everything could be undone in its parts"


def begin(run: Run, undo: ProcessStep, foreach: ProcessStep) -> bool:
    """What the parts of a foreach completed is to be undone; ``undo`` is the step that does it.

    False where it failed at once: the foreach was entered again, and has no parts any more.
    """
    parts = progress_of(foreach)
    if not isinstance(parts, PartProgress):
        run.change.fail(undo, FORGOTTEN)
        return False
    undo = undo.waiting(WaitingFor.CHILDREN, run.change.now)
    run.change.record(
        happened.CompensationStarted, step_name=undo.name, attempt=undo.current_attempt
    )
    _go_on(run, undo, UndoProgress(foreach.attempt, left=parts.begun, before=parts.before))
    return True


def ended(run: Run, undo: ProcessStep, part: int, compensation: str | None) -> None:
    """A child has undone what it completed of that part, or some of it; None: it is not there."""
    assert undo.undoes is not None, "it undoes a step"
    progress, foreach = UndoProgress.of(undo.progress), run.process.step(undo.undoes)
    # One that was under way to the end, or when it was given up, was perhaps never started; of any
    # other nobody knows any more what it completed.
    parts = progress_of(foreach)
    may_be_missing = (
        isinstance(parts, PartProgress)
        and progress.attempt == foreach.attempt
        and part in (*parts.open, *parts.given_up)
    )
    is_whole = compensation == DONE or (compensation is None and may_be_missing)
    progress = progress._replace(
        open=without(progress.open, part), is_partial=progress.is_partial or not is_whole
    )
    _go_on(run, undo, progress)


def open_parts(process: Process, step_name: str, attempt: int) -> dict[str, int]:
    """The parts of that attempt at a foreach that are undoing, by the ids of the children."""
    undo = process.steps.get(UNDO + step_name)
    if undo is None or undo.waits_for is not WaitingFor.CHILDREN:
        return {}
    progress = UndoProgress.of(undo.progress)
    if progress.attempt != attempt:
        return {}
    parent = process.process_id
    return {names.child_id(parent, step_name, attempt, part): part for part in progress.open}


def is_asked_for(process: Process, told: Parent) -> bool:
    """Whether a process has undone a foreach, or is undoing it, of which that child is a part."""
    if told.part is None or UNDO + told.step_name not in process.steps:
        return False
    foreach = process.step(told.step_name)
    parts = progress_of(foreach)
    before = parts.before if isinstance(parts, PartProgress) else ()
    to_come = {foreach.attempt, *(attempt for attempt, _ in before)}
    # What is to be undone yet will be asked for, should it come to that.
    return not (told.step_name in process.to_undo and told.attempt in to_come)


def go_on(run: Run, undo: ProcessStep) -> None:
    """Its process was suspended and goes on: parts are asked that were not to be meanwhile."""
    if undo.waits_for is WaitingFor.CHILDREN:
        _go_on(run, undo, UndoProgress.of(undo.progress))


def _go_on(run: Run, undo: ProcessStep, progress: UndoProgress) -> None:
    """As many parts begin as may be under way; without any everything is undone.

    Not in a suspended process, where it follows once that is resumed.
    """
    assert undo.undoes is not None, "it undoes a step"
    if run.process.state is ProcessState.SUSPENDED:
        run.change.put(replace(undo, progress=progress.as_json()))
        return
    defined = run.place(undo.undoes).step
    assert isinstance(defined, ForEachStep), "only a foreach has parts"
    free = max(0, items.parts_at_once(defined.foreach) - len(progress.open))
    asked = range(progress.left - 1, max(0, progress.left - free) - 1, -1)
    for part in asked:
        run.change.record(
            happened.ChildCancellationRequested,
            step_name=undo.undoes,
            attempt=progress.attempt,
            child_id=names.child_id(run.process.process_id, undo.undoes, progress.attempt, part),
            compensate=True,
        )
    progress = progress._replace(left=progress.left - len(asked), open=(*progress.open, *asked))
    undo = run.change.put(replace(undo, progress=progress.as_json()))
    if progress.open:
        return
    if progress.before:
        attempt, left = progress.before[-1]
        before = progress.before[:-1]
        _go_on(run, undo, UndoProgress(attempt, left, (), progress.is_partial, before))
    elif progress.is_partial:
        run.fail(undo, NOT_ALL)
    else:
        run.complete(undo)
