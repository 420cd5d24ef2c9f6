"""The service: definitions registered, processes started by name, children, keys and versions."""

from __future__ import annotations

import json

import pytest

from tests.engine.driving import service, undo
from trellis_process.application.children import ChildrenService
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.application.engine_service import EngineService
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ForEach, ForEachStep, SubprocessStep, WaitStep
from trellis_process.domain.process import ProcessKey
from trellis_process.errors import (
    DefinitionConflict,
    DefinitionDraining,
    DefinitionNotFound,
    InvalidInput,
)
from trellis_process.eventbridge.envelope import envelopes
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.testing import ManualClock


class Stack:
    """An engine in memory, with the events it sends and what follows from those about children."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.told: list[dict] = []
        processes = InMemoryProcessRepository(
            on_saved=lambda process: self.told.extend(json.loads(json.dumps(envelopes(process))))
        )
        trackers = InMemoryStepTrackerRepository()
        catalog = DefinitionCatalog(InMemoryDefinitionRepository())
        self.service = EngineService(processes, trackers, definitions=catalog, clock=self.clock)
        self.checker = TimeoutCheckerService(trackers, clock=self.clock, definitions=catalog)
        self.children = ChildrenService(self.service)
        self._handled = 0

    def define(self, name: str, *steps, version: int = 1, **more) -> None:
        self.service.register(ProcessDefinition(name, version=version, steps=steps, **more))

    def settle(self) -> None:
        """Handles every event, and what follows from it, once; and then all of them again."""
        while self._handled < len(self.told):
            self.children.handle(self.told[self._handled])
            self._handled += 1

    def again(self) -> None:
        self._handled = 0
        self.settle()


@pytest.fixture
def stack() -> Stack:
    return Stack()


def test_a_process_is_started_by_the_name_of_its_definition(stack):
    stack.define("order", service("pay", inputs={"n": "input.n"}), inputs={"n": "number"})
    process = stack.service.start("order", tenant_id="t1", input={"n": 3})
    assert process.process_type == "order"
    assert process.definition_version == 1
    assert process.step("pay").input == {"n": 3}


def test_a_missing_input_is_refused_and_nothing_is_written(stack):
    stack.define("order", service("pay"), inputs={"order_id": "string"})
    with pytest.raises(InvalidInput, match="order_id"):
        stack.service.start("order", tenant_id="t1", input={})
    assert stack.told == []


def test_the_same_key_gives_the_same_process_with_the_first_input(stack):
    stack.define("order", service("pay"), inputs={"n": "number"})
    first = stack.service.start("order", tenant_id="t1", input={"n": 1}, key="o-1")
    second = stack.service.start("order", tenant_id="t1", input={"n": 2}, key="o-1")
    assert second.process_id == first.process_id
    assert second.input == {"n": 1}
    # Also where it could not be started now.
    assert stack.service.start("order", tenant_id="t1", key="o-1").was_there
    stack.define("refund", service("pay"))
    assert stack.service.start("refund", tenant_id="t1", key="o-1").process_id != first.process_id
    other = stack.service.start("order", tenant_id="t2", input={"n": 1}, key="o-1")
    assert other.process_id != first.process_id


def test_the_newest_is_the_highest_version_not_the_last_registered(stack):
    stack.define("order", service("pay"), version=10)
    stack.define("order", service("ship"), version=9)
    assert stack.service.start("order", tenant_id="t1").definition_version == 10


def test_a_process_keeps_the_version_it_started_with(stack):
    stack.define("order", service("pay"))
    old = stack.service.start("order", tenant_id="t1")
    stack.define("order", service("pay"), service("ship"), version=2)
    assert stack.service.complete_step(old, "pay").is_completed()
    new = stack.service.start("order", tenant_id="t1")
    assert not stack.service.complete_step(new, "pay").is_completed()


def test_the_same_version_again_is_a_no_op_and_with_other_content_a_conflict(stack):
    stack.define("order", service("pay"))
    stack.define("order", service("pay"))
    with pytest.raises(DefinitionConflict):
        stack.define("order", service("ship"))


def test_a_draining_version_starts_nothing_and_what_is_open_finishes(stack):
    stack.define("order", service("pay"))
    open_one = stack.service.start("order", tenant_id="t1")
    stack.service.definitions.registry.set_status("order", 1, DefinitionStatus.DRAINING)
    with pytest.raises(DefinitionDraining):
        stack.service.start("order", tenant_id="t1")
    assert stack.service.complete_step(open_one, "pay").is_completed()


def test_an_unknown_definition_is_named_with_the_nearest(stack):
    stack.define("order", service("pay"))
    with pytest.raises(DefinitionNotFound, match="did you mean 'order'"):
        stack.service.start("oder", tenant_id="t1")


def test_a_sweep_fires_what_a_definition_waits_for(stack):
    stack.define("order", WaitStep("pause", wait="1h"), service("pay"))
    process = stack.service.start("order", tenant_id="t1")
    stack.clock.advance(hours=1)
    sweep = stack.checker.check_for_timed_out_steps()
    assert (sweep.fired, sweep.timed_out) == (1, 0)
    assert "pay" in stack.service.get_process("t1", process.process_id).steps


def test_a_child_is_started_once_and_its_output_is_its_step_s(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child", inputs={"n": "input.n"}))
    stack.define("child", service("work"), inputs={"n": "number"}, outputs={"twice": "input.n * 2"})
    parent = stack.service.start("parent", tenant_id="t1", input={"n": 4})
    stack.settle()
    stack.again()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    stack.service.complete_step(child, "work")
    stack.settle()
    stack.again()
    parent = stack.service.get_process("t1", parent.process_id)
    assert parent.is_completed()
    assert parent.step("run").output == {"twice": 8}


def test_a_child_that_cannot_be_started_fails_its_step(stack):
    stack.define("parent", SubprocessStep("run", subprocess="nowhere"))
    parent = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    parent = stack.service.get_process("t1", parent.process_id)
    assert parent.has_failed()
    assert "nowhere" in parent.step("run").error


def test_a_definition_that_starts_itself_comes_to_an_end(stack):
    stack.define("again", SubprocessStep("run", subprocess="again"))
    first = stack.service.start("again", tenant_id="t1")
    stack.settle()
    first = stack.service.get_process("t1", first.process_id)
    assert first.has_failed()
    assert len(stack.service.list_processes("t1").processes) == 17


def test_cancelling_a_parent_cancels_its_child(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child"))
    stack.define("child", service("work"))
    parent = stack.service.start("parent", tenant_id="t1")
    stack.settle()
    stack.service.cancel_process(parent)
    stack.settle()
    (child,) = stack.service.list_processes("t1", process_type="child").processes
    assert child.state == "cancelled"


def test_a_child_asked_for_after_its_parent_was_cancelled_is_not_started(stack):
    stack.define("parent", SubprocessStep("run", subprocess="child"))
    stack.define("child", service("work"))
    stack.service.cancel_process(stack.service.start("parent", tenant_id="t1"))
    stack.settle()
    assert stack.service.list_processes("t1", process_type="child").processes == []


def test_many_items_are_dealt_with_by_children_in_parts(stack):
    body = service("pack", inputs={"i": "item"}, compensate_with="unpack")
    foreach = ForEach(items="input.items", steps=(body,), max_concurrency=50)
    stack.define("bulk", ForEachStep("all", foreach=foreach), compensations=(undo("unpack"),))
    parent = stack.service.start("bulk", tenant_id="t1", input={"items": list(range(60))})
    seen = []
    while True:
        stack.settle()
        work = [
            event
            for event in stack.told
            if event["type"] == "StepStarted" and event["id"] not in seen
        ]
        if not work:
            break
        for event in work:
            seen.append(event["id"])
            key = ProcessKey("t1", event["process_id"])
            stack.service.complete_step(key, event["step_name"], event["input"]["i"])
    stack.again()
    parent = stack.service.get_process("t1", parent.process_id)
    assert parent.is_completed()
    assert parent.step("all").output == {
        "processed": 60,
        "errors": 0,
        "parts": 3,
        "failures": [],
    }
    assert len(seen) == 60
    assert list(stack.service.item_results(parent, "all")) == list(range(60))


def test_text_in_place_of_a_definition_is_told_how_it_becomes_one(stack):
    with pytest.raises(InvalidInput, match=r"^definition: got 'process: .*from_yaml reads one"):
        stack.service.register("process: order\nversion: 1\nsteps: []\n")
