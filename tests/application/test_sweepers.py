"""Several sweepers side by side: each thing due is one sweeper's, and somebody's always."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from datetime import datetime

import pytest

from tests.application.orders import SECOND, an_order, slow
from tests.application.stores import WatchedProcesses, no_pause
from trellis_process import (
    InMemoryStepTrackerRepository,
    ProcessService,
    Sweep,
    Sweeper,
    TimeoutCheckerService,
    WakeUp,
)
from trellis_process.errors import InvalidInput
from trellis_process.testing import ManualClock

SHARDS = 8


class TrackersInShards(InMemoryStepTrackerRepository):
    """A store in memory whose index is in shards, as one may be."""

    shards = SHARDS

    def due_in(self, shards: Collection[int], now: datetime) -> Iterator[WakeUp]:
        for wake_up in self.due(now):
            if zlib.crc32(wake_up.key.process_id.encode()) % self.shards in shards:
                yield wake_up


@pytest.fixture
def trackers(processes: WatchedProcesses) -> TrackersInShards:
    return TrackersInShards(processes)


def swept(checker: TimeoutCheckerService, sweepers: int) -> Sweep:
    """What they found and did, together."""
    together = Sweep()
    for number in range(1, sweepers + 1):
        together.add(checker.check_for_timed_out_steps(sweeper=Sweeper(number, sweepers)))
    return together


# -- whose is what ---------------------------------------------------------------------------


@pytest.mark.parametrize("sweepers", range(1, SHARDS + 3))
def test_each_shard_is_one_sweepers(sweepers):
    shares = [Sweeper(number, sweepers).shards(SHARDS) for number in range(1, sweepers + 1)]

    assert sorted(shard for share in shares for shard in share) == list(range(SHARDS))
    sizes = {len(share) for share in shares}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("number", "of", "field"),
    [
        (0, 1, "sweeper.number"),
        (3, 2, "sweeper.number"),
        (True, 1, "sweeper.number"),
        ("1", 2, "sweeper.number"),
        (1, 0, "sweeper.of"),
        (1, 1_001, "sweeper.of"),
        (1, 2.0, "sweeper.of"),
    ],
)
def test_a_sweeper_that_cannot_be_is_refused(number, of, field):
    with pytest.raises(InvalidInput, match=f"^{field}: got .*; allowed is a whole number from 1"):
        Sweeper(number, of)


# -- what they do ----------------------------------------------------------------------------


@pytest.mark.parametrize("sweepers", range(1, SHARDS + 3))
def test_together_they_let_everything_due_fire_once(service, processes, checker, clock, sweepers):
    orders = [
        an_order(service, slow(retries_permitted=1), auto_start_steps=True) for _ in range(60)
    ]
    clock.advance(seconds=31)

    together = swept(checker, sweepers)

    assert together == Sweep(looked_at=60, timed_out=60, lateness=SECOND)
    assert {processes.stored(order).step("pay").attempt for order in orders} == {2}
    assert swept(checker, sweepers) == Sweep()


def test_nothing_is_missed_while_their_number_changes(service, processes, checker, clock):
    late = {}
    for minute, sweepers in enumerate([1, 3, 8, 2, 5, 10, 1, 4]):
        due = [an_order(service, slow(), auto_start_steps=True) for _ in range(20)]
        clock.advance(minutes=1)

        assert swept(checker, sweepers).failed == 20, sweepers
        late[minute] = [processes.stored(order) for order in due]

    ends = [order for orders in late.values() for order in orders]
    assert all(order.has_failed() for order in ends)
    assert {order.version for order in ends} == {2}  # its start, and its only timeout


def test_what_no_sweeper_looked_at_while_they_disagreed_is_the_next_ones(
    service, processes, checker, clock
):
    orders = [an_order(service, slow(), auto_start_steps=True) for _ in range(60)]
    clock.advance(seconds=30)

    # From three to two: the first is told already, the second not yet, the third is gone.
    first = checker.check_for_timed_out_steps(sweeper=Sweeper(1, 2))
    second = checker.check_for_timed_out_steps(sweeper=Sweeper(2, 3))
    left = 60 - first.failed - second.failed

    assert left > 0
    assert swept(checker, 2) == Sweep(looked_at=left, timed_out=left, failed=left)
    assert {processes.stored(order).version for order in orders} == {2}


def test_each_takes_its_own_oldest_first(service, trackers, clock):
    for seconds in (5, 3, 9, 1, 7, 2, 8, 4, 6) * 3:
        an_order(service, slow(seconds=seconds), auto_start_steps=True)
    now = clock.advance(seconds=60)

    for number in (1, 2, 3):
        since = [wake_up.due_at for wake_up in Sweeper(number, 3).due(trackers, now)]
        assert since == sorted(since)
        assert since


def test_the_first_sweeper_has_all_of_a_store_without_shards(service_of_plain, plain, clock):
    for _ in range(10):
        an_order(service_of_plain, slow(), auto_start_steps=True)
    clock.advance(seconds=30)
    checker = TimeoutCheckerService(plain, clock=clock, pause=no_pause)

    assert checker.check_for_timed_out_steps(sweeper=Sweeper(2, 2)) == Sweep()
    assert checker.check_for_timed_out_steps(sweeper=Sweeper(1, 2)).failed == 10


@pytest.fixture
def plain(processes: WatchedProcesses) -> InMemoryStepTrackerRepository:
    return InMemoryStepTrackerRepository(processes)


@pytest.fixture
def service_of_plain(
    processes: WatchedProcesses, plain: InMemoryStepTrackerRepository, clock: ManualClock
) -> ProcessService:
    return ProcessService(processes, plain, clock=clock, pause=no_pause)
