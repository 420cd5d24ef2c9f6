"""Lists of steps that go on after their end: where each goes on, and what is known of before."""

from __future__ import annotations

import pytest

from tests.engine.driving import START, Drive, service, undo
from tests.engine.test_engine_service import Stack
from tests.engine.test_parts_in_disorder import parts_of, plain_list, told
from tests.engine.test_parts_undone import Services, bulk, pack_all
from tests.engine.test_refusals import asking, refused
from tests.engine.test_refusals import rerun as asking_to_rerun
from tests.engine.test_reopening import both, every, rerun, retry
from tests.engine.test_trying_again import now_of
from trellis_process.domain.definition.steps import (
    AnyStep,
    ConditionStep,
    ParallelStep,
    Transition,
)
from trellis_process.domain.engine import relations
from trellis_process.domain.process import Process
from trellis_process.domain.states import WaitingFor
from trellis_process.errors import Compensated, Compensating

FAILS = ConditionStep("fine", condition="input.fine", on_false="fail")


@pytest.fixture
def stack() -> Stack:
    return Stack()


def suspend(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.suspend(now=now))


def resume(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.resume(now=now))


def part_of_a_long_list(*steps: AnyStep, undoes: str = "") -> Drive:
    """A part of two items, "x" and "y", of a list that fails with the first of them that does."""
    more = {"compensations": (undo(undoes),)} if undoes else {}
    block = every(*steps, on_item_failure="fail")
    whole = Drive(block, **more).start(items=list(range(30)))
    return Drive(block, **more).start_part(whole, 0, ["x", "y"], 0)


# -- A list that failed --------------------------------------------------------------------------


def test_of_several_steps_that_failed_in_a_branch_the_last_is_tried_again():
    block = both((service("a"), service("b")), (service("c"),), mode="wait_all")
    drive = Drive(block).start().complete("a").later("1s").fail("b").later("1s")
    rerun(drive, "a").fail("a").later("1s")
    rerun(drive, "b").fail("b").complete("c")
    assert (drive.state, drive.states()["a"], drive.states()["b"]) == ("failed",) * 3

    retry(drive, "both")

    assert drive.open() == ["both", "b"]
    assert drive.complete("b").state == "completed"


@pytest.mark.parametrize("mode", ["wait_all", "fail_fast"])
def test_a_branch_that_a_route_let_fail_begins_anew_however_often_it_was_entered(mode):
    block = both((service("a", max_visits=1), FAILS), (service("c"),), mode=mode)
    drive = Drive(block).start(fine=False).later("1s").complete("c").later("1s").complete("a")
    assert drive.state == "failed"

    retry(drive, "both")

    assert drive.open() == ["both", "a"]
    assert drive.process.step("a").visits == 2


def test_an_item_that_a_route_let_fail_begins_anew_for_that_item():
    drive = Drive(every(service("a", inputs={"i": "item"}), FAILS))
    drive.start(items=["x", "y"], fine=False).complete("a:0").complete("a:1")
    assert drive.state == "failed"

    retry(drive, "all")

    assert drive.open() == ["all", "a:0", "a:1"]
    assert drive.process.step("a:1").input == {"i": "y"}


def test_a_foreach_that_had_no_list_begins_with_the_one_that_has_come_since():
    listed = every(service("pack"), items="steps.look.output")
    drive = Drive(both((listed,), (service("look"),), mode="wait_all")).start()
    assert drive.states()["all"] == "failed"
    drive.complete("look", [1, 2])
    assert drive.state == "failed"

    retry(drive, "all")

    assert drive.open() == ["both", "all", "pack:0", "pack:1"]
    assert drive.complete("pack:0").complete("pack:1").state == "completed"


def test_outputs_without_a_value_say_which_one_that_is():
    drive = Drive(service("a"), outputs={"n": "steps.a.output.number"}).start().complete("a", {})
    assert drive.state == "failed"
    assert drive.reason is not None
    assert drive.reason.startswith("expression_error: ")
    assert "number" in drive.reason


# -- A list that was not to go on ----------------------------------------------------------------


def test_a_step_that_failed_unheeded_is_tried_again_with_the_one_that_is_known_to_have_failed():
    block = both((service("a"), service("b")), (service("c"),))
    drive = suspend(Drive(block).start().later("1s").complete("a").later("1s"))
    resume(drive.fail("c").fail("b"))
    assert (drive.state, drive.process.step("both").error) == ("failed", "it broke")

    retry(drive, "c")

    assert set(drive.open()) == {"both", "b", "c"}
    assert [drive.process.step(name).attempt for name in "abc"] == [1, 2, 2]
    assert drive.complete("b").complete("c").state == "completed"


def test_a_step_that_failed_unheeded_is_followed_by_what_handles_that():
    block = both((service("a", on_failure="mend"), service("mend")), (service("c"),))
    drive = suspend(Drive(block).start().later("1s"))
    resume(drive.fail("c").fail("a"))

    retry(drive, "c")

    assert set(drive.open()) == {"both", "mend", "c"}
    assert drive.started().count("a") == 1


def test_what_ended_unheeded_is_followed_by_what_comes_after_it_also_in_a_loop():
    once_more = service("b", transitions=(Transition(to="a"),))
    block = both((service("a"), once_more), (service("c"),))
    drive = Drive(block).start()
    for name in ("a", "b"):
        drive.later("1s").complete(name)
    suspend(drive.later("1s")).fail("c").complete("a")
    resume(drive)
    assert drive.state == "failed"

    retry(drive, "c")

    assert set(drive.open()) == {"both", "b", "c"}  # for ``a`` was the last that ended
    assert drive.started().count("a") == 2


def test_an_item_that_was_to_begin_when_another_failed_begins_for_itself():
    pack = service("pack", inputs={"x": "item.x"})
    drive = Drive(every(pack, on_item_failure="fail")).start(items=[{}, {"x": 1}])
    assert drive.states() == {"all": "failed", "pack:0": "failed"}

    drive.do(lambda process, now: process.skip_step("pack:0", now=now))

    assert drive.open() == ["all", "pack:1"]
    assert drive.process.step("pack:1").input == {"x": 1}


def test_a_block_given_up_while_it_was_rolled_back_begins_anew_however_often_it_was_entered():
    lists = (service("a", compensate_with="un"),), (service("b"),)
    inner = both(*lists, mode="rollback", name="inner").parallel
    block = both((ParallelStep("inner", parallel=inner, max_visits=1),), (service("c"),))
    part = part_of_a_long_list(block, undoes="un").later("1s")
    part.complete("a:0").later("1s").fail("b:0").later("1s")
    assert "undo:a:0" in part.open()
    part.fail("c:0")
    assert (part.state, part.states()["inner:0"]) == ("failed", "cancelled")

    retry(part, "c:0")

    assert {"inner:0", "a:0", "b:0", "c:0"} < set(part.open())
    assert part.process.step("inner:0").visits == 2


# -- Run again -----------------------------------------------------------------------------------


def test_an_item_that_is_run_again_and_fails_is_not_counted_as_done_too():
    drive = Drive(every(service("pack"))).start(items=[1, 2]).complete("pack:0", "first")
    rerun(drive, "pack:0").fail("pack:0", "torn").complete("pack:1", "second")
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 2,
        "errors": 1,
        "results": [None, "second"],
        "failures": [{"item_index": 0, "error": "torn"}],
    }


def test_a_branch_that_is_under_way_and_run_again_is_under_way_once():
    block = both((service("a"), service("b")), (service("c"),))
    drive = rerun(Drive(block).start().complete("a"), "a")
    assert sorted(drive.process.step("both").progress["open"]) == ["both_0", "both_1"]


def test_the_items_of_a_part_that_is_run_again_are_those_it_had():
    part = part_of_a_long_list(service("pack", inputs={"i": "item"}))
    part.fail("pack:1").later("5s")

    rerun(part, "all")

    root = part.process.step("all")
    assert (root.state, root.waits_for) == ("waiting", WaitingFor.CHILDREN)
    assert root.started_at == part.now > START
    given = {name: part.process.step(name).input for name in ("pack:0", "pack:1")}
    assert given == {"pack:0": {"i": "x"}, "pack:1": {"i": "y"}}


@pytest.mark.parametrize("mends", [True, False])
def test_a_part_run_again_before_its_whole_hears_that_it_failed_is_waited_for(stack, mends):
    process = plain_list(stack, on_item_failure="fail", max_concurrency=100)
    services = Services(stack, "pack:30")
    services.work()
    stack.service.retry_step(process, "all")
    stack.settle()
    part = parts_of(stack, process)[1]
    attempt = part.step("pack:30").attempt
    stack.service.fail_step(part, "pack:30", "no", attempt=attempt, fatal=True)
    stack.service.rerun_from(part, "all")

    if mends:
        services.failing.clear()
    services.work()

    process = now_of(stack, process)
    assert process.state == ("completed" if mends else "failed")
    why = process.step("all").error
    assert why is None if mends else why == "item 30: no"


# -- Parts that are undone -----------------------------------------------------------------------


def under_way(stack: Stack) -> Process:
    """The part that has not ended."""
    listed = stack.service.list_processes("t1").processes
    (part,) = [each for each in listed if each.parent and not each.state.is_final]
    return part


def fails_unheeded(stack: Stack, process: Process, name: str) -> Process:
    """A step of the part under way fails, and with it the whole, which is suspended by then."""
    part = under_way(stack)
    stack.service.fail_step(part, name, "no", attempt=1, fatal=True)
    stack.service.suspend_process(process)
    stack.children.handle(told(stack, "ProcessFailed")[-1])
    assert now_of(stack, process).step("all").state == "failed"
    return part


def test_what_an_earlier_visit_did_is_undone_also_where_the_later_one_was_tried_again(stack):
    packing = pack_all(max_concurrency=1, on_item_failure="fail")
    process = bulk(stack, packing, service("check", on_success="all"), items=30)
    services = Services(stack)
    services.held.add("check")
    services.work()
    services.held.add("pack:0")
    stack.service.complete_step(process, "check", attempt=1)
    services.work()

    part = fails_unheeded(stack, process, "pack:0")
    stack.service.retry_step(part, "pack:0")
    stack.settle()
    stack.service.resume_process(process)
    services.held.discard("pack:0")
    services.work()
    stack.service.fail_step(process, "check", "no", attempt=2, fatal=True)
    services.work()

    process = now_of(stack, process)
    assert (process.state, process.compensation) == ("failed", "done")
    assert [each["item"] for each in services.undone] == 2 * list(reversed(range(30)))


def test_a_part_given_up_before_it_began_has_nothing_to_undo_in_a_later_round_either(stack):
    process = bulk(stack, pack_all(on_item_failure="fail", max_concurrency=50), items=30)
    first, _comes_late = told(stack, "ChildRequested")
    stack.children.handle(first)
    stack.service.complete_step(under_way(stack), "pack:0", "did pack:0", attempt=1)
    part = fails_unheeded(stack, process, "pack:1")
    stack.service.retry_step(part, "pack:1")
    stack.settle()
    assert now_of(stack, process).step("all").state == "waiting"

    stack.service.cancel_process(process, compensate=True)
    services = Services(stack)
    services.held |= {"pack:0", "pack:1"}
    services.work()

    process = now_of(stack, process)
    assert (process.state, process.compensation) == ("cancelled", "done")
    assert [each["item"] for each in services.undone] == [0]


# -- Refused -------------------------------------------------------------------------------------


def test_a_process_that_undoes_says_so_to_whoever_wants_to_suspend_it():
    steps = (service("a", compensate_with="un"), service("f"))
    drive = Drive(*steps, compensations=(undo("un"),)).start().complete("a").fail("f")
    assert refused(drive, Compensating, asking(Process.suspend)) == (
        "cannot suspend: the process is undoing what had been completed"
    )


def test_a_part_that_was_undone_says_what_was_and_is_not_run_again():
    part = part_of_a_long_list(service("pack", compensate_with="un"), undoes="un")
    part.complete("pack:0").fail("pack:1")
    part.do(lambda process, now: relations.undo_part(process, now=now)).complete("undo:pack:0")
    assert (part.state, part.compensation) == ("failed", "done")
    assert refused(part, Compensated, asking_to_rerun("all")) == (
        "cannot run from the step again: pack:0 had been completed and undone; "
        "rerun from one of these"
    )
