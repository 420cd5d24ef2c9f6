"""A run: one change of a process, which goes on until everything waits for the outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.course import STEP_FAILED
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.definition.steps import AnyStep, WorkStep
from trellis_process.domain.engine import kinds, names, reacting, routes, timers, undoing
from trellis_process.domain.engine.compiled import CompiledDefinition, Place
from trellis_process.domain.engine.progress import why_undone
from trellis_process.domain.engine.routes import Ending, Route
from trellis_process.domain.engine.step_kind import Holder
from trellis_process.domain.engine.values import Values
from trellis_process.domain.limits import MAX_REASON_CHARACTERS, MAX_STEPS_OF_PROCESS, JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import ExpressionError

EXPRESSION_ERROR = "expression_error"  # an expression had no value
MAX_VISITS = "max_visits"  # a step was entered as often as it may be
NO_TRANSITION = "no_transition"  # transitions are declared, and none holds
ROUTED_TO_FAIL = "routed_to_fail"  # a route led to ``fail``
TOO_MANY_STEPS = "too_many_steps"  # more steps than one process holds
_NOTHING: Mapping[str, Any] = {}


class Run:
    """Enters steps, ends them, and goes where they lead; the process's latest change is its own.

    What is to do is kept in order: what a step leads to comes before the steps beside it, and once
    the process has ended nothing of it is done any more.
    """

    def __init__(self, compiled: CompiledDefinition, change: Change) -> None:
        self.compiled = compiled
        self.change = change
        self.process: Process = change.process
        self._todo: list[Callable[[], None]] = []
        self._has_ended = False
        self._rung: set[str] = set()

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

    def values(
        self,
        step_name: str = "",
        *,
        event: Mapping[str, Any] = _NOTHING,
        data: Mapping[str, JsonValue] | None = None,
    ) -> Values:
        """What the expressions of that step see; those of a reaction the event, and the data."""
        return Values(self.compiled, self.process, step_name, event=event, data=data)

    def place(self, step_name: str) -> Place:
        """Where a step of the process stands in the definition."""
        return self.compiled.place(step_name)

    def holder(self, step_name: str) -> Holder[Any]:
        """What a step of that name does, which holds lists of steps."""
        return kinds.HOLDERS[type(self.place(step_name).step)]

    def holder_of(self, step: ProcessStep) -> Holder[Any] | None:
        """What a step does that waited for lists of steps; None for one that did not."""
        waited = step.progress is not None
        return kinds.HOLDERS.get(type(self.place(step.name).step)) if waited else None

    def inside(self, step_name: str) -> list[ProcessStep]:
        """The steps of the process that stand inside of that one, however deep."""
        return [
            step
            for step in self.process.steps.values()
            if step.undoes is None and step_name in self.compiled.around(step.name)
        ]

    # -- Entering ----------------------------------------------------------------------------

    def enter(self, step: AnyStep, items: str = "", *, on_purpose: bool = False) -> None:
        """A step is next, for these items; where a person wants it so, however often it was."""
        self._todo.append(partial(self._enter, step.name + items, on_purpose))

    def _enter(self, name: str, on_purpose: bool) -> None:
        defined = self.place(name).step
        if not self._is_live(name):
            return  # what it stands in has failed meanwhile, in this very run
        before = self.process.steps.get(name)
        visits = 1 if before is None else before.visits + 1
        if visits > defined.max_visits and not on_purpose:
            self.fail_process(MAX_VISITS)
        elif before is None and len(self.process.steps) >= MAX_STEPS_OF_PROCESS:
            self.fail_process(TOO_MANY_STEPS)
        else:
            step = _new_step(defined, name)
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
            self._begin(step)

    def begin_again(self, step: ProcessStep) -> None:
        """A failed step is tried once more, in the same visit."""
        self._begin(
            replace(
                _new_step(self.place(step.name).step, step.name),
                visits=step.visits,
                attempt=step.attempt,
                first_attempt=step.first_attempt,
            )
        )

    def _begin(self, step: ProcessStep) -> None:
        """A pending step does what its kind does first."""
        defined = self.place(step.name).step
        timers.agree(self.change, defined.sla, step.name)
        try:
            kinds.KINDS[type(defined)].begin(self, defined, step)
        except ExpressionError as error:
            self.fail_without_value(step, error)

    def _is_live(self, name: str) -> bool:
        """Whether what a step stands in still goes on."""
        around = self._around(name)
        return around is None or (around.is_open and why_undone(around) is None)

    def _around(self, name: str) -> ProcessStep | None:
        """The step inside of which another stands; None for one of the outermost list."""
        place = self.place(name)
        if place.around is None:
            return None
        return self.process.step(names.name_around(place, names.items_of(name)))

    # -- Ending ------------------------------------------------------------------------------

    def complete(
        self, step: ProcessStep, output: JsonValue = None, outcome: str | None = None
    ) -> None:
        """A step is done, by what the engine itself knows."""
        self.change.complete(step, output, outcome, None)
        self.ended(step.name)

    def pass_through(self, step: ProcessStep) -> None:
        """A step is done with the write that enters it, and another event says so."""
        self.change.put(step.completed(None, self.change.now, self.change.actor))
        self.ended(step.name)

    def fail(
        self, step: ProcessStep, error: str, outcome: str | None = None, *, code: str | None = None
    ) -> None:
        """A step fails, by what the engine itself knows."""
        self.change.fail(step, error, outcome, code=code)
        self.ended(step.name)

    def fail_without_value(self, step: ProcessStep, error: ExpressionError) -> None:
        """A step fails because an expression of it has no value."""
        self.change.fail(step, str(error))
        self.ended(step.name, EXPRESSION_ERROR)

    def ended(self, name: str, reason: str = STEP_FAILED) -> None:
        """A step is completed, skipped or failed for good; what follows is next.

        In a suspended process it follows once that is resumed. ``reason`` is why the process
        fails, should it fail because this step did.
        """
        if self.process.state is ProcessState.SUSPENDED:
            self.change.step_ended(name)
            return
        self.note_done(name)
        self.follow(name, reason)

    def note_done(self, name: str) -> None:
        """A step that is completed is to be undone should the process fail, if it can be."""
        process = self.process
        step = process.step(name)
        if step.state is not StepState.COMPLETED or step.undoes is not None:
            return
        if self.compiled.compensation_of(name) is not None or name in process.to_undo:
            self.note_to_undo(name)

    def note_to_undo(self, name: str) -> None:
        """Of what is to be undone, that step is the first."""
        others = tuple(each for each in self.process.to_undo if each != name)
        self.process.to_undo = (*others, name)

    # -- Following ---------------------------------------------------------------------------

    def follow(self, name: str, reason: str = STEP_FAILED) -> None:
        """What follows from a step that has ended is next."""
        self._todo.append(partial(self._follow, name, reason))

    def _follow(self, name: str, reason: str) -> None:
        step = self.process.step(name)
        self.change.stop_timers(name)
        if step.undoes is not None:
            undoing.undone(self, step)
        elif name == names.foreach_of_part(self.process):
            self._end_part(step)
        elif not self._is_live(name):
            return
        elif step.state is StepState.FAILED:
            self._follow_failure(step, reason)
        else:
            try:
                route = routes.after(self, step)
            except ExpressionError as error:
                step = replace(step, state=StepState.FAILED, error=str(error))
                self.change.put(step)
                self.change.record(happened.StepFailed, step_name=name, attempt=step.attempt)
                self._follow_failure(step, EXPRESSION_ERROR)
            else:
                self._go(step, route)

    def _follow_failure(self, step: ProcessStep, reason: str) -> None:
        place = self.place(step.name)
        if place.step.on_failure is None:
            self._end_list(step, step.error, reason)
        else:
            self._go(step, routes.to(self.compiled, place, place.step.on_failure), reason)

    def _go(self, step: ProcessStep, route: Route, reason: str = ROUTED_TO_FAIL) -> None:
        if not isinstance(route, Ending):
            self.enter(route, names.items_of(step.name))
        elif route is Ending.COMPLETED:
            self._end_list(step, None)
        elif route is Ending.FAILED:
            self._end_list(step, step.error or f"step {step.name!r} led to fail", reason)
        else:
            self.fail_process(NO_TRANSITION)

    def _end_list(self, step: ProcessStep, error: str | None, reason: str = STEP_FAILED) -> None:
        """The list of steps that this one is in has ended with it; or failed, and why."""
        around = self._around(step.name)
        if around is not None:
            defined = self.place(around.name).step
            self.holder(around.name).list_ended(self, defined, around, step, error)
        elif error is None:
            self._complete_process()
        else:
            self.fail_process(reason)

    def end_as(self, ending: str) -> None:
        """The process has come to one of its endings; what is open in it is given up."""
        self._complete_process(ending)

    def _complete_process(self, ending: str | None = None) -> None:
        outputs = self.compiled.definition.outputs
        try:
            output = self.values().resolve(outputs) if outputs else None
        except ExpressionError as error:
            self.fail_process_without_value(error)
        else:
            self._give_up_all()
            self._finish(output, ending)

    def _end_part(self, step: ProcessStep) -> None:
        """All items are done of a process that deals with a part of another's."""
        if step.state is StepState.FAILED:
            self.fail_process(STEP_FAILED)
        else:
            self._finish(step.output if step.state is StepState.COMPLETED else None)

    def _finish(self, output: JsonValue, ending: str | None = None) -> None:
        self._has_ended = True
        self.process.output = output
        self.change.finish(ProcessState.COMPLETED, ending)

    # -- Timers ------------------------------------------------------------------------------

    def may_ring(self, name: str) -> bool:
        """Whether a timer has not rung in this change."""
        return name not in self._rung

    def ring(self, name: str) -> None:
        """A timer rings, and what follows from that is next."""
        self._rung.add(name)
        self._todo.append(partial(reacting.to_timer, self, name))

    def take(self, kept: JsonValue) -> None:
        """What follows from an event that came while the process was suspended is next."""
        self._todo.append(partial(reacting.to_kept_event, self, kept["names"], kept["event"]))

    # -- Giving up ---------------------------------------------------------------------------

    def cancel_steps(self, steps: Iterable[ProcessStep]) -> None:
        """These steps are given up, those of them that are open, while the process goes on."""
        for step in list(steps):
            if step.is_open and step.undoes is None:
                self.give_up(step)
                self.change.put(step.cancelled(self.change.now))
                self.change.record(
                    happened.StepCancelled, step_name=step.name, attempt=max(1, step.attempt)
                )
                self.process.timers = tuple(
                    timer for timer in self.process.timers if timer.step_name != step.name
                )

    def _give_up_all(self) -> None:
        for step in list(self.process.steps.values()):
            if step.is_open and step.undoes is None:
                self.give_up(step)

    def give_up(self, step: ProcessStep) -> None:
        """What an open step has outside of the process is called off."""
        defined = self.place(step.name).step
        kinds.KINDS[type(defined)].give_up(self, defined, step)

    def fail_process(self, reason: str) -> None:
        """The process fails, and undoes what had been completed.

        What deals with a part leaves that to its parent, which may have a route for the failure.
        """
        is_part = names.foreach_of_part(self.process) is not None
        self.end_process(ProcessState.FAILED, reason, compensate=not is_part)

    def fail_process_without_value(self, error: ExpressionError) -> None:
        """The process fails because an expression of its definition has no value."""
        self.fail_process(f"{EXPRESSION_ERROR}: {error}"[:MAX_REASON_CHARACTERS])

    def end_process(self, state: ProcessState, reason: str | None, *, compensate: bool) -> None:
        """The process ends without success, if asked once everything is undone."""
        self._has_ended = True
        self._give_up_all()
        undoing.end(self, state, reason, compensate=compensate)


def _new_step(defined: AnyStep, name: str) -> ProcessStep:
    if not isinstance(defined, WorkStep):
        return ProcessStep(name=name)
    return ProcessStep(
        name=name,
        timeout_ms=in_ms("timeout", defined.timeout),
        retries_permitted=defined.retry.max_attempts - 1,
    )
