"""Kinds: what a step of each kind does when it is entered, waits too long, or is given up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trellis_process.domain import events as happened
from trellis_process.domain.change import TIMED_OUT as TIMED_OUT_ERROR
from trellis_process.domain.change import TIMEOUT_CODE
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.steps import (
    COMPLETED,
    TIMED_OUT,
    USUAL_PRIORITY,
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
    WorkStep,
)
from trellis_process.domain.engine import timers
from trellis_process.domain.engine.branches import Branches
from trellis_process.domain.engine.children import Child
from trellis_process.domain.engine.foreach import Foreach
from trellis_process.domain.engine.step_kind import Holder, StepKind
from trellis_process.domain.engine.waits import Wait
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.own_services import LLM_INTENT_SERVICE, QUERY_SERVICE
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.task import HumanTaskTerms

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run


class Service(StepKind[ServiceStep]):
    """A service does it: an attempt begins, with what the service is given."""

    def begin(self, run: Run, defined: ServiceStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        given = run.values(step.name).resolve(defined.inputs)
        _ask(run, defined, step, defined.service, given)


def _ask(run: Run, defined: WorkStep, step: ProcessStep, service: str, given: JsonValue) -> None:
    """The first attempt at a step begins, which is the work of a service."""
    priority = None if defined.priority == USUAL_PRIORITY else defined.priority
    run.change.start_attempt(replace(step, service=service, priority=priority, input=given))


class Query(StepKind[QueryStep]):
    """A service of Trellis's own asks a source for rows."""

    def begin(self, run: Run, defined: QueryStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        query = defined.query
        given = {
            "source": query.source,
            "filters": run.values(step.name).resolve(query.filters),
            "order_by": query.order_by,
            "limit": query.limit,
        }
        _ask(run, defined, step, QUERY_SERVICE, given)


class LlmIntent(StepKind[LlmIntentStep]):
    """A service of Trellis's own runs an intent of a model."""

    def begin(self, run: Run, defined: LlmIntentStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        intent = defined.llm_intent
        given = {
            "intent": intent.intent,
            "model": intent.model,
            "inputs": run.values(step.name).resolve(defined.inputs),
            "output_schema": dict(intent.output_schema),
        }
        _ask(run, defined, step, LLM_INTENT_SERVICE, given)


class Send(StepKind[SendStep]):
    """A message rides in the write that completes the step."""

    def begin(self, run: Run, defined: SendStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
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


class SideEffect(StepKind[SideEffectStep]):
    """What is to become of entities rides in the write that completes the step."""

    def begin(self, run: Run, defined: SideEffectStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        values = run.values(step.name)
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


class Condition(StepKind[ConditionStep]):
    """One way or the other, in the same write."""

    def begin(self, run: Run, defined: ConditionStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        holds = run.values(step.name).truth(defined.condition)
        run.complete(step, outcome="true" if holds else "false")


class Task(StepKind[HumanTaskStep]):
    """A person is asked, and chooses an outcome."""

    def begin(self, run: Run, defined: HumanTaskStep, step: ProcessStep) -> None:
        """As StepKind.begin."""
        asked, values, now = defined.human_task, run.values(step.name), run.change.now
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
            timers.escalate(run.change, step.name, asked.escalate_after)

    def due(self, run: Run, defined: HumanTaskStep, step: ProcessStep) -> None:
        """As StepKind.due: nobody completed it in time, which is an outcome of its own."""
        assert step.task is not None, "an open task has terms"
        if any(name == TIMED_OUT for name, _ in step.task.outcomes):
            run.complete(step, outcome=TIMED_OUT)
        else:
            run.fail(step, TIMED_OUT_ERROR, TIMED_OUT, code=TIMEOUT_CODE)


HOLDERS: dict[type[AnyStep], Holder[Any]] = {
    ParallelStep: Branches(),
    ForEachStep: Foreach(),
}
"""The kinds that hold lists of steps, by what describes a step of theirs."""

KINDS: dict[type[AnyStep], StepKind[Any]] = {
    ServiceStep: Service(),
    QueryStep: Query(),
    LlmIntentStep: LlmIntent(),
    SendStep: Send(),
    SideEffectStep: SideEffect(),
    ConditionStep: Condition(),
    WaitStep: Wait(),
    HumanTaskStep: Task(),
    SubprocessStep: Child(),
    **HOLDERS,
}
"""Every kind of step, by what describes it."""
