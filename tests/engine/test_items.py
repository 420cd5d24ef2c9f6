"""Foreach and subprocess."""

from __future__ import annotations

import pytest

from tests.engine.driving import Drive, service, undo
from trellis_process.domain.definition.steps import (
    Branch,
    ConditionStep,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
)
from trellis_process.domain.engine.relations import ChildEnding
from trellis_process.domain.states import ProcessState


def each(*steps, **more) -> ForEachStep:
    step = {key: more.pop(key) for key in ("on_failure",) if key in more}
    body = steps or (service("pack", inputs={"item": "item", "index": "item_index"}),)
    foreach = ForEach(**({"items": "input.items", "steps": body} | more))
    return ForEachStep("all", foreach=foreach, **step)


def test_items_follow_one_another_unless_more_may_be_under_way():
    drive = Drive(each(), service("after")).start(items=["x", "y"])
    assert drive.open() == ["all", "pack:0"]
    assert drive.process.step("pack:0").input == {"item": "x", "index": 0}
    drive.complete("pack:0")
    assert drive.process.step("pack:1").input == {"item": "y", "index": 1}
    assert drive.complete("pack:1").open() == ["after"]


def test_so_many_are_under_way_at_once():
    drive = Drive(each(max_concurrency=3)).start(items=list(range(5)))
    assert drive.open() == ["all", "pack:0", "pack:1", "pack:2"]
    drive.complete("pack:1")
    assert drive.open() == ["all", "pack:0", "pack:2", "pack:3"]


def test_a_failed_item_is_counted_and_the_others_go_on():
    drive = Drive(each(), service("after")).start(items=[1, 2, 3])
    drive.complete("pack:0", {"n": 1}).fail("pack:1", "torn").complete("pack:2", {"n": 3})
    assert drive.open() == ["after"]
    assert drive.process.step("all").output == {
        "processed": 3,
        "errors": 1,
        "results": [{"n": 1}, None, {"n": 3}],
        "failures": [{"item_index": 1, "error": "torn"}],
    }


def test_results_are_in_the_order_of_the_items():
    drive = Drive(each(max_concurrency=3)).start(items=[1, 2, 3])
    for n in (2, 0, 1):
        drive.complete(f"pack:{n}", n)
    assert drive.process.step("all").output["results"] == [0, 1, 2]


def test_it_fails_if_all_items_fail():
    drive = Drive(each()).start(items=[1, 2]).fail("pack:0").fail("pack:1")
    assert (drive.state, drive.reason) == ("failed", "step_failed")


def test_fail_ends_it_with_the_first_item_that_fails():
    drive = Drive(
        each(max_concurrency=2, on_item_failure="fail", on_failure="after"), service("after")
    ).start(items=[1, 2, 3])
    drive.fail("pack:1")
    assert drive.open() == ["after"]
    assert drive.states()["pack:0"] == "cancelled"


@pytest.mark.parametrize("tolerated", [1, "1", "25%"])
def test_so_many_failed_items_are_tolerated_and_no_more(tolerated):
    drive = Drive(each(on_item_failure=tolerated)).start(items=[1, 2, 3, 4])
    drive.complete("pack:0").fail("pack:1")
    assert drive.state == "in_progress"
    assert drive.fail("pack:2").state == "failed"


def test_no_items_are_done_at_once():
    drive = Drive(each()).start(items=[])
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 0,
        "errors": 0,
        "results": [],
        "failures": [],
    }


@pytest.mark.parametrize("items", [None, 7, "abc", {"a": 1}])
def test_what_is_no_list_fails_the_step(items):
    drive = Drive(each()).start(items=items)
    assert (drive.state, drive.reason) == ("failed", "expression_error")


def test_the_steps_for_an_item_see_each_other():
    body = (service("a"), service("b", inputs={"got": "steps.a.output.n"}))
    drive = Drive(each(*body, max_concurrency=2)).start(items=[1, 2])
    drive.complete("a:1", {"n": 11}).complete("a:0", {"n": 10})
    assert drive.process.step("b:0").input == {"got": 10}
    assert drive.process.step("b:1").input == {"got": 11}


def test_the_steps_for_an_item_see_what_came_before():
    drive = (
        Drive(service("first"), each(service("pack", inputs={"x": "steps.first.output"})))
        .start(items=[1])
        .complete("first", 7)
    )
    assert drive.process.step("pack:0").input == {"x": 7}


def test_items_may_have_items():
    inner = ForEachStep(
        "inner",
        foreach=ForEach(items="item", steps=(service("pack", inputs={"v": "item"}),)),
    )
    drive = Drive(each(inner)).start(items=[["a", "b"], ["c"]])
    assert drive.process.step("pack:0:0").input == {"v": "a"}
    drive.complete("pack:0:0", 1).complete("pack:0:1", 2).complete("pack:1:0", 3)
    assert drive.state == "completed"
    results = drive.process.step("all").output["results"]
    assert [result["results"] for result in results] == [[1, 2], [3]]


def test_branches_inside_of_an_item():
    block = ParallelStep(
        "block",
        parallel=Parallel(
            branches=(
                Branch(name="l", steps=(service("a"),)),
                Branch(name="r", steps=(service("b"),)),
            )
        ),
    )
    drive = Drive(each(block)).start(items=[1, 2])
    drive.complete("a:0").complete("b:0")
    assert drive.open() == ["all", "block:1", "a:1", "b:1"]
    drive.fail("b:1")
    assert drive.state == "completed"
    assert drive.process.step("all").output["errors"] == 1


def test_completed_items_are_undone_in_reverse():
    drive = Drive(
        each(service("pack", compensate_with="unpack")),
        service("f"),
        compensations=(undo("unpack", inputs={"i": "item"}),),
    ).start(items=["x", "y"])
    drive.complete("pack:0").complete("pack:1").fail("f")
    assert drive.open() == ["undo:pack:1"]
    assert drive.process.step("undo:pack:1").input == {"i": "y"}
    drive.complete("undo:pack:1").complete("undo:pack:0")
    assert drive.compensation == "done"


# -- Parts ---------------------------------------------------------------------------------------


def requested(drive: Drive) -> list:
    return [event for event in drive.events if event.type == "ChildRequested"]


def test_many_items_are_dealt_with_in_parts_by_children():
    drive = Drive(each(max_concurrency=50)).start(items=list(range(60)))
    assert [event.part for event in requested(drive)] == [0, 1]
    assert list(drive.process.steps) == ["all"]
    done = {"processed": 25, "errors": 1, "failures": [{"item_index": 3, "error": "torn"}]}
    drive.child_ended("all", part=1, output=done)
    assert [event.part for event in requested(drive)] == [0, 1, 2]
    drive.child_ended("all", part=1, output=done)  # told again
    drive.child_ended("all", part=0, output={"processed": 25, "errors": 0, "failures": []})
    drive.child_ended("all", part=2, output={"processed": 10, "errors": 0, "failures": []})
    assert drive.state == "completed"
    assert drive.process.step("all").output == {
        "processed": 60,
        "errors": 1,
        "parts": 3,
        "failures": [{"item_index": 3, "error": "torn"}],
    }


def test_a_part_is_a_process_that_deals_with_its_items_and_sees_what_its_parent_sees():
    whole = (
        Drive(
            service("first"),
            each(
                service(
                    "pack",
                    inputs={
                        "i": "item",
                        "n": "item_index",
                        "x": "steps.first.output",
                        "y": "input.y",
                    },
                ),
                max_concurrency=25,
            ),
            service("never"),
        )
        .start(items=list(range(30)), y=5, z=6)
        .complete("first", 7)
    )
    part = Drive(*whole.definition.steps).start_part(whole, 0, [25, 26], 25)
    assert part.process.process_id == requested(whole)[0].child_id
    assert part.open() == ["all", "pack:25", "pack:26"]
    assert part.process.step("pack:26").input == {"i": 26, "n": 26, "x": 7, "y": 5}
    assert part.process.input == {"input": {"y": 5}, "steps": {"first": {"output": 7}}}
    part.complete("pack:25", 1).fail("pack:26", "torn")
    assert part.state == "completed"
    assert part.process.output == {
        "processed": 2,
        "errors": 1,
        "results": [1, None],
        "failures": [{"item_index": 26, "error": "torn"}],
    }


def test_a_part_whose_items_all_failed_says_so_and_is_completed():
    whole = Drive(each()).start(items=list(range(30)))
    part = Drive(*whole.definition.steps).start_part(whole, 1, [25], 25).fail("pack:25", "torn")
    assert part.state == "completed"
    assert part.process.output["errors"] == 1


def test_with_fail_the_other_parts_are_given_up():
    drive = Drive(each(max_concurrency=75, on_item_failure="fail")).start(items=list(range(100)))
    part = Drive(*drive.definition.steps).start_part(drive, 1, list(range(25, 50)), 25)
    part.complete("pack:25", 1).complete("pack:27", 1).fail("pack:30", "torn")
    ending = ChildEnding.of(part.process)
    drive.child_ended("all", part=1, **vars(ending))
    assert (drive.state, drive.process.step("all").error) == ("failed", "item 30: torn")
    progress = drive.process.step("all").progress
    assert (progress["processed"], progress["errors"]) == (3, 1)
    assert len([e for e in drive.events if e.type == "ChildCancellationRequested"]) == 2


def test_a_part_that_ended_for_no_item_counts_for_all_of_them():
    drive = Drive(each(max_concurrency=75, on_item_failure="fail")).start(items=list(range(100)))
    part = Drive(*drive.definition.steps).start_part(drive, 1, list(range(25, 50)), 25)
    part.complete("pack:25", 1)
    part.do(lambda process, now: process.cancel(now=now, reason="enough"))
    drive.child_ended("all", part=1, **vars(ChildEnding.of(part.process)))
    assert (drive.state, drive.process.step("all").error) == ("failed", "item 25: enough")
    progress = drive.process.step("all").progress
    assert (progress["processed"], progress["errors"]) == (25, 25)


def test_a_part_too_large_to_be_told_of_counts_for_all_its_items_though_some_may_fail():
    drive = Drive(each(max_concurrency=75, on_item_failure="50%")).start(items=list(range(100)))
    part = Drive(*drive.definition.steps).start_part(drive, 0, [0, 1, 2], 0)
    part.fail("pack:0", "torn").complete("pack:1", "x" * 20_000).complete("pack:2", "x" * 20_000)
    drive.child_ended("all", part=0, **vars(ChildEnding.of(part.process)))
    assert drive.state == "in_progress"
    progress = drive.process.step("all").progress
    assert (progress["processed"], progress["errors"]) == (25, 25)


def test_cancelling_gives_up_the_parts():
    drive = Drive(each(max_concurrency=75)).start(items=list(range(100)))
    drive.do(lambda process, now: process.cancel(now=now))
    assert len([e for e in drive.events if e.type == "ChildCancellationRequested"]) == 3


def test_tolerance_is_about_the_whole_list():
    drive = Drive(each(max_concurrency=100, on_item_failure="10%")).start(items=list(range(100)))
    bad = {"processed": 25, "errors": 5, "failures": [{"item_index": 0, "error": "x"}]}
    drive.child_ended("all", part=0, output=bad).child_ended("all", part=1, output=bad)
    assert drive.state == "in_progress"
    drive.child_ended("all", part=2, output=bad)
    assert drive.state == "failed"


def test_a_list_kept_elsewhere_is_dealt_with_by_reference():
    reference = {"$list": "l1", "count": 10_000, "page_size": 25}
    drive = Drive(each(max_concurrency=100)).start(items=reference)
    assert drive.process.step("all").progress["parts"] == 400
    assert len(requested(drive)) == 4


def test_a_process_has_so_many_steps_and_fails_where_it_would_have_more(monkeypatch):
    monkeypatch.setattr("trellis_process.domain.engine.run.MAX_STEPS_OF_PROCESS", 5)
    full = Drive(each(max_concurrency=9), service("after")).start(items=[1, 2, 3, 4])
    assert len(full.process.steps) == 5
    too_many = Drive(each(max_concurrency=9)).start(items=[1, 2, 3, 4, 5])
    assert (too_many.state, too_many.reason) == ("failed", "too_many_steps")
    assert len(too_many.process.steps) == 5


def test_a_step_of_a_full_process_may_be_entered_again(monkeypatch):
    monkeypatch.setattr("trellis_process.domain.engine.run.MAX_STEPS_OF_PROCESS", 1)
    drive = Drive(service("poll", on_success="poll", max_visits=3)).start()
    assert drive.complete("poll").process.step("poll").visits == 2


# -- Subprocess ----------------------------------------------------------------------------------


def child(**more) -> SubprocessStep:
    return SubprocessStep("child", **({"subprocess": "other", "inputs": {"n": "input.n"}} | more))


def test_a_child_is_requested_with_the_write_that_enters_its_step():
    drive = Drive(child(version=3), service("after")).start(n=1)
    (event,) = requested(drive)
    assert (event.child_definition, event.child_definition_version) == ("other", 3)
    assert event.part is None
    assert drive.process.step("child").input == {"n": 1}
    drive.child_ended("child", output={"ok": True})
    assert drive.process.step("child").output == {"ok": True}
    assert drive.open() == ["after"]


def test_a_child_for_an_item_is_given_of_that_item():
    run = SubprocessStep("run", subprocess="other", inputs={"sku": "item.sku", "n": "item_index"})
    drive = Drive(each(run, max_concurrency=2)).start(items=[{"sku": "a"}, {"sku": "b"}])
    assert drive.process.step("run:0").input == {"sku": "a", "n": 0}
    assert drive.process.step("run:1").input == {"sku": "b", "n": 1}


def test_a_child_that_fails_fails_its_step():
    drive = Drive(child(on_failure="mend"), service("x"), service("mend")).start(n=1)
    drive.child_ended("child", state=ProcessState.FAILED, error="no stock")
    assert drive.open() == ["mend"]
    assert drive.process.step("child").error == "no stock"


def test_in_a_part_a_compensation_may_end_when_what_it_was_for_is_given_up():
    """The step around the foreach is the parent's; the part has none of that name."""
    rolled_back = ParallelStep(
        "rolled_back",
        parallel=Parallel(
            branches=(
                Branch(name="x", steps=(service("made", compensate_with="unmake"),)),
                Branch(name="y", steps=(service("broken"),)),
            ),
            on_any_failure="rollback",
        ),
    )
    beside = Parallel(
        branches=(
            Branch(name="a", steps=(rolled_back,)),
            Branch(name="b", steps=(service("beside"),)),
        )
    )
    around = Parallel(
        branches=(
            Branch(name="c", steps=(each(ParallelStep("both", parallel=beside)),)),
            Branch(name="d", steps=(service("other"),)),
        )
    )
    definition = ParallelStep("around", parallel=around)
    undos = (undo("unmake"),)
    whole = Drive(definition, compensations=undos).start(items=list(range(60)))
    part = Drive(definition, compensations=undos).start_part(whole, 0, [1, 2], 0)
    part.complete("made:0").fail("broken:0").fail("beside:0")
    next_item = ["both:1", "rolled_back:1", "beside:1", "made:1", "broken:1"]
    assert set(part.open()) == {"all", "undo:made:0", *next_item}
    assert set(part.complete("undo:made:0").open()) == {"all", *next_item}


def test_the_end_of_a_child_that_nobody_waits_for_changes_nothing():
    drive = Drive(child(), service("after")).start(n=1)
    writes = drive.child_ended("child").writes
    assert drive.child_ended("child").writes == writes
    assert drive.child_ended("child", attempt=9).writes == writes


@pytest.mark.parametrize(("abandon", "asked"), [(False, 1), (True, 0)])
def test_cancelling_gives_up_the_child_unless_it_is_to_go_on_alone(abandon, asked):
    drive = Drive(child(abandon=abandon)).start(n=1)
    drive.do(lambda process, now: process.cancel(now=now))
    assert len([e for e in drive.events if e.type == "ChildCancellationRequested"]) == asked


def test_a_child_that_takes_too_long_is_given_up():
    drive = Drive(child(timeout="1h")).start(n=1).sweep("1h")
    assert (drive.state, drive.reason) == ("failed", "step_failed")
    assert len([e for e in drive.events if e.type == "ChildCancellationRequested"]) == 1


def test_entering_a_subprocess_again_requests_another_child():
    drive = Drive(
        child(), ConditionStep("more", condition="steps.child.output.more", on_true="child")
    ).start(n=1)
    drive.child_ended("child", output={"more": True})
    first, second = requested(drive)
    assert first.child_id != second.child_id
