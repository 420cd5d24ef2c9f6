"""Parts and children hear late, twice or of what is over: nothing is lost, or done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.driving import service, undo
from tests.engine.test_engine_service import Stack
from tests.engine.test_parts_undone import Services, bulk, pack_all
from tests.engine.test_trying_again import now_of
from trellis_process.domain.definition.steps import (
    Branch,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
)
from trellis_process.domain.engine import items
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.errors import Compensated


@pytest.fixture
def stack() -> Stack:
    return Stack()


def plain_list(stack: Stack, **more) -> Process:
    """A list of 60 items that nothing undoes."""
    foreach = {"items": "input.items", "steps": (service("pack"),), "max_concurrency": 50} | more
    stack.define("plain", ForEachStep("all", foreach=ForEach(**foreach)))
    return stack.service.start("plain", tenant_id="t1", input={"items": list(range(60))})


def parts_of(stack: Stack, process: Process) -> dict[int, Process]:
    listed = stack.service.list_processes("t1").processes
    found = [each for each in listed if each.parent is not None]
    return {
        each.parent.part: each for each in found if each.parent.process_id == process.process_id
    }


def told(stack: Stack, *types: str) -> list[dict]:
    return [event for event in stack.told if event["type"] in types]


def block(mode, **lists) -> ParallelStep:
    branches = tuple(Branch(name=f"with_{name}", steps=steps) for name, steps in lists.items())
    return ParallelStep("block", parallel=Parallel(branches=branches, on_any_failure=mode))


# -- Tried again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fail", 1])
def test_the_end_of_an_earlier_round_told_once_more_is_not_that_of_the_next(stack, mode):
    process = plain_list(stack, on_item_failure=mode)
    services = Services(stack, "pack:30", "pack:40")
    services.work()
    services.failing.clear()
    ends = told(stack, "ProcessCompleted", "ProcessFailed")

    stack.service.retry_step(process, "all")
    for event in ends:  # before any part has heard that it is to try again
        stack.children.handle(event)
    services.work()

    process = now_of(stack, process)
    assert process.is_completed()
    assert process.step("all").output["errors"] == 0
    assert services.done.count("pack:30") == 1


def test_a_part_that_is_under_way_when_it_is_asked_again_is_not_asked_twice(stack):
    process = plain_list(stack, on_item_failure="fail", max_concurrency=100)
    services = Services(stack, "pack:0", "pack:30")
    services.held.add("pack:30")
    services.work()
    assert now_of(stack, process).has_failed()
    stack.service.retry_step(process, "all")
    stack.settle()
    again = next(e for e in reversed(stack.told) if e.get("round") and e.get("part") == 1)
    services.failing.discard("pack:0")
    services.held.clear()

    services.work()
    tried = len([e for e in told(stack, "StepStarted") if e["step_name"] == "pack:30"])
    stack.children.handle(again)
    stack.settle()

    assert len([e for e in told(stack, "StepStarted") if e["step_name"] == "pack:30"]) == tried


def test_a_part_that_was_passed_over_is_not_tried_again(stack):
    process = plain_list(stack, on_item_failure=1)
    services = Services(stack, "pack:3", "pack:30", "pack:40")
    services.held |= {"pack:24", "pack:40"}
    services.work()
    stack.service.skip_step(parts_of(stack, process)[0], "all")
    services.held.clear()
    services.work()
    assert now_of(stack, process).has_failed()

    services.failing.clear()
    stack.service.retry_step(process, "all")
    services.work()

    assert now_of(stack, process).is_completed()
    assert "pack:3" not in services.done


def test_a_part_goes_on_with_the_items_it_has_where_the_list_is_gone(stack, monkeypatch):
    process = plain_list(stack, on_item_failure="fail", max_concurrency=25)
    services = Services(stack, "pack:3")
    services.work()
    services.failing.clear()

    def gone(*_told: object) -> None:
        raise AssertionError("nobody keeps that list any more")

    stack.service.retry_step(process, "all")
    with monkeypatch.context() as during:
        during.setattr(stack.children, "_part", gone)
        stack.settle()
    services.work()

    assert now_of(stack, process).is_completed()


def test_a_part_run_from_its_foreach_again_deals_with_its_own_items(stack):
    process = plain_list(stack, on_item_failure="fail")
    services = Services(stack, "pack:30")
    services.work()
    services.failing.clear()

    stack.service.rerun_from(parts_of(stack, process)[1], "all")
    services.work()

    assert now_of(stack, process).is_completed()
    assert sorted(set(services.done)) == sorted(f"pack:{n}" for n in range(60))
    assert services.done.count("pack:0") == 1
    assert services.done.count("pack:26") == 2


def test_a_part_whose_results_are_too_large_tries_its_own_items_again(stack, monkeypatch):
    process = plain_list(stack, on_item_failure="fail")
    services = Services(stack)
    with monkeypatch.context() as during:
        during.setattr("trellis_process.domain.engine.items.checked", _too_large)
        services.work()
    assert now_of(stack, process).has_failed()

    stack.service.retry_step(process, "all")
    services.work()

    assert now_of(stack, process).is_completed()
    assert set(parts_of(stack, process)) == {0, 1, 2}
    assert len(stack.service.list_processes("t1").processes) == 4  # a part has no parts


def test_what_had_ended_in_a_suspended_part_is_not_done_again(stack):
    process = plain_list(stack, on_item_failure="fail", max_concurrency=100)
    services = Services(stack, "pack:0")
    services.held |= {"pack:0", "pack:30"}
    services.work()
    stack.clock.advance(seconds=1)
    bad, other = parts_of(stack, process)[0], parts_of(stack, process)[1]
    stack.service.suspend_process(other)
    stack.service.complete_step(other, "pack:30", "did pack:30", attempt=1)
    services.held.clear()
    services.work()
    assert bad.process_id in {e["process_id"] for e in told(stack, "ProcessFailed")}
    assert now_of(stack, other).state == "cancelled"

    services.failing.clear()
    stack.service.retry_step(process, "all")
    services.work()

    assert now_of(stack, process).is_completed()
    begun = [e for e in told(stack, "StepStarted") if e["step_name"] == "pack:30"]
    assert len(begun) == 1


# -- Undone --------------------------------------------------------------------------------------


def test_what_gave_a_part_up_does_not_cut_its_undoing_off(stack):
    process = bulk(stack, pack_all(on_item_failure="fail", max_concurrency=100))
    services = Services(stack, "pack:0", "pack:25")
    services.held |= {"pack:0", "pack:25"}
    services.work()
    for part, name in ((0, "pack:0"), (1, "pack:25")):  # before the one hears of the other
        key = parts_of(stack, process)[part].key
        stack.service.fail_step(key, name, "no", attempt=1, fatal=True)
    stack.children.handle(told(stack, "ProcessFailed")[0])
    asked = told(stack, "ChildCancellationRequested")

    for event in sorted(asked, key=lambda event: not event.get("compensate")):
        stack.children.handle(event)
    services.held.clear()
    services.work()

    process = now_of(stack, process)
    assert (process.state, process.compensation) == ("failed", "done")
    assert len(services.undone) == 58


def test_a_part_that_ends_while_a_block_in_it_is_rolled_back_is_undone_to_the_end(stack):
    rolled_back = block("rollback", a=(service("a", compensate_with="un"),), b=(service("b"),))
    foreach = ForEach(
        items="input.items", steps=(rolled_back,), max_concurrency=25, on_item_failure="fail"
    )
    stack.define("blocks", ForEachStep("all", foreach=foreach), compensations=(undo("un"),))
    given = {"items": list(range(30))}
    process = stack.service.start("blocks", tenant_id="t1", input=given)
    services = Services(stack, "b:0", "b:1")
    services.held |= {"undo:a:0", *(f"b:{n}" for n in range(1, 30))}
    services.work()

    services.held.discard("b:1")  # fails while what was done for the first item is being undone
    services.work()

    process, part = now_of(stack, process), parts_of(stack, process)[0]
    assert (process.state, process.compensation) == ("failed", "partial")
    assert (part.state, part.compensation) == ("failed", "partial")
    begun = [e["step_name"] for e in told(stack, "CompensationStarted") if "service" in e]
    assert sorted(begun) == sorted(f"undo:a:{n}" for n in range(25))


def test_a_part_that_has_been_undone_is_not_run_again(stack):
    process = bulk(stack, pack_all(on_item_failure="fail"))
    services = Services(stack, "pack:30")
    services.work()
    assert now_of(stack, process).compensation == "done"

    with pytest.raises(Compensated):
        stack.service.rerun_from(parts_of(stack, process)[1], "all")


def test_no_part_is_asked_to_undo_while_the_process_is_suspended(stack):
    rolled_back = block("rollback", goods=(pack_all(),), money=(service("charge"),))
    process = bulk(stack, rolled_back, items=100)
    services = Services(stack)
    services.held |= {"charge", *(f"undo:pack:{n}" for n in range(100))}
    services.work()
    stack.service.fail_step(process, "charge", "no", attempt=1)
    services.work()
    stack.service.suspend_process(process)
    asked = len(told(stack, "ChildCancellationRequested"))

    services.held.clear()
    services.work()
    assert len(told(stack, "ChildCancellationRequested")) == asked
    assert 0 < len(services.undone) < 100

    stack.service.resume_process(process)
    services.work()
    process = now_of(stack, process)
    assert process.step("undo:all").state == "completed"
    assert len(services.undone) == 100


def test_what_parts_completed_in_an_earlier_round_is_undone_too(stack, monkeypatch):
    monkeypatch.setattr(items, "PART", 2)
    pack = service("pack", compensate_with="unpack")
    inner = ForEach(items="input.inner", steps=(pack,), max_concurrency=2, on_item_failure="fail")
    outer = ForEach(
        items="input.outer",
        steps=(ForEachStep("inner", foreach=inner),),
        on_item_failure="fail",
    )
    stack.define("lists", ForEachStep("outer", foreach=outer), compensations=(undo("unpack"),))
    given = {"outer": [1, 2, 3], "inner": list(range(8))}
    process = stack.service.start("lists", tenant_id="t1", input=given)
    services = Services(stack, "pack:0:4")
    services.held.add("pack:0:4")
    services.work()
    part = parts_of(stack, process)[0]
    innermost = parts_of(stack, part)[2]
    stack.service.fail_step(innermost, "pack:0:4", "no", attempt=1, fatal=True)
    stack.children.handle(stack.told[-1])
    assert now_of(stack, part).has_failed()
    stack.service.retry_step(part, "inner:0")  # asks for the first part of the list once more
    stack.service.cancel_process(process, compensate=True)

    services.work()

    process = now_of(stack, process)
    assert (process.state, process.compensation) == ("cancelled", "done")
    packed = [f"undo:{name}" for name in services.done if name.startswith("pack:")]
    assert packed
    assert sorted(n for n in services.done if n.startswith("undo:")) == sorted(packed)


# -- Between a parent and its child --------------------------------------------------------------


def with_child(stack: Stack, **more) -> tuple[Process, ProcessKey]:
    stack.define("parent", SubprocessStep("run", subprocess="child", **more), service("after"))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    return top, child.key


def test_a_child_that_goes_on_while_its_parent_is_suspended_is_waited_for(stack):
    top, child = with_child(stack)
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.service.suspend_process(top)
    stack.settle()

    stack.service.retry_step(child, "work")
    stack.settle()
    assert stack.service.get_process("t1", child.process_id).state == "suspended"
    stack.service.resume_process(top)
    stack.settle()
    stack.service.complete_step(child, "work", attempt=2)
    stack.settle()

    assert now_of(stack, top).step("after").is_open


def meanwhile(stack: Stack, monkeypatch, name: str, then: Callable[[], None]) -> None:
    """Just before the service is asked that for the first time, something else happens."""
    asked, happened = getattr(stack.service, name), []

    def ask(*given, **more):
        if not happened:
            happened.append(name)
            then()
        return asked(*given, **more)

    monkeypatch.setattr(stack.service, name, ask)


def test_a_child_is_not_left_suspended_by_one_who_was_slow(stack, monkeypatch):
    top, child = with_child(stack)
    stack.service.suspend_process(top)
    (suspended,) = told(stack, "ProcessSuspended")

    def resumed() -> None:
        stack.service.resume_process(top)
        stack.children.handle(told(stack, "ProcessResumed")[0])

    suspend = stack.service.suspend_process
    meanwhile(stack, monkeypatch, "suspend_process", resumed)
    stack.children.handle(suspended)
    monkeypatch.setattr(stack.service, "suspend_process", suspend)
    stack.settle()

    assert now_of(stack, top).state == "in_progress"
    assert stack.service.get_process("t1", child.process_id).state == "in_progress"


def dies_once_it_is_started(
    stack: Stack, monkeypatch, name: str, asked: dict, then: Callable[[], None]
) -> None:
    """Just before a child is started something else happens, and just after it the program dies."""
    with monkeypatch.context() as during:

        def happens() -> None:
            then()
            during.setattr(stack.children, "_give_up", _dies)

        meanwhile(stack, during, name, happens)
        with pytest.raises(KeyboardInterrupt):
            stack.children.handle(asked)


@pytest.mark.parametrize("abandon", [False, True])
def test_a_child_started_too_late_by_one_who_then_died_is_given_up(stack, monkeypatch, abandon):
    stack.define("parent", SubprocessStep("run", subprocess="child", abandon=abandon))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    (asked,) = told(stack, "ChildRequested")

    def cancelled() -> None:
        stack.service.cancel_process(top)
        stack.settle()  # and there is no child that could be given up

    dies_once_it_is_started(stack, monkeypatch, "start_child", asked, cancelled)

    stack.children.handle(asked)

    (child,) = stack.service.list_processes("t1", process_type="child").processes
    assert child.state == ("in_progress" if abandon else "cancelled")


def test_a_part_started_too_late_by_one_who_then_died_is_undone(stack, monkeypatch):
    process = bulk(stack, pack_all(max_concurrency=1), items=30)
    asked = told(stack, "ChildRequested")[0]

    def cancelled() -> None:
        stack.service.cancel_process(process, compensate=True)
        stack.settle()

    dies_once_it_is_started(stack, monkeypatch, "start_part", asked, cancelled)

    stack.children.handle(asked)
    stack.settle()

    assert now_of(stack, process).compensation == "done"
    part = parts_of(stack, process)[0]
    assert (part.state, part.compensation) == ("cancelled", "done")


def _too_large(field: str, _value: object) -> None:
    raise items.ExpressionError(field, "too large")


def _dies(*_told: object) -> None:
    raise KeyboardInterrupt
