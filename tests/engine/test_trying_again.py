"""What failed inside of a step is tried again with it, in the process and in its children."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.engine.driving import Drive, service
from tests.engine.test_engine_service import Stack
from tests.engine.test_parts_undone import Services
from trellis_process.domain.definition.steps import (
    Branch,
    ConditionStep,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
)
from trellis_process.domain.process import Process, ProcessKey


@pytest.fixture
def stack() -> Stack:
    return Stack()


def every(*steps, **more) -> ForEachStep:
    return ForEachStep("all", foreach=ForEach(items="input.items", steps=steps, **more))


def both(*lists, mode="fail_fast") -> ParallelStep:
    branches = tuple(Branch(name=f"b{n}", steps=steps) for n, steps in enumerate(lists))
    return ParallelStep("both", parallel=Parallel(branches=branches, on_any_failure=mode))


def retry(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: process.start_step(name, now=now))


def pack_all(**more) -> ForEachStep:
    body = service("pack", inputs={"i": "item"})
    return every(body, **({"max_concurrency": 50} | more))


def bulk(stack: Stack, *steps) -> Process:
    stack.define("bulk", *steps)
    return stack.service.start("bulk", tenant_id="t1", input={"items": list(range(60))})


def now_of(stack: Stack, process: Process) -> Process:
    return stack.service.get_process("t1", process.process_id)


# -- In the process ------------------------------------------------------------------------------


def test_of_items_those_that_failed_are_tried_again_and_no_others():
    drive = Drive(every(service("pack"), on_item_failure=1)).start(items=[1, 2, 3, 4])
    drive.complete("pack:0", "a").fail("pack:1").complete("pack:2", "c").fail("pack:3")
    assert drive.state == "failed"

    retry(drive, "all")

    assert drive.open() == ["all", "pack:1"]  # one at a time, as ever
    drive.complete("pack:1", "b").complete("pack:3", "d")
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 4,
        "errors": 0,
        "results": ["a", "b", "c", "d"],
        "failures": [],
    }
    assert drive.started().count("pack:0") == 1


def test_an_item_that_fails_again_counts_again():
    drive = Drive(every(service("pack"), on_item_failure=1)).start(items=[1, 2, 3])
    drive.fail("pack:0").fail("pack:1")

    retry(drive, "all").fail("pack:0")

    assert drive.state == "in_progress"
    assert drive.fail("pack:1").state == "failed"


def test_an_item_goes_on_at_the_step_that_failed():
    body = (service("pick"), service("pack"))
    drive = Drive(every(*body)).start(items=[1]).complete("pick:0").fail("pack:0")

    retry(drive, "all")

    assert drive.open() == ["all", "pack:0"]


def test_items_that_were_given_up_go_on_beside_those_that_failed():
    body = (service("pick"), service("pack"))
    drive = Drive(every(*body, on_item_failure="fail", max_concurrency=3)).start(items=[1, 2, 3])
    drive.complete("pick:0").fail("pick:1")

    retry(drive, "all")

    assert set(drive.open()) == {"all", "pack:0", "pick:1", "pick:2"}


def test_of_branches_those_that_failed_or_were_given_up_are_tried_again():
    drive = Drive(both((service("a"),), (service("b"),), (service("c"),))).start()
    drive.complete("a").fail("b")

    retry(drive, "both")

    assert drive.open() == ["both", "b", "c"]
    assert drive.complete("b").complete("c").state == "completed"


def test_blocks_inside_of_items_are_gone_into():
    drive = Drive(every(both((service("a"),), (service("b"),)))).start(items=[1])
    drive.complete("a:0").fail("b:0")

    retry(drive, "all")

    assert drive.open() == ["all", "both:0", "b:0"]


def test_a_list_that_a_route_let_fail_begins_anew():
    bad = ConditionStep("bad", condition="input.fine", on_false="fail")
    drive = Drive(both((service("a"), bad), (service("c"),), mode="wait_all")).start(fine=False)
    drive.complete("a").complete("c")
    assert drive.state == "failed"

    retry(drive, "both")

    assert drive.open() == ["both", "a"]


def test_after_a_rollback_that_had_nothing_to_undo_everything_begins_anew():
    drive = Drive(both((service("a"),), (service("b"),), mode="rollback")).start()
    drive.complete("a").fail("b")

    retry(drive, "both")

    assert drive.open() == ["both", "a", "b"]


# -- In the parts of a long list -----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["fail", 1, "continue"])
def test_of_a_long_list_what_failed_is_tried_again_and_no_item_that_is_done(stack, mode):
    process = bulk(stack, pack_all(on_item_failure=mode), service("ship"))
    failing = [f"pack:{n}" for n in ((30, 40) if mode != "continue" else range(60))]
    services = Services(stack, *failing)
    services.work()
    assert now_of(stack, process).state == "failed"

    services.failing.clear()
    stack.service.retry_step(process, "all")
    services.work()

    process = now_of(stack, process)
    assert process.is_completed()
    assert process.step("all").output == {
        "processed": 60,
        "errors": 0,
        "parts": 3,
        "failures": [],
    }
    packed = [name for name in services.done if name.startswith("pack:")]
    assert sorted(packed) == sorted(f"pack:{n}" for n in range(60))
    results = list(stack.service.item_results(process, "all"))
    assert results == [f"did pack:{n}" for n in range(60)]


def test_everything_delivered_twice_tries_nothing_twice(stack):
    process = bulk(stack, pack_all(on_item_failure=1), service("ship"))
    services = Services(stack, "pack:30", "pack:40")
    services.work()
    services.failing = {"pack:40"}
    stack.service.retry_step(process, "all")
    services.work()
    before = len(stack.told)

    stack.again()
    services.work()

    assert len(stack.told) == before
    output = now_of(stack, process).step("all").output
    assert (output["processed"], output["errors"]) == (60, 1)


def test_a_part_that_was_given_up_is_not_called_off_late(stack):
    process = bulk(stack, pack_all(on_item_failure="fail", max_concurrency=100))
    services = Services(stack, "pack:30")
    services.work(most=10)
    called_off = [e for e in stack.told if e["type"] == "ChildCancellationRequested"]
    services.work()
    services.failing.clear()
    stack.service.retry_step(process, "all")
    stack.settle()

    for event in [e for e in stack.told if e["type"] == "ChildCancellationRequested"]:
        stack.children.handle(event)
    services.work()

    assert not called_off
    assert now_of(stack, process).is_completed()


def test_trying_an_item_again_in_its_part_opens_the_parent_too(stack):
    process = bulk(stack, pack_all(on_item_failure="fail"), service("ship"))
    services = Services(stack, "pack:30")
    services.work()
    (part,) = [
        each
        for each in stack.service.list_processes("t1").processes
        if each.parent and each.has_failed()
    ]
    services.failing.clear()

    stack.service.retry_step(part, "pack:30")
    services.work()

    assert now_of(stack, process).is_completed()
    assert services.done.count("pack:29") == 1


# -- In a child ----------------------------------------------------------------------------------


def nested(stack: Stack) -> tuple[Process, ProcessKey]:
    stack.define("grandparent", SubprocessStep("run", subprocess="parent"), service("after"))
    stack.define("parent", SubprocessStep("run", subprocess="child"))
    stack.define("child", service("first"), service("work"), outputs={"n": "steps.work.output"})
    top = stack.service.start("grandparent", tenant_id="t1")
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    return top, child.key


def test_trying_a_step_again_where_it_failed_opens_all_parents(stack):
    top, child = nested(stack)
    stack.service.complete_step(child, "first")
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.settle()
    assert now_of(stack, top).has_failed()

    stack.service.retry_step(child, "work")
    stack.settle()
    assert now_of(stack, top).state == "in_progress"
    stack.service.complete_step(child, "work", 7)
    stack.settle()
    stack.again()

    assert now_of(stack, top).step("run").state == "completed"
    assert now_of(stack, top).step("after").is_open
    assert len(stack.service.list_processes("t1").processes) == 3


def test_a_step_that_waits_for_its_child_again_has_all_its_time_again(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child", timeout="1h"))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    stack.clock.advance(minutes=50)
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.settle()
    stack.clock.advance(minutes=50)

    stack.service.retry_step(child, "work")
    stack.settle()
    waiting = now_of(stack, top).step("run")
    assert (waiting.state, waiting.due_at) == ("waiting", stack.clock() + timedelta(hours=1))

    stack.clock.advance(minutes=60)
    stack.checker.check_for_timed_out_steps()
    assert now_of(stack, top).step("run").error == "timed out"


def test_a_child_that_ends_before_its_parent_hears_that_it_goes_on_is_not_lost(stack):
    top, child = nested(stack)
    stack.service.complete_step(child, "first")
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.settle()
    begin = len(stack.told)
    stack.service.retry_step(child, "work")
    stack.service.complete_step(child, "work", 7)

    for event in reversed(stack.told[begin:]):  # the end comes before the reopening
        stack.children.handle(event)
    stack.settle()

    assert now_of(stack, top).step("run").state == "completed"


def test_a_parent_that_has_gone_another_way_stays_where_it_is(stack):
    stack.define(
        "parent", SubprocessStep("run", subprocess="child", on_failure="other"), service("other")
    )
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.settle()

    stack.service.retry_step(child, "work")
    stack.service.complete_step(child, "work")
    stack.settle()

    assert now_of(stack, top).step("run").state == "failed"
    assert now_of(stack, top).step("other").is_open


# -- Suspended -----------------------------------------------------------------------------------


def test_children_are_suspended_and_go_on_with_their_parent(stack):
    top, child = nested(stack)

    stack.service.suspend_process(top)
    stack.settle()
    assert {each.state for each in stack.service.list_processes("t1").processes} == {"suspended"}
    stack.service.complete_step(child, "first")
    stack.settle()
    assert stack.service.get_process(*_pair(child)).state == "suspended"

    stack.service.resume_process(top)
    stack.settle()
    assert {each.state for each in stack.service.list_processes("t1").processes} == {"in_progress"}
    assert stack.service.get_process(*_pair(child)).step("work").is_open


def test_a_child_that_is_started_while_its_parent_is_suspended_waits_too(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child"))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.service.suspend_process(top)
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    assert child.state == "suspended"


def test_a_child_that_goes_on_alone_is_not_suspended(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child", abandon=True))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    stack.service.suspend_process(top)
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    assert child.state == "in_progress"


def test_the_parts_of_a_long_list_are_suspended_with_it(stack):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack)
    services.work(most=10)
    stack.service.suspend_process(process)
    services.work()
    done = len(services.done)
    assert {each.state for each in stack.service.list_processes("t1").processes} == {"suspended"}

    stack.service.resume_process(process)
    services.work()

    assert done < 60
    assert now_of(stack, process).is_completed()


def _pair(key: ProcessKey) -> tuple[str, str]:
    return key.tenant_id, key.process_id
