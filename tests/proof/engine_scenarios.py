"""Scenarios of processes that definitions order: what is done to them, and to their children.

A caller who is not answered asks again; a refusal is an answer. What is told about children comes
again until it is dealt with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tests.proof.scenarios import Scenario
from tests.proof.stack import Stack
from trellis_process import ProcessKey
from trellis_process.application.schedule_service import schedule_key
from trellis_process.application.start_request import process_id_for
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.reactions import EventDefinition, Reaction, Trigger
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    AnyStep,
    Branch,
    ConditionStep,
    Effect,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Parallel,
    ParallelStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.domain.engine.names import child_id
from trellis_process.domain.own_services import RUNS
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.domain.time import to_text
from trellis_process.errors import Conflict
from trellis_process.testing import START

TENANT, BY_KEY = "tenant-1", "one"
PART = 2  # items in one
ITEMS = [1, 2, 3, 4, 5]  # in three parts, of which two are dealt with at once


def work(name: str, **more: Any) -> ServiceStep:
    return ServiceStep(name, service=f"Services.{name}", timeout="30s", **more)


def undone(name: str) -> ServiceStep:
    """Work that a compensation of its own undoes."""
    return work(name, compensate_with=f"undo_{name}")


def defined(name: str, *steps: AnyStep, **more: Any) -> ProcessDefinition:
    found = {each.compensate_with for step in steps for each in _inside(step)} - {None}
    compensations = tuple(
        Compensation(str(each), service="Undo") for each in sorted(map(str, found))
    )
    return ProcessDefinition(name, version=1, steps=steps, compensations=compensations, **more)


def _inside(step: AnyStep) -> list[Any]:
    if isinstance(step, ParallelStep):
        return [each for branch in step.parallel.branches for each in branch.steps]
    return [step] if hasattr(step, "compensate_with") else []


def side_by_side(mode: Any, *lists: tuple[AnyStep, ...]) -> ParallelStep:
    branches = tuple(Branch(name=f"b{n}", steps=steps) for n, steps in enumerate(lists))
    return ParallelStep("block", parallel=Parallel(branches=branches, on_any_failure=mode))


def each_of(*steps: AnyStep, **more: Any) -> ForEachStep:
    given = {"items": "input.items", "steps": steps} | more
    return ForEachStep("all", foreach=ForEach(**given))


DEFINITIONS = [
    defined(
        "line",
        undone("pay"),
        SendStep("tell", channel="mail", message="Paid"),
        SideEffectStep("mark", effects=(Effect(action="update", entity="Order", id="'o-1'"),)),
        ConditionStep("big", condition="has(input.big)", on_true="ship"),
        undone("ship"),
        work("close", retry=Retry(max_attempts=2)),
        timeout="30d",
        sla=Sla(max_duration="5d"),
    ),
    defined("fan", work("first"), side_by_side("fail_fast", *((undone(n),) for n in "abc"))),
    defined("back", side_by_side("rollback", (undone("a"),), (undone("b"),), (work("c"),))),
    defined("waits", WaitStep("signal", wait_for_signal="paid", timeout="1h"), work("after")),
    defined("sleeps", WaitStep("pause", wait="1h"), work("after")),
    defined(
        "asks",
        HumanTaskStep(
            "review",
            human_task=HumanTask(
                surface="form",
                due="2h",
                escalate_after="1h",
                outcomes=(Outcome(name="yes"), Outcome(name="no", goto="fail")),
            ),
        ),
        work("after"),
    ),
    defined("parent", SubprocessStep("run", subprocess="line"), work("after")),
    defined("few", each_of(work("pack"), items="[1, 2]", max_concurrency=2), work("after")),
    defined("bulk", each_of(SendStep("pack", channel="c", message="m"), max_concurrency=4)),
    defined("slow_bulk", each_of(work("pack"), max_concurrency=4)),
    replace(
        defined(
            "undone_bulk",
            each_of(undone("pack"), max_concurrency=4, on_item_failure="fail"),
            work("after"),
        ),
        compensations=(Compensation("undo_pack", service="Undo"),),
    ),
    defined("strict_bulk", each_of(work("pack"), max_concurrency=4, on_item_failure="fail")),
    defined("asks_once", SubprocessStep("run", subprocess="line", key="'other'"), work("after")),
    defined("told", WaitStep("signal", wait_for_signal="paid"), triggers=(Trigger(signal="paid"),)),
    ProcessDefinition(
        "ordered",
        version=1,
        events=(
            EventDefinition(
                "ordered", pattern={"detail-type": ["Ordered"]}, key="event.detail.order"
            ),
        ),
        triggers=(Trigger(event="ordered"),),
        data={"orders": {"type": "integer", "default": 0}},
        reactions=(Reaction(event="ordered", set={"orders": "data.orders + 1"}),),
        ends_when={"many": "data.orders > 9"},
    ),
]


def registered(stack: Stack) -> None:
    """Every definition is there."""
    for definition in DEFINITIONS:
        stack.service.register(definition)


def key_of(definition: str) -> ProcessKey:
    """The process that these scenarios start of a definition."""
    return ProcessKey(TENANT, process_id_for(TENANT, BY_KEY, definition=definition))


def child_of(definition: str, step: str, part: int | None = None) -> ProcessKey:
    """The first child that a step of that process asks for."""
    return ProcessKey(TENANT, child_id(key_of(definition).process_id, step, 1, part))


Doing = Callable[[Stack], object]


def start(definition: str) -> Doing:
    return lambda stack: stack.service.start(
        definition, tenant_id=TENANT, input={"items": ITEMS}, key=BY_KEY
    )


def complete(key: ProcessKey, step: str, **more: Any) -> Doing:
    return lambda stack: stack.service.complete_step(key, step, {"ok": True}, attempt=1, **more)


def fail(key: ProcessKey, step: str, attempt: int = 1) -> Doing:
    return lambda stack: stack.service.fail_step(key, step, "it broke", attempt=attempt)


def later(seconds: int) -> Doing:
    return lambda stack: stack.clock.advance(seconds=seconds)


def swept(stack: Stack) -> bool:
    return stack.sweep()


def told(kind: str, about: ProcessKey, *, which: int = 0) -> Doing:
    """The first event of that kind about that process is dealt with, unless it says which."""

    def handle(stack: Stack) -> None:
        with stack.wire.unwatched():
            while stack.unread:
                stack.publish(stack.unread)
        found = [
            e for e in stack.events if (e["type"], e["process_id"]) == (kind, about.process_id)
        ]
        stack.children.handle(found[which])

    return handle


def prepared(*doings: Doing) -> Callable[[Stack], None]:
    """What is done before, a second apart each."""

    def prepare(stack: Stack) -> None:
        registered(stack)
        for doing in doings:
            doing(stack)
            stack.clock.advance(seconds=1)

    return prepare


def answered(doing: Doing) -> Callable[[Stack], Callable[[], bool]]:
    """It is done until an answer comes; one of no is an answer as well."""

    def act(stack: Stack) -> bool:
        try:
            return doing(stack) is not False
        except Conflict:
            return True

    return lambda stack: partial(act, stack)


def put_schedule(**more: Any) -> Doing:
    """The schedule of these scenarios is by these terms, each hour unless they say otherwise."""
    terms = {"every": "1h"} | more
    return lambda stack: stack.service.schedules.put(
        TENANT, "hourly", ScheduleTerms("line", **terms)
    )


def run_now(number: int) -> Doing:
    """A run is wanted whatever the time, by that request."""
    return lambda stack: stack.service.schedules.start_run(
        TENANT, "hourly", request_id=f"r-{number}"
    )


def started_again(stack: Stack) -> object:
    return stack.service.start("line", tenant_id=TENANT, key=BY_KEY, on_duplicate="new_if_finished")


SCHEDULE_KEY = schedule_key(TENANT, "hourly")


def run_of(number: int) -> ProcessKey:
    """The run of that number of the schedule, which begins when the scenario does."""
    began = f"{SCHEDULE_KEY.process_id}@{to_text(START)}"
    return ProcessKey(TENANT, child_id(began, RUNS, number, None))


LINE, FAN, BACK, WAITS = key_of("line"), key_of("fan"), key_of("back"), key_of("waits")
ASKS, PARENT, FEW = key_of("asks"), key_of("parent"), key_of("few")
ASKS_ONCE = key_of("asks_once")
SLOW, STRICT, UNDONE = key_of("slow_bulk"), key_of("strict_bulk"), key_of("undone_bulk")
CHILD = child_of("parent", "run")


def part_of(definition: str, part: int) -> ProcessKey:
    return child_of(definition, "all", part)


def follow(stack: Stack) -> None:
    """Everything that was told of children is dealt with."""
    with stack.wire.unwatched():
        assert stack.follow()


def cancelled(key: ProcessKey, **more: Any) -> Doing:
    return lambda stack: stack.service.cancel_process(key, **more)


def suspended(key: ProcessKey) -> Doing:
    return lambda stack: stack.service.suspend_process(key)


def resumed(key: ProcessKey) -> Doing:
    return lambda stack: stack.service.resume_process(key)


def retried(key: ProcessKey, step: str) -> Doing:
    return lambda stack: stack.service.retry_step(key, step)


#: Two parts under way, of each of which the first item is packed; then what that did is undone.
PACKED = [
    start("undone_bulk"),
    follow,
    complete(part_of("undone_bulk", 0), "pack:0"),
    complete(part_of("undone_bulk", 1), "pack:2"),
]
UNDOING = [*PACKED, cancelled(UNDONE, compensate=True)]
#: The first part has failed, the other was given up; then what failed is tried again.
FAILED_PART = [
    start("strict_bulk"),
    follow,
    complete(part_of("strict_bulk", 1), "pack:2"),
    fail(part_of("strict_bulk", 0), "pack:0"),
    follow,
]
FAILED_CHILD = [start("parent"), follow, fail(CHILD, "pay"), follow, retried(CHILD, "pay")]

#: What is done before, and what is done then.
SCENARIOS: dict[str, tuple[list[Doing], Doing]] = {
    "a start by key": ([], start("line")),
    "a start that asks for children": ([], start("slow_bulk")),
    "a completion that begins the next": ([start("line")], complete(LINE, "pay")),
    "the last completion": (
        [start("line"), complete(LINE, "pay"), complete(LINE, "ship")],
        complete(LINE, "close"),
    ),
    "a failure that is tried again": (
        [start("line"), complete(LINE, "pay"), complete(LINE, "ship")],
        fail(LINE, "close"),
    ),
    "a failure that undoes": ([start("line"), complete(LINE, "pay")], fail(LINE, "ship")),
    "a compensation's end": (
        [
            start("fan"),
            complete(FAN, "first"),
            complete(FAN, "a"),
            complete(FAN, "b"),
            fail(FAN, "c"),
        ],
        complete(FAN, "undo:b"),
    ),
    "the last compensation's end": (
        [start("line"), complete(LINE, "pay"), fail(LINE, "ship")],
        complete(LINE, "undo:pay"),
    ),
    "a compensation's failure": (
        [start("line"), complete(LINE, "pay"), fail(LINE, "ship")],
        fail(LINE, "undo:pay"),
    ),
    "a rollback": (
        [start("back"), complete(BACK, "a"), complete(BACK, "b")],
        fail(BACK, "c"),
    ),
    "a fan-out": ([start("fan")], complete(FAN, "first")),
    "an item's end": ([start("few")], complete(FEW, "pack:0")),
    "a signal": (
        [start("waits")],
        lambda stack: stack.service.signal(WAITS, "paid", {"n": 1}, signal_id="s-1"),
    ),
    "a signal that nobody waits for": (
        [start("line")],
        lambda stack: stack.service.signal(LINE, "paid", {"n": 1}, signal_id="s-1"),
    ),
    "a claim": (
        [start("asks")],
        lambda stack: stack.service.claim_task(ASKS, "review", by="anna"),
    ),
    "a release": (
        [start("asks"), lambda stack: stack.service.claim_task(ASKS, "review", by="anna")],
        lambda stack: stack.service.release_task(ASKS, "review"),
    ),
    "a reassignment": (
        [start("asks")],
        lambda stack: stack.service.reassign_task(ASKS, "review", to="ben"),
    ),
    "an outcome": ([start("asks")], complete(ASKS, "review", outcome="yes")),
    "a suspension": ([start("line")], lambda stack: stack.service.suspend_process(LINE)),
    "a resumption": (
        [
            start("line"),
            lambda stack: stack.service.suspend_process(LINE),
            complete(LINE, "pay"),
        ],
        lambda stack: stack.service.resume_process(LINE),
    ),
    "a cancellation that undoes": (
        [start("line"), complete(LINE, "pay")],
        lambda stack: stack.service.cancel_process(LINE, compensate=True),
    ),
    "a retry on purpose": (
        [start("waits"), later(3_600), swept],
        lambda stack: stack.service.retry_step(WAITS, "signal"),
    ),
    "a step passed over": (
        [start("waits"), later(3_600), swept],
        lambda stack: stack.service.skip_step(WAITS, "signal", {"n": 1}),
    ),
    "a step run again": (
        [start("line"), complete(LINE, "pay")],
        lambda stack: stack.service.rerun_from(LINE, "pay", expected_version=2),
    ),
    "a sweep of a wait": ([start("sleeps"), later(3_600)], swept),
    "a sweep of everything": (
        [
            start("sleeps"),
            start("waits"),
            start("asks"),
            start("fan"),
            start("line"),
            complete(LINE, "pay"),
            later(500_000),
        ],
        swept,
    ),
    "a child's start": ([start("parent")], told("ChildRequested", PARENT)),
    "a child's start that comes late": (
        [start("parent"), lambda stack: stack.service.cancel_process(PARENT)],
        told("ChildRequested", PARENT),
    ),
    "a child's end": (
        [
            start("parent"),
            told("ChildRequested", PARENT),
            complete(CHILD, "pay"),
            complete(CHILD, "ship"),
            complete(CHILD, "close"),
        ],
        told("ProcessCompleted", CHILD),
    ),
    "a child's failure": (
        [start("parent"), told("ChildRequested", PARENT), fail(CHILD, "pay")],
        told("ProcessFailed", CHILD),
    ),
    "a child's cancellation": (
        [
            start("parent"),
            told("ChildRequested", PARENT),
            lambda stack: stack.service.cancel_process(PARENT),
        ],
        told("ChildCancellationRequested", PARENT),
    ),
    "a part's start": ([start("slow_bulk")], told("ChildRequested", SLOW)),
    "a part is asked to undo": (UNDOING, told("ChildCancellationRequested", UNDONE)),
    "a part that never began is asked to undo": (
        [start("undone_bulk"), cancelled(UNDONE, compensate=True)],
        told("ChildCancellationRequested", UNDONE),
    ),
    "a part has undone": (
        [*UNDOING, follow, complete(part_of("undone_bulk", 0), "undo:pack:0")],
        told("ProcessCancelled", part_of("undone_bulk", 0)),
    ),
    "the last part has undone": (
        [
            *UNDOING,
            follow,
            complete(part_of("undone_bulk", 0), "undo:pack:0"),
            follow,
            complete(part_of("undone_bulk", 1), "undo:pack:2"),
        ],
        told("ProcessCancelled", part_of("undone_bulk", 1)),
    ),
    "a part's start that comes after its undoing": (
        [start("undone_bulk"), cancelled(UNDONE, compensate=True), follow],
        told("ChildRequested", UNDONE),
    ),
    "a part that failed is tried again": (
        [*FAILED_PART, retried(STRICT, "all")],
        told("ChildRequested", STRICT, which=-2),
    ),
    "the end of an earlier round that comes once more": (
        [*FAILED_PART, retried(STRICT, "all")],
        told("ProcessFailed", part_of("strict_bulk", 0)),
    ),
    "an item that is tried again in its part": (
        [*FAILED_PART, retried(part_of("strict_bulk", 0), "pack:0")],
        told("ProcessReopened", part_of("strict_bulk", 0)),
    ),
    "a child goes on": (FAILED_CHILD, told("ProcessReopened", CHILD)),
    "a child that went on has ended before its parent hears": (
        [*FAILED_CHILD, fail(CHILD, "pay", attempt=2)],
        told("ProcessReopened", CHILD),
    ),
    "a child goes on while its parent is suspended": (
        [
            start("parent"),
            follow,
            fail(CHILD, "pay"),
            suspended(PARENT),
            follow,
            retried(CHILD, "pay"),
        ],
        told("ProcessReopened", CHILD),
    ),
    "the suspension of children": (
        [start("slow_bulk"), follow, suspended(SLOW)],
        told("ProcessSuspended", SLOW),
    ),
    "the resumption of children": (
        [start("slow_bulk"), follow, suspended(SLOW), follow, resumed(SLOW)],
        told("ProcessResumed", SLOW),
    ),
    "a child's start in a suspended parent": (
        [start("parent"), suspended(PARENT)],
        told("ChildRequested", PARENT),
    ),
    "a start of the next one of a key": ([start("line"), cancelled(LINE)], started_again),
    "a signal that starts": (
        [],
        lambda stack: stack.service.signal_by_key(
            "told", BY_KEY, "paid", {"n": 1}, tenant_id=TENANT, signal_id="s-1"
        ),
    ),
    "a start of what is no child": ([start("asks_once")], told("ChildRequested", ASKS_ONCE)),
    "a schedule": ([], put_schedule()),
    "a schedule by other terms": ([put_schedule()], put_schedule(every="2h")),
    "the time of a schedule": ([put_schedule(), later(3_600)], swept),
    "the missed times of a schedule": (
        [put_schedule(catch_up=True, overlap="allow"), later(9_000)],
        swept,
    ),
    "a run that is wanted now": ([put_schedule()], run_now(1)),
    "a run's start": ([put_schedule(), run_now(1)], told("ChildRequested", SCHEDULE_KEY)),
    "a run's end, for which the next one waits": (
        [
            put_schedule(overlap="queue"),
            run_now(1),
            told("ChildRequested", SCHEDULE_KEY),
            run_now(2),
            cancelled(run_of(1)),
        ],
        told("ProcessCancelled", run_of(1)),
    ),
    "a run that stops for the next one": (
        [
            put_schedule(overlap="cancel_previous"),
            run_now(1),
            told("ChildRequested", SCHEDULE_KEY),
            run_now(2),
        ],
        told("ChildCancellationRequested", SCHEDULE_KEY),
    ),
    "a part's end": (
        [start("bulk"), told("ChildRequested", key_of("bulk"))],
        told("ProcessCompleted", child_of("bulk", "all", 0)),
    ),
}


def engine_scenarios() -> list[Scenario]:
    """Every scenario there is."""
    return [
        Scenario(name, prepared(*before), answered(doing))
        for name, (before, doing) in SCENARIOS.items()
    ]
