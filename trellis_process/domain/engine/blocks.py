"""Parallel steps: branches side by side, and what the failure of one does to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trellis_process.domain.definition.steps import AnyStep, ParallelStep
from trellis_process.domain.engine import names, undoing
from trellis_process.domain.engine.compiled import Place
from trellis_process.domain.engine.run import Run
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep


class Blocks:
    """A parallel step. Its progress: branches ``open``, ``failed`` with why, or ``undoing``."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin: every branch is entered."""
        parallel = _parallel(place)
        progress = {"open": [branch.name for branch in parallel.branches]}
        run.change.put(
            replace(step.waiting(WaitingFor.CHILDREN, run.change.now), progress=progress)
        )
        for branch in parallel.branches:
            run.enter(branch.steps[0], names.items_of(step.name))

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due."""
        raise AssertionError("a parallel step has no time limit of its own")

    def list_ended(
        self, run: Run, place: Place, step: ProcessStep, inside: ProcessStep, error: str | None
    ) -> None:
        """As StepKind.list_ended: a branch is done, or failed."""
        progress: dict[str, Any] = step.progress
        branch = run.place(inside.name).branch
        if not step.is_open or "undoing" in progress:
            return
        mode = _parallel(place).on_any_failure
        progress = progress | {"open": [each for each in progress["open"] if each != branch]}
        if error is not None:
            progress |= {"failed": progress.get("failed", {}) | {branch: error}}
        if error is not None and mode != "wait_all":
            run.cancel_steps(run.inside(step.name))
            if mode == "rollback":
                progress = {**progress, "undoing": error}
                undoing.roll_back(run, run.change.put(replace(step, progress=progress)))
            else:
                run.fail(replace(step, progress=progress), error)
            return
        step = run.change.put(replace(step, progress=progress))
        if progress["open"]:
            return
        if "failed" in progress:
            run.fail(step, "; ".join(dict.fromkeys(progress["failed"].values()))[:4096])
        else:
            run.complete(step)

    def give_up(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.give_up: its steps are steps of the process, and given up with it."""

    def open_lists(self, run: Run, step: ProcessStep) -> Iterator[tuple[tuple[AnyStep, ...], str]]:
        """The lists of steps that it waits for, and for which items they are."""
        progress: dict[str, Any] = step.progress
        for branch in _parallel(run.place(step.name)).branches:
            if branch.name in progress["open"]:
                yield branch.steps, names.items_of(step.name)

    def reopen(self, run: Run, step: ProcessStep, inside: str) -> None:
        """Its branch is open again in which that step stands, which has ended."""
        branch = run.place(inside).branch
        progress: dict[str, Any] = step.progress
        failed = {each: why for each, why in progress.get("failed", {}).items() if each != branch}
        still = [each for each in progress["open"] if each != branch] + [branch]
        waiting = replace(step.waiting_again(WaitingFor.CHILDREN), progress={"open": still})
        if failed:
            waiting = replace(waiting, progress=waiting.progress | {"failed": failed})
        run.change.put(waiting)


def _parallel(place: Place) -> Any:
    assert isinstance(place.step, ParallelStep)
    return place.step.parallel
