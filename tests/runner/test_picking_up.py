"""A program that begins anew on a store that outlived it: nothing that was asked for is lost."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import ManualClock, Process, ProcessState
from trellis_process.domain.definition.steps import (
    Branch,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.runner import Runner, Store
from trellis_process.worker import Fatal, StepContext

from .orders import a_definition, a_runner, as_stored, does, service, started, undo


class Crash(BaseException):
    """The program ends where it stands."""


def anew(store: Store, **more: Any) -> Runner:
    """Another runner on the store of one that is gone."""
    return a_runner(store=store, **more)


def test_work_whose_event_was_lost_is_done():
    store = Store.in_memory()
    process = started(a_runner(a_definition(service("pay")), store=store))

    runner = anew(store)
    done = does(runner, "pay")
    assert runner.pick_up("t") == 1
    runner.run()

    assert as_stored(runner, process).is_completed()
    assert done == ["pay"]


def test_work_that_was_being_done_is_done_once_more_also_after_later_changes():
    branches = tuple(Branch(name=f"b_{n}", steps=(service(n),)) for n in ("pay", "ship"))
    both = ParallelStep("both", parallel=Parallel(branches=branches))
    store = Store.in_memory()
    first = a_runner(a_definition(both), store=store)
    does(first, "pay")

    @first.service("Services.ship")
    def ship(ctx: StepContext) -> None:
        raise Crash

    process = started(first)
    with pytest.raises(Crash):
        first.run()

    runner = anew(store)
    done = does(runner, "pay", "ship")
    runner.pick_up("t")
    runner.run()

    assert as_stored(runner, process).is_completed()
    assert done == ["ship"]


def test_a_resumed_step_is_picked_up_with_what_it_was_resumed_with():
    store = Store.in_memory()
    first = a_runner(a_definition(service("ask"), timeout="3d"), store=store)
    first.service("Services.ask")(lambda ctx: ctx.suspend())
    process = started(first)
    first.run()
    first.engine.resume_step(process, "ask", "yes")
    first.engine.signal(process, "another_change")

    runner = anew(store)
    runner.service("Services.ask")(lambda ctx: [ctx.is_resumed, ctx.resume_data])
    runner.pick_up("t")
    runner.run()

    assert as_stored(runner, process).step("ask").output == [True, "yes"]


def test_what_was_being_undone_is_undone():
    store = Store.in_memory()
    saga = a_definition(
        service("pay", compensate_with="refund"), service("ship"), compensations=(undo("refund"),)
    )
    first = a_runner(saga, store=store)
    does(first, "pay")

    def fail(ctx: StepContext) -> None:
        raise Fatal("no truck")

    def crash(ctx: StepContext) -> None:
        raise Crash

    first.service("Services.ship")(fail)
    first.service("Services.refund")(crash)
    process = started(first)
    with pytest.raises(Crash):
        first.run()

    runner = anew(store)
    undone = does(runner, "refund")
    runner.pick_up("t")
    runner.run()

    assert as_stored(runner, process).compensation == "done"
    assert undone == ["undo:pay"]


@pytest.mark.parametrize("stop_after", range(8))
def test_wherever_it_ends_parents_and_children_come_to_their_end(stop_after: int):
    store = Store.in_memory()
    items = ForEach(items="input.list", steps=(service("pay"),), max_concurrency=50)
    first = a_runner(
        a_definition(SubprocessStep("run", subprocess="child"), ForEachStep("all", foreach=items)),
        a_definition(service("ship"), name="child"),
        store=store,
    )
    does(first, "pay", "ship")
    heard = []

    @first.on("ChildRequested", "ProcessCompleted", "StepStarted")
    def listen(event: dict) -> None:
        heard.append(event)
        if len(heard) > stop_after:
            raise Crash

    process = started(first, input={"list": list(range(60))})
    with pytest.raises(Crash):
        first.run()

    runner = anew(store)
    does(runner, "pay", "ship")
    runner.pick_up("t")
    runner.run()

    ended = as_stored(runner, process)
    assert ended.is_completed()
    assert ended.step("all").output["processed"] == 60


def given_up_child(*, abandon: bool) -> tuple[Store, Process]:
    """A store in which a parent has ended, and its child never heard of it."""
    store = Store.in_memory()
    runner = a_runner(
        a_definition(SubprocessStep("run", subprocess="child", abandon=abandon)),
        a_definition(WaitStep("wait", wait="3d"), name="child"),
        store=store,
    )
    parent = started(runner)
    runner.run()
    (child,) = runner.engine.list_processes("t", process_type="child").processes
    runner.engine.cancel_process(parent)
    return store, child


@pytest.mark.parametrize(
    ("abandon", "state"), [(False, ProcessState.CANCELLED), (True, ProcessState.IN_PROGRESS)]
)
def test_a_child_that_nobody_waits_for_is_given_up_unless_it_is_to_go_on(
    abandon: bool, state: ProcessState
):
    store, child = given_up_child(abandon=abandon)
    runner = anew(store)
    assert runner.pick_up("t") == 1
    runner.run()

    assert as_stored(runner, child).state is state


def test_the_events_of_the_latest_change_are_told_once_more():
    store = Store.in_memory()
    first = a_runner(a_definition(service("pay"), timeout="3d"), store=store)
    process = started(first)

    runner = anew(store, allow_missing=True)
    told: list[str] = []
    runner.on()(lambda event: told.append(event["id"]))
    runner.pick_up("t")
    runner.run()

    assert told == [event["id"] for event in first.history(process)]


def test_of_what_has_ended_and_of_other_tenants_nothing_is_picked_up():
    store = Store.in_memory()
    first = a_runner(a_definition(service("pay")), store=store)
    started(first, tenant_id="other")
    first.engine.cancel_process(started(first))

    runner = anew(store)
    assert runner.pick_up("t") == 0
    runner.run()
    assert runner.events == []


def test_more_than_a_page_of_processes_is_picked_up():
    store = Store.in_memory()
    first = a_runner(a_definition(service("pay")), store=store, clock=ManualClock())
    for _ in range(230):
        started(first)

    runner = anew(store)
    done = does(runner, "pay")
    assert runner.pick_up("t") == 230
    runner.run()
    assert len(done) == 230
