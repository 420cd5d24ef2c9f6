"""Events from outside start processes, and reach those that there are."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from trellis_process import Process, ProcessState
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.application.event_service import Outcome
from trellis_process.application.manual_clock import ManualClock
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.runner import Runner

ORDER = """\
process: order
version: 1
events:
  - name: placed
    pattern: {{source: [shop], detail-type: [OrderPlaced]}}
    key: event.detail.order{more}
  - {{name: paid, pattern: {{source: [shop], detail-type: [OrderPaid]}}, key: event.detail.order}}
triggers:
  - {{event: placed, inputs: {{amount: event.detail.amount}}{trigger}}}
inputs: {{amount: number}}
data: {{placed: {{type: integer, default: 0}}, paid: {{type: integer, default: 0}}}}
constraints: {{not_a_test: "!has(event.detail.test)"}}
reactions:
  - {{event: placed, set: {{placed: data.placed + 1}}}}
  - {{event: paid, set: {{paid: data.paid + event.detail.amount}}}}
invariants: {{paid_once: data.paid <= 10}}
ends_when: {{paid: data.paid == 10}}
"""


class World:
    """A program that hears of orders of the tenant ``t``."""

    def __init__(self, *, trigger: str = "", more: str = "") -> None:
        self.runner = Runner(
            clock=ManualClock(datetime(2027, 1, 4, 9, tzinfo=UTC)), allow_missing=True
        )
        self.engine = self.runner.engine
        self.register(ORDER.format(trigger=trigger, more=more))
        self._ids = count(1)

    def register(self, text: str) -> None:
        """Adds a definition."""
        self.engine.register(ProcessDefinition.from_yaml(text))

    def send(
        self, detail_type: str, *, event_id: str | None = None, source: str = "shop", **detail: Any
    ) -> list[Outcome]:
        """What became of an event, for each definition that knows it."""
        event = {
            "id": event_id or f"e{next(self._ids)}",
            "source": source,
            "detail-type": detail_type,
            "detail": {"tenant_id": "t", **detail},
        }
        self.delivered = self.runner.receive(event)
        self.runner.run()
        return [each.outcome for each in self.delivered]

    def place(self, order: Any = "o1", **more: Any) -> list[Outcome]:
        """An order is placed."""
        return self.send("OrderPlaced", order=order, **({"amount": 10} | more))

    def pay(self, order: str = "o1", amount: int = 10, **more: Any) -> list[Outcome]:
        """An order is paid."""
        return self.send("OrderPaid", order=order, amount=amount, **more)

    def orders(self, name: str = "order") -> list[Process]:
        """The processes there are, the first one first."""
        return self.engine.list_processes("t", process_type=name).processes[::-1]

    def order(self) -> Process:
        """The only one."""
        (order,) = self.orders()
        return order


def test_an_event_starts_a_process_which_reacts_to_it_at_once() -> None:
    world = World()

    assert world.place() == [Outcome.STARTED]

    order = world.order()
    assert (order.input, order.data["placed"], order.version) == ({"amount": 10}, 1, 1)
    assert order.aggregate_id == "o1"


def test_the_same_event_again_starts_nothing_and_does_nothing() -> None:
    world = World()
    world.place(event_id="e")

    assert world.place(event_id="e") == [Outcome.DELIVERED]

    assert (world.order().data["placed"], world.order().version) == (1, 1)


def test_a_key_that_there_is_gets_the_event_as_any_other_and_keeps_its_first_input() -> None:
    world = World()
    world.place()

    assert world.place(amount=99) == [Outcome.DELIVERED]

    assert world.order().input == {"amount": 10}
    assert world.order().data["placed"] == 2


def test_an_event_that_starts_nothing_and_finds_no_process_is_dropped() -> None:
    world = World()

    assert world.pay() == [Outcome.NO_PROCESS]
    assert world.orders() == []


def test_an_event_that_nobody_knows_is_nobodys() -> None:
    assert World().send("Rain") == []


@pytest.mark.parametrize("order", [None, "", 1.5, True, {"id": "o1"}, "line\nbreak"])
def test_an_event_without_a_key_is_refused_and_starts_nothing(order: Any) -> None:
    world = World()

    assert world.place(order=order) == [Outcome.REFUSED]

    assert world.delivered[0].error is not None
    assert world.orders() == []


def test_an_event_without_the_field_of_its_key_is_refused_with_the_reason() -> None:
    world = World()

    assert world.send("OrderPlaced", amount=3) == [Outcome.REFUSED]

    assert "event.detail.order" in str(world.delivered[0].error)


def test_a_key_may_be_a_whole_number() -> None:
    world = World()

    world.place(order=7)

    assert world.order().aggregate_id == "7"


def test_an_event_without_its_tenant_is_refused() -> None:
    world = World()

    assert world.place(tenant_id=None) == [Outcome.REFUSED]


def test_input_that_is_not_as_declared_refuses_the_event() -> None:
    world = World()

    assert world.place(amount="ten") == [Outcome.REFUSED]

    assert "amount" in str(world.delivered[0].error)
    assert world.orders() == []


def test_a_constraint_keeps_events_out() -> None:
    world = World()
    assert world.place(test=True) == [Outcome.CONSTRAINED]
    assert world.orders() == []
    world.place()

    assert world.pay(test=True) == [Outcome.CONSTRAINED]

    assert world.order().version == 1


def test_an_event_whose_reactions_are_refused_changes_nothing_and_says_why() -> None:
    world = World()
    world.place()

    assert world.pay(amount=11) == [Outcome.REFUSED]

    assert "paid_once" in str(world.delivered[0].error)
    assert world.order().version == 1


def test_an_event_after_the_end_does_nothing() -> None:
    world = World()
    world.place()
    world.pay()
    assert world.order().reason == "paid"

    assert world.pay() == world.place() == [Outcome.ENDED]

    assert world.order().state is ProcessState.COMPLETED


def test_a_new_one_follows_one_that_has_ended_where_that_is_said() -> None:
    world = World(trigger=", on_duplicate: new_if_finished")
    for number in (1, 2, 3):
        assert world.place(event_id=f"place{number}") == [Outcome.STARTED]
        assert world.pay() == [Outcome.DELIVERED]
        assert world.place(event_id=f"place{number}") == [Outcome.DELIVERED], "it came before"

    assert [each.reason for each in world.orders()] == ["paid"] * 3
    assert len({each.process_id for each in world.orders()}) == 3


def test_a_key_that_is_taken_refuses_the_event_where_that_is_said() -> None:
    world = World(trigger=", on_duplicate: reject")
    world.place()

    assert world.place() == [Outcome.REFUSED]

    assert world.order().data["placed"] == 1


def test_what_is_to_be_dealt_with_once_at_most_is_not_dealt_with_again() -> None:
    world = World(more="\n    delivery: at_most_once")
    world.place(event_id="e")

    assert world.place(event_id="e") == [Outcome.REPEATED]


def test_a_field_of_the_event_may_say_which_came_before() -> None:
    world = World(more="\n    id: event.detail.number")
    world.place(number="n1")

    world.place(number="n1")

    assert world.order().data["placed"] == 1


def test_an_event_to_a_suspended_process_is_kept_until_it_goes_on() -> None:
    world = World()
    world.place()
    world.engine.suspend_process(world.order())

    assert world.pay() == [Outcome.DELIVERED]
    assert world.order().data["paid"] == 0
    world.engine.resume_process(world.order())

    assert world.order().reason == "paid"


def test_open_processes_hear_as_their_version_says_and_new_ones_are_of_the_newest() -> None:
    world = World()
    world.place("old")
    second = ORDER.format(trigger="", more="").replace("version: 1", "version: 2")
    world.register(second.replace("data.placed + 1", "data.placed + 100"))

    world.place("old")
    world.place("new")

    old, new = world.orders()
    assert (old.definition_version, old.data["placed"]) == (1, 2)
    assert (new.definition_version, new.data["placed"]) == (2, 100)


def test_a_draining_version_starts_nothing_and_still_hears() -> None:
    world = World()
    world.place()
    catalog = world.engine.definitions
    assert isinstance(catalog, DefinitionCatalog)
    catalog.registry.set_status("order", 1, DefinitionStatus.DRAINING)

    assert world.place("o2") == [Outcome.NO_PROCESS]
    assert world.pay() == [Outcome.DELIVERED]


STATUS = """\
process: {name}
version: 1
events:
  - {{name: changed, entity: order, {what}}}
triggers:
  - {{event: changed}}
steps:
  - {{name: work, service: Work.do}}
"""


@pytest.mark.parametrize(
    ("what", "starts"),
    [
        ("status: -> confirmed", True),
        ("status: pending -> confirmed", True),
        ("status: → confirmed", True),
        ("status: -> shipped", False),
        ("status: draft -> confirmed", False),
        ("change: updated", True),
        ("change: created", False),
    ],
)
def test_a_change_of_an_entity_starts_what_waits_for_it(what: str, starts: bool) -> None:
    world = World()
    world.register(STATUS.format(name="fulfil", what=what))
    detail = {"entity": "order", "id": "o1", "status": "confirmed", "previous_status": "pending"}

    for _ in range(2):
        world.send("EntityUpdated", source="orders", event_id="e", **detail)

    assert [each.aggregate_id for each in world.orders("fulfil")] == (["o1"] if starts else [])


def test_a_status_that_was_there_before_is_no_change() -> None:
    world = World()
    world.register(STATUS.format(name="fulfil", what="status: -> confirmed"))
    same = {"entity": "order", "id": "o1", "status": "confirmed", "previous_status": "confirmed"}

    assert world.send("EntityUpdated", **same) == []


def test_a_completed_process_starts_the_one_that_follows_it_once_with_its_outputs() -> None:
    world = World()
    world.register(
        "process: ship\nversion: 1\n"
        "events: [{name: ordered, completed: buy}]\n"
        "triggers: [{event: ordered, inputs: {box: event.detail.output.box}}]\n"
        "inputs: {box: string}\n"
        "steps: [{name: send, service: Ship.send}]\n"
    )
    world.register(
        "process: buy\nversion: 1\n"
        "steps: [{name: pay, service: Pay.pay}]\n"
        "outputs: {box: steps.pay.output.box}\n"
    )
    bought = world.engine.start("buy", tenant_id="t")
    failed = world.engine.start("buy", tenant_id="t")

    world.engine.complete_step(bought, "pay", {"box": "b1"})
    world.engine.fail_step(failed, "pay", "no money", attempt=1)
    world.runner.run()
    world.runner.deliver_again()

    (shipped,) = world.orders("ship")
    assert shipped.input == {"box": "b1"}
    assert shipped.aggregate_id == bought.process_id
