"""Several sweepers on one table: what each asks of DynamoDB, and that together they find all."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proof.wire import Wire
from trellis_process import Process, ProcessService, ProcessStep, Sweep, Sweeper
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.dynamodb import DynamoDBProcessRepository, schema
from trellis_process.testing.clock import ManualClock

DUE = 40


@pytest.fixture
def due(service: ProcessService, clock: ManualClock) -> list[Process]:
    """Processes in all shards, whose only step has timed out."""
    started = [
        service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id=f"ref-{n}",
            steps=[ProcessStep(name="create", timeout_ms=1_000)],
            auto_start_steps=True,
            idempotency_key=f"ref-{n}",  # so that its id, and its shard, is always the same
        )
        for n in range(DUE)
    ]
    assert {schema.due_shard(each.process_id) for each in started} == set(range(schema.DUE_SHARDS))
    clock.advance(seconds=1)
    return started


def all_of(sweepers: int) -> Sequence[Sweeper]:
    return [Sweeper(number, sweepers) for number in range(1, sweepers + 1)]


def versions(processes: DynamoDBProcessRepository, due: Sequence[Process]) -> set[int | None]:
    found = [processes.get(each.key) for each in due]
    return {each and each.version for each in found}


@pytest.mark.parametrize("sweepers", range(1, schema.DUE_SHARDS + 2))
def test_together_they_find_each_once_and_read_no_more_than_one_would(
    checker: TimeoutCheckerService,
    processes: DynamoDBProcessRepository,
    due: list[Process],
    wire: Wire,
    sweepers: int,
) -> None:
    wire.reset()

    each = [checker.check_for_timed_out_steps(sweeper=one) for one in all_of(sweepers)]

    assert sum(one.failed for one in each) == sum(one.looked_at for one in each) == DUE
    assert wire.requests["Query"] == schema.DUE_SHARDS
    assert wire.requests["PutItem"] == DUE
    assert wire.requests["BatchGetItem"] == min(sweepers, schema.DUE_SHARDS)
    assert versions(processes, due) == {2}


def test_they_may_run_at_the_same_time(
    checker: TimeoutCheckerService, processes: DynamoDBProcessRepository, due: list[Process]
) -> None:
    together = threading.Barrier(3)

    def sweep(one: Sweeper) -> Sweep:
        together.wait(timeout=10)
        return checker.check_for_timed_out_steps(sweeper=one)

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(sweep, all_of(3)))

    assert sum(one.failed for one in found) == DUE
    assert [one.failures for one in found] == [[], [], []]
    assert versions(processes, due) == {2}


@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 2), (2, 8), (8, 1), (5, 9)])
def test_a_change_of_their_number_between_two_sweeps_misses_nothing(
    checker: TimeoutCheckerService,
    processes: DynamoDBProcessRepository,
    due: list[Process],
    before: int,
    after: int,
) -> None:
    first = checker.check_for_timed_out_steps(sweeper=Sweeper(1, before))

    rest = [checker.check_for_timed_out_steps(sweeper=one) for one in all_of(after)]

    assert first.failed + sum(one.failed for one in rest) == DUE
    assert versions(processes, due) == {2}


def test_a_sweeper_without_a_shard_asks_nothing(
    checker: TimeoutCheckerService, due: list[Process], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "DUE_SHARDS", 2)
    wire.reset()

    assert checker.check_for_timed_out_steps(sweeper=Sweeper(3, 3)) == Sweep()
    assert wire.requests == {}
