"""Parts of a long list: each is dealt with by a child, so that no process grows with the list.

The parent only counts. A child begins with the parent's foreach as its only step, which deals with
the items of its part as with a short list.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import children, items
from trellis_process.domain.engine.progress import PartProgress, progress_of, without
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run


def begin(run: Run, defined: ForEachStep, step: ProcessStep, total: int) -> None:
    """The items that the waiting step's input holds, or refers to, are dealt with in parts."""
    count = math.ceil(total / items.part_size(defined.foreach))
    progress = PartProgress(total, count, next=0, open=(), processed=0, errors=0, failed={})
    last = run.process.steps.get(step.name)
    visit = None if last is None else progress_of(last)
    if last is not None and isinstance(visit, PartProgress) and step.name in run.process.to_undo:
        progress = progress._replace(before=(*visit.before, (last.attempt, visit.begun)))
    go_on(run, defined, step, progress)


def go_on(run: Run, defined: ForEachStep, step: ProcessStep, progress: PartProgress) -> None:
    """As many parts begin as may be under way; without any the step has ended.

    Not in a suspended process, where it follows once that is resumed.
    """
    suspended = run.process.state is ProcessState.SUSPENDED
    if not suspended:
        progress = _with_more(run, defined, step, progress)
    step = run.change.put(replace(step, progress=progress.as_json()))
    if not progress.open and not suspended:
        processed, errors, failed = progress.processed, progress.errors, progress.failed
        items.end(run, defined, step, processed, errors, failed, {"parts": progress.parts})


def try_again(run: Run, defined: ForEachStep, step: ProcessStep, progress: PartProgress) -> None:
    """Every part is asked for once more: what failed in it is tried again, what is done stays."""
    again = PartProgress(
        progress.total,
        progress.parts,
        next=0,
        open=(),
        processed=0,
        errors=0,
        failed={},
        round=progress.round + 1,
        before=progress.before,
        asked=progress.begun,
        given_up=(*progress.given_up, *progress.open),
    )
    go_on(run, defined, step.waiting_again(WaitingFor.CHILDREN), again)


def ended(
    run: Run,
    defined: ForEachStep,
    step: ProcessStep,
    part: int,
    state: ProcessState,
    output: JsonValue,
    error: str,
) -> None:
    """The child has ended that dealt with that part, which was under way."""
    progress = PartProgress.of(step.progress)
    size = items.part_size(defined.foreach)
    first, count = part * size, min(size, progress.total - part * size)
    if state is ProcessState.COMPLETED:
        # Where a person passed over the part nobody counted, and its items pass for done.
        told = output or items.counted(count, 0, {})
    elif output is not None and defined.foreach.on_item_failure == "fail":
        told = output  # what failed because of an item fails the whole, which is told of that item
    else:
        why = error[: items.MAX_FAILURE_CHARACTERS]
        told = items.counted(count, count, {first: why})
    failed = {each["item_index"]: each["error"] for each in told["failures"]}
    first_failures = list({**progress.failed, **failed}.items())[: items.MAX_FAILURES]
    progress = progress._replace(
        open=without(progress.open, part),
        processed=progress.processed + told["processed"],
        errors=progress.errors + told["errors"],
        failed=dict(first_failures),
    )
    if failed and items.is_too_much(run.process, defined, step, progress.errors, progress.total):
        give_up(run, step, progress)
        index, why = next(iter(failed.items()))
        items.fail(run, replace(step, progress=progress.as_json()), index, why)
    else:
        go_on(run, defined, step, progress)


def give_up(run: Run, step: ProcessStep, progress: PartProgress) -> None:
    """The parts under way are not needed any more."""
    for part in progress.open:
        children.call_off(run, step, part)


def _with_more(
    run: Run, defined: ForEachStep, step: ProcessStep, progress: PartProgress
) -> PartProgress:
    """Asks for the parts that may begin beside those under way."""
    free = max(0, items.parts_at_once(defined.foreach) - len(progress.open))
    asked = range(progress.next, min(progress.next + free, progress.parts))
    if asked and run.compiled.can_be_undone_inside(step.name):
        run.note_to_undo(step.name)  # a part may have completed something before the first ends
    for part in asked:
        run.change.record(
            happened.ChildRequested,
            step_name=step.name,
            attempt=step.attempt,
            child_id=children.child_id(run, step, part),
            part=part,
            round=progress.round or None,
        )
    return progress._replace(
        open=(*progress.open, *asked),
        next=progress.next + len(asked),
        given_up=tuple(part for part in progress.given_up if part not in asked),
    )
