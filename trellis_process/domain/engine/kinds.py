"""What a step of each kind does when it is entered, waits too long, or is given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trellis_process.domain import events as happened
from trellis_process.domain.change import TIMED_OUT as TIMED_OUT_ERROR
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import (
    COMPLETED,
    TIMED_OUT,
    AnyStep,
    ConditionStep,
    ForEachStep,
    HumanTaskStep,
    LlmIntentStep,
    ParallelStep,
    QueryStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.domain.engine import names
from trellis_process.domain.engine.blocks import Blocks
from trellis_process.domain.engine.compiled import Place
from trellis_process.domain.engine.items import Items
from trellis_process.domain.engine.run import Run, StepKind
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.time import moment_from
from trellis_process.domain.tracker import Timer, TimerKind
from trellis_process.errors import ExpressionError

QUERY_SERVICE = "trellis.query"  # does the work of ``query`` steps
LLM_INTENT_SERVICE = "trellis.llm_intent"  # does the work of ``llm_intent`` steps


class _Simple:
    """What most kinds have in common: nothing inside, nothing to wait for, nothing to give up."""

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due."""
        raise AssertionError(f"a {place.step.kind} waits for nothing")

    def list_ended(
        self, run: Run, place: Place, step: ProcessStep, inside: ProcessStep, error: str | None
    ) -> None:
        """As StepKind.list_ended."""
        raise AssertionError(f"a {place.step.kind} has no steps inside")

    def give_up(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.give_up."""


class Work(_Simple):
    """A service does it: an attempt begins, with what the service is given."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined, values = place.step, run.values(step.name)
        if isinstance(defined, QueryStep):
            query = defined.query
            service = QUERY_SERVICE
            given = {
                "source": query.source,
                "filters": values.resolve(query.filters),
                "order_by": query.order_by,
                "limit": query.limit,
            }
        elif isinstance(defined, LlmIntentStep):
            intent = defined.llm_intent
            service = LLM_INTENT_SERVICE
            given = {
                "intent": intent.intent,
                "model": intent.model,
                "inputs": values.resolve(defined.inputs),
                "output_schema": dict(intent.output_schema),
            }
        else:
            assert isinstance(defined, ServiceStep)
            service, given = defined.service, values.resolve(defined.inputs)
        run.change.start_attempt(replace(step, service=service, input=given))


class Send(_Simple):
    """A message rides in the write that completes the step."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined = place.step
        assert isinstance(defined, SendStep)
        payload = run.values(step.name).resolve(defined.inputs)
        run.change.record(
            happened.MessageSent,
            step_name=step.name,
            attempt=step.current_attempt,
            channel=defined.channel,
            message=defined.message,
            payload=payload,
        )
        run.pass_through(step)


class SideEffect(_Simple):
    """What is to become of entities rides in the write that completes the step."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined, values = place.step, run.values(step.name)
        assert isinstance(defined, SideEffectStep)
        effects = [
            {
                "action": effect.action,
                "entity": effect.entity,
                **({} if effect.id is None else {"id": values.value(effect.id)}),
                "set": values.resolve(effect.set),
            }
            for effect in defined.effects
        ]
        run.change.record(
            happened.EffectsRequested,
            step_name=step.name,
            attempt=step.current_attempt,
            effects=effects,
        )
        run.pass_through(step)


class Condition(_Simple):
    """One way or the other, in the same write."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined = place.step
        assert isinstance(defined, ConditionStep)
        holds = run.values(step.name).truth(defined.condition)
        run.complete(step, outcome="true" if holds else "false")


class Wait(_Simple):
    """For a span, until a moment, or for a signal."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined, now = place.step, run.change.now
        assert isinstance(defined, WaitStep)
        signal = defined.wait_for_signal
        if signal is None:
            due_at = self._until(run, defined, step)
            if due_at <= now:
                run.complete(step)
            else:
                self._wait(run, step.waiting(WaitingFor.TIME, now, due_at))
            return
        kept = run.process.signals.get(signal, ())
        if kept:
            take_signal(run, signal)
            run.complete(step, kept[0])
            return
        limit = None if defined.timeout is None else now + span_of("timeout", defined.timeout)
        waiting = step.waiting(WaitingFor.SIGNAL, now, limit)
        self._wait(run, replace(waiting, progress={"signal": signal}))

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due: a span is over, or no signal came in time."""
        if step.waits_for is WaitingFor.TIME:
            run.complete(step)
        else:
            run.fail(step, TIMED_OUT_ERROR)

    def _wait(self, run: Run, step: ProcessStep) -> None:
        run.change.put(step)
        run.change.record(happened.WaitStarted, step_name=step.name, attempt=step.attempt)

    def _until(self, run: Run, defined: WaitStep, step: ProcessStep) -> datetime:
        now = run.change.now
        if defined.wait is not None:
            return now + span_of("wait", defined.wait)
        if defined.wait_duration_seconds is not None:
            return now + timedelta(seconds=defined.wait_duration_seconds)
        assert defined.until is not None, "a wait says for what"
        value = run.values(step.name).value(defined.until)
        try:
            if isinstance(value, str):
                return moment_from(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise ExpressionError(defined.until, f"{value!r} is no moment ({error})") from error
        raise ExpressionError(
            defined.until, f"a moment is text such as 2027-01-31T09:00:00Z, and this is {value!r}"
        )


class Person(_Simple):
    """A person is asked, and chooses an outcome."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined, values, now = place.step, run.values(step.name), run.change.now
        assert isinstance(defined, HumanTaskStep)
        asked = defined.human_task
        given = values.resolve(defined.inputs)
        terms = HumanTaskTerms(
            surface=asked.surface,
            assignee_role=asked.assignee_role,
            assignee=None if asked.assignee is None else values.text(asked.assignee),
            outcomes=tuple((each.name, each.label or each.name) for each in asked.outcomes)
            or ((COMPLETED, COMPLETED),),
            priority=defined.priority,
        )
        step = step.waiting(WaitingFor.PERSON, now, now + span_of("due", asked.due))
        run.change.put(replace(step, input=given, task=terms))
        run.change.record(happened.TaskOpened, step_name=step.name, attempt=step.attempt)
        if asked.escalate_after is not None:
            timer = Timer(
                tenant_id=run.process.tenant_id,
                process_id=run.process.process_id,
                kind=TimerKind.ESCALATION,
                name="escalation",
                due_at=now + span_of("escalate_after", asked.escalate_after),
                since=now,
                step_name=step.name,
            )
            run.process.timers = (*run.process.timers, timer)

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due: nobody completed it in time, which is an outcome of its own."""
        assert step.task is not None, "an open task has terms"
        if any(name == TIMED_OUT for name, _ in step.task.outcomes):
            run.complete(step, outcome=TIMED_OUT)
        else:
            run.fail(step, TIMED_OUT_ERROR, outcome=TIMED_OUT)


class Child(_Simple):
    """A process of another definition, which reports its end back."""

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        defined, now = place.step, run.change.now
        assert isinstance(defined, SubprocessStep)
        given = run.values(step.name).resolve(defined.inputs)
        limit = None if defined.timeout is None else now + span_of("timeout", defined.timeout)
        step = run.change.put(replace(step.waiting(WaitingFor.CHILDREN, now, limit), input=given))
        run.change.record(
            happened.ChildRequested,
            step_name=step.name,
            attempt=step.attempt,
            child_id=self._child_id(run, step),
            child_definition=defined.subprocess,
            child_definition_version=defined.version,
        )

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due: it took too long."""
        self.give_up(run, place, step)
        run.fail(step, TIMED_OUT_ERROR)

    def give_up(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.give_up: the child is given up too, unless it is to go on alone."""
        defined = place.step
        assert isinstance(defined, SubprocessStep)
        if not defined.abandon:
            run.change.record(
                happened.ChildCancellationRequested,
                step_name=step.name,
                attempt=step.attempt,
                child_id=self._child_id(run, step),
            )

    def _child_id(self, run: Run, step: ProcessStep) -> str:
        return names.child_id(run.process.process_id, step.name, step.attempt, None)


def take_signal(run: Run, signal: str) -> None:
    """The first of the kept signals of that name is taken."""
    signals = dict(run.process.signals)
    rest = signals.pop(signal)[1:]
    run.process.signals = signals | ({signal: rest} if rest else {})


KINDS: dict[type[AnyStep], StepKind] = {
    ServiceStep: Work(),
    QueryStep: Work(),
    LlmIntentStep: Work(),
    SendStep: Send(),
    SideEffectStep: SideEffect(),
    ConditionStep: Condition(),
    WaitStep: Wait(),
    HumanTaskStep: Person(),
    SubprocessStep: Child(),
    ParallelStep: Blocks(),
    ForEachStep: Items(),
}
"""Every kind of step, by what describes it."""
