"""Branches of a parallel step, side by side, and what the failure of one does to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain.definition.steps import ParallelStep
from trellis_process.domain.engine import names, undoing
from trellis_process.domain.engine.progress import BranchProgress, without
from trellis_process.domain.engine.reopening import begin_given_up, try_list_again
from trellis_process.domain.engine.step_kind import Holder, OpenList
from trellis_process.domain.limits import MAX_ERROR_CHARACTERS
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run


class Branches(Holder[ParallelStep]):
    """A parallel step: it waits for its branches, each a list of steps with a name."""

    def begin(self, run: Run, defined: ParallelStep, step: ProcessStep) -> None:
        """As StepKind.begin: every branch is entered."""
        branches = defined.parallel.branches
        progress = BranchProgress(tuple(branch.name for branch in branches), failed={})
        step = step.waiting(WaitingFor.CHILDREN, run.change.now)
        run.change.put(replace(step, progress=progress.as_json()))
        for branch in branches:
            run.enter(branch.steps[0], names.items_of(step.name))

    def list_ended(
        self,
        run: Run,
        defined: ParallelStep,
        step: ProcessStep,
        inside: ProcessStep,
        error: str | None,
    ) -> None:
        """As Holder.list_ended: a branch is done, or failed."""
        progress, branch = BranchProgress.of(step.progress), _branch_of(run, inside.name)
        progress = progress._replace(open=without(progress.open, branch))
        if error is None:
            self._go_on(run, step, progress)
            return
        progress = progress._replace(failed={**progress.failed, branch: error})
        mode = defined.parallel.on_any_failure
        if mode == "wait_all":
            self._go_on(run, step, progress)
            return
        run.cancel_steps(run.inside(step.name))
        if mode == "rollback":
            progress = progress._replace(undoing=error)
            step = run.change.put(replace(step, progress=progress.as_json()))
            undoing.roll_back(run, step)
        else:
            run.fail(replace(step, progress=progress.as_json()), error)

    def open_lists(self, defined: ParallelStep, step: ProcessStep) -> Iterator[OpenList]:
        """As Holder.open_lists: the branches that have not ended."""
        progress = BranchProgress.of(step.progress)
        for branch in defined.parallel.branches:
            if branch.name in progress.open:
                yield branch.steps, names.items_of(step.name)

    def reopen(self, run: Run, step: ProcessStep, inside: str) -> None:
        """As Holder.reopen: what was undone stays undone, so nothing is said of that any more."""
        progress, branch = BranchProgress.of(step.progress), _branch_of(run, inside)
        failed = {name: why for name, why in progress.failed.items() if name != branch}
        progress = BranchProgress((*without(progress.open, branch), branch), failed)
        step = step.waiting_again(WaitingFor.CHILDREN)
        run.change.put(replace(step, progress=progress.as_json()))

    def try_again(self, run: Run, defined: ParallelStep, step: ProcessStep) -> bool:
        """As Holder.try_again; after a rollback nothing was completed that could stay."""
        progress = BranchProgress.of(step.progress)
        if progress.undoing is not None or not (progress.failed or progress.open):
            return False
        run.change.put(step.waiting_again(WaitingFor.CHILDREN))
        begin_given_up(run, step)
        waiting = BranchProgress((*progress.open, *progress.failed), failed={})
        run.change.put(replace(run.process.step(step.name), progress=waiting.as_json()))
        for branch in defined.parallel.branches:
            if branch.name in progress.failed:
                try_list_again(run, branch.steps, names.items_of(step.name))
        return True

    def _go_on(self, run: Run, step: ProcessStep, progress: BranchProgress) -> None:
        step = run.change.put(replace(step, progress=progress.as_json()))
        if progress.open:
            return
        if progress.failed:
            reasons = dict.fromkeys(progress.failed.values())
            run.fail(step, "; ".join(reasons)[:MAX_ERROR_CHARACTERS])
        else:
            run.complete(step)


def _branch_of(run: Run, name: str) -> str:
    branch = run.place(name).branch
    assert branch is not None, "it stands in a branch"
    return branch
