"""The verdict on orders: silent on those that went as they should, and on no others."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.soak.journeys import Command
from tests.soak.ledger import Became, Entry
from tests.soak.orders import (
    DEFINITIONS,
    ORDER,
    SHIPMENT,
    TENANT,
    UNDONE,
    asked_of,
    is_rejected,
    order,
    report,
)
from tests.soak.orders_verdict import OrdersEvidence, OrdersVerdict, judge_orders
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessKey,
    TimeoutCheckerService,
)
from trellis_process.application.children import ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.eventbridge import envelopes
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.representation import process_as_json
from trellis_process.testing import ManualClock

SEED = 1
ORDERS = range(8)


class Soaked:
    """What eight orders leave whose workers and children did all that they were to do."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        clock = ManualClock()
        processes = InMemoryProcessRepository(on_saved=lambda p: self.heard.extend(envelopes(p)))
        trackers = InMemoryStepTrackerRepository(processes)
        catalog = DefinitionCatalog(InMemoryDefinitionRepository())
        for document in DEFINITIONS:
            catalog.register(ProcessDefinition.from_yaml(document))
        service = EngineService(processes, definitions=catalog, clock=clock)
        checker = TimeoutCheckerService(trackers, definitions=catalog, clock=clock)
        children = ChildrenService(service)
        self.started: dict[str, Entry] = {}
        for number in ORDERS:
            asked = order(SEED, number)
            service.start(ORDER, tenant_id=TENANT, **asked)
            command = Command(asked["key"], "start", None, 0.0, False)
            self.started[asked["key"]] = Entry(command, Became.ACCEPTED)
        self.reports: list[Entry] = []
        heard = 0
        while heard < len(self.heard) or processes.keys_due(clock()):
            for event in self.heard[heard:]:
                heard += 1
                children.handle(event)
                self._answer(service, event)
            clock.advance(seconds=1)  # after which one who was busy is asked again
            checker.check_for_timed_out_steps()
        ids = dict.fromkeys(event["process_id"] for event in self.heard)
        found = [service.get_process(TENANT, process_id) for process_id in ids]
        self.stored = {each.process_id: dict(process_as_json(each)) for each in found}
        roots = [each for each in found if each.parent is None]
        self.viewed = {each.process_id: each.state.value for each in roots}

    def _answer(self, service: EngineService, event: dict[str, Any]) -> None:
        if (said := report(event)) is None:
            return
        verb, body = said
        key, name = ProcessKey(TENANT, event["process_id"]), event["step_name"]
        say = {"complete": service.complete_step, "fail": service.fail_step}[verb]
        say(key, name, **body)
        command = Command(event["id"], verb, name, 0.0, False, body)
        self.reports.append(Entry(command, Became.ACCEPTED))

    def order(self, *, rejected: bool = False) -> dict[str, Any]:
        """One of the orders as it is stored."""
        return next(each for each in self._orders() if is_rejected(asked_of(each)) is rejected)

    def child_of(self, order: dict[str, Any], kind: str) -> dict[str, Any]:
        """A child of that order, of that type."""
        return next(
            each
            for each in self.stored.values()
            if each.get("parent", {}).get("process_id") == order["process_id"]
            and each["process_type"] == kind
        )

    def of(self, order: dict[str, Any], kind: str) -> list[dict[str, Any]]:
        """The events of that type of an order."""
        here = [each for each in self.heard if each["process_id"] == order["process_id"]]
        return [each for each in here if each["type"] == kind]

    def _orders(self) -> Iterator[dict[str, Any]]:
        return (each for each in self.stored.values() if "parent" not in each)

    def judged(self) -> OrdersVerdict:
        return judge_orders(
            OrdersEvidence(self.started, self.reports, self.heard, self.stored, self.viewed)
        )


@pytest.fixture
def soaked() -> Soaked:
    return Soaked()


def finds(soaked: Soaked, what: str) -> bool:
    return any(what in finding for finding in soaked.judged().findings)


def test_nothing_is_found_where_all_is_well(soaked: Soaked) -> None:
    soaked.heard.append(deepcopy(soaked.heard[0]))

    verdict = soaked.judged()

    assert verdict.findings == []
    assert verdict.counts[f"{ORDER}, failed"] > 0
    assert verdict.counts[f"{SHIPMENT}, completed"] == len(ORDERS)
    # The orders that were not rejected, and two parts of each.
    undone = verdict.counts[f"{ORDER}, failed"]
    assert verdict.counts[f"{ORDER}, completed"] == 3 * len(ORDERS) - undone


@pytest.mark.parametrize("kind", ["ProcessStarted", "StepCompleted", "ProcessCompleted"])
def test_a_lost_event_is_found(soaked: Soaked, kind: str) -> None:
    soaked.heard.remove(soaked.of(soaked.order(), kind)[0])

    assert soaked.judged().findings


def test_a_double_that_says_something_else_is_found(soaked: Soaked) -> None:
    soaked.heard.append({**soaked.heard[0], "version": 9})

    assert finds(soaked, "a double that says something else")


def test_a_lost_child_is_found(soaked: Soaked) -> None:
    child = soaked.child_of(soaked.order(), SHIPMENT)
    del soaked.stored[child["process_id"]]

    assert finds(soaked, "its children are")
    assert finds(soaked, "has events and is not there")


def test_a_child_that_does_not_end_is_found(soaked: Soaked) -> None:
    soaked.child_of(soaked.order(), SHIPMENT)["state"] = "in_progress"

    assert finds(soaked, f"is a {SHIPMENT}, in_progress")


def test_a_child_without_its_parent_is_found(soaked: Soaked) -> None:
    del soaked.stored[soaked.order()["process_id"]]

    assert finds(soaked, "is not there, and has children")


def test_an_order_that_ended_otherwise_is_found(soaked: Soaked) -> None:
    soaked.order(rejected=True)["compensation"] = "partial"

    assert finds(soaked, "undone: partial, not")


def test_an_output_that_counts_otherwise_is_found(soaked: Soaked) -> None:
    soaked.order()["output"]["packed"] = 55

    assert finds(soaked, "its output is")


def test_what_is_undone_in_another_order_is_found(soaked: Soaked) -> None:
    first, second = soaked.of(soaked.order(rejected=True), "CompensationCompleted")
    assert (first["step_name"], second["step_name"]) == UNDONE
    first["step_name"], second["step_name"] = reversed(UNDONE)

    assert finds(soaked, "undone were")


def test_an_attempt_that_begins_twice_is_found(soaked: Soaked) -> None:
    begun = soaked.of(soaked.order(), "StepStarted")
    begun[-1]["step_name"], begun[-1]["attempt"] = begun[0]["step_name"], begun[0]["attempt"]

    assert finds(soaked, "began twice")


def test_an_order_that_was_started_and_is_not_there_is_found(soaked: Soaked) -> None:
    soaked.started["order-1-99"] = Entry(
        Command("order-1-99", "start", None, 0.0, False), Became.ACCEPTED
    )

    assert finds(soaked, "order-1-99: was started, and is not there")


def test_an_order_that_was_started_twice_or_by_nobody_is_found(soaked: Soaked) -> None:
    first, second, *_ = (each for each in soaked.stored.values() if "parent" not in each)
    second["aggregate_id"] = first["aggregate_id"]
    assert finds(soaked, "was started more than once")

    second["aggregate_id"] = "order-1-99"
    assert finds(soaked, "order-1-99: nobody started it")


def test_read_models_that_say_something_else_are_found(soaked: Soaked) -> None:
    soaked.viewed[soaked.order()["process_id"]] = "in_progress"
    soaked.viewed["nobody"] = "completed"

    assert finds(soaked, "the read models do not say that it is completed")
    assert finds(soaked, "nobody: is in the read models alone")


def test_a_report_that_is_refused_for_no_good_reason_is_found(soaked: Soaked) -> None:
    soaked.reports[0].became, soaked.reports[0].code = Became.REFUSED, "step_finished"
    assert soaked.judged().findings == []

    soaked.reports[0].code = "attempt_unknown"
    assert finds(soaked, "was refused as attempt_unknown")
