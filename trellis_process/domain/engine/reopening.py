"""Going on after the end: a failed process at its failed step, or any at an earlier step again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.steps import FAIL, AnyStep
from trellis_process.domain.engine import names
from trellis_process.domain.engine.progress import (
    PartProgress,
    holds_steps,
    progress_of,
    why_undone,
)
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import (
    Compensated,
    Compensating,
    ProcessFinished,
    StepFinished,
    Suspended,
)

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run


def reopen(run: Run, step: ProcessStep) -> None:
    """The failed process goes on at the step because of which it failed.

    What that stands in is open again, and what was given up beside it begins again. Raises
    StepFinished where the process did not fail because of this step, Compensating or Compensated
    where what had been completed is being, or has been, undone.
    """
    process, action = run.process, "try the step again"
    around = _around(run, step)
    if process.state is ProcessState.COMPENSATING:
        raise Compensating(action)
    is_cause = process.state is ProcessState.FAILED and all(
        each.state is StepState.FAILED and _ends_its_list(run, each) for each in (step, *around)
    )
    if not is_cause or step.undoes is not None:
        raise StepFinished(action, step.name, step.state)
    undone = _undone(process)
    rolled_back = any(why_undone(each) is not None for each in around)
    if process.compensation is not None or (rolled_back and undone):
        raise Compensated(action, undone)
    run.change.open_again()
    run.change.record(happened.ProcessReopened, step_name=step.name)
    for each, inside in zip(around, (step, *around), strict=False):
        _reopen(run, each, inside)
    for each in around:
        _begin_inside(run, each, step)


def try_again(run: Run, step: ProcessStep) -> None:
    """A step that failed, or was given up, is tried once more.

    Of one that holds others only what failed inside of it is, or was given up; without such, it
    does all that it did first.
    """
    holder, defined = run.holder_of(step), run.place(step.name).step
    if holder is None or not holder.try_again(run, defined, step):
        run.begin_again(step)


def try_list_again(run: Run, listed: tuple[AnyStep, ...], items: str) -> None:
    """A list of steps is gone on with at the step with which it failed."""
    steps = run.process.steps
    failed = [
        step
        for each in listed
        if (step := steps.get(each.name + items)) is not None
        and step.state is StepState.FAILED
        and each.on_failure in (None, FAIL)
    ]
    if failed:
        try_again(run, max(failed, key=lambda step: step.ended_at or run.change.now))
    else:
        run.enter(listed[0], items, on_purpose=True)  # a route led to ``fail``


def begin_given_up(run: Run, around: ProcessStep) -> None:
    """What was given up inside of a step when that ended begins again; it waits for that again."""
    _begin_inside(run, around, around)


def rerun(run: Run, step: ProcessStep) -> None:
    """The process goes on from a step that has ended, as if it had not come any further.

    What is open in the same list of steps is given up. Raises ProcessFinished where the process is
    completed or cancelled, StepFinished where what the step stands in has ended, Compensating, and
    Suspended.
    """
    process, action = run.process, "run from the step again"
    if process.state is ProcessState.COMPENSATING:
        raise Compensating(action)
    if process.state is ProcessState.SUSPENDED:
        raise Suspended(action)
    if process.state in (ProcessState.COMPLETED, ProcessState.CANCELLED):
        raise ProcessFinished(action, process.state)
    if process.compensation is not None and names.foreach_of_part(process) is not None:
        # Its parent counts it as undone.
        raise Compensated(action, _undone(process))
    around = _around(run, step)
    if step.undoes is not None or step.is_open or not all(each.is_open for each in around):
        raise StepFinished(action, step.name, step.state)
    if any(why_undone(each) is not None for each in around):
        raise Compensating(action)
    if process.state is ProcessState.FAILED:
        run.change.open_again()
    run.change.record(happened.ProcessReopened, step_name=step.name)
    siblings = _in_same_list(run, step)
    run.cancel_steps([each for sibling in siblings for each in run.inside(sibling.name)])
    run.cancel_steps(siblings)
    for each in around[:1]:
        _reopen(run, each, step)
    run.enter(run.place(step.name).step, names.items_of(step.name), on_purpose=True)


def _undone(process: Process) -> list[str]:
    return [each.undoes for each in process.steps.values() if each.undoes is not None]


def _around(run: Run, step: ProcessStep) -> list[ProcessStep]:
    """The steps of the process inside of which a step stands, the innermost first.

    Those around the foreach of whose items it deals with a part are its parent's.
    """
    steps = run.process.steps
    return [steps[name] for name in run.compiled.around(step.name) if name in steps]


def _in_same_list(run: Run, step: ProcessStep) -> list[ProcessStep]:
    items, siblings = names.items_of(step.name), run.place(step.name).siblings
    steps = (run.process.steps.get(sibling.name + items) for sibling in siblings)
    return [each for each in steps if each is not None]


def _reopen(run: Run, around: ProcessStep, inside: ProcessStep) -> None:
    """The step waits again for the list of steps in which that other one stands."""
    run.holder(around.name).reopen(run, around, inside.name)


def _begin_inside(run: Run, around: ProcessStep, cause: ProcessStep) -> None:
    """What was given up inside of a step when that ended begins again, or for the first time."""
    steps = run.process.steps
    holder, defined = run.holder(around.name), run.place(around.name).step
    for listed, items in holder.open_lists(defined, steps[around.name]):
        here = [steps[name] for each in listed if (name := each.name + items) in steps]
        if any(each.is_open or each.name == cause.name for each in here):
            continue
        # What was given up at another time belongs to an earlier visit, or was passed by.
        given_up = [
            each
            for each in here
            if each.state is StepState.CANCELLED and each.ended_at == around.ended_at
        ]
        if not given_up:
            _go_on_in(run, around, listed, here, items)
        elif why_undone(given_up[0]) is not None:  # nothing of it is left that could stay
            run.enter(run.place(given_up[0].name).step, items, on_purpose=True)
        elif isinstance(progress_of(given_up[0]), PartProgress):
            try_again(run, given_up[0])
        elif holds_steps(given_up[0]):
            run.change.put(given_up[0].waiting_again(WaitingFor.CHILDREN))
            _begin_inside(run, given_up[0], cause)
        else:
            run.enter(run.place(given_up[0].name).step, items, on_purpose=True)


def _go_on_in(
    run: Run, around: ProcessStep, listed: tuple[AnyStep, ...], here: list[ProcessStep], items: str
) -> None:
    """A list goes on in which nothing was given up: it never began, or nothing had followed yet.

    The latter where a step ended while the process was suspended, and that ended as it resumed.
    """
    since = around.started_at or run.change.now
    ended = [each for each in here if each.ended_at is not None and each.ended_at > since]
    latest = max(reversed(ended), key=lambda step: step.ended_at or since, default=None)
    if latest is None or latest.state is StepState.CANCELLED:
        run.enter(listed[0], items, on_purpose=True)
    elif latest.state is StepState.FAILED and _ends_its_list(run, latest):
        try_again(run, latest)
    else:
        run.follow(latest.name)


def _ends_its_list(run: Run, step: ProcessStep) -> bool:
    """Whether the failure of a step is that of the list in which it stands."""
    return run.place(step.name).step.on_failure in (None, FAIL)
