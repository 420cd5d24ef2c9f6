"""Whatever happens in whatever order, memory, DynamoDB and the model hold the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.proof.histories import Histories
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.stack import Stack, a_stack

EXAMPLES = 250  # for each of the eight parts, which the workers share

SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=9,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module", autouse=True)
def _histories() -> Iterator[Stack]:
    with a_stack() as stack:
        Histories.stack = stack
        Histories.indexes = LaggingIndexes(stack.wire, stack.clock, stack.table)
        yield stack


# Each is of another class, and by its name Hypothesis draws other histories.
PARTS = [type(f"Histories{letter}", (Histories,), {}) for letter in "ABCDEFGH"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_any_history_keeps_every_promise(
    part: type[Histories], record_property: Callable[[str, object], None]
) -> None:
    run_state_machine_as_test(part, settings=SETTINGS)

    record_property("covered", f"{EXAMPLES} random histories")
