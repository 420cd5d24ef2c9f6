"""Going on after the end, inside of branches and of items."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import Drive, seconds, service, undo
from trellis_process.domain.definition.retry import Retry
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
    Transition,
)
from trellis_process.domain.engine import commands
from trellis_process.domain.states import WaitingFor


def both(*lists: tuple[AnyStep, ...], mode: Any = "fail_fast", name: str = "both") -> ParallelStep:
    branches = tuple(Branch(name=f"{name}_{n}", steps=steps) for n, steps in enumerate(lists))
    return ParallelStep(name, parallel=Parallel(branches=branches, on_any_failure=mode))


def every(*steps: AnyStep, **more: Any) -> ForEachStep:
    foreach = {"items": "input.items", "steps": steps, "max_concurrency": 2}
    return ForEachStep("all", foreach=ForEach(**(foreach | more)))


def retry(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: process.start_step(name, now=now))


def rerun(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: commands.rerun_from(process, name, now=now))


def test_a_branch_that_is_tried_again_leaves_another_failed_as_it_was():
    block = both((service("a"),), (service("b"),), (service("c"),), mode="wait_all")
    drive = Drive(block, service("after")).start()
    drive.complete("c").fail("a", "no a").fail("b", "no b")
    assert drive.process.step("both").error == "no a; no b"
    retry(drive, "a")
    assert drive.open() == ["both", "a"]
    block = drive.process.step("both")
    assert (block.error, block.ended_at, block.waits_for) == (None, None, WaitingFor.CHILDREN)
    drive.complete("a")
    assert (drive.state, drive.process.step("both").error) == ("failed", "no b")
    retry(drive, "b").complete("b")
    assert drive.open() == ["after"]


def test_a_branch_that_fails_once_more_is_failed_with_its_latest_error():
    block = both((service("a"),), (service("b"),), mode="wait_all")
    drive = Drive(block).start().complete("b").fail("a", "once")
    retry(drive, "a").fail("a", "twice")
    assert (drive.state, drive.process.step("both").error) == ("failed", "twice")


def test_an_item_is_tried_again_and_what_was_given_up_beside_it_begins_again():
    drive = Drive(every(service("pack"), on_item_failure="fail")).start(items=[1, 2, 3, 4])
    drive.complete("pack:0", "first").fail("pack:1")
    assert drive.states()["pack:2"] == "cancelled"
    retry(drive, "pack:1")
    assert set(drive.open()) == {"all", "pack:1", "pack:2"}
    for n in (2, 1, 3):
        drive.complete(f"pack:{n}", n)
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 4,
        "errors": 0,
        "results": ["first", 1, 2, 3],
        "failures": [],
    }


def test_of_items_that_all_failed_one_is_tried_again_and_the_other_stays_failed():
    drive = Drive(every(service("pack"))).start(items=[1, 2])
    drive.fail("pack:0", "no 0").fail("pack:1", "no 1")
    assert drive.process.step("all").error == "all 2 items failed; the first: no 0"
    retry(drive, "pack:0")
    assert drive.open() == ["all", "pack:0"]
    drive.complete("pack:0", "mended")
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 2,
        "errors": 1,
        "results": ["mended", None],
        "failures": [{"item_index": 1, "error": "no 1"}],
    }


def test_blocks_inside_of_items_are_open_again_with_what_was_given_up_in_them():
    block = both((service("a"),), (service("b"), service("c")))
    drive = Drive(every(block, on_item_failure="fail")).start(items=[1, 2])
    drive.complete("b:0").later("1s").fail("b:1")
    assert drive.state == "failed"
    retry(drive, "b:1")
    assert set(drive.open()) == {"all", "both:0", "a:0", "c:0", "both:1", "a:1", "b:1"}
    for name in ("a:0", "c:0", "a:1", "b:1", "c:1"):
        drive.complete(name)
    assert drive.state == "completed"
    assert drive.process.step("all").output["processed"] == 2


def test_items_inside_of_a_branch_go_on_where_they_were_given_up():
    drive = Drive(both((service("x"), every(service("pack"))), (service("b"),)))
    drive.start(items=[1, 2, 3]).complete("x").complete("pack:0").fail("b")
    assert drive.states()["all"] == "cancelled"
    retry(drive, "b")
    assert set(drive.open()) == {"both", "all", "pack:1", "pack:2", "b"}
    assert drive.process.step("x").visits == 1
    drive.complete("b").complete("pack:1").complete("pack:2")
    assert drive.state == "completed"
    assert drive.process.step("all").output["processed"] == 3


def test_the_parts_of_a_long_list_that_were_given_up_are_asked_for_again():
    drive = Drive(both((every(service("pack")),), (service("b"),))).start(items=list(range(30)))
    drive.fail("b")
    retry(drive, "b")
    asked = [each for each in drive.events if each.type == "ChildRequested"]
    assert [(each.part, each.round) for each in asked] == [(0, None), (0, 1)]
    assert asked[0].child_id == asked[1].child_id


def test_a_child_that_is_given_up_in_a_branch_is_called_off():
    drive = Drive(both((SubprocessStep("child", subprocess="other"),), (service("b"),))).start()
    drive.fail("b")
    told = {each.type: each for each in drive.events}
    assert told["ChildCancellationRequested"].child_id == told["ChildRequested"].child_id
    assert told["StepCancelled"].step_name == "child"


def test_what_a_part_failed_by_is_tried_again_in_the_part_wherever_its_list_stands():
    steps = (both((every(service("pack"), on_item_failure="fail"),), (service("b"),)),)
    whole = Drive(*steps).start(items=list(range(30)))
    part = Drive(*steps).start_part(whole, 0, [0, 1], 0).fail("pack:1", "torn")
    assert (part.state, part.reason) == ("failed", "step_failed")
    retry(part, "pack:1")
    assert set(part.open()) == {"all", "pack:0", "pack:1"}
    part.complete("pack:0").complete("pack:1")
    assert (part.state, part.process.output["processed"]) == ("completed", 2)


def test_running_a_step_of_an_item_again_gives_up_what_is_open_for_that_item_alone():
    drive = Drive(every(service("a"), service("b"))).start(items=[1, 2, 3])
    drive.complete("a:0").complete("a:1")
    rerun(drive, "a:0")
    assert set(drive.open()) == {"all", "a:0", "b:1"}
    assert drive.states()["b:0"] == "cancelled"
    drive.complete("b:1")
    assert set(drive.open()) == {"all", "a:0", "a:2"}
    for name in ("a:0", "b:0", "a:2", "b:2"):
        drive.complete(name)
    assert drive.state == "completed"


def test_an_item_that_runs_again_lets_none_begin_beyond_those_that_may_be_under_way():
    drive = Drive(every(service("pack"), max_concurrency=1)).start(items=[1, 2, 3])
    rerun(drive.complete("pack:0"), "pack:0")
    assert set(drive.open()) == {"all", "pack:0", "pack:1"}
    assert drive.complete("pack:1").open() == ["all", "pack:0"]
    assert drive.complete("pack:0").open() == ["all", "pack:2"]


def test_running_a_step_again_opens_the_branch_that_it_stands_in_and_none_around_that():
    inner = both((service("a"),), (service("b"),), name="inner")
    drive = Drive(both((inner,), (service("c"),), name="outer")).start().complete("a")
    rerun(drive, "a")
    for name in ("a", "b", "c"):
        drive.complete(name)
    assert drive.state == "completed"


def test_running_again_from_before_a_block_gives_up_what_is_open_inside_of_it():
    drive = Drive(service("a"), both((service("b"),), (service("c"),))).start().complete("a")
    drive.complete("b")
    rerun(drive, "a")
    assert drive.open() == ["a"]
    assert (drive.states()["both"], drive.states()["c"]) == ("cancelled", "cancelled")
    assert drive.states()["b"] == "completed"


def test_a_person_has_a_step_done_again_however_often_it_was_entered():
    drive = Drive(service("a", max_visits=1), service("b")).start().complete("a")
    rerun(drive, "a")
    assert drive.open() == ["a"]
    assert drive.process.step("a").visits == 2


def test_what_was_given_up_begins_again_however_often_it_was_entered():
    block = both((service("a"),), (service("x"), service("c", max_visits=1)))
    drive = Drive(block).start().complete("x").fail("a")
    retry(drive, "a")
    assert set(drive.open()) == {"both", "a", "c"}
    assert drive.process.step("c").visits == 2


def test_what_never_began_in_this_visit_begins_however_often_it_was_entered():
    ask = HumanTaskStep("ask", human_task=HumanTask(surface="f", assignee="steps.look.output.who"))
    block = both((ask,), (service("work", max_visits=1),))
    drive = Drive(service("look"), block, service("more", on_success="look")).start()
    drive.complete("look", {"who": "ann"}).complete("ask").complete("work").complete("more")
    drive.complete("look", {})
    assert drive.state == "failed"
    drive.do(lambda process, now: process.skip_step("ask", now=now))
    assert drive.open() == ["both", "work"]


def test_a_step_that_is_tried_again_has_the_limits_and_the_visit_that_it_had():
    more = Transition(to="a", when="steps.b.output.more")
    a = service("a", timeout="1m", retry=Retry(max_attempts=3))
    drive = Drive(a, service("b", transitions=(more, Transition(to="complete")))).start()
    drive.complete("a").complete("b", {"more": True}).fail("a", fatal=True)
    assert drive.state == "failed"
    retry(drive, "a")
    step = drive.process.step("a")
    assert (step.visits, step.attempt, step.first_attempt) == (2, 3, 2)
    assert step.due_at == drive.now + seconds(60)
    assert step.retries_permitted == 2


def test_an_attempt_that_is_to_come_begins_at_once_where_somebody_wants_it():
    drive = Drive(service("a", retry=Retry(max_attempts=2, interval="50s"))).start().fail("a")
    assert drive.process.step("a").waits_for_retry
    retry(drive, "a")
    assert drive.process.step("a").attempt == 2
    assert drive.started() == ["a", "a"]


# -- What is undone ------------------------------------------------------------------------------


def undone(name: str, **more: Any) -> AnyStep:
    return service(name, compensate_with="undo", **more)


UNDO = (undo("undo", retry=Retry(max_attempts=2)),)


def test_what_was_undone_done_and_failed_again_is_undone_again_with_attempts_of_its_own():
    drive = Drive(undone("a"), service("f"), compensations=UNDO).start().complete("a").fail("f")
    drive.complete("undo:a")
    assert drive.compensation == "done"
    rerun(drive, "a").complete("a").fail("f")
    step = drive.process.step("undo:a")
    assert (step.attempt, step.first_attempt, step.visits) == (2, 2, 2)
    drive.fail("undo:a").sweep("1s").later("1s").fail("undo:a")
    assert drive.process.step("undo:a").attempt == 3
    assert (drive.state, drive.compensation) == ("failed", "partial")
    assert drive.process.last_failed_step() == drive.process.step("f")


def test_a_rollback_undoes_what_is_inside_of_blocks_and_items_too_and_nothing_beside_it():
    inner = both((every(undone("pack")),), (undone("a"),), name="inner")
    block = both((inner, service("x")), (service("b"),), mode="rollback", name="rolled")
    outer = both((block,), (undone("z"), service("end")), name="outer", mode="wait_all")
    drive = Drive(outer, compensations=UNDO).start(items=[1, 2])
    for name in ("pack:0", "a", "pack:1", "z"):
        drive.complete(name)
    drive.fail("b")
    for name in ("undo:pack:1", "undo:a", "undo:pack:0"):
        assert drive.open() == ["outer", "rolled", "end", name]
        drive.complete(name)
    assert drive.open() == ["outer", "end"]
    drive.complete("end")
    assert drive.open() == ["undo:z"]


def test_a_rollback_that_could_not_undo_everything_is_partial_once_the_process_fails():
    block = both((undone("a"),), (service("b"),), mode="rollback")
    handled = ParallelStep("both", parallel=block.parallel, on_failure="mend")
    drive = Drive(undone("z"), handled, service("mend"), compensations=UNDO).start()
    drive.complete("z").complete("a").fail("b").fail("undo:a").sweep("1s").fail("undo:a")
    assert (drive.open(), drive.compensation) == (["mend"], None)
    drive.fail("mend").complete("undo:z")
    assert (drive.state, drive.compensation) == ("failed", "partial")


@pytest.mark.parametrize("value", ["step.output.none", "item"])
def test_a_rollback_passes_over_what_nobody_can_be_told_to_undo(value):
    compensations = (undo("undo"), undo("hopeless", inputs={"x": value}))
    lists = (undone("a"),), (service("c", compensate_with="hopeless"),), (service("b"),)
    block = ParallelStep("both", parallel=both(*lists, mode="rollback").parallel, on_failure="mend")
    drive = Drive(undone("z"), block, service("mend"), compensations=compensations).start()
    drive.complete("z").complete("a").complete("c", {}).fail("b")
    assert drive.open() == ["both", "undo:a"]
    drive.complete("undo:a")
    assert (drive.open(), drive.compensation) == (["mend"], None)
    drive.fail("mend").complete("undo:z")
    assert drive.compensation == "partial"
