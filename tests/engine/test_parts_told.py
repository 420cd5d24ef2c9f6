"""What a whole and its parts are told of each other, and what late or double news changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.driving import Drive, service, undo
from tests.engine.test_engine_service import Stack
from tests.engine.test_parts_in_disorder import block, meanwhile, parts_of, plain_list, told
from tests.engine.test_parts_undone import Services, pack_all
from tests.engine.test_reopening import rerun
from tests.engine.test_trying_again import every, now_of, retry
from trellis_process.domain.definition.steps import (
    Effect,
    ForEach,
    ForEachStep,
    SideEffectStep,
    SubprocessStep,
)
from trellis_process.domain.engine import children, relations, undoing_parts
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState

UNPACK = (undo("unpack", inputs={"item": "step.input.i"}),)
COMPLETED, FAILED = ProcessState.COMPLETED, ProcessState.FAILED


@pytest.fixture
def stack() -> Stack:
    return Stack()


def tell(drive: Drive, command: Callable[..., object], *given: Any, **more: Any) -> Drive:
    """The process is told that by its parent, or by a child."""
    return drive.do(lambda process, now: command(process, *given, now=now, **more))


def events(drive: Drive, kind: str) -> list[ProcessEvent]:
    return [event for event in drive.events if event.type == kind]


def told_of(step_name: str, attempt: int, part: int | None = None) -> Parent:
    """What a child knows of its parent, which waits for it at that step."""
    return Parent(process_id="p1", step_name=step_name, attempt=attempt, part=part)


def counted(count: int) -> dict[str, Any]:
    return {"processed": count, "errors": 0, "failures": []}


def all_packed(drive: Drive) -> Drive:
    """Every part that is under way, or follows, is done."""
    while drive.process.step("all").is_open:
        part = drive.process.step("all").progress["open"][0]
        drive.child_ended("all", part=part, output=counted(1))
    return drive


def asked_to_undo(drive: Drive) -> list[tuple[int, str]]:
    """The parts that were asked to undo what they completed: of which attempt, and their ids."""
    asked = events(drive, "ChildCancellationRequested")
    return [(event.attempt, event.child_id) for event in asked if event.compensate]


def undone(drive: Drive, attempt: int, child_id: str, how: str | None = "done") -> Drive:
    given = {"attempt": attempt, "child_id": child_id, "compensation": how}
    return tell(drive, relations.part_undone, "all", **given)


def all_undone(drive: Drive, partial: tuple[int, ...] = ()) -> Drive:
    """All parts that are asked undo it; those of the attempts named ``partial`` not wholly."""
    heard = 0
    while heard < len(asked := asked_to_undo(drive)):
        attempt, child_id = asked[heard]
        undone(drive, attempt, child_id, "partial" if attempt in partial else "done")
        heard += 1
    return drive


def packed_thrice() -> Drive:
    """A list of two parts was entered three times, and then the process failed."""
    steps = (pack_all(max_concurrency=1), service("check", on_success="all"))
    drive = Drive(*steps, compensations=UNPACK).start(items=list(range(30)))
    for _ in range(2):
        all_packed(drive).complete("check")
    return all_packed(drive).fail("check")


# -- What the whole undoes -----------------------------------------------------------------------


def test_the_parts_of_all_earlier_visits_are_undone_too_the_latest_visit_first():
    drive = all_undone(packed_thrice())

    assert [attempt for attempt, _ in asked_to_undo(drive)] == [3, 3, 2, 2, 1, 1]
    assert (drive.state, drive.compensation) == ("failed", "done")


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_what_one_visit_could_not_undo_is_told_of_the_whole_once_all_visits_are(attempt):
    drive = all_undone(packed_thrice(), partial=(attempt,))

    assert len(asked_to_undo(drive)) == 6
    assert (drive.state, drive.compensation) == ("failed", "partial")
    assert drive.process.step("undo:all").error == "not everything could be undone in its parts"


def test_the_undoing_of_a_list_begins_on_record_with_its_attempt_and_its_time():
    drive = packed_thrice()

    (begun,) = events(drive, "CompensationStarted")
    step = drive.process.step("undo:all")
    assert (begun.step_name, begun.attempt) == ("undo:all", step.current_attempt)
    assert begun.attempt == 1
    assert (step.started_at, step.state) == (drive.now, "waiting")


def test_parts_that_a_short_list_has_replaced_are_told_as_not_undone_and_the_rest_is_undone():
    steps = (
        service("look", compensate_with="unpack"),
        pack_all(items="steps.look.output.items"),
        service("check", on_success="look"),
    )
    drive = Drive(*steps, compensations=(undo("unpack"),)).start()
    drive.complete("look", {"items": list(range(30))})
    all_packed(drive).complete("check").complete("look", {"items": [7]})
    drive.complete("pack:0").fail("check")
    while drive.state == "compensating":
        drive.complete(drive.open()[0])

    assert set(drive.started()) >= {"undo:pack:0", "undo:look"}
    assert asked_to_undo(drive) == []
    assert (drive.state, drive.compensation) == ("failed", "partial")
    assert drive.process.step("undo:all").error == (
        "the step was entered again, and its earlier parts are not known any more"
    )
    (failed,) = events(drive, "CompensationFailed")
    assert failed.step_name == "undo:all"


def test_no_more_parts_undo_at_once_than_dealt_with_their_items_at_once():
    goods = (pack_all(max_concurrency=50),)
    rolled_back = block("rollback", goods=goods, money=(service("charge"),))
    drive = Drive(rolled_back, compensations=UNPACK).start(items=list(range(150)))
    for part in range(4):
        drive.child_ended("all", part=part, output=counted(25))
    drive.fail("charge")
    assert len(asked_to_undo(drive)) == 2

    drive.do(lambda process, now: process.suspend(now=now))
    drive.do(lambda process, now: process.resume(now=now))
    assert len(asked_to_undo(drive)) == 2
    undone(drive, *asked_to_undo(drive)[0])
    assert len(asked_to_undo(drive)) == 3


# -- What a part undoes --------------------------------------------------------------------------


def part_of(*, items: int = 2, **more: Any) -> Drive:
    """The first part of a list."""
    steps = (pack_all(max_concurrency=25, **more),)
    whole = Drive(*steps, compensations=UNPACK).start(items=list(range(60)))
    part = Drive(*steps, compensations=UNPACK)
    return part.start_part(whole, 0, list(range(items)), 0)


def test_a_part_says_all_along_why_it_undoes():
    part = part_of().complete("pack:0")

    tell(part, relations.undo_part, reason="not needed")

    assert (part.state, part.reason) == ("compensating", "not needed")
    assert events(part, "ProcessCompensating")[0].reason == "not needed"
    assert events(part, "CompensationStarted")[0].reason == "not needed"
    part.complete("undo:pack:0")
    assert (part.state, part.reason) == ("cancelled", "not needed")
    assert events(part, "ProcessCancelled")[0].reason == "not needed"


def test_a_part_that_is_asked_twice_to_undo_changes_nothing_the_second_time():
    part = tell(part_of().complete("pack:0"), relations.undo_part, reason="not needed")
    writes, asked = part.writes, len(part.events)

    tell(part, relations.undo_part, reason="another reason")
    assert (part.writes, len(part.events), part.reason) == (writes, asked, "not needed")

    part.complete("undo:pack:0")
    writes = part.writes
    tell(part, relations.undo_part, reason="another reason")
    assert (part.writes, part.state, part.reason) == (writes, "cancelled", "not needed")


# -- Who is still asked, and who is given up -----------------------------------------------------


def test_a_late_part_is_asked_to_undo_only_what_the_whole_has_begun_to_undo():
    drive = packed_thrice()
    first, last = told_of("all", 1, 0), told_of("all", 3, 0)
    assert undoing_parts.is_asked_for(drive.process, first)
    assert undoing_parts.is_asked_for(drive.process, last)

    rerun(all_undone(drive), "all")  # the fourth visit, and then the fifth: none of it is undone
    rerun(all_packed(drive), "all")

    for attempt, is_asked in ((1, True), (3, True), (4, False), (5, False)):
        late = told_of("all", attempt, 0)
        assert undoing_parts.is_asked_for(drive.process, late) is is_asked


def test_a_late_part_of_a_list_that_was_undone_and_is_short_by_now_is_asked_to_undo():
    steps = (service("look"), pack_all(items="steps.look.output.items"), service("check"))
    drive = Drive(*steps, compensations=UNPACK).start()
    drive.complete("look", {"items": list(range(30))})
    all_undone(all_packed(drive).fail("check"))
    rerun(drive, "look").complete("look", {"items": [7]})

    assert undoing_parts.is_asked_for(drive.process, told_of("all", 1, 0))


def test_a_child_that_is_no_part_is_not_asked_to_undo_though_its_step_was_undone():
    run = SubprocessStep("run", subprocess="other", compensate_with="unpack")
    drive = Drive(run, service("check"), compensations=(undo("unpack"),)).start()
    drive.child_ended("run").fail("check").complete("undo:run")

    assert not undoing_parts.is_asked_for(drive.process, told_of("run", 1))


def test_a_part_of_what_nothing_undoes_that_is_started_too_late_is_just_given_up(
    stack, monkeypatch
):
    process = plain_list(stack)
    asked = told(stack, "ChildRequested")[0]

    def cancelled() -> None:
        stack.service.cancel_process(process, compensate=True)

    meanwhile(stack, monkeypatch, "start_part", cancelled)

    stack.children.handle(asked)
    stack.settle()

    part = parts_of(stack, process)[0]
    assert (part.state, part.compensation) == ("cancelled", None)


def test_only_children_that_a_process_waited_for_and_does_not_any_more_were_given_up():
    steps = (
        block("fail_fast", goods=(pack_all(max_concurrency=50),), money=(service("charge"),)),
        SubprocessStep("run", subprocess="other"),
    )
    drive = Drive(*steps, compensations=UNPACK).start(items=list(range(100)))

    def given_up(name: str, attempt: int = 1, part: int | None = None) -> bool:
        child = told_of(name, attempt, part)
        return children.was_given_up(drive.compiled, drive.process, child)

    assert not given_up("run")  # it was never asked for
    assert not given_up("all", part=0)  # it is waited for
    drive.fail("charge")
    assert given_up("all", part=0)


def test_a_child_because_of_which_a_step_failed_was_not_given_up_but_those_before_it_were():
    drive = Drive(SubprocessStep("run", subprocess="other")).start()
    drive.child_ended("run", FAILED, error="no")
    rerun(drive, "run").child_ended("run", FAILED, error="no")

    assert drive.process.step("run").attempt == 2
    for attempt, is_given_up in ((1, True), (2, False)):
        child = told_of("run", attempt)
        assert children.was_given_up(drive.compiled, drive.process, child) is is_given_up


def test_of_a_failed_list_the_parts_were_given_up_that_had_not_ended():
    drive = Drive(pack_all(max_concurrency=50, on_item_failure="fail"), compensations=UNPACK)
    drive.start(items=list(range(60))).child_ended("all", FAILED, part=0, error="torn")

    for part, is_given_up in ((0, False), (1, True)):
        child = told_of("all", 1, part)
        assert children.was_given_up(drive.compiled, drive.process, child) is is_given_up


def test_a_child_that_goes_on_is_not_called_off_by_a_late_request_to_start_it(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child"))
    stack.define("child", service("work"))
    stack.service.start("parent", tenant_id="t1")
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    stack.service.fail_step(child, "work", "no", attempt=1)
    stack.settle()

    stack.service.retry_step(child, "work")  # of which its parent has not heard
    stack.children.handle(told(stack, "ChildRequested")[0])

    assert now_of(stack, child).step("work").is_open


def test_a_child_that_stands_behind_other_steps_is_suspended_with_its_parent(stack):
    stack.define("parent", service("first"), SubprocessStep("run", subprocess="child"))
    stack.define("child", service("work"))
    top = stack.service.start("parent", tenant_id="t1")
    stack.service.complete_step(top, "first")
    stack.settle()

    stack.service.suspend_process(top)
    stack.settle()

    (child,) = stack.service.list_processes("t1", process_type="child").processes
    assert child.state == "suspended"


# -- In rounds -----------------------------------------------------------------------------------


def test_a_part_that_is_not_needed_in_a_later_round_is_given_up_and_says_why(stack):
    process = plain_list(stack, on_item_failure="fail", max_concurrency=100)
    services = Services(stack, "pack:0")
    services.held.add("pack:30")
    services.work()
    stack.service.retry_step(process, "all")  # and the same item fails again
    services.work()

    assert now_of(stack, process).has_failed()
    part = parts_of(stack, process)[1]
    assert (part.state, part.reason) == ("cancelled", "its parent does not need it any more")
    cancelled = [e for e in told(stack, "ProcessCancelled") if e["process_id"] == part.process_id]
    assert [e["reason"] for e in cancelled] == 2 * ["its parent does not need it any more"]


def test_only_a_list_that_was_tried_again_is_in_a_later_round():
    drive = Drive(every(service("pack"), on_item_failure="fail"), service("ship"))
    drive.start(items=list(range(60)))
    drive.child_ended("all", FAILED, part=0, error="torn")
    assert children.round_of(drive.process, "all", 1) == 0

    retry(drive, "all")

    assert children.round_of(drive.process, "all", 1) == 1
    for name, attempt in [("all", 2), ("ship", 1), ("nobody", 1)]:
        assert children.round_of(drive.process, name, attempt) is None


def in_round(stack: Stack, round_: int) -> tuple[Process, Services]:
    """A list of two parts under way in that round, of which nothing is undone."""
    foreach = ForEach(
        items="input.items", steps=(service("pack"),), max_concurrency=100, on_item_failure="fail"
    )
    stack.define("plain", service("look"), ForEachStep("all", foreach=foreach))
    process = stack.service.start("plain", tenant_id="t1", input={"items": list(range(60))})
    services = Services(stack, *(["pack:0"] if round_ else []))
    services.held |= {"pack:30"} if round_ else {"pack:0", "pack:30"}
    services.work()
    if round_:
        services.failing.clear()
        services.held.add("pack:0")
        stack.service.retry_step(process, "all")
        services.work()
    return process, services


@pytest.mark.parametrize("round_", [0, 1])
def test_the_parts_of_a_list_that_is_skipped_are_called_off_in_any_round(stack, round_):
    process, services = in_round(stack, round_)

    stack.service.skip_step(process, "all")
    services.work()

    assert now_of(stack, process).is_completed()
    assert parts_of(stack, process)[1].state == "cancelled"


@pytest.mark.parametrize("round_", [0, 1])
def test_parts_are_called_off_though_their_list_has_begun_anew_meanwhile(stack, round_):
    process, services = in_round(stack, round_)

    stack.service.rerun_from(process, "look")
    stack.service.complete_step(process, "look", attempt=2)
    services.work()

    of_first_visit = [
        each
        for each in stack.service.list_processes("t1").processes
        if each.parent and (each.parent.attempt, each.parent.part) == (1, 1)
    ]
    assert [each.state for each in of_first_visit] == ["cancelled"]


def test_a_part_under_way_that_has_heard_of_a_later_round_is_not_called_off_late():
    part = part_of().complete("pack:0")

    tell(part, relations.try_part_again, 1)
    writes = part.writes
    tell(part, relations.try_part_again, 1)  # once more
    tell(part, relations.give_up_child, round_=0, reason="not needed")  # before it was asked again

    assert (part.writes, part.state) == (writes, "in_progress")
    assert part.started() == ["pack:0", "pack:1"]
    tell(part, relations.give_up_child, round_=1, reason="not needed")
    assert (part.state, part.reason) == ("cancelled", "not needed")
    assert events(part, "ProcessCancelled")[0].reason == "not needed"


def test_the_end_of_a_part_that_heard_of_its_round_while_under_way_is_that_of_the_round():
    part = part_of(on_item_failure=1).complete("pack:0")
    tell(part, relations.try_part_again, 1).fail("pack:1")

    assert relations.left_in_round(part.process) == 1


def test_a_part_that_is_open_has_ended_in_no_round():
    part = part_of(on_item_failure=1)
    assert relations.left_in_round(part.process) is None
    assert relations.left_in_round(part.complete("pack:0").fail("pack:1").process) == 0


def test_a_part_whose_items_are_done_as_it_begins_is_completed_with_the_write_that_starts_it():
    noted = SideEffectStep("note", effects=(Effect(action="create", entity="Note", id="item"),))
    foreach = ForEach(items="input.items", steps=(noted,), max_concurrency=25)
    whole = Drive(ForEachStep("all", foreach=foreach)).start(items=list(range(60)))
    part = Drive(*whole.definition.steps).start_part(whole, 0, ["a", "b"], 0)
    assert (part.state, part.process.output["processed"]) == ("completed", 2)


def test_a_part_that_goes_on_with_its_whole_says_so_and_has_no_output_meanwhile():
    part = part_of(on_item_failure=1).complete("pack:0").fail("pack:1")
    assert part.process.output is not None

    tell(part, relations.try_part_again, 1)

    assert part.open() == ["all", "pack:1"]
    assert part.process.output is None
    (reopened,) = events(part, "ProcessReopened")
    assert (reopened.step_name, reopened.reason) == ("all", "its whole is tried again")
    again = events(part, "StepStarted")[-1]
    assert (again.step_name, again.reason) == ("pack:1", "its whole is tried again")


def test_a_part_that_has_failed_again_is_not_tried_again_in_the_same_round():
    part = part_of(on_item_failure=1).complete("pack:0").fail("pack:1")
    tell(part, relations.try_part_again, 1).fail("pack:1")
    writes = part.writes

    tell(part, relations.try_part_again, 1)

    assert (part.writes, part.state) == (writes, "completed")
    assert tell(part, relations.try_part_again, 2).open() == ["all", "pack:1"]


# -- A child goes on, of which the parent hears --------------------------------------------------


def with_child() -> Drive:
    """A process failed because of a child, after a step that is to be undone."""
    steps = (service("a", compensate_with="unpack"), SubprocessStep("run", subprocess="other"))
    drive = Drive(*steps, compensations=(undo("unpack"),)).start().complete("a")
    return drive.child_ended("run", FAILED, error="no")


def test_a_parent_that_undoes_or_has_undone_stays_as_it_is_when_its_child_goes_on():
    drive, child = with_child(), told_of("run", 1)
    writes = drive.writes
    tell(drive, relations.child_reopened, child)
    assert (drive.writes, drive.state) == (writes, "compensating")

    writes = drive.complete("undo:a").writes
    tell(drive, relations.child_reopened, child)
    assert (drive.writes, drive.state, drive.compensation) == (writes, "failed", "done")


def test_a_child_of_an_earlier_visit_that_goes_on_opens_nothing_nor_does_one_never_asked_for():
    drive = Drive(SubprocessStep("run", subprocess="other"), service("after")).start()
    drive.child_ended("run", FAILED, error="no")
    rerun(drive, "run").child_ended("run", FAILED, error="no")
    writes = drive.writes

    tell(drive, relations.child_reopened, told_of("run", 1))
    tell(drive, relations.child_reopened, told_of("after", 1))
    assert (drive.writes, drive.state) == (writes, "failed")

    tell(drive, relations.child_reopened, told_of("run", 2))
    assert drive.open() == ["run"]


def test_what_follows_a_child_that_went_on_in_a_suspended_parent_begins_once():
    drive = Drive(SubprocessStep("run", subprocess="other"), service("after")).start()
    drive.do(lambda process, now: process.suspend(now=now))
    drive.child_ended("run", FAILED, error="no")
    tell(drive, relations.child_reopened, told_of("run", 1))
    drive.child_ended("run", COMPLETED)

    drive.do(lambda process, now: process.resume(now=now))

    assert drive.started() == ["after"]
    assert drive.process.step("after").visits == 1
