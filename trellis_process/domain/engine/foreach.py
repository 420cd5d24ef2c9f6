"""Foreach steps: the same steps for each item of a list, so many at a time.

A short list is dealt with in the process itself, its steps named for their items. A longer one is
cut into ``parts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import items, names, parts
from trellis_process.domain.engine.progress import ItemProgress, PartProgress, progress_of, without
from trellis_process.domain.engine.reopening import begin_given_up, try_list_again
from trellis_process.domain.engine.step_kind import Holder, OpenList
from trellis_process.domain.engine.values import checked
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import StepState, WaitingFor
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run
    from trellis_process.domain.process import Process


class Foreach(Holder[ForEachStep]):
    """A foreach step. Its input is the list, or a reference to one that is kept elsewhere."""

    def begin(self, run: Run, defined: ForEachStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        before = run.process.steps.get(step.name)
        if before is not None and step.name == names.foreach_of_part(run.process):
            _begin_part_again(run, defined, step, before)
            return
        expression = defined.foreach.items
        listed = run.values(step.name).value(expression)
        total = items.count_of(expression, listed)
        step = step.waiting(WaitingFor.CHILDREN, run.change.now)
        step = replace(step, input=checked("items", listed))
        if isinstance(listed, list) and total <= items.part_size(defined.foreach):
            begin_items(run, defined, step, first=0, total=total)
        else:
            parts.begin(run, defined, step, total)

    def go_on(self, run: Run, defined: ForEachStep, step: ProcessStep) -> None:
        """As StepKind.go_on: parts begin that were not to begin meanwhile."""
        progress = progress_of(step)
        if isinstance(progress, PartProgress):
            parts.go_on(run, defined, step, progress)

    def give_up(self, run: Run, defined: ForEachStep, step: ProcessStep) -> None:
        """As StepKind.give_up: its parts are given up; the steps for its items are, as others."""
        progress = progress_of(step)
        if isinstance(progress, PartProgress):
            parts.give_up(run, step, progress)

    def list_ended(
        self,
        run: Run,
        defined: ForEachStep,
        step: ProcessStep,
        inside: ProcessStep,
        error: str | None,
    ) -> None:
        """As Holder.list_ended: an item is done, or failed."""
        progress, index = ItemProgress.of(step.progress), _index_of(inside.name)
        progress = progress._replace(open=without(progress.open, index))
        if error is None:
            done = {**progress.done, index: inside.name}
            _go_on(run, defined, step, progress._replace(done=done))
            return
        why = error[: items.MAX_FAILURE_CHARACTERS]
        progress = progress._replace(failed={**progress.failed, index: why})
        if items.is_too_much(run.process, defined, step, len(progress.failed), progress.total):
            run.cancel_steps(run.inside(step.name))
            items.fail(run, replace(step, progress=progress.as_json()), index, error)
        else:
            _go_on(run, defined, step, progress)

    def open_lists(self, defined: ForEachStep, step: ProcessStep) -> Iterator[OpenList]:
        """As Holder.open_lists: the steps for the items under way in this process."""
        progress = progress_of(step)
        if isinstance(progress, ItemProgress):
            for index in progress.open:
                yield defined.foreach.steps, _for_item(step, index)

    def try_again(self, run: Run, defined: ForEachStep, step: ProcessStep) -> bool:
        """As Holder.try_again; every part is asked what there is to try again in it."""
        progress = progress_of(step)
        if isinstance(progress, PartProgress):
            parts.try_again(run, defined, step, progress)
            return True
        progress = ItemProgress.of(step.progress)
        again = tuple(sorted({*progress.again, *progress.failed}))
        if not (again or progress.open):
            return False
        waiting = run.change.put(step.waiting_again(WaitingFor.CHILDREN))
        begin_given_up(run, step)
        _go_on(run, defined, waiting, progress._replace(again=again, failed={}))
        return True

    def reopen(self, run: Run, step: ProcessStep, inside: str) -> None:
        """As Holder.reopen: the item is under way again for which that step is."""
        progress, index = ItemProgress.of(step.progress), _index_of(inside)
        progress = progress._replace(
            open=(*without(progress.open, index), index),
            done={each: name for each, name in progress.done.items() if each != index},
            failed={each: why for each, why in progress.failed.items() if each != index},
        )
        step = step.waiting_again(WaitingFor.CHILDREN)
        run.change.put(replace(step, progress=progress.as_json()))


def begin_items(
    run: Run, defined: ForEachStep, step: ProcessStep, *, first: int, total: int
) -> None:
    """The items that the waiting step's input holds are dealt with in this process."""
    progress = ItemProgress(first, total, next=first, open=(), done={}, failed={})
    _go_on(run, defined, step, progress)


def counted(part: Process) -> JsonValue:
    """What a part that failed because an item did had counted by then, as a completed one tells.

    None for what ended for another reason, or deals with no part.
    """
    name = names.foreach_of_part(part)
    step = None if name is None else part.step(name)
    if step is None or step.state is not StepState.FAILED:
        return None
    progress = ItemProgress.of(step.progress)
    if not progress.failed:
        return None
    errors = len(progress.failed)
    return items.counted(len(progress.done) + errors, errors, progress.failed)


def _begin_part_again(
    run: Run, defined: ForEachStep, step: ProcessStep, before: ProcessStep
) -> None:
    """The items of a part are dealt with anew; of the whole list it knows nothing."""
    kept = ItemProgress.of(before.progress)
    step = step.waiting(WaitingFor.CHILDREN, run.change.now)
    again = ItemProgress(
        kept.first, kept.total, kept.first, open=(), done={}, failed={}, round=kept.round
    )
    _go_on(run, defined, replace(step, input=before.input), again)


def _go_on(run: Run, defined: ForEachStep, step: ProcessStep, progress: ItemProgress) -> None:
    free = max(0, defined.foreach.max_concurrency - len(progress.open))
    again = progress.again[:free]
    free -= len(again)
    entered = range(progress.next, min(progress.next + free, progress.end))
    progress = progress._replace(
        open=(*progress.open, *again, *entered),
        next=progress.next + len(entered),
        again=progress.again[len(again) :],
    )
    step = run.change.put(replace(step, progress=progress.as_json()))
    for index in again:
        try_list_again(run, defined.foreach.steps, _for_item(step, index))
    for index in entered:
        run.enter(defined.foreach.steps[0], _for_item(step, index))
    if not progress.open:
        _end(run, defined, step, progress)


def _end(run: Run, defined: ForEachStep, step: ProcessStep, progress: ItemProgress) -> None:
    results = [
        run.process.step(progress.done[index]).output if index in progress.done else None
        for index in range(progress.first, progress.end)
    ]
    processed, failed = len(progress.done) + len(progress.failed), progress.failed
    items.end(run, defined, step, processed, len(failed), failed, {"results": results})


def _for_item(step: ProcessStep, index: int) -> str:
    """How the names of the steps for that item end."""
    return f"{names.items_of(step.name)}:{index}"


def _index_of(name: str) -> int:
    return names.item_index(names.items_of(name))
