"""Crash points: before and after each call that a program makes of AWS, found by running it.

A scenario runs once undisturbed, and tells its calls. Then it runs again for each call and each way
in which that can go wrong, and whatever was not dealt with is done again as AWS or a caller would.
What is true in the end has to be what is true where nothing went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.proof.promises import check_promises, outcome_of
from tests.proof.scenarios import Scenario
from tests.proof.stack import Crash, Kept, Stack
from tests.proof.wire import Exchange, Fault, lost_answer


def crash_before(_exchange: Exchange) -> Any:
    """The program dies before its call reaches AWS."""
    raise Crash


def crash_after(exchange: Exchange) -> Any:
    """AWS does it, and the program dies before it hears so."""
    exchange.perform()
    raise Crash


def cut_off(exchange: Exchange) -> Any:
    """AWS does it, the answer is lost, and the line stays down until the program ends."""
    exchange.wire.cut()
    return lost_answer(exchange)


class Trouble(Enum):
    """What can happen to a call."""

    CRASH_BEFORE = "a crash before"
    CRASH_AFTER = "a crash after"
    LOST_ANSWER = "the lost answer of"
    CUT_OFF = "a line cut off after"


_FAULTS: dict[Trouble, Fault] = {
    Trouble.CRASH_BEFORE: crash_before,
    Trouble.CRASH_AFTER: crash_after,
    Trouble.LOST_ANSWER: lost_answer,
    Trouble.CUT_OFF: cut_off,
}


@dataclass(frozen=True)
class CrashPoint:
    """A call of a scenario, and what happens to it."""

    number: int
    call: str
    trouble: Trouble

    def __str__(self) -> str:
        return f"{self.trouble.value} call {self.number + 1}, {self.call}"


def crash_points(stack: Stack, scenario: Scenario) -> list[CrashPoint]:
    """Every point of a scenario at which something may go wrong."""
    stack.reset()
    scenario.prepare(stack)
    calls = run_scenario(stack, scenario, stack.keep())
    return [
        CrashPoint(number, call, trouble)
        for number, call in enumerate(calls)
        for trouble in Trouble
    ]


def violations(stack: Stack, scenario: Scenario) -> Iterator[tuple[CrashPoint, str | None]]:
    """Every point of a scenario, each with the promise that is broken there, or None."""
    points = crash_points(stack, scenario)
    undisturbed = outcome_of(stack)
    stack.reset()
    scenario.prepare(stack)
    prepared = stack.keep()
    for point in points:
        try:
            run_scenario(stack, scenario, prepared, point)
            check_promises(stack)
            outcome_of(stack).check_like(undisturbed, scenario.may_differ)
        except AssertionError as broken:
            yield point, str(broken)
        else:
            yield point, None


def run_scenario(
    stack: Stack, scenario: Scenario, prepared: Kept, point: CrashPoint | None = None
) -> list[str]:
    """Does a scenario to what was prepared, with one fault at most; the calls that it made."""
    stack.go_back(prepared)
    act = scenario.begin(stack)
    if point is not None:
        stack.wire.fail_at_call(point.number, _FAULTS[point.trouble])
    stack.run(act)
    calls = list(stack.wire.calls)
    if point is not None:
        assert calls[point.number] == point.call, "it does not do the same each time"
    stack.wire.mend()
    # Whatever happened, the schedule's minute comes, the stream is read to its end, and what the
    # events say of children is dealt with.
    stack.run(stack.sweep)
    stack.run(lambda: stack.publish(stack.unread))
    stack.run(stack.follow)
    return calls
