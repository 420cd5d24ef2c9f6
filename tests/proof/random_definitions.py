"""Random definitions: every kind of step, inside of one another, with ways back and forth.

Each is one that can be registered. What comes first in every choice is the plainest, so that a
definition that breaks a promise shrinks to a plain one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from tests.proof.chance import Chance
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla, SlaTier
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    TIMED_OUT,
    AnyStep,
    Branch,
    ConditionStep,
    Effect,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    LlmIntent,
    LlmIntentStep,
    Outcome,
    Parallel,
    ParallelStep,
    Query,
    QueryStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    SubprocessStep,
    Transition,
    WaitStep,
)

CHILD = "child"  # what subprocesses are of
SIGNALS = ("paid", "sent")
CODES = (None, "busy", "broken")  # of failures; the rules for retries know these
FEW, MANY = [1, 2], [1, 2, 3, 4, 5, 6, 7]  # the lists that a process is started with
MAX_STEPS = 14  # of one definition
DEEPEST = 3  # lists inside of lists


def definitions(chance: Chance) -> list[ProcessDefinition]:
    """A definition to start processes of, and one that its subprocesses are of."""
    child = _Author(chance, MAX_STEPS // 3, has_children=False).definition(CHILD)
    return [child, _Author(chance, MAX_STEPS, has_children=True).definition("main")]


class _Author:
    def __init__(self, chance: Chance, budget: int, *, has_children: bool) -> None:
        self.chance = chance
        self.left = budget
        self.has_children = has_children
        self.number = 0
        self.compensations: list[Compensation] = []
        #: What can be undone is, once it fails, and then is not tried again.
        self.undoes = chance.is_so(70)

    def definition(self, name: str) -> ProcessDefinition:
        chance = self.chance
        steps = (
            self.parts() if self.has_children and chance.is_so(20) else self.steps(1, (), 0, most=5)
        )
        shown = [step.name for step in steps if isinstance(step, ServiceStep)]
        return ProcessDefinition(
            name,
            version=1,
            steps=steps,
            compensations=tuple(self.compensations),
            timeout=chance.one_of(None, None, None, "2h", "1d"),
            sla=self.sla(),
            on_no_transition=chance.one_of("fail", "complete"),
            outputs={"ok": f"steps.{shown[0]}.output.ok"} if shown and chance.is_so(20) else {},
            search_attributes={"n": "input.n"} if chance.is_so(20) else {},
        )

    def parts(self) -> tuple[AnyStep, ...]:
        """A long list and what follows, of which nothing handles a failure."""
        chance = self.chance
        self.undoes = chance.is_so(40)
        self.left -= 2
        foreach = ForEach(
            items="input.many",
            steps=self.steps(2, (), 1, most=2),
            max_concurrency=chance.one_of(9, 2, 1),
            on_item_failure=chance.one_of("fail", 1, "continue"),
        )
        last = ServiceStep(self.name("s"), service="Services.last")
        return ForEachStep(self.name("s"), foreach=foreach), last

    def steps(
        self, depth: int, seen: tuple[str, ...], items: int, *, most: int = 3
    ) -> tuple[AnyStep, ...]:
        """A list of steps, each of which something leads to."""
        chance = self.chance
        count = max(1, min(self.left, chance.number(1, most)))
        self.left -= count
        names = [self.name("s") for _ in range(count)]
        goes_back = chance.is_so(20)
        made: list[AnyStep] = []
        for place, name in enumerate(names):
            before = (*seen, *names[:place])
            targets = [
                *names[place + 1 :],
                COMPLETE,
                FAIL,
                *(names[: place + 1] if goes_back else ()),
            ]
            step = self.step(name, depth, before, items, targets)
            most_visits = chance.one_of(1, 2, 3) if goes_back or chance.is_so(5) else 100
            made.append(replace(step, max_visits=most_visits))
        return _reached(made)

    def step(
        self, name: str, depth: int, seen: tuple[str, ...], items: int, targets: list[str]
    ) -> AnyStep:
        chance = self.chance
        kinds = [*([self.work] * 5), self.condition, self.wait, self.wait, self.task, self.passing]
        if self.has_children:
            kinds.append(self.child)
        if depth < DEEPEST and self.left > 0:
            kinds += [lambda *given: self.block(*given, depth, items)] * 6
        step: AnyStep = chance.one_of(*kinds)(name, seen, items, targets)
        return replace(step, sla=self.sla(), **self.ways(step, seen, items, targets))

    def ways(
        self, step: AnyStep, seen: tuple[str, ...], items: int, targets: list[str]
    ) -> dict[str, Any]:
        """Where it goes on, if not to the next step."""
        chance = self.chance
        ways: dict[str, Any] = {}
        if chance.is_so(35):
            ways["on_failure"] = chance.one_of(*targets)
        if chance.is_so(12):
            ways["on_success"] = chance.one_of(*targets)
        elif chance.is_so(12):
            conditional = [
                Transition(to=chance.one_of(*targets), when=self.truth(seen, items))
                for _ in range(chance.number(1, 2))
            ]
            always = [Transition(to=chance.one_of(*targets))] if chance.is_so(50) else []
            ways["transitions"] = (*conditional, *always)
        return ways

    def work(self, name: str, seen: tuple[str, ...], items: int, _targets: list[str]) -> AnyStep:
        chance = self.chance
        work: dict[str, Any] = {
            "timeout": chance.one_of(None, "30s", "10m"),
            "retry": self.retry(),
            "compensate_with": self.compensation(),
        }
        kind = chance.number(0, 7)
        if kind == 6:
            least = chance.one_of(7, "input.n", *(["item"] if items else []))
            query = Query(source="orders", filters={"n__gt": least}, limit=3)
            return QueryStep(name, query=query, **work)
        if kind == 7:
            return LlmIntentStep(name, llm_intent=LlmIntent(intent="sum_up"), **work)
        inputs = {"v": self.value(seen, items)} if chance.is_so(40) else {}
        return ServiceStep(name, service=f"Services.{name}", inputs=inputs, **work)

    def condition(
        self, name: str, seen: tuple[str, ...], items: int, targets: list[str]
    ) -> AnyStep:
        return ConditionStep(
            name,
            condition=self.truth(seen, items),
            on_true=self.chance.one_of(None, *targets),
            on_false=self.chance.one_of(None, *targets),
        )

    def wait(self, name: str, _seen: tuple[str, ...], _items: int, _targets: list[str]) -> AnyStep:
        chance = self.chance
        kind = chance.number(0, 6)
        if kind == 0:
            return WaitStep(name, wait="1h")
        if kind == 1:
            return WaitStep(name, wait_duration_seconds=5)
        if kind == 2:
            return WaitStep(name, until="'soon'" if chance.is_so(10) else "input.when")
        limit = chance.one_of(None, "30m")
        return WaitStep(name, wait_for_signal=chance.one_of(*SIGNALS), timeout=limit)

    def task(self, name: str, _seen: tuple[str, ...], _items: int, targets: list[str]) -> AnyStep:
        chance = self.chance
        outcomes = tuple(
            Outcome(name=each, goto=chance.one_of(None, *targets))
            for each in ("yes", "no", TIMED_OUT)[: chance.number(0, 3)]
        )
        task = HumanTask(
            surface="form",
            outcomes=outcomes,
            due=chance.one_of("7d", "1h"),
            escalate_after=chance.one_of(None, "10m"),
            assignee="input.n" if chance.is_so(5) else chance.one_of(None, "'anna'"),
        )
        return HumanTaskStep(name, human_task=task, compensate_with=self.compensation())

    def passing(self, name: str, seen: tuple[str, ...], items: int, _targets: list[str]) -> AnyStep:
        value = self.value(seen, items)
        if self.chance.is_so(50):
            return SendStep(name, channel="mail", message="Hello", inputs={"v": value})
        effect = Effect(action="update", entity="Order", id="input.n", set={"v": value})
        return SideEffectStep(name, effects=(effect,), compensate_with=self.compensation())

    def child(self, name: str, _seen: tuple[str, ...], _items: int, _targets: list[str]) -> AnyStep:
        chance = self.chance
        return SubprocessStep(
            name,
            subprocess=CHILD,
            inputs={each: f"input.{each}" for each in ("n", "few", "many", "when")},
            abandon=chance.is_so(20),
            timeout=chance.one_of(None, None, "3h"),
            compensate_with=self.compensation(),
        )

    def block(
        self,
        name: str,
        seen: tuple[str, ...],
        items: int,
        _targets: list[str],
        depth: int,
        _items: int,
    ) -> AnyStep:
        chance = self.chance
        if chance.is_so(45):
            lists = ["input.few", "[]", "input.few", *(["input.many"] * 3)]
            lists += [f"steps.{each}.output.list" for each in seen[-1:] if chance.is_so(30)]
            if chance.is_so(3):
                lists = ["input.n"]  # which is none
            return ForEachStep(
                name,
                foreach=ForEach(
                    items=chance.one_of(*lists),
                    steps=self.steps(depth + 1, seen, items + 1, most=2),
                    max_concurrency=chance.one_of(1, 2, 9),
                    on_item_failure=chance.one_of("continue", "fail", 1, "50%"),
                ),
            )
        branches = tuple(
            Branch(name=self.name("b"), steps=self.steps(depth + 1, seen, items))
            for _ in range(chance.number(2, 3))
        )
        mode = chance.one_of("fail_fast", "wait_all", "rollback")
        return ParallelStep(name, parallel=Parallel(branches=branches, on_any_failure=mode))

    def truth(self, seen: tuple[str, ...], items: int) -> str:
        if self.chance.is_so(2):
            return "input.nothing"  # which has no value, and so fails its step
        options = ["true", "input.n > 1", "process.version > 1"]
        options += [f"has(steps.{each}.output.ok)" for each in seen[-2:]]
        options += (
            [f"steps.{each}.output.ok" for each in seen[-1:]] if self.chance.is_so(20) else []
        )
        options += ["item > 1", "item_index == 0"] if items else []
        return self.chance.one_of(*options)

    def value(self, seen: tuple[str, ...], items: int) -> Any:
        if self.chance.is_so(2):
            return "input.nothing"
        options: list[Any] = [7, "input.n", {"deep": ["process.id"]}]
        options += [f"has(steps.{each}.output)" for each in seen[-1:]]
        options += ["item"] if items else []
        return self.chance.one_of(*options)

    def retry(self) -> Retry:
        chance = self.chance
        return Retry(
            max_attempts=chance.one_of(1, 2, 3),
            backoff=chance.one_of("fixed", "linear", "exponential"),
            interval=chance.one_of("1s", "5s"),
            jitter=chance.is_so(20),
            fatal_on=("broken",) if chance.is_so(20) else (),
            retry_on=("busy",) if chance.is_so(10) else (),
        )

    def compensation(self) -> str | None:
        chance = self.chance
        if not (self.undoes and chance.is_so(50)):
            return None
        if self.compensations and chance.is_so(20):
            return chance.one_of(*self.compensations).name
        name = self.name("c")
        odd = [{"was": "step.output.ok"}] if chance.is_so(20) else []
        self.compensations.append(
            Compensation(
                name,
                service=f"Services.{name}",
                inputs=chance.one_of(None, None, {"was": "step.output"}, *odd),
                timeout=chance.one_of(None, "30s"),
                retry=self.retry(),
            )
        )
        return name

    def sla(self) -> Sla | None:
        if not self.chance.is_so(10):
            return None
        tiers = (SlaTier(name="late", max_duration="2h"),) if self.chance.is_so(50) else ()
        return Sla(max_duration="20m", tiers=tiers, alert_on_breach=self.chance.is_so(50))

    def name(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"


def _reached(steps: list[AnyStep]) -> tuple[AnyStep, ...]:
    """The steps of a list, with a way to each: what nothing leads to is where a failure leads."""
    while (missed := _missed(steps)) is not None:
        steps[missed - 1] = replace(steps[missed - 1], on_failure=steps[missed].name)
    return tuple(steps)


def _missed(steps: list[AnyStep]) -> int | None:
    """The first step of a list that nothing leads to."""
    places = {step.name: place for place, step in enumerate(steps)}
    found: set[int] = set()
    todo = [0]
    while todo:
        place = todo.pop()
        if place not in found and place < len(steps):
            found.add(place)
            todo += [places[each] for each in _targets(steps[place]) if each in places]
            todo += [place + 1] if _goes_on(steps[place]) else []
    return min(set(range(len(steps))) - found, default=None)


def _targets(step: AnyStep) -> Iterable[str | None]:
    yield from (step.on_success, step.on_failure)
    yield from (transition.to for transition in step.transitions)
    if isinstance(step, ConditionStep):
        yield from (step.on_true, step.on_false)
    if isinstance(step, HumanTaskStep):
        yield from (outcome.goto for outcome in step.human_task.outcomes)


def _goes_on(step: AnyStep) -> bool:
    if step.on_success is not None or step.transitions:
        return False
    if isinstance(step, ConditionStep):
        return step.on_true is None or step.on_false is None
    if isinstance(step, HumanTaskStep) and step.human_task.outcomes:
        return any(outcome.goto is None for outcome in step.human_task.outcomes)
    return True
