"""Children: processes that a step asks for and waits for, of another definition or for a part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from trellis_process.domain import events as happened
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import SubprocessStep
from trellis_process.domain.engine import names
from trellis_process.domain.engine.progress import PartProgress, progress_of
from trellis_process.domain.engine.step_kind import StepKind
from trellis_process.domain.engine.values import Values
from trellis_process.domain.limits import check_aggregate_id
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import ExpressionError, InvalidInput

if TYPE_CHECKING:
    from trellis_process.domain.engine.compiled import CompiledDefinition
    from trellis_process.domain.engine.run import Run


class Child(StepKind[SubprocessStep]):
    """A process of another definition, which reports its end back."""

    def begin(self, run: Run, defined: SubprocessStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        given, now = run.values(step.name).resolve(defined.inputs), run.change.now
        key = key_of(run.values(step.name), defined)
        limit = None if defined.timeout is None else now + span_of("timeout", defined.timeout)
        step = run.change.put(replace(step.waiting(WaitingFor.CHILDREN, now, limit), input=given))
        run.change.record(
            happened.ChildRequested,
            step_name=step.name,
            attempt=step.attempt,
            child_id=child_id(run, step),
            child_definition=defined.subprocess,
            child_definition_version=defined.version,
            child_key=key,
        )

    def due(self, run: Run, defined: SubprocessStep, step: ProcessStep) -> None:
        """As StepKind.due: it is given up, and has failed."""
        self.give_up(run, defined, step)
        super().due(run, defined, step)

    def give_up(self, run: Run, defined: SubprocessStep, step: ProcessStep) -> None:
        """As StepKind.give_up: the child is given up too, unless it is to go on alone."""
        if not is_let_go(defined):
            call_off(run, step)


def key_of(values: Values, defined: SubprocessStep) -> str | None:
    """What names a process that is no child; None where it is one. Raises ExpressionError."""
    if defined.key is None:
        return None
    key = values.text(defined.key)
    try:
        return check_aggregate_id("key", key)
    except InvalidInput as error:
        raise ExpressionError(defined.key, str(error)) from error


def is_let_go(defined: SubprocessStep) -> bool:
    """Whether what a step started goes on alone, whatever becomes of the step."""
    return defined.abandon or defined.key is not None


def call_off(run: Run, step: ProcessStep, part: int | None = None) -> None:
    """The child that a step waits for, for that part of its items, is not needed any more."""
    run.change.record(
        happened.ChildCancellationRequested,
        step_name=step.name,
        attempt=step.attempt,
        child_id=child_id(run, step, part),
    )


def child_id(run: Run, step: ProcessStep, part: int | None = None) -> str:
    """The id of the child that a step waits for, for that part of its items."""
    return names.child_id(run.process.process_id, step.name, step.attempt, part)


def wait_again(run: Run, step: ProcessStep) -> None:
    """A step that failed because its child did waits for that child again, which goes on."""
    defined, now = run.place(step.name).step, run.change.now
    assert isinstance(defined, SubprocessStep), "a subprocess has one child"
    limit = None if defined.timeout is None else now + span_of("timeout", defined.timeout)
    run.change.put(replace(step.waiting_again(WaitingFor.CHILDREN), due_at=limit))


def awaited(compiled: CompiledDefinition, process: Process) -> Iterator[str]:
    """The ids of the children that a process waits for, but for those that go on alone."""
    for step in process.steps.values():
        defined = compiled.place(step.name).step
        if step.waits_for is not WaitingFor.CHILDREN or step.undoes is not None:
            continue
        progress = progress_of(step)
        parts = progress.open if isinstance(progress, PartProgress) else ()
        goes_along = isinstance(defined, SubprocessStep) and not is_let_go(defined)
        for part in (None,) if goes_along else parts:
            yield names.child_id(process.process_id, step.name, step.attempt, part)


def round_of(process: Process, step_name: str, attempt: int) -> int | None:
    """How often that attempt at a foreach had its parts try again; None where it will not again.

    So it is where the foreach was skipped or entered anew, and where the step is another one.
    """
    step = process.steps.get(step_name)
    progress = None if step is None or step.attempt != attempt else progress_of(step)
    return progress.round if isinstance(progress, PartProgress) else None


def was_given_up(compiled: CompiledDefinition, process: Process, told: Parent) -> bool:
    """Whether a process gave up the child that was told this of its parent, while it waited."""
    step = process.steps.get(told.step_name)
    if step is None or awaits(process, told):
        return False
    defined = compiled.place(told.step_name).step
    if isinstance(defined, SubprocessStep) and is_let_go(defined):
        return False
    if step.attempt != told.attempt or step.state is not StepState.FAILED:
        return True
    parts = progress_of(step)  # it failed because of its children, or those gave up
    return isinstance(parts, PartProgress) and told.part in parts.open


def awaits(process: Process, told: Parent) -> bool:
    """Whether a process still waits for the child that was told this of its parent."""
    step = process.steps.get(told.step_name)
    return (
        not process.state.is_final
        and step is not None
        and step.attempt == told.attempt
        and step.waits_for is WaitingFor.CHILDREN
        and (told.part is None or told.part in PartProgress.of(step.progress).open)
    )
