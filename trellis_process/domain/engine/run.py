"""A run: one change of a process, which goes on until everything waits for the outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Protocol

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.course import STEP_FAILED
from trellis_process.domain.definition.duration import in_ms, span_of
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    AnyStep,
    ConditionStep,
    HumanTaskStep,
    WorkStep,
)
from trellis_process.domain.engine import names, undoing
from trellis_process.domain.engine.compiled import CompiledDefinition, Place
from trellis_process.domain.engine.values import Values
from trellis_process.domain.limits import MAX_OUTPUT_BYTES, MAX_STEPS, JsonValue, check_json
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.domain.tracker import Timer, TimerKind
from trellis_process.errors import ExpressionError, InvalidInput

EXPRESSION_ERROR = "expression_error"  # an expression had no value
MAX_VISITS = "max_visits"  # a step was entered as often as it may be
NO_TRANSITION = "no_transition"  # transitions are declared, and none holds
ROUTED_TO_FAIL = "routed_to_fail"  # a route led to ``fail``
TOO_MANY_STEPS = "too_many_steps"  # more steps than one process holds

MAX_STEPS_OF_PROCESS = 2 * MAX_STEPS  # each with one that undoes it


class StepKind(Protocol):
    """What a step of one kind does."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """It is entered: ``step`` is pending. Raises ExpressionError before anything is done."""

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """What it waits for, beside an attempt, has taken as long as it may."""

    def list_ended(
        self, run: Run, place: Place, step: ProcessStep, inside: ProcessStep, error: str | None
    ) -> None:
        """A list of steps inside of it is done with the step ``inside``; or failed, with why."""

    def give_up(self, run: Run, place: Place, step: ProcessStep) -> None:
        """It is cancelled."""


class Run:
    """Enters steps, ends them, and finds what follows; the process's latest change is its own.

    What is to do is kept in order: what a step leads to comes before the steps beside it, and once
    the process has ended nothing of it is done any more.
    """

    def __init__(
        self,
        compiled: CompiledDefinition,
        kinds: Mapping[type[AnyStep], StepKind],
        change: Change,
    ) -> None:
        self.compiled = compiled
        self.change = change
        self.process: Process = change.process
        self._kinds = kinds
        self._todo: list[Callable[[], None]] = []
        self._has_ended = False

    def settle(self) -> None:
        """Goes on until nothing more can move without the outside."""
        # A list of what is to do, in place of calls within calls: a definition has a thousand
        # steps that may all pass at once. What one of these leads to comes before the next, so
        # that a branch which fails as it begins keeps the others from beginning.
        waiting: deque[Callable[[], None]] = deque()
        while self._todo or waiting:
            waiting.extendleft(reversed(self._todo))
            self._todo.clear()
            waiting.popleft()()
            if self._has_ended:
                waiting.clear()
                self._todo.clear()

    def values(self, step_name: str = "") -> Values:
        """What the expressions of that step see."""
        return Values(self.compiled, self.process, step_name)

    def place(self, step_name: str) -> Place:
        """Where a step of the process stands in the definition."""
        return self.compiled.places[names.defined_name(step_name)]

    def kind(self, step_name: str) -> StepKind:
        """What a step of that name does."""
        return self._kinds[type(self.place(step_name).step)]

    # -- Entering ----------------------------------------------------------------------------

    def enter(self, step: AnyStep, items: str = "", *, on_purpose: bool = False) -> None:
        """A step is next, for these items; where a person wants it so, however often it was."""
        self._todo.append(partial(self._enter, step.name + items, on_purpose))

    def _enter(self, name: str, on_purpose: bool) -> None:
        place = self.place(name)
        if not self._is_live(name):
            return  # what it stands in has failed meanwhile, in this very run
        before = self.process.steps.get(name)
        visits = 1 if before is None else before.visits + 1
        if visits > place.step.max_visits and not on_purpose:
            self.fail_process(MAX_VISITS)
        elif before is None and len(self.process.steps) >= MAX_STEPS_OF_PROCESS:
            self.fail_process(TOO_MANY_STEPS)
        else:
            step = _new_step(place.step, name)
            if before is not None:
                # What it resulted in before stays until it ends again: an event of this very
                # change may be about that.
                step = replace(
                    step,
                    visits=visits,
                    attempt=before.attempt,
                    first_attempt=before.attempt + 1,
                    output=before.output,
                    outcome=before.outcome,
                    error=before.error,
                )
            self.begin(step)

    def begin_again(self, step: ProcessStep) -> None:
        """A failed step is tried once more, in the same visit."""
        fresh = _new_step(self.place(step.name).step, step.name)
        self.begin(
            replace(
                fresh, visits=step.visits, attempt=step.attempt, first_attempt=step.first_attempt
            )
        )

    def begin(self, step: ProcessStep) -> None:
        """A pending step does what its kind does first."""
        place = self.place(step.name)
        self.agree(place.step.sla, step.name)
        try:
            self.kind(step.name).begin(self, place, step)
        except ExpressionError as error:
            self.fail(step, str(error), EXPRESSION_ERROR)

    def agree(self, sla: Sla | None, step_name: str | None = None) -> None:
        """The time agreed for a step, or for the process, begins to count."""
        if sla is None:
            return
        timers = [
            Timer(
                tenant_id=self.process.tenant_id,
                process_id=self.process.process_id,
                kind=TimerKind.SLA,
                name=tier.name,
                due_at=self.change.now + span_of("max_duration", tier.max_duration),
                since=self.change.now,
                step_name=step_name,
                sends_event=sla.alert_on_breach,
            )
            for tier in sla.all_tiers()
        ]
        self.process.timers = (*self.process.timers, *timers)

    # -- Ending ------------------------------------------------------------------------------

    def complete(
        self, step: ProcessStep, output: JsonValue = None, outcome: str | None = None
    ) -> None:
        """A step is done, by what the engine itself knows."""
        self.change.complete(step, output, outcome, None)
        self.ended(step.name)

    def pass_through(self, step: ProcessStep) -> None:
        """A step is done with the write that enters it, and another event says so."""
        now, actor = self.change.now, self.change.actor
        self.change.put(step.completed(None, now, actor))
        self.ended(step.name)

    def fail(
        self, step: ProcessStep, error: str, code: str | None = None, outcome: str | None = None
    ) -> None:
        """A step fails, by what the engine itself knows."""
        self.change.fail(step, error, outcome)
        self.ended(step.name, code)

    def ended(self, name: str, code: str | None = None) -> None:
        """A step is completed, skipped or failed for good; what follows is next.

        In a suspended process it follows once that is resumed.
        """
        if self.process.state is ProcessState.SUSPENDED:
            self.change.step_ended(name)
            return
        self.note_done(name)
        self.follow(name, code)

    def follow(self, name: str, code: str | None = None) -> None:
        """What follows from a step that has ended is next."""
        self._todo.append(partial(self._follow, name, code))

    def note_done(self, name: str) -> None:
        """A step that is completed is to be undone should the process fail, if it can be."""
        process = self.process
        step = process.step(name)
        if step.state is not StepState.COMPLETED or step.undoes is not None:
            return
        if self.compiled.compensation_of(names.defined_name(name)) is not None:
            others = tuple(each for each in process.to_undo if each != name)
            process.to_undo = (*others, name)

    def _is_live(self, name: str) -> bool:
        """Whether what a step stands in still goes on."""
        place = self.place(name)
        if place.around is None:
            return True
        around = self.process.step(names.name_around(place, names.items_of(name)))
        return around.is_open and "undoing" not in (around.progress or {})

    def _follow(self, name: str, code: str | None) -> None:
        process = self.process
        step = process.step(name)
        self.change.stop_timers(name)
        if step.undoes is not None:
            undoing.undone(self, step)
        elif name == _root_of_part(process):
            self._end_part(step)
        elif not self._is_live(name):
            return
        elif step.state is StepState.FAILED:
            self._follow_failure(step, code)
        else:
            try:
                target = self._target(step)
            except ExpressionError as error:
                self.change.put(replace(step, state=StepState.FAILED, error=str(error)))
                self.change.record(happened.StepFailed, step_name=name, attempt=step.attempt)
                self._follow_failure(process.step(name), EXPRESSION_ERROR)
            else:
                self._go_to(step, target)

    def _follow_failure(self, step: ProcessStep, code: str | None) -> None:
        on_failure = self.place(step.name).step.on_failure
        reason = EXPRESSION_ERROR if code == EXPRESSION_ERROR else STEP_FAILED
        if on_failure is None:
            self._end_list(step, step.error, reason)
        else:
            self._go_to(step, on_failure, reason)

    def _target(self, step: ProcessStep) -> str | None:
        """Where a step that is done leads; None for the next of its list."""
        defined = self.place(step.name).step
        if isinstance(defined, ConditionStep) and step.state is StepState.COMPLETED:
            target = defined.on_true if step.outcome == "true" else defined.on_false
            if target is not None:
                return target
        if isinstance(defined, HumanTaskStep):
            for outcome in defined.human_task.outcomes:
                if outcome.name == step.outcome and outcome.goto is not None:
                    return outcome.goto
        values = self.values(step.name)
        for transition in defined.transitions:
            if transition.when is None or values.truth(transition.when):
                return transition.to
        if defined.transitions:
            completes = self.compiled.definition.on_no_transition == "complete"
            return COMPLETE if completes else NO_TRANSITION
        return defined.on_success

    def _go_to(self, step: ProcessStep, target: str | None, reason: str = ROUTED_TO_FAIL) -> None:
        if target == NO_TRANSITION:
            self.fail_process(NO_TRANSITION)
        elif target == FAIL:
            self._end_list(step, step.error or f"step {step.name!r} led to fail", reason)
        elif target == COMPLETE:
            self._end_list(step, None)
        else:
            place = self.place(step.name)
            following = place.next_step if target is None else self.compiled.places[target].step
            if following is None:
                self._end_list(step, None)
            else:
                self.enter(following, names.items_of(step.name))

    def _end_list(self, step: ProcessStep, error: str | None, reason: str = STEP_FAILED) -> None:
        """The list of steps that this one is in has ended with it."""
        place = self.place(step.name)
        if place.around is not None:
            around = self.process.step(names.name_around(place, names.items_of(step.name)))
            kind = self.kind(around.name)
            kind.list_ended(self, self.place(around.name), around, step, error)
        elif error is None:
            self._complete_process()
        else:
            self.fail_process(reason)

    def _complete_process(self) -> None:
        outputs = self.compiled.definition.outputs
        try:
            output = self.values().resolve(outputs) if outputs else None
        except ExpressionError as error:
            self.fail_process(f"{EXPRESSION_ERROR}: {error}"[:1024])
            return
        self.process.output = output
        self._finish()

    def _finish(self) -> None:
        self._has_ended = True
        self.change.finish(ProcessState.COMPLETED)

    def _end_part(self, step: ProcessStep) -> None:
        """All items of a process that is a part of another's foreach are done."""
        if step.state is StepState.FAILED:
            self.fail_process(STEP_FAILED)
        else:
            self.process.output = step.output if step.state is StepState.COMPLETED else None
            self._finish()

    # -- Giving up ---------------------------------------------------------------------------

    def cancel_steps(self, steps: Iterable[ProcessStep]) -> None:
        """These steps are given up, those of them that are open, while the process goes on."""
        for step in list(steps):
            if step.is_open and step.undoes is None:
                self.kind(step.name).give_up(self, self.place(step.name), step)
                self.change.put(step.cancelled(self.change.now))
                self.change.record(
                    happened.StepCancelled, step_name=step.name, attempt=max(1, step.attempt)
                )
                self.process.timers = tuple(
                    timer for timer in self.process.timers if timer.step_name != step.name
                )

    def inside(self, block: str) -> list[ProcessStep]:
        """The steps of the process that stand inside of that one, however deep."""
        return [step for step in self.process.steps.values() if self.is_inside(step.name, block)]

    def is_inside(self, name: str, block: str) -> bool:
        """Whether a step stands inside of another, however deep."""
        if name.startswith(UNDO):
            return False
        place, items = self.place(name), names.items_of(name)
        while place.around is not None:
            around = names.name_around(place, items)
            if around == block:
                return True
            place, items = place.around, names.items_of(around)
        return False

    def fail_process(self, reason: str) -> None:
        """The process fails, and undoes what had been completed."""
        self.end_process(ProcessState.FAILED, reason, compensate=True)

    def end_process(self, state: ProcessState, reason: str | None, *, compensate: bool) -> None:
        """The process ends without success, if asked once everything is undone."""
        self._has_ended = True
        self._leave_children()
        undoing.end(self, state, reason, compensate=compensate)

    def _leave_children(self) -> None:
        for step in list(self.process.steps.values()):
            if step.is_open and step.undoes is None:
                self.kind(step.name).give_up(self, self.place(step.name), step)


def _root_of_part(process: Process) -> str | None:
    """The foreach whose items a process is for; None for a process of its own."""
    parent = process.parent
    return None if parent is None or parent.part is None else parent.step_name


def _new_step(defined: AnyStep, name: str) -> ProcessStep:
    if not isinstance(defined, WorkStep):
        return ProcessStep(name=name)
    return ProcessStep(
        name=name,
        timeout_ms=in_ms("timeout", defined.timeout),
        retries_permitted=defined.retry.max_attempts - 1,
    )


def checked_output(output: JsonValue) -> JsonValue:
    """An output that the engine made. Raises ExpressionError where it is too large."""
    try:
        return check_json("output", output, MAX_OUTPUT_BYTES)
    except InvalidInput as error:
        raise ExpressionError("output", str(error)) from error
