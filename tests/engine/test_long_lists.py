"""Lists of many items: how they are cut into parts, and what becomes of these."""

from __future__ import annotations

import pytest

from tests.engine.driving import START, Drive, parent, seconds, service
from tests.engine.test_trying_again import retry
from trellis_process.domain.definition.steps import (
    Branch,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
)
from trellis_process.domain.engine import commands
from trellis_process.domain.engine.items import part_size
from trellis_process.domain.limits import MAX_STEPS
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep


def every(count: int, steps: int = 1, **more) -> Drive:
    """A process with a list of so many items, for each of which there are so many steps."""
    body = tuple(service(f"s{n}") for n in range(steps))
    foreach = ForEach(**({"items": "input.items", "steps": body, "max_concurrency": 1000} | more))
    return Drive(ForEachStep("all", foreach=foreach)).start(items=list(range(count)))


def asked(drive: Drive) -> list[int]:
    """The parts that were asked for, in order."""
    return [each.part for each in drive.events if each.type == "ChildRequested"]


def suspend(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.suspend(now=now))


def resume(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.resume(now=now))


def told(processed: int, errors: int = 0, *failures: tuple[int, str]) -> dict:
    """What a part says of its items."""
    listed = [{"item_index": index, "error": why} for index, why in failures]
    return {"processed": processed, "errors": errors, "failures": listed}


@pytest.mark.parametrize(
    ("count", "steps", "parts"),
    [(25, 1, []), (26, 1, [0, 1]), (50, 1, [0, 1]), (51, 1, [0, 1, 2]), (11, 40, [])],
)
def test_a_list_is_cut_into_parts_of_at_most_25_items(count, steps, parts):
    assert asked(every(count, steps)) == parts


@pytest.mark.parametrize(
    ("steps", "size"),
    [(MAX_STEPS // 50, 25), (MAX_STEPS // 50 + 1, 23), (MAX_STEPS // 8, 4), (MAX_STEPS, 1)],
)
def test_a_part_is_smaller_where_the_steps_for_an_item_are_many(steps, size):
    assert asked(every(size, steps)) == []
    drive = every(size + 1, steps)
    assert asked(drive) == [0, 1]
    first = drive.definition.steps[0]
    assert list(range(100)[: part_size(first.foreach)]) == list(range(size))


@pytest.mark.parametrize(("at_once", "parts"), [(1, [0]), (25, [0]), (49, [0]), (50, [0, 1])])
def test_no_more_items_are_under_way_than_are_allowed_but_for_one_part(at_once, parts):
    assert asked(every(100, max_concurrency=at_once)) == parts


def test_no_more_are_asked_for_where_a_process_goes_on_whose_parts_are_all_under_way():
    drive = resume(suspend(every(100, max_concurrency=50)))
    assert asked(drive) == [0, 1]
    assert asked(drive.child_ended("all", part=0, output=told(25))) == [0, 1, 2]


def test_parts_that_were_given_up_are_known_until_they_are_asked_for_again():
    drive = every(100, max_concurrency=50, on_item_failure="fail")
    drive.child_ended("all", part=0, state=ProcessState.FAILED, error="torn")
    retry(drive, "all")
    assert asked(drive) == [0, 1, 0, 1]
    assert "given_up" not in drive.process.step("all").progress

    drive = every(100, max_concurrency=50, on_item_failure="fail")
    drive.child_ended("all", part=0, output=told(25))
    drive.child_ended("all", part=1, state=ProcessState.FAILED, error="torn")
    retry(drive, "all")
    assert asked(drive) == [0, 1, 2, 0, 1]
    assert drive.process.step("all").progress["given_up"] == [2]
    drive.child_ended("all", part=0, output=told(25))
    assert "given_up" not in drive.process.step("all").progress


@pytest.mark.parametrize(
    ("items", "kind"), [("a, b", "str"), ({"n": 1}, "dict"), (None, "NoneType"), (3, "int")]
)
def test_what_is_no_list_fails_the_step_and_is_told_of_by_its_expression(items, kind):
    foreach = ForEach(items="input.items", steps=(service("s0"),))
    drive = Drive(ForEachStep("all", foreach=foreach)).start(items=items)
    assert (drive.state, drive.process.step("all").error) == (
        "failed",
        f"expression 'input.items': a list is needed here, and this is a {kind}",
    )


def test_a_list_waits_for_its_parts_from_when_it_is_entered():
    assert every(3).process.step("all").started_at == START
    drive = every(30)
    assert drive.process.step("all").started_at == START
    drive.child_ended("all", part=0, output=told(25)).child_ended("all", part=1, output=told(5))
    assert drive.state == "completed"


def test_parts_that_failed_as_a_whole_count_all_their_items_and_name_the_first():
    drive = every(80)
    for part in (1, 3):
        drive.child_ended("all", part=part, state=ProcessState.FAILED, error=f"no part {part}")
    drive.child_ended("all", part=0, output=told(25)).child_ended("all", part=2, output=told(25))
    assert drive.process.step("all").output == {"parts": 4} | told(
        80, 30, (25, "no part 1"), (75, "no part 3")
    )


def test_a_part_that_somebody_passed_over_counts_as_done():
    drive = every(30)
    drive.child_ended("all", part=1).child_ended("all", part=0, output=told(25, 1, (7, "torn")))
    assert drive.process.step("all").output == {"parts": 2} | told(30, 1, (7, "torn"))


def test_the_first_failures_are_named_and_no_more_than_25():
    drive = every(60)
    for part, first in ((1, 25), (0, 0)):
        failures = [(first + n, "torn") for n in range(20)]
        drive.child_ended("all", part=part, output=told(25, 20, *failures))
    output = drive.child_ended("all", part=2, output=told(10)).process.step("all").output
    assert (output["processed"], output["errors"], len(output["failures"])) == (60, 40, 25)
    indexes = [each["item_index"] for each in output["failures"]]
    assert indexes == [*range(5), *range(25, 45)]


def test_a_list_of_which_nothing_succeeded_fails_with_the_first_error():
    drive = every(30, max_concurrency=1000)
    for part, first, count in ((1, 25, 5), (0, 0, 25)):
        failures = [(first + n, f"torn {first + n}") for n in range(2)]
        drive.child_ended("all", part=part, output=told(count, count, *failures))
    assert drive.state == "failed"
    assert drive.process.step("all").error == "all 30 items failed; the first: torn 0"


def test_what_a_list_fails_by_names_the_item():
    drive = every(100, on_item_failure="5")
    drive.child_ended("all", part=0, output=told(22, 3, (3, "torn"), (4, "lost")))
    assert drive.state == "in_progress"
    drive.child_ended("all", part=1, output=told(22, 3, (33, "late"), (34, "lost")))
    assert (drive.state, drive.process.step("all").error) == ("failed", "item 33: late")
    given_up = [each for each in drive.events if each.type == "ChildCancellationRequested"]
    requested = [each for each in drive.events if each.type == "ChildRequested"]
    assert [each.child_id for each in given_up] == [each.child_id for each in requested[2:]]


def test_an_error_of_an_item_is_kept_short_in_the_list_and_long_in_what_fails_by_it():
    drive = every(2).fail("s0:0", "x" * 300).complete("s0:1")
    assert drive.process.step("all").output["failures"] == [{"item_index": 0, "error": "x" * 200}]
    drive = every(1, on_item_failure="fail").fail("s0:0", "x" * 4096)
    assert drive.process.step("all").error == ("item 0: " + "x" * 4096)[:4096]
    drive = every(30, on_item_failure="fail")
    drive.child_ended("all", part=1, state=ProcessState.FAILED, error="x" * 4096)
    assert drive.process.step("all").error == "item 25: " + "x" * 200


def test_results_that_are_too_large_together_fail_the_list():
    drive = every(2)
    for n in range(2):
        drive.complete(f"s0:{n}", "x" * 20_000)
    assert (drive.state, drive.reason) == ("failed", "expression_error")
    assert drive.process.step("all").error.startswith("expression 'output': output: got 400")


def test_a_report_for_an_item_that_is_over_changes_nothing_of_the_others():
    drive = every(3, steps=2, on_item_failure="fail").complete("s0:0").fail("s0:1")
    assert drive.state == "failed"
    assert drive.states()["s1:0"] == "cancelled"
    assert set(drive.states()) == {"all", "s0:0", "s0:1", "s0:2", "s1:0"}


# -- Parts ---------------------------------------------------------------------------------------


def part_of(whole: Drive, *, first: int = 0, count: int = 2) -> Drive:
    items = list(range(first, first + count))
    return Drive(*whole.definition.steps).start_part(whole, first // 25, items, first)


@pytest.mark.parametrize("tolerated", ["continue", 1, "1%"])
def test_a_part_only_counts_what_failed_for_the_whole_decides(tolerated):
    part = part_of(every(30, on_item_failure=tolerated), first=25)
    part.fail("s0:25").fail("s0:26")
    assert part.state == "completed"
    assert (part.process.output["processed"], part.process.output["errors"]) == (2, 2)


def test_with_fail_a_part_ends_with_the_first_item_that_fails():
    part = part_of(every(30, on_item_failure="fail"), first=25).fail("s0:26", "torn")
    assert (part.state, part.reason) == ("failed", "step_failed")
    assert part.process.step("all").error == "item 26: torn"
    assert part.process.output is None


def test_a_list_inside_of_a_part_tolerates_what_it_says_itself():
    inner = ForEachStep(
        "inner",
        foreach=ForEach(items="[1, 2]", steps=(service("a"),), on_item_failure=0),
    )
    whole = Drive(ForEachStep("all", foreach=ForEach(items="input.items", steps=(inner,)))).start(
        items=list(range(30))
    )
    part = Drive(*whole.definition.steps).start_part(whole, 0, [0], 0).fail("a:0:0")
    assert part.process.output["errors"] == 1
    assert part.states()["inner:0"] == "failed"


def test_a_part_that_is_passed_over_has_nothing_to_say():
    part = part_of(every(30))
    part.do(lambda process, now: process.skip_step("all", 7, now=now))
    assert (part.state, part.process.output) == ("completed", None)


def test_a_part_of_a_child_stands_deeper_than_its_parent():
    definition = every(30)
    of = parent("child")
    whole = Drive(*definition.definition.steps)
    whole.process = commands.start(
        whole.compiled,
        process_id="p1",
        tenant_id="t1",
        input={"items": list(range(30))},
        now=START,
        aggregate_type="Order",
        aggregate_id="o1",
        parent=of,
    )
    part = part_of(whole)
    assert (of.depth, part.process.parent.depth) == (1, 2)
    assert (part.process.aggregate_type, part.process.aggregate_id) == ("Order", "o1")
    assert part_of(definition).process.parent.depth == 1


def test_a_child_has_the_same_id_wherever_it_is_worked_out():
    (first, _) = (each for each in every(30).events if each.type == "ChildRequested")
    assert first.child_id == "c-c8e8ec2407f7ca5b51b5ee7048bf6b"
    drive = Drive(SubprocessStep("child", subprocess="other")).start()
    assert drive.events[-1].child_id == "c-4bf068946547d530e5c46992440e2c"


# -- Suspended -----------------------------------------------------------------------------------


def test_no_part_is_asked_for_while_the_process_is_suspended_and_the_next_are_after_it():
    drive = suspend(every(75, max_concurrency=25))
    drive.child_ended("all", part=0, output=told(25))
    assert asked(drive) == [0]
    assert asked(resume(drive)) == [0, 1]
    drive.child_ended("all", part=1, output=told(25)).child_ended("all", part=2, output=told(25))
    assert drive.process.step("all").output["processed"] == 75


def test_a_list_whose_last_part_ended_while_suspended_is_done_after_it():
    drive = suspend(every(30))
    drive.child_ended("all", part=0, output=told(25)).child_ended("all", part=1, output=told(5))
    assert drive.open() == ["all"]
    assert resume(drive).state == "completed"


def test_items_that_stood_still_while_suspended_go_on_after_it():
    drive = suspend(every(3, max_concurrency=1)).complete("s0:0")
    assert drive.open() == ["all"]
    assert resume(drive).open() == ["all", "s0:1"]


def test_branches_and_children_of_their_own_wait_on_when_a_process_is_resumed():
    branches = (
        Branch(name="l", steps=(SubprocessStep("child", subprocess="other"),)),
        Branch(name="r", steps=(service("a"),)),
    )
    drive = Drive(ParallelStep("both", parallel=Parallel(branches=branches))).start()
    assert resume(suspend(drive)).open() == ["both", "child", "a"]


# -- Passing over --------------------------------------------------------------------------------


def test_what_a_list_and_a_child_asked_for_is_called_off_where_they_are_passed_over():
    for drive, name in (
        (every(60), "all"),
        (Drive(SubprocessStep("child", subprocess="other")).start(), "child"),
    ):
        requested = [each for each in drive.events if each.type == "ChildRequested"]
        drive.do(lambda process, now, name=name: process.skip_step(name, now=now))
        given_up = [each for each in drive.events if each.type == "ChildCancellationRequested"]
        assert [each.child_id for each in given_up] == [each.child_id for each in requested]
        assert drive.state == "completed"


def test_steps_for_items_are_given_up_where_the_list_is_passed_over():
    drive = every(3, max_concurrency=2).later("1h")
    drive.do(lambda process, now: process.skip_step("all", now=now))
    assert drive.state == "completed"
    given_up: list[ProcessStep] = [drive.process.step(f"s0:{n}") for n in range(2)]
    assert [step.state for step in given_up] == ["cancelled"] * 2
    assert [step.ended_at for step in given_up] == [START + seconds(3600)] * 2
