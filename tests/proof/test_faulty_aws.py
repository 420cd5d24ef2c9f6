"""An AWS that is slow, forgets, lags and repeats itself: what it does, and that it does no harm."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.promises import check_promises
from tests.proof.stack import Stack
from tests.proof.wire import failure_after, leaving_out, lost_answer, refusal, slow
from trellis_process import Process, ProcessStep
from trellis_process.errors import StoreUnavailable, Throttled

SECOND = timedelta(seconds=1)
TRIES = 3  # of botocore


@pytest.fixture(scope="module")
def _indexes(_stack: Stack) -> LaggingIndexes:
    return LaggingIndexes(_stack.wire, _stack.clock, _stack.table)


@pytest.fixture
def indexes(_indexes: LaggingIndexes, stack: Stack) -> LaggingIndexes:
    """The indexes of this stack, ten seconds behind."""
    _indexes.forget()
    _indexes.lag = 10 * SECOND
    _indexes.answer()
    return _indexes


def start(stack: Stack, number: int = 1) -> Process:
    return stack.service.start_process(
        tenant_id="tenant-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id=f"order-{number}",
        steps=[ProcessStep(name="pay", timeout_ms=30_000, retries_permitted=1)],
        auto_start_steps=True,
    )


def test_what_is_refused_is_not_done(stack: Stack) -> None:
    stack.wire.fail_next(refusal("ThrottlingException"), TRIES)
    with pytest.raises(Throttled):
        start(stack)

    assert stack.wake_ups() == []


@pytest.mark.parametrize("fault", [lost_answer, failure_after()])
def test_what_is_done_and_not_answered_is_done_once(stack: Stack, fault: object) -> None:
    process = start(stack)
    stack.wire.fail_at("PutItem", 2, fault, TRIES)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable) as lost:
        stack.service.complete_step(process, "pay")
    assert lost.value.may_have_happened
    stack.wire.mend()

    stack.service.complete_step(process, "pay")

    assert (process.version, len(stack.records)) == (2, 2)


def test_an_index_that_lags_shows_what_is_gone_and_not_what_is_new(
    stack: Stack, indexes: LaggingIndexes
) -> None:
    gone = start(stack, 1)
    stack.clock.advance(seconds=20)
    stack.service.complete_step(gone, "pay")
    new = start(stack, 2)
    stack.clock.advance(minutes=1)

    indexes.lag = 61 * SECOND
    assert [each.key for each in stack.trackers.due(stack.clock())] == [gone.key]
    indexes.lag = timedelta(0)
    assert [each.key for each in stack.trackers.due(stack.clock())] == [new.key]


@pytest.mark.usefixtures("indexes")
def test_a_sweep_by_an_index_that_lags_fires_nothing_twice_and_the_next_finds_what_it_missed(
    stack: Stack,
) -> None:
    old = start(stack, 1)
    stack.clock.advance(seconds=30)
    assert stack.checker.check_for_timed_out_steps().timed_out == 1
    new = start(stack, 2)
    stale = stack.checker.check_for_timed_out_steps()
    assert (stale.looked_at, stale.timed_out) == (1, 0)

    stack.clock.advance(seconds=5)
    stack.service.start_step(old, "pay")
    assert stack.checker.check_for_timed_out_steps().timed_out == 0
    stack.clock.advance(seconds=40)

    assert stack.checker.check_for_timed_out_steps().timed_out == 2
    assert [stack.stored(each.process_id).step("pay").attempt for each in (old, new)] == [2, 2]
    assert stack.stored(old.process_id).has_failed()


def test_a_sweep_whose_answers_are_slow_ends_in_time_and_the_next_takes_the_rest(
    stack: Stack,
) -> None:
    for number in range(5):
        start(stack, number)
    stack.clock.advance(seconds=30)
    stack.wire.fail_at("PutItem", 6, slow(stack.clock, 2), times=5)

    first = stack.checker.check_for_timed_out_steps(stop_at=stack.clock() + 3 * SECOND)
    second = stack.checker.check_for_timed_out_steps()

    assert (first.timed_out, first.is_complete) == (2, False)
    assert (second.timed_out, second.is_complete) == (3, True)


def test_keys_that_a_batch_leaves_out_are_asked_for_again(stack: Stack) -> None:
    for number in range(5):
        start(stack, number)
    stack.clock.advance(seconds=30)
    stack.wire.fail_at("BatchGetItem", 1, leaving_out(3), times=2)

    assert stack.checker.check_for_timed_out_steps().timed_out == 5
    assert stack.wire.requests["BatchGetItem"] == 3


@pytest.mark.parametrize("split", range(1, 6))
def test_a_stream_that_is_split_late_and_repeated_tells_everything_in_order(
    stack: Stack, split: int
) -> None:
    process = start(stack)
    for _ in range(2):
        stack.clock.advance(minutes=1)
        stack.checker.check_for_timed_out_steps()
    other = start(stack, 2)
    stack.service.suspend_step(other, "pay")
    stack.service.resume_step(other, "pay")
    records = list(stack.records)
    for begin in range(0, len(records), split):
        for _ in range(2):
            stack.publish(records[begin : begin + split])

    check_promises(stack)
    assert len(stack.events) == 2 * len({event["id"] for event in stack.events})
    of_first = [e["type"] for e in stack.events if e["process_id"] == process.process_id]
    assert of_first[0] == "ProcessStarted"
    assert of_first[-1] == "ProcessFailed"
