"""Whatever is defined and whatever happens: both stores tell the same, and it comes to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.proof.chance import Chance
from tests.proof.engine_histories import broken_by, shortest
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.stack import Stack
from tests.proof.trouble import CRASHES, TROUBLES
from trellis_process.domain.definition.steps import AnyStep
from trellis_process.domain.events import EVENT_TYPES

EXAMPLES = 125  # for each of the eight parts, which the workers share
SHORTENED_FOR_SECONDS = 30


@pytest.fixture(scope="module")
def indexes(_stack: Stack) -> LaggingIndexes:
    """The indexes of the stack, which may lag behind."""
    return LaggingIndexes(_stack.wire, _stack.clock, _stack.table)


@pytest.mark.parametrize("part", range(8))
def test_any_definition_keeps_every_promise_and_ends(
    part: int,
    stack: Stack,
    indexes: LaggingIndexes,
    record_property: Callable[[str, object], None],
) -> None:
    kinds: Counter[str] = Counter()
    told: Counter[str] = Counter()
    met: Counter[str] = Counter()
    rounds = undone = 0
    for number in range(part * EXAMPLES, (part + 1) * EXAMPLES):
        history, broken = broken_by(Chance(number), stack, indexes)
        if broken is not None:
            plain = shortest(broken, stack, indexes, SHORTENED_FOR_SECONDS)
            pytest.fail(f"seed {number}\n{plain}")
        assert history is not None
        kinds.update(step.kind for each in history.definitions for step in each.all_steps())
        told.update(event["type"] for each in history.worlds.events.values() for event in each)
        met.update(history.met)
        rounds += sum(each.rounds for each in history.worlds.ledgers.values())
        undone += sum(each.undone for each in history.worlds.ledgers.values())

    assert set(kinds) == {each.kind for each in AnyStep.__args__}, "a kind of step never came"
    rare = {"StepResumed", "TaskClaimed", "TaskReleased", "TaskEscalated"}
    # Of these there are crash points and orders of two.
    of_others = {"EventReceived", "TimerRang", "CommandSent", "RunSkipped", "ScheduleChanged"}
    assert set(EVENT_TYPES) - set(told) <= rare | of_others
    assert rounds, "no part was tried again with its whole"
    assert undone, "no part was undone with its whole"
    assert set(met) == {*TROUBLES, *CRASHES}, "a trouble never came"
    record_property("covered", f"{EXAMPLES} random definitions")
    record_property("covered", f"{sum(told.values())} events of them")
    record_property("covered", f"{rounds} parts that were tried again")
    record_property("covered", f"{undone} parts that were undone")
    record_property("covered", f"{met.total()} troubles of an AWS that is not well")
