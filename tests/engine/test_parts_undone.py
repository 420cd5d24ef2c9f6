"""What the parts of a long foreach completed is undone as that of a short one."""

from __future__ import annotations

import pytest

from tests.engine.driving import service, undo
from tests.engine.test_engine_service import Stack
from trellis_process.domain.definition.steps import (
    Branch,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.errors import NotReported, ProcessFinished, ProcessNotFound, StepFinished

ITEMS = 60


@pytest.fixture
def stack() -> Stack:
    return Stack()


def pack_all(**more) -> ForEachStep:
    body = service("pack", inputs={"i": "item"}, compensate_with="unpack")
    step = {name: more.pop(name) for name in ("on_failure",) if name in more}
    foreach = ForEach(**{"items": "input.items", "steps": (body,), "max_concurrency": 50} | more)
    return ForEachStep("all", foreach=foreach, **step)


def bulk(stack: Stack, *steps, items=ITEMS, **more) -> Process:
    unpack = undo(
        "unpack", inputs={"item": "step.input.i", "said": "step.output", "by": "input.by"}
    )
    stack.define("bulk", *steps, compensations=(unpack,), **more)
    given = {"items": list(range(items)), "by": "ann"}
    return stack.service.start("bulk", tenant_id="t1", input=given)


class Services:
    """Do the work that is asked for, until nothing more is; what ``failing`` names fails."""

    def __init__(self, stack: Stack, *failing: str) -> None:
        self.stack = stack
        self.failing = set(failing)
        self.held: set[str] = set()
        self.done: list[str] = []
        self.undone: list[dict] = []
        self._seen: set[str] = set()

    def work(self, most: int = 10_000) -> None:
        while True:
            self.stack.settle()
            asked = [event for event in self.stack.told if self._is_new_work(event)]
            if not asked or len(self.done) >= most:
                return
            for event in asked[: most - len(self.done)]:
                self._seen.add(event["id"])
                self._do(event)

    def _is_new_work(self, event: dict) -> bool:
        is_work = event["type"] in ("StepStarted", "CompensationStarted") and "service" in event
        return is_work and event["id"] not in self._seen and event["step_name"] not in self.held

    def _do(self, event: dict) -> None:
        key, name = ProcessKey("t1", event["process_id"]), event["step_name"]
        told = {"attempt": event["attempt"]}
        try:
            if name in self.failing:
                self.stack.service.fail_step(key, name, "no", **told, fatal=True)
                return
            self.stack.service.complete_step(key, name, f"did {name}", **told)
        except (StepFinished, ProcessFinished):
            return  # it was given up meanwhile
        self.done.append(name)
        if name.startswith("undo:"):
            self.undone.append(event["input"])


def test_all_items_are_undone_where_the_process_fails_later(stack):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack, "ship")

    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "done")
    assert sorted(each["item"] for each in services.undone) == list(range(ITEMS))
    assert {(each["said"], each["by"]) for each in services.undone} == {
        (f"did pack:{n}", "ann") for n in range(ITEMS)
    }
    assert process.step("undo:all").state == "completed"


def test_the_last_part_is_undone_first_and_each_in_reverse(stack):
    bulk(stack, pack_all(max_concurrency=1), service("ship"))
    services = Services(stack, "ship")

    services.work()

    assert [each["item"] for each in services.undone] == list(reversed(range(ITEMS)))


def test_everything_delivered_twice_undoes_nothing_twice(stack):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack, "ship")
    services.work()

    stack.again()
    services.work()

    assert len(services.undone) == ITEMS
    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "done")


def test_what_cannot_be_undone_is_told_and_the_rest_is_undone(stack):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack, "ship", "undo:pack:7")

    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "partial")
    assert len(services.undone) == ITEMS - 1
    assert process.step("undo:all").state == "failed"


def test_items_of_parts_that_are_under_way_or_given_up_are_undone_too(stack):
    process = bulk(stack, pack_all(max_concurrency=100))
    services = Services(stack)
    services.work(most=20)

    stack.service.cancel_process(process, compensate=True)
    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("cancelled", "done")
    packed = {int(name.split(":")[1]) for name in services.done[:20]}
    assert {each["item"] for each in services.undone} == packed
    parts = stack.service.list_processes("t1").processes
    assert {part.state for part in parts} == {"cancelled"}


def test_with_fail_the_completed_items_of_every_part_are_undone(stack):
    process = bulk(stack, pack_all(on_item_failure="fail"))
    services = Services(stack, "pack:30")

    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "done")
    packed = [name for name in services.done if name.startswith("pack:")]
    assert sorted(f"pack:{each['item']}" for each in services.undone) == sorted(packed)


def test_a_failure_of_an_item_that_a_route_handles_undoes_nothing(stack):
    process = bulk(stack, pack_all(on_item_failure="fail", on_failure="ship"), service("ship"))
    services = Services(stack, "pack:30")

    services.work()

    assert services.undone == []
    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("completed", None)


def test_without_a_compensation_inside_no_part_is_asked(stack):
    body = service("pack", inputs={"i": "item"})
    foreach = ForEachStep("all", foreach=ForEach(items="input.items", steps=(body,)))
    process = bulk(stack, foreach, service("ship"))

    Services(stack, "ship").work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", None)
    assert not [e for e in stack.told if e["type"] == "ChildCancellationRequested"]


def test_parts_in_a_branch_that_is_rolled_back_are_undone_before_the_block_fails(stack):
    block = ParallelStep(
        "block",
        on_failure="sorry",
        parallel=Parallel(
            branches=(
                Branch(name="goods", steps=(pack_all(),)),
                Branch(name="money", steps=(service("charge"),)),
            ),
            on_any_failure="rollback",
        ),
    )
    process = bulk(stack, block, service("ship", on_success="complete"), service("sorry"))
    services = Services(stack)
    services.held.add("charge")
    services.work(most=30)

    stack.service.fail_step(process, "charge", "no", attempt=1)
    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert process.step("block").state == "failed"
    assert process.step("undo:all").ended_at <= process.step("block").ended_at
    assert len(services.undone) == 30
    assert process.is_completed()  # for the failure of the block is handled
    assert services.done[-1] == "sorry"


def test_a_part_that_has_gone_is_not_passed_over_in_silence(stack, monkeypatch):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack, "ship")
    services.work(most=ITEMS)
    stack.settle()
    parts = [each for each in stack.service.list_processes("t1").processes if each.parent]
    gone, undo_part = parts[0].key, stack.service.undo_part

    def undo_what_is_there(part: ProcessKey, *, reason: str) -> Process:
        if part == gone:
            raise ProcessNotFound(part.process_id)
        return undo_part(part, reason=reason)

    monkeypatch.setattr(stack.service, "undo_part", undo_what_is_there)

    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "partial")


def test_the_parts_of_every_visit_are_undone_the_last_visit_first(stack):
    steps = (pack_all(max_concurrency=1), service("check", on_success="all"))
    process = bulk(stack, *steps, items=30)
    services = Services(stack)
    services.held.add("check")
    services.work()
    stack.service.complete_step(process, "check", attempt=1)
    services.work()
    assert services.done.count("pack:29") == 2

    stack.service.fail_step(process, "check", "no", attempt=2, fatal=True)
    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "done")
    assert [each["item"] for each in services.undone] == 2 * list(reversed(range(30)))


def test_what_the_parts_of_a_skipped_list_completed_is_undone_all_the_same(stack):
    process = bulk(stack, pack_all(max_concurrency=25), service("ship"))
    services = Services(stack, "ship")
    services.work(most=10)
    stack.service.skip_step(process, "all")

    services.work()

    process = stack.service.get_process("t1", process.process_id)
    assert (process.state, process.compensation) == ("failed", "done")
    assert len(services.undone) == len([n for n in services.done if n.startswith("pack:")])
    assert services.undone


def test_nobody_reports_what_its_parts_undo(stack):
    process = bulk(stack, pack_all(), service("ship"))
    services = Services(stack, "ship")
    services.held.add("ship")
    services.work()
    stack.service.cancel_process(process, compensate=True)

    with pytest.raises(NotReported) as refused:
        stack.service.complete_step(process, "undo:all")

    assert str(refused.value) == (
        "step 'undo:all' is a foreach, which nobody reports; its parts report, or skip it"
    )


def test_one_more_part_begins_when_one_has_ended(stack):
    bulk(stack, pack_all(), items=100)  # four parts, of which two may be under way

    def asked() -> list[int]:
        return [each["part"] for each in stack.told if each["type"] == "ChildRequested"]

    stack.settle()
    assert asked() == [0, 1]
    Services(stack).work(most=49)  # of the items of both in turn, so that the first has ended
    stack.settle()
    assert asked() == [0, 1, 2]
