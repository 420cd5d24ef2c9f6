"""Keys name one process each, whoever starts it: a caller, a signal, a step of another process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from trellis_process import Process, ProcessState
from trellis_process.application.keys import OnDuplicate
from trellis_process.application.manual_clock import ManualClock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import KeyTaken, ProcessFinished, ProcessNotFound
from trellis_process.runner import Runner

ORDER = """\
process: order
version: 1
triggers:
  - {{signal: go, inputs: {{amount: event.payload.amount}}{more}}}
inputs: {{amount: {{type: integer, default: 1}}}}
steps:
  - {{name: begin, wait_for_signal: go}}
  - {{name: pay, service: Pay.pay}}
"""


class World:
    """A program with orders of the tenant ``t``."""

    def __init__(self, more: str = "") -> None:
        self.clock = ManualClock(datetime(2027, 1, 4, 9, tzinfo=UTC))
        self.runner = Runner(clock=self.clock, allow_missing=True)
        self.engine = self.runner.engine
        self.register(ORDER.format(more=more))

    def register(self, text: str) -> None:
        """Adds a definition."""
        self.engine.register(ProcessDefinition.from_yaml(text))

    def start(self, on_duplicate: OnDuplicate = "return_existing", amount: int = 1) -> Process:
        """Starts the order of the key ``k``."""
        return self.engine.start(
            "order", tenant_id="t", key="k", on_duplicate=on_duplicate, input={"amount": amount}
        )

    def signal(self, amount: int = 1, signal_id: str | None = None) -> Process:
        """Tells the order of the key ``k`` to go."""
        return self.engine.signal_by_key(
            "order", "k", "go", {"amount": amount}, tenant_id="t", signal_id=signal_id
        )

    def orders(self) -> list[Process]:
        """All of them."""
        return self.engine.list_processes("t", process_type="order").processes


def test_the_same_key_returns_the_first_with_its_first_input() -> None:
    world = World()
    first = world.start(amount=1)

    again = world.start(amount=2)

    assert (again.process_id, again.input, again.was_there) == (
        first.process_id,
        {"amount": 1},
        True,
    )


def test_a_key_that_is_taken_is_refused_where_that_is_asked_for() -> None:
    world = World()
    first = world.start("reject")

    with pytest.raises(KeyTaken, match=first.process_id) as refused:
        world.start("reject")

    assert refused.value.process_id == first.process_id


def test_another_is_started_only_where_the_one_before_has_ended() -> None:
    world = World()
    first = world.start("new_if_finished")
    assert world.start("new_if_finished").process_id == first.process_id
    world.engine.cancel_process(first)

    second = world.start("new_if_finished")

    assert second.process_id != first.process_id
    assert not second.was_there
    assert world.start().process_id == second.process_id, "the key names the latest"
    assert world.engine.latest("order", "k", tenant_id="t").process_id == second.process_id


def test_two_who_start_the_next_one_at_once_start_one() -> None:
    world = World()
    for _ in range(20):
        for order in world.orders():
            if not order.state.is_final:
                world.engine.cancel_process(order)
        before = len(world.orders())
        threads = [
            threading.Thread(target=world.start, args=("new_if_finished",)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(world.orders()) == before + 1


def test_one_that_died_between_counting_and_starting_is_made_up_for() -> None:
    world = World()
    first = world.start()
    world.engine.cancel_process(first)
    stored = world.engine.get_process("t", first.process_id)
    stored.count_another(now=world.clock())
    world.engine._processes.save(stored)  # what it had written when it died

    second = world.start()

    assert second.process_id != first.process_id
    assert len(world.orders()) == 2


def test_a_signal_starts_the_process_of_its_key_and_is_taken_by_it() -> None:
    world = World()

    order = world.signal(amount=7, signal_id="s1")

    assert order.input == {"amount": 7}
    assert order.step("begin").output == {"amount": 7}
    assert world.signal(amount=8, signal_id="s1").version == order.version
    assert len(world.orders()) == 1


def test_a_signal_after_the_end_starts_another_only_where_that_is_said() -> None:
    world = World()
    world.engine.cancel_process(world.signal())
    with pytest.raises(ProcessFinished):
        world.signal()

    world = World(more=", on_duplicate: new_if_finished")
    world.engine.cancel_process(world.signal(signal_id="s1"))
    assert world.signal(signal_id="s1").state is ProcessState.CANCELLED, "it came before"

    assert world.signal(signal_id="s2").state is ProcessState.IN_PROGRESS


def test_a_signal_that_starts_nothing_needs_a_process() -> None:
    world = World()

    with pytest.raises(ProcessNotFound):
        world.engine.signal_by_key("order", "k", "other", tenant_id="t")


FAN_OUT = """\
process: invite
version: 1
inputs: {people: array}
steps:
  - name: each
    foreach:
      items: input.people
      steps:
        - {name: one, subprocess: order, key: item.id, inputs: {amount: item.amount}}
outputs: {started: steps.each.output.results}
"""


def test_one_process_for_each_record_however_often_they_are_gone_through() -> None:
    world = World()
    world.register(FAN_OUT)
    people = [{"id": f"p{n}", "amount": n} for n in range(3)]

    for _ in range(2):
        invite = world.engine.start("invite", tenant_id="t", input={"people": people})
        world.runner.run()
        world.runner.deliver_again()
        assert world.engine.get_process("t", invite.process_id).state is ProcessState.COMPLETED

    assert sorted((each.aggregate_id, each.input["amount"]) for each in world.orders()) == [
        ("p0", 0),
        ("p1", 1),
        ("p2", 2),
    ]
    assert [each.parent for each in world.orders()] == [None] * 3


def test_what_was_started_by_a_key_goes_on_when_the_one_who_asked_is_cancelled() -> None:
    world = World()
    world.register(FAN_OUT)
    people = [{"id": "p", "amount": 1}, {"id": "q", "amount": 2}]
    invite = world.engine.start("invite", tenant_id="t", input={"people": people})

    @world.runner.on("ProcessStarted")
    def cancel(event: dict[str, Any]) -> None:
        if event["process_type"] == "order":
            world.engine.cancel_process(invite)

    world.runner.run()

    assert [each.state for each in world.orders()] == [ProcessState.IN_PROGRESS]
