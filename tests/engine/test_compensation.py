"""Undoing what had been completed."""

from __future__ import annotations

import pytest

from tests.engine.driving import Drive, service, undo
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    Branch,
    Parallel,
    ParallelStep,
    Transition,
)
from trellis_process.errors import Compensated, Compensating, ProcessFinished, StepFinished


def saga(*, mode: str | None = None) -> Drive:
    steps = [service(f"s{n}", compensate_with=f"undo{n}") for n in (1, 2, 3)]
    undos = tuple(undo(f"undo{n}") for n in (1, 2, 3))
    return Drive(*steps, service("f"), compensations=undos)


def test_an_unhandled_failure_undoes_what_was_completed_in_reverse():
    drive = saga().start().complete("s1").complete("s2").complete("s3").fail("f")
    assert drive.state == "compensating"
    for name in ("s3", "s2", "s1"):
        assert drive.open() == [f"undo:{name}"]
        drive.complete(f"undo:{name}")
    assert (drive.state, drive.reason, drive.compensation) == ("failed", "step_failed", "done")
    assert drive.told("CompensationStarted") == [
        f"CompensationStarted undo:{name}" for name in ("s3", "s2", "s1")
    ]


def test_where_one_cannot_be_undone_the_others_are_all_the_same():
    drive = saga().start().complete("s1").complete("s2").complete("s3").fail("f")
    drive.complete("undo:s3").fail("undo:s2").complete("undo:s1")
    assert (drive.state, drive.compensation) == ("failed", "partial")
    assert drive.told("CompensationFailed") == ["CompensationFailed undo:s2"]


def test_a_failure_that_a_route_handles_undoes_nothing():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("b", on_failure="c"),
        service("c"),
        compensations=(undo("undo_a"),),
    ).start()
    drive.complete("a").fail("b").complete("c")
    assert drive.state == "completed"
    assert drive.told("CompensationStarted") == []


def test_without_anything_to_undo_a_failed_process_is_simply_failed():
    drive = saga().start().fail("s1")
    assert (drive.state, drive.compensation) == ("failed", None)


def test_a_compensation_is_given_what_the_step_was_given_and_what_came_of_it():
    drive = Drive(
        service("pay", inputs={"amount": "input.amount"}, compensate_with="refund"),
        service("f"),
        compensations=(undo("refund"),),
    ).start(amount=7)
    drive.complete("pay", {"id": "pay-1"}).fail("f")
    undoing = drive.process.step("undo:pay")
    assert undoing.service == "Services.refund"
    assert undoing.input == {"input": {"amount": 7}, "output": {"id": "pay-1"}}


def test_a_compensation_is_given_what_the_step_was_given_not_what_it_would_be_given_now():
    on = (Transition(to="end", when="has(steps.pay.output)"), Transition(to="pay"))
    drive = Drive(
        service("look", transitions=on),
        service(
            "pay",
            inputs={"amount": "steps.look.output"},
            compensate_with="refund",
            on_success="look",
        ),
        service("end"),
        compensations=(undo("refund"),),
    ).start()
    drive.complete("look", 7).complete("pay", "paid").complete("look", 8).fail("end")
    assert drive.process.step("undo:pay").input == {"input": {"amount": 7}, "output": "paid"}


def test_a_compensation_may_say_what_it_is_given():
    drive = Drive(
        service("pay", compensate_with="refund"),
        service("f"),
        compensations=(undo("refund", inputs={"id": "step.output.id", "of": "step.name"}),),
    ).start()
    drive.complete("pay", {"id": "pay-1"}).fail("f")
    assert drive.process.step("undo:pay").input == {"id": "pay-1", "of": "pay"}


def test_a_compensation_whose_inputs_have_no_value_counts_as_failed():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("b", compensate_with="undo_b"),
        service("f"),
        compensations=(undo("undo_a"), undo("undo_b", inputs={"x": "step.output.none"})),
    ).start()
    drive.complete("a").complete("b", {}).fail("f")
    assert drive.open() == ["undo:a"]
    drive.complete("undo:a")
    assert (drive.state, drive.compensation) == ("failed", "partial")


def test_compensations_are_tried_again_by_rules_of_their_own():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("f"),
        compensations=(undo("undo_a", retry=Retry(max_attempts=2, interval="5s"), timeout="1m"),),
    ).start()
    drive.complete("a").fail("f").fail("undo:a")
    assert drive.process.step("undo:a").waits_for_retry
    drive.sweep("5s").sweep("1m")
    assert (drive.state, drive.compensation) == ("failed", "partial")
    assert drive.told("CompensationStarted") == ["CompensationStarted undo:a"] * 2


def test_a_step_that_was_completed_twice_is_undone_once():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("b", on_success="a", on_failure="fail"),
        compensations=(undo("undo_a"),),
    ).start()
    drive.complete("a").complete("b").complete("a").fail("b").complete("undo:a")
    assert drive.state == "failed"
    assert drive.told("CompensationStarted") == ["CompensationStarted undo:a"]


def test_cancelling_undoes_nothing_unless_asked():
    drive = saga().start().complete("s1")
    drive.do(lambda process, now: process.cancel(now=now))
    assert (drive.state, drive.compensation) == ("cancelled", None)


def test_cancelling_undoes_if_asked():
    drive = saga().start().complete("s1").complete("s2")
    drive.do(lambda process, now: process.cancel(now=now, compensate=True, reason="no more"))
    assert drive.state == "compensating"
    drive.do(lambda process, now: process.cancel(now=now))
    drive.complete("undo:s2").complete("undo:s1")
    assert (drive.state, drive.reason, drive.compensation) == ("cancelled", "no more", "done")


def test_cancelling_what_is_final_is_refused_or_a_no_op():
    drive = saga().start().do(lambda process, now: process.cancel(now=now))
    writes = drive.writes
    assert drive.do(lambda process, now: process.cancel(now=now)).writes == writes
    done = Drive(service("a")).start().complete("a")
    with pytest.raises(ProcessFinished):
        done.do(lambda process, now: process.cancel(now=now))


def test_a_late_report_on_a_given_up_step_changes_nothing():
    drive = saga().start().complete("s1")
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    with pytest.raises(StepFinished):
        drive.complete("s2")


def test_a_process_that_undoes_is_not_suspended_and_its_steps_not_tried_again():
    drive = saga().start().complete("s1").fail("s2")
    with pytest.raises(Compensating):
        drive.do(lambda process, now: process.suspend(now=now))
    with pytest.raises(Compensating):
        drive.do(lambda process, now: process.start_step("s2", now=now))
    drive.complete("undo:s1")
    with pytest.raises(Compensated, match="s1"):
        drive.do(lambda process, now: process.start_step("s2", now=now))


# -- Parallel ------------------------------------------------------------------------------------


def three(mode: str, **more) -> Drive:
    """Branches A, B and C, each of one step that can be undone, and a step after them."""
    branches = tuple(
        Branch(name=f"branch_{name}", steps=(service(name, compensate_with=f"undo_{name}"),))
        for name in "abc"
    )
    block = ParallelStep("block", parallel=Parallel(branches=branches, on_any_failure=mode), **more)
    return Drive(
        block,
        service("after"),
        service("mend"),
        compensations=tuple(undo(f"undo_{name}") for name in "abc"),
    ).start()


def test_branches_run_side_by_side_and_the_block_is_done_with_the_last():
    drive = three("fail_fast")
    assert drive.open() == ["block", "a", "b", "c"]
    drive.complete("b").complete("a")
    assert drive.open() == ["block", "c"]
    assert drive.complete("c").open() == ["after"]


def test_fail_fast_gives_up_the_others_and_ignores_what_they_report_late():
    drive = three("fail_fast", on_failure="mend").complete("a").fail("b")
    assert drive.open() == ["mend"]
    assert drive.told("StepCancelled") == ["StepCancelled c"]
    with pytest.raises(StepFinished):
        drive.complete("c")


def test_wait_all_lets_all_finish_and_then_fails():
    drive = three("wait_all", on_failure="mend").complete("a").fail("b")
    assert drive.open() == ["block", "c"]
    assert drive.complete("c").open() == ["mend"]


def test_rollback_undoes_the_completed_branches_and_then_fails():
    drive = three("rollback", on_failure="mend").complete("a").fail("b")
    assert drive.open() == ["block", "undo:a"]
    assert drive.states()["c"] == "cancelled"
    drive.complete("undo:a")
    assert drive.open() == ["mend"]
    drive.complete("mend")
    assert drive.state == "completed"


def test_rollback_with_nothing_completed_fails_at_once():
    assert three("rollback", on_failure="mend").fail("b").open() == ["mend"]


def test_an_unhandled_failure_of_a_block_undoes_its_branches_with_the_rest():
    drive = three("fail_fast").complete("c").complete("a").fail("b")
    assert drive.open() == ["undo:a"]
    drive.complete("undo:a").complete("undo:c")
    assert (drive.state, drive.compensation) == ("failed", "done")


def test_after_a_rollback_nothing_is_undone_twice():
    drive = three("rollback").complete("a").fail("b").complete("undo:a")
    assert (drive.state, drive.told("CompensationStarted")) == (
        "failed",
        ["CompensationStarted undo:a"],
    )


def test_a_process_that_ends_during_a_rollback_goes_on_with_what_is_being_undone():
    drive = three("rollback").complete("a").complete("c").fail("b")
    assert drive.open() == ["block", "undo:c"]
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    assert (drive.state, drive.open()) == ("compensating", ["undo:c"])
    drive.complete("undo:c").complete("undo:a")
    assert (drive.state, drive.compensation) == ("cancelled", "done")


def test_blocks_inside_of_blocks():
    inner = ParallelStep(
        "inner",
        parallel=Parallel(
            branches=(
                Branch(name="x", steps=(service("a"), service("a2"))),
                Branch(name="y", steps=(service("b"),)),
            )
        ),
    )
    outer = ParallelStep(
        "outer",
        parallel=Parallel(
            branches=(
                Branch(name="left", steps=(inner, service("c"))),
                Branch(name="right", steps=(service("d"),)),
            )
        ),
    )
    drive = Drive(outer).start().complete("a").complete("a2").complete("b")
    assert drive.open() == ["outer", "d", "c"]
    drive.complete("d").complete("c")
    assert drive.state == "completed"


def test_a_branch_that_fails_as_it_begins_lets_none_begin_after_it():
    from trellis_process.domain.definition.steps import ConditionStep

    block = ParallelStep(
        "block",
        parallel=Parallel(
            branches=(
                Branch(name="x", steps=(ConditionStep("bad", condition="input.none"),)),
                Branch(name="y", steps=(service("b"),)),
            )
        ),
        on_failure="mend",
    )
    drive = Drive(block, service("mend")).start()
    assert drive.open() == ["mend"]
    assert drive.started() == ["mend"]


def rolled_back() -> ParallelStep:
    branches = (
        Branch(name="x", steps=(service("a", compensate_with="undo_a"),)),
        Branch(name="y", steps=(service("b"),)),
    )
    parallel = Parallel(branches=branches, on_any_failure="rollback")
    return ParallelStep("rolled", parallel=parallel)


def test_a_rollback_that_could_not_undo_all_is_on_record_where_nothing_else_is_undone():
    drive = Drive(rolled_back(), compensations=(undo("undo_a"),)).start()
    drive.complete("a").fail("b").fail("undo:a")
    assert (drive.state, drive.compensation) == ("failed", "partial")


@pytest.mark.parametrize("first", ["c", "undo:a"])
def test_a_compensation_that_failed_while_suspended_is_not_forgotten(first):
    outer = ParallelStep(
        "outer",
        parallel=Parallel(
            branches=(
                Branch(name="l", steps=(rolled_back(),)),
                Branch(name="r", steps=(service("c"),)),
            )
        ),
    )
    undoable = service("z", compensate_with="undo_z")
    drive = Drive(undoable, outer, compensations=(undo("undo_a"), undo("undo_z"))).start()
    drive.complete("z").complete("a").fail("b")
    drive.do(lambda process, now: process.suspend(now=now))
    for name in (first, "undo:a" if first == "c" else "c"):
        drive.fail(name)
    drive.do(lambda process, now: process.resume(now=now))
    drive.complete("undo:z")
    assert (drive.state, drive.compensation) == ("failed", "partial")


def cancel(drive: Drive, **more) -> Drive:
    return drive.do(lambda process, now: process.cancel(now=now, **more))


def test_a_process_that_is_called_off_while_it_undoes_says_that_not_all_is_undone():
    drive = saga().start().complete("s1").complete("s2").fail("s3").complete("undo:s2")
    cancel(drive)
    assert (drive.state, drive.compensation) == ("cancelled", "partial")
    assert drive.process.step("undo:s1").state == "cancelled"


@pytest.mark.parametrize(("compensate", "ends"), [(False, "partial"), (True, None)])
def test_a_process_that_is_called_off_amid_a_rollback_goes_on_with_it_only_if_asked(
    compensate, ends
):
    lists = (service("a", compensate_with="undo_a"),), (service("b"),)
    branches = tuple(Branch(name=f"b{n}", steps=steps) for n, steps in enumerate(lists))
    block = ParallelStep("both", parallel=Parallel(branches=branches, on_any_failure="rollback"))
    drive = Drive(block, compensations=(undo("undo_a"),)).start().complete("a").fail("b")
    assert drive.open() == ["both", "undo:a"]

    cancel(drive, compensate=compensate)

    assert drive.compensation == ends
    if compensate:
        assert drive.open() == ["undo:a"]
        drive.complete("undo:a")
    assert drive.state == "cancelled"
    assert drive.compensation == ("done" if compensate else "partial")
    at = drive.process.step("both").ended_at
    assert at == drive.now
