"""What random histories found broken, each in the smallest case that shows it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import Drive, service, undo
from tests.proof.engine_worlds import TENANT, Worlds
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    AnyStep,
    Branch,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.domain.engine import commands
from trellis_process.errors import Suspended


def block(name: str, mode: Any, *lists: tuple[AnyStep, ...]) -> ParallelStep:
    branches = tuple(Branch(name=f"{name}_{n}", steps=steps) for n, steps in enumerate(lists))
    return ParallelStep(name, parallel=Parallel(branches=branches, on_any_failure=mode))


def undone(name: str, **more: Any) -> AnyStep:
    return service(name, compensate_with="undo", **more)


def rerun(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: commands.rerun_from(process, name, now=now))


def skip(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: process.skip_step(name, now=now))


def test_a_process_that_undoes_may_be_cancelled_and_goes_on_undoing():
    drive = Drive(undone("a"), service("b"), compensations=(undo("undo"),)).start()
    drive.complete("a").fail("b")
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    assert drive.open() == ["undo:a"]
    drive.complete("undo:a")
    assert (drive.state, drive.compensation) == ("cancelled", "done")


def test_two_rollbacks_at_once_become_one_line_of_compensations_when_the_process_fails():
    lists = [(undone(f"a{n}"), undone(f"b{n}")) for n in "12"]
    inner = [block(f"in{n}", "rollback", each, (service(f"f{n}"),)) for n, each in enumerate(lists)]
    outer = block("out", "wait_all", *((each,) for each in inner))
    drive = Drive(outer, compensations=(undo("undo"),), timeout="1h").start()
    for name in ("a1", "b1", "a2", "b2"):
        drive.complete(name)
    drive.fail("f0").fail("f1").sweep("1h")
    assert set(drive.open()) == {"undo:b1", "undo:b2"}
    assert drive.complete("undo:b1").open() == ["undo:b2"]
    assert drive.complete("undo:b2").open() == ["undo:a2"]
    drive.complete("undo:a2").complete("undo:a1")
    assert (drive.state, drive.compensation) == ("failed", "done")


def test_a_rollback_in_what_has_been_given_up_goes_no_further():
    inner = block("inner", "rollback", (undone("a"),), (service("b"),))
    outer = block("outer", "fail_fast", (inner,), (service("c", on_failure="fail"),))
    handled = ParallelStep("outer", parallel=outer.parallel, on_failure="mend")
    drive = Drive(handled, service("mend"), compensations=(undo("undo"),)).start()
    drive.complete("a").fail("b").fail("c")
    drive.complete("undo:a").complete("mend")
    assert drive.state == "completed"


def test_what_a_signal_ended_on_resumption_takes_no_signal_any_more():
    lists = tuple((WaitStep(f"w{n}", wait_for_signal=f"s{n}", on_success="fail"),) for n in "12")
    both = ParallelStep("both", parallel=block("", "fail_fast", *lists).parallel, on_failure="mend")
    drive = Drive(both, service("mend")).start()
    drive.do(lambda process, now: process.suspend(now=now)).signal("s1").signal("s2")
    drive.do(lambda process, now: process.resume(now=now))
    assert drive.states() == {
        "both": "failed",
        "w1": "completed",
        "w2": "cancelled",
        "mend": "in_progress",
    }
    assert list(drive.process.signals) == ["s2"]


def test_what_never_began_because_another_failed_at_once_begins_when_that_is_passed_over():
    task = HumanTaskStep("ask", human_task=HumanTask(surface="f", assignee="input.nobody"))
    drive = Drive(block("both", "fail_fast", (task,), (service("work"),))).start()
    assert drive.state == "failed"
    assert skip(drive, "ask").open() == ["both", "work"]


def test_a_branch_that_was_done_is_waited_for_where_a_step_of_it_runs_again():
    drive = Drive(block("both", "fail_fast", (service("a"),), (service("b"),))).start()
    rerun(drive.complete("a"), "a").complete("b")
    assert drive.open() == ["both", "a"]
    assert drive.complete("a").state == "completed"


def test_an_item_that_was_done_is_waited_for_where_a_step_of_it_runs_again():
    foreach = ForEach(items="input.items", steps=(service("pack"),), max_concurrency=2)
    drive = Drive(ForEachStep("all", foreach=foreach)).start(items=[1, 2])
    rerun(drive.complete("pack:0"), "pack:0").complete("pack:1")
    assert drive.open() == ["all", "pack:0"]
    drive.complete("pack:0")
    assert drive.process.step("all").output["processed"] == 2


def test_a_retry_does_not_begin_what_was_given_up_long_before():
    drive = Drive(service("a"), service("b")).start().complete("a")
    rerun(drive.later("1s"), "a").later("1s").fail("a")
    drive.do(lambda process, now: process.start_step("a", now=now))
    assert drive.open() == ["a"]


def test_a_retry_begins_in_each_branch_what_was_given_up_last():
    branch = tuple(service(name) for name in ("a1", "a2", "a3"))
    drive = Drive(block("both", "fail_fast", branch, (service("b"),))).start()
    rerun(drive.complete("a1").complete("a2").later("1s"), "a1")
    rerun(drive.later("1s"), "a2").later("1s").fail("b")
    drive.do(lambda process, now: process.start_step("b", now=now))
    assert set(drive.open()) == {"both", "a2", "b"}


def test_a_step_that_ended_while_suspended_is_not_run_again_before_the_process_is_resumed():
    drive = Drive(service("a"), service("b")).start()
    drive.do(lambda process, now: process.suspend(now=now)).complete("a")
    with pytest.raises(Suspended):
        rerun(drive, "a")
    drive.do(lambda process, now: process.resume(now=now))
    assert rerun(drive, "a").open() == ["a"]


def test_a_compensation_whose_item_is_gone_fails_and_the_others_run():
    steps = (undone("pack", inputs={"i": "item"}),)
    foreach = ForEach(items="steps.list.output", steps=steps, max_concurrency=9)
    drive = Drive(
        service("list"),
        ForEachStep("all", foreach=foreach),
        service("more", on_success="list"),
        compensations=(undo("undo", inputs={"i": "item"}),),
    )
    drive.start().complete("list", [1, 2]).complete("pack:0").complete("pack:1")
    drive.complete("more").complete("list", [1])
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    assert drive.open() == ["undo:pack:0"]
    assert drive.process.step("undo:pack:1").error is not None


def test_a_part_whose_items_were_passed_over_counts_them_as_processed():
    foreach = ForEach(items="input.items", steps=(service("pack"),), max_concurrency=50)
    drive = Drive(ForEachStep("all", foreach=foreach)).start(items=list(range(30)))
    drive.child_ended("all", part=0, output=None)
    drive.child_ended("all", part=1, output=None)
    output = drive.process.step("all").output
    assert (output["processed"], output["errors"]) == (30, 0)


def test_a_parent_waits_for_a_child_that_was_opened_again_before_its_end_was_told():
    child = ProcessDefinition("child", version=1, steps=(service("pack"),))
    steps = (SubprocessStep("run", subprocess="child"), service("after"))
    worlds = Worlds([child, ProcessDefinition("main", version=1, steps=steps)], None)
    worlds.ask(lambda world: world.service.start("main", tenant_id=TENANT))
    worlds.deliver(worlds.of_children.pop(0))
    parent, child_of_it = worlds.processes.values()
    worlds.ask(lambda world: world.service.fail_step(child_of_it.key, "pack", "no", attempt=1))
    worlds.ask(lambda world: world.service.retry_step(child_of_it.key, "pack"))
    while worlds.of_children:
        worlds.deliver(worlds.of_children.pop(0))
    assert worlds.processes[parent.process_id].step("run").is_open

    worlds.ask(lambda world: world.service.complete_step(child_of_it.key, "pack", attempt=2))
    while worlds.of_children:
        worlds.deliver(worlds.of_children.pop(0))
    assert worlds.processes[parent.process_id].step("after").is_open


def test_a_block_that_was_rolled_back_and_given_up_begins_anew_with_its_item():
    inner = block("inner", "rollback", (undone("a"),), (service("b"),))
    outer = block("outer", "fail_fast", (inner,), (service("c"),))
    more = ForEach(items="input.items", steps=(outer,), max_concurrency=2)
    foreach = ForEachStep("all", foreach=more)
    drive = Drive(foreach, compensations=(undo("undo"),)).start(items=[1, 2])
    drive.complete("a:0").fail("b:0").fail("c:0").complete("undo:a:0").fail("c:1")
    assert (drive.state, drive.compensation) == ("failed", None)
    drive.do(lambda process, now: process.start_step("all", now=now))
    assert {"a:0", "b:0", "c:0"} <= set(drive.open())


def test_what_ended_while_suspended_is_not_done_again_beside_what_is_retried():
    lists = (service("a"), service("a2")), (service("b"),)
    drive = Drive(block("both", "fail_fast", *lists)).start().later("1s")
    drive.do(lambda process, now: process.suspend(now=now)).fail("b").complete("a")
    drive.do(lambda process, now: process.resume(now=now))
    assert drive.state == "failed"
    drive.do(lambda process, now: process.start_step("b", now=now))
    assert set(drive.open()) == {"both", "a2", "b"}
