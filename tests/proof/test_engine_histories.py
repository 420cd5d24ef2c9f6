"""Whatever is defined and whatever happens: both stores tell the same, and it comes to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.proof.chance import Chance
from tests.proof.engine_histories import broken_by, shortest
from tests.proof.stack import Stack
from trellis_process.domain.definition.steps import AnyStep
from trellis_process.domain.events import EVENT_TYPES

EXAMPLES = 125  # for each of the eight parts, which the workers share
SHORTENED_FOR_SECONDS = 30


@pytest.mark.parametrize("part", range(8))
def test_any_definition_keeps_every_promise_and_ends(
    part: int, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    kinds: Counter[str] = Counter()
    told: Counter[str] = Counter()
    for number in range(part * EXAMPLES, (part + 1) * EXAMPLES):
        history, broken = broken_by(Chance(number), stack)
        if broken is not None:
            pytest.fail(f"seed {number}\n{shortest(broken, stack, SHORTENED_FOR_SECONDS)}")
        assert history is not None
        kinds.update(step.kind for each in history.definitions for step in each.all_steps())
        told.update(event["type"] for each in history.worlds.events.values() for event in each)

    assert set(kinds) == {each.kind for each in AnyStep.__args__}, "a kind of step never came"
    assert set(EVENT_TYPES) - set(told) <= {"StepResumed", "TaskReleased", "TaskEscalated"}
    record_property("covered", f"{EXAMPLES} random definitions")
    record_property("covered", f"{sum(told.values())} events of them")
