"""Dollars: what a million steps cost, beside other ways to have them tracked."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process.cost import (
    OTHERS,
    Channel,
    Journey,
    Starting,
    Workload,
    bill,
    price_elsewhere,
)
from trellis_process.cost.bill import Bill
from trellis_process.cost.prices import AS_OF, MILLION, REGION

STEPS = (1, 5, 20)
GOAL = 10.0
STANDARD = "Step Functions Standard"

#: One call and one event for each step, and the same by other ways than a call each.
_ONE_CALL = Journey(20, Starting.NEVER)
WAYS = {
    "API": Workload(_ONE_CALL),
    "API, 25 in a call": Workload(_ONE_CALL, together=25, changes_together=25),
    "queue, 10 in a run": Workload(
        _ONE_CALL, channel=Channel.QUEUE, together=10, changes_together=10
    ),
    "library": Workload(_ONE_CALL, channel=Channel.LIBRARY, changes_together=100),
}
#: What of a bill AWS asks for even of a function that takes no time and logs nothing.
_FLOOR = ("channel", "writes", "reads", "events")


def run() -> tuple[Section, str]:
    """Nothing is measured here: what the code asks for, by list prices."""
    section = Section(
        "Dollars for a million steps",
        f"By list prices of {REGION}, {AS_OF} (`trellis_process/cost/prices.py`), from the "
        "requests "
        "and units above; logs included. The journey of [the docs](../docs/costs.md), unless said "
        "otherwise. Of the others only their own price is counted: an operation, a transition or "
        "an "
        "action for each step; not the functions they call, their API and their logs. Trellis "
        "sends "
        "an event for each step in any case; to do the same a workflow of Step Functions needs "
        "another transition.",
        [_beside(), _one_call()],
        _findings(),
    )
    return section, surroundings()


def _beside() -> Table:
    ours = {steps: _a_million_steps(Workload(Journey(steps))).together for steps in STEPS}
    elsewhere = {steps: _elsewhere(Workload(Journey(steps))) for steps in STEPS}
    rows = [["Trellis", *(_dollars(price) for price in ours.values())]]
    rows += [
        [
            system,
            *(
                f"{_dollars(elsewhere[steps][system])}, "
                f"{elsewhere[steps][system] / ours[steps]:.1f}×"
                for steps in STEPS
            ),
        ]
        for system in OTHERS
    ]
    head = ["a million steps", *(f"of {steps}" for steps in STEPS)]
    return Table(head, rows, "Processes of so many steps, each started and completed by a call")


def _one_call() -> Table:
    bills = [_a_million_steps(workload) for workload in WAYS.values()]
    elsewhere = [_elsewhere(workload) for workload in WAYS.values()]
    rows = [[part, *(_dollars(each.parts[part]) for each in bills)] for part in bills[0].parts]
    rows.append(["together", *(_dollars(each.together) for each in bills)])
    rows += [
        [
            f"{system}, times as much",
            *(
                f"{prices[system] / each.together:.1f}"
                for each, prices in zip(bills, elsewhere, strict=True)
            ),
        ]
        for system in OTHERS
    ]
    return Table(["20 steps, by", *WAYS], rows, "One call and one event for each step")


def _findings() -> list[str]:
    found = []
    for name, workload in WAYS.items():
        each, elsewhere = _a_million_steps(workload), _elsewhere(workload)
        if elsewhere[STANDARD] / each.together < GOAL:
            floor = sum(each.parts[part] for part in _FLOOR)
            found.append(
                f"**{name}: {elsewhere[STANDARD] / each.together:.1f} times below {STANDARD}, and "
                "the "
                f"goal is {GOAL:g}.** Prices that no code can change, of calls, units and events, "
                "are "
                f"{_dollars(floor)} of it, which alone is {elsewhere[STANDARD] / floor:.1f} times "
                "below."
            )
    first = WAYS["API"]
    quick = _a_million_steps(replace(first, billed_ms=10.0))
    return [
        *found,
        "What code can change are functions and logs. The billed time is assumed, 25 ms; with 10 "
        "ms "
        f"the first way would be {_dollars(quick.together)}. Each command and each run of the "
        "publisher is one log line, which carries the metrics; the stack's parameter `LogLevel` "
        "set to `WARNING` leaves out what that line says besides.",
    ]


def _a_million_steps(workload: Workload) -> Bill:
    each, steps = bill(workload), workload.processes * workload.journey.steps
    return Bill({part: amount / steps * MILLION for part, amount in each.parts.items()})


def _elsewhere(workload: Workload) -> dict[str, float]:
    steps = workload.journey.steps
    prices = price_elsewhere(workload.journey)
    return {system: price / steps * MILLION for system, price in prices.items()}


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"
