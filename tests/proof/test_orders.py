"""Two at one process, in every order of their calls: it ends as if one had come after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.proof.stack import Stack, no_pause
from tests.proof.turns import ORDERS, ProcessesInTurn, TrackersInTurn, Turns, both
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessKey,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
    TrellisError,
)
from trellis_process.application.start_request import process_id_for
from trellis_process.dynamodb import DynamoDBProcessRepository, DynamoDBStepTrackerRepository
from trellis_process.testing import START, ManualClock


@dataclass
class Place:
    """One of the two, with its own way to the store they share."""

    service: ProcessService
    checker: TimeoutCheckerService
    key: ProcessKey


Act = Callable[[Place], object]


def begun(place: Place) -> None:
    place.service.start_process(
        tenant_id="tenant-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="order-1",
        steps=[ProcessStep(name="pay", timeout_ms=30_000, retries_permitted=1)],
        timeout_ms=3_600_000,
        auto_start_steps=True,
        idempotency_key="order-1",
    )


def nothing(place: Place) -> None:
    """Not even the process is there."""


def suspended(place: Place) -> None:
    begun(place)
    place.service.suspend_step(place.key, "pay", timeout_ms=30_000)


def backing_off(place: Place) -> None:
    begun(place)
    place.service.fail_step(place.key, "pay", "no", retry_after_ms=30_000, attempt=1)


def swept(place: Place) -> None:
    place.checker.check_for_timed_out_steps()


def completed(place: Place) -> None:
    place.service.complete_step(place.key, "pay", attempt=1)


def failed(place: Place) -> None:
    place.service.fail_step(place.key, "pay", "no", attempt=1)


def to_be_retried(place: Place) -> None:
    place.service.fail_step(place.key, "pay", "no", attempt=1, retry_after_ms=0)


def alive(place: Place) -> None:
    place.service.heartbeat(place.key, "pay", attempt=1)


def cancelled(place: Place) -> None:
    place.service.cancel_process(place.key)


def asked_to_wait(place: Place) -> None:
    place.service.suspend_step(place.key, "pay", attempt=1, resumption=0)


def resumed(place: Place) -> None:
    place.service.resume_step(place.key, "pay", {"by": "a person"}, resumption=1)


def retried(place: Place) -> None:
    place.service.start_step(place.key, "pay", attempt=2)


PAIRS: dict[str, tuple[Act, Act, Act]] = {
    "two starts with one idempotency key": (nothing, begun, begun),
    "two sweeps": (begun, swept, swept),
    "a sweep and a completion": (begun, swept, completed),
    "a sweep and a failure": (begun, swept, failed),
    "a sweep and a failure to be retried": (begun, swept, to_be_retried),
    "a sweep and a heartbeat": (begun, swept, alive),
    "a sweep and a suspension": (begun, swept, asked_to_wait),
    "a sweep and a cancellation": (begun, swept, cancelled),
    "a cancellation and a completion": (begun, cancelled, completed),
    "a completion and a failure": (begun, completed, failed),
    "two failures to be retried": (begun, to_be_retried, to_be_retried),
    "a resumption and a suspension": (begun, resumed, asked_to_wait),
    "two resumptions": (suspended, resumed, resumed),
    "a resumption and a timeout": (suspended, resumed, swept),
    "the end of a backoff and a completion": (backing_off, swept, completed),
    "the end of a backoff and a start": (backing_off, swept, retried),
    "the ends of a backoff twice": (backing_off, swept, swept),
}


@pytest.mark.parametrize("store", ["memory", "dynamodb"])
@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once_end_as_one_after_the_other(
    pair: str, store: str, stack: Stack, record_property: Callable[[str, object], None]
) -> None:
    one_after_the_other = [_end(pair, order, store, stack) for order in ("AAAAA", "BBBBB")]

    ends = {order: _end(pair, order, store, stack) for order in ORDERS}

    assert {order: end for order, end in ends.items() if end not in one_after_the_other} == {}
    assert all(end in ends.values() for end in one_after_the_other), "an order that matters"
    record_property("covered", f"{len(ORDERS)} orders of two at one process")


def _end(pair: str, order: str, store: str, stack: Stack) -> tuple[Any, ...]:
    """How a pair ends: what is stored, with its latest events, and what each of them was told."""
    prepare, *acts = PAIRS[pair]
    stack.reset()
    clock = stack.clock
    processes: Any
    trackers: Any
    if store == "memory":
        processes = InMemoryProcessRepository()
        trackers = InMemoryStepTrackerRepository(processes)
    else:
        processes = DynamoDBProcessRepository(stack.table)
        trackers = DynamoDBStepTrackerRepository(stack.table)
    alone = _place(processes, trackers, clock)
    prepare(alone)
    clock.set(START)
    clock.advance(seconds=30)

    turns = Turns(order)
    places = [
        _place(ProcessesInTurn(processes, turns, who), TrackersInTurn(trackers, turns, who), clock)
        for who in "AB"
    ]
    results = both(
        turns,
        {who: partial(act, place) for who, act, place in zip("AB", acts, places, strict=True)},
    )
    for result in results.values():
        assert result is None or isinstance(result, TrellisError), result
    codes = [getattr(results[who], "code", None) for who in "AB"]
    return processes.get(alone.key), codes


def _place(processes: Any, trackers: Any, clock: ManualClock) -> Place:
    service = ProcessService(processes, clock=clock, pause=no_pause)
    checker = TimeoutCheckerService(trackers, clock=clock, pause=no_pause)
    return Place(service, checker, ProcessKey("tenant-1", process_id_for("tenant-1", "order-1")))
