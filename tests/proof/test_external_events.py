"""Wherever a program stops that deals with an event from outside, what follows makes good."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.proof.crash_points import CrashPoint, crash_points, run_scenario, violations
from tests.proof.promises import check_promises
from tests.proof.scenarios import Scenario
from tests.proof.stack import Stack
from trellis_process.application.start_request import process_id_for
from trellis_process.domain.definition.process_definition import ProcessDefinition

# What a crash leaves behind in Powertools.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

ORDER = """\
process: order
version: 1
events:
  - name: placed
    pattern: {{source: [shop], detail-type: [OrderPlaced]}}
    key: event.detail.order
    delivery: {delivery}
  - {{name: paid, pattern: {{source: [shop], detail-type: [OrderPaid]}}, key: event.detail.order}}
triggers: [{{event: placed, on_duplicate: {on_duplicate}}}]
data: {{placed: {{type: integer, default: 0}}, paid: {{type: integer, default: 0}}}}
reactions:
  - event: placed
    set: {{placed: data.placed + 1}}
    send: [{{channel: mail, message: Placed}}]
    set_timers: [{{name: reminder, after: 3d}}]
  - {{event: paid, set: {{paid: data.paid + event.detail.amount}}, cancel_timers: [reminder]}}
invariants: {{paid_once: data.paid <= 10}}
ends_when: {{paid: data.paid == 10}}
"""
RECEIPT = """\
process: receipt
version: 1
events:
  - {name: paid, pattern: {source: [shop], detail-type: [OrderPaid]}, key: event.detail.receipt}
triggers: [{event: paid}]
steps: [{name: print, service: Printer.print, timeout: 30s}]
"""
TENANT = "tenant-1"


def an_event(detail_type: str, event_id: str, **detail: Any) -> dict[str, Any]:
    """An event as EventBridge delivers it."""
    told = {"tenant_id": TENANT, "order": "o-1", **detail}
    return {"id": event_id, "source": "shop", "detail-type": detail_type, "detail": told}


PLACED = an_event("OrderPlaced", "e-1")
PAID = an_event("OrderPaid", "e-2", amount=10)


def heard(*before: dict[str, Any], **said: str) -> Callable[[Stack], None]:
    """The definition is there, and these events came before."""

    def prepare(stack: Stack) -> None:
        chosen = {"delivery": "at_least_once", "on_duplicate": "return_existing"} | said
        stack.service.register(ProcessDefinition.from_yaml(ORDER.format(**chosen)))
        for event in before:
            assert stack.hear({"before": event})
            stack.clock.advance(seconds=1)

    return prepare


def and_receipts(prepare: Callable[[Stack], None]) -> Callable[[Stack], None]:
    """Another definition knows the same events."""

    def prepare_both(stack: Stack) -> None:
        prepare(stack)
        stack.service.register(ProcessDefinition.from_yaml(RECEIPT))

    return prepare_both


def comes(*events: dict[str, Any]) -> Callable[[Stack], Callable[[], bool]]:
    """A batch of the queue, of which SQS brings again what was not dealt with."""
    return lambda stack: partial(stack.hear, {f"m-{n}": each for n, each in enumerate(events)})


SCENARIOS = [
    Scenario("an event starts a process", heard(), comes(PLACED)),
    Scenario("an event reaches one", heard(PLACED), comes(an_event("OrderPaid", "e-2", amount=4))),
    Scenario("an event that comes again", heard(PLACED), comes(PLACED)),
    Scenario("an event ends one", heard(PLACED), comes(PAID)),
    Scenario("two events at once, in one batch", heard(), comes(PLACED, PAID)),
    Scenario(
        "an event starts the second process of its key",
        heard(PLACED, PAID, on_duplicate="new_if_finished"),
        comes(an_event("OrderPlaced", "e-3")),
    ),
    Scenario(
        "an event that one definition refuses starts a process of another",
        and_receipts(heard(PLACED)),
        comes(an_event("OrderPaid", "e-2", amount=11, receipt="r-1")),
    ),
    Scenario(
        "an event without its key", heard(), comes(an_event("OrderPlaced", "e-1", order=None))
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_whatever_stops_it_where_it_ends_as_if_nothing_had(
    scenario: Scenario, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    found = list(violations(stack, scenario))

    assert found, "it makes no call, so it shows nothing"
    assert [f"{point}: {broken}" for point, broken in found if broken] == []
    record_property("covered", f"{len(found)} crash points of events from outside")


def test_what_is_dealt_with_once_at_most_is_so_wherever_a_program_stops(
    stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    scenario = Scenario(
        "at most once",
        heard(PLACED, delivery="at_most_once"),
        comes(an_event("OrderPlaced", "e-2")),
    )
    order = process_id_for(TENANT, "o-1", definition="order")
    points = crash_points(stack, scenario)
    assert stack.stored(order).data["placed"] == 2
    stack.reset()
    scenario.prepare(stack)
    prepared = stack.keep()

    def came_to(point: CrashPoint) -> int:
        run_scenario(stack, scenario, prepared, point)
        check_promises(stack)
        placed: int = stack.stored(order).data["placed"] - 1
        return placed

    counts = {str(point): came_to(point) for point in points}

    # Lost only where it was noted and the program is gone; a lost answer alone loses nothing.
    assert set(counts.values()) == {0, 1}
    assert all(count for point, count in counts.items() if point.startswith("the lost answer"))
    record_property("covered", f"{len(points)} crash points of events from outside")


def test_the_same_key_and_event_of_two_tenants_are_two_and_neither_reaches_the_other(
    stack: Stack,
) -> None:
    heard(PLACED)(stack)

    stack.hear({"m-1": an_event("OrderPaid", "e-2", amount=4, tenant_id="tenant-2")})
    stack.hear({"m-2": an_event("OrderPlaced", "e-1", tenant_id="tenant-2")})
    stack.hear({"m-3": an_event("OrderPaid", "e-2", amount=7, tenant_id="tenant-2")})

    theirs, ours = sorted(stack.processes(), key=lambda each: each.data["paid"], reverse=True)
    assert (theirs.tenant_id, theirs.data) == ("tenant-2", {"placed": 1, "paid": 7})
    assert (ours.tenant_id, ours.data) == (TENANT, {"placed": 1, "paid": 0})
