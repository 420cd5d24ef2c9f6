"""Undoing: the compensations of completed steps, in reverse, one after another, each at most once.

What is to be undone stands in ``process.to_undo`` in the order of completion, and leaves it in the
write that begins to undo it. A compensation is a step of its own, with attempts of its own. Where
one fails for good the others are undone all the same.

It is done for the whole process as that ends, or for what stands inside of one parallel step that
is rolled back, while the process goes on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.definition.process_definition import Compensation
from trellis_process.domain.engine import names, undoing_parts
from trellis_process.domain.engine.progress import why_undone
from trellis_process.domain.engine.undoing_parts import DONE
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.errors import ExpressionError

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

PARTIAL = "partial"  # something could not be undone


def end(run: Run, state: ProcessState, reason: str | None, *, compensate: bool) -> None:
    """The process ends, where asked after undoing what is to be undone."""
    process = run.process
    under_way = _is_under_way(run)
    if not compensate or not (process.to_undo or under_way):
        # Of a part nothing is said before it is asked to undo: what is left can still be.
        cut_off = under_way and names.foreach_of_part(process) is None
        if process.state is ProcessState.COMPENSATING or cut_off:
            process.compensation = PARTIAL
        elif compensate and _how_far(process) == PARTIAL:
            process.compensation = PARTIAL  # by what was rolled back before
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
        process.compensation = None
        run.change.move(ProcessState.COMPENSATING)
    run.change.record(happened.ProcessCompensating, reason=reason)
    if not under_way:
        _undo_next(run, None)


def undo_part(run: Run, reason: str | None) -> None:
    """What was completed in a part is undone, whether that is under way or has ended."""
    process = run.process
    had_failed = process.state is ProcessState.FAILED
    if process.to_undo or not process.state.is_final:
        ends_as = ProcessState.FAILED if had_failed else ProcessState.CANCELLED
        run.end_process(ends_as, reason, compensate=True)
    if process.state.is_final:
        process.compensation = process.compensation or _how_far(process)


def roll_back(run: Run, block: ProcessStep) -> None:
    """What had been completed inside of a parallel step is undone, and then that fails."""
    if not _is_under_way(run, block.name):
        _undo_next(run, block.name)


def undone(run: Run, step: ProcessStep) -> None:
    """A compensation has ended, one way or the other; the next one follows."""
    block = _rolled_back(run, step)
    if block is None and run.process.state is not ProcessState.COMPENSATING:
        return  # what it was undone for has been given up meanwhile, and the process goes on
    # Two parallel steps may have been rolled back at once when the process failed.
    if block is not None or not _is_under_way(run):
        _undo_next(run, block)


def _undo_next(run: Run, block: str | None) -> None:
    """The last of what is to be undone is: of the whole process, or inside of that step."""
    process = run.process
    for name in reversed(process.to_undo):
        if block is not None and block not in run.compiled.around(name):
            continue
        process.to_undo = tuple(each for each in process.to_undo if each != name)
        undo, compensation = _step_that_undoes(run, name), run.compiled.compensation_of(name)
        if compensation is None:
            if undoing_parts.begin(run, undo, process.step(name)):
                return
            continue
        undo = replace(
            undo,
            timeout_ms=in_ms("timeout", compensation.timeout),
            retries_permitted=compensation.retry.max_attempts - 1,
        )
        try:
            given = _given(run, name, compensation)
        except ExpressionError as error:
            # Nobody can be told what to undo, which is as good as not being able to.
            run.change.fail(undo, str(error))
        else:
            run.change.start_attempt(replace(undo, service=compensation.service, input=given))
            return
    _all_undone(run, block)


def _given(run: Run, name: str, compensation: Compensation) -> object:
    """What the service is given that undoes a step. Raises ExpressionError."""
    step = run.process.step(name)
    told = {"name": name, "output": step.output, "input": step.input or {}}
    inputs = compensation.inputs
    if inputs is None:
        inputs = {"input": "step.input", "output": "step.output"}
    return run.values(name).resolve(inputs, step=told)


def _step_that_undoes(run: Run, name: str) -> ProcessStep:
    before = run.process.steps.get(UNDO + name)
    attempt = 0 if before is None else before.attempt
    return ProcessStep(
        name=UNDO + name,
        visits=1 if before is None else before.visits + 1,
        attempt=attempt,
        first_attempt=attempt + 1,
    )


def _all_undone(run: Run, block: str | None) -> None:
    process = run.process
    if block is not None:
        around = process.step(block)
        why = why_undone(around)
        assert why is not None, "a parallel step is rolled back because of an error"
        run.fail(around, why)
        return
    assert process.ends_as is not None, "a process that undoes is to end"
    process.compensation = _how_far(process)
    run.change.finish(process.ends_as, process.reason)


def _how_far(process: Process) -> str:
    """How far everything was undone that had to be; of what was cut off nobody knows."""
    undo = (step for step in process.steps.values() if step.undoes is not None)
    is_partial = any(step.state in (StepState.FAILED, StepState.CANCELLED) for step in undo)
    return PARTIAL if is_partial else DONE


def _is_under_way(run: Run, block: str | None = None) -> bool:
    """Whether a compensation is under way, of the whole process or inside of a parallel step."""
    return any(
        step.is_open
        and step.undoes is not None
        and (block is None or block in run.compiled.around(step.undoes))
        for step in run.process.steps.values()
    )


def _rolled_back(run: Run, step: ProcessStep) -> str | None:
    """The parallel step for which a step is undone; None where it is for the whole process."""
    process = run.process
    if process.state is ProcessState.COMPENSATING:
        return None
    for name in run.compiled.around(step.name):
        around = process.steps.get(name)
        if around is not None and around.is_open and why_undone(around) is not None:
            return name
    return None
