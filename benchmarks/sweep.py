"""Sweep: what the checker reads and takes for what is due, among 100,000 processes that wait."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from benchmarks.local_table import Wire, local_cloud, new_table
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process import TimeoutCheckerService
from trellis_process.domain.process import Process
from trellis_process.dynamodb import DynamoDBStepTrackerRepository
from trellis_process.dynamodb import Table as DynamoDBTable
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.schema import DUE_SHARDS
from trellis_process.dynamodb.table import PAGE, batches
from trellis_process.testing import START, ManualClock, a_process, a_step

OPEN = 100_000
DUE = (0, 10, 100, 1_000)
MOST_WRITTEN = 25  # BatchWriteItem takes no more
LATER = timedelta(days=30)  # until the others are due
BACKLOG = 1_000
A_SWEEP_TAKES = 250  # of the backlog, before its time is up


def run() -> tuple[Section, str]:
    """One table, filled once; then sweeps of which each finds more due, and a backlog."""
    with local_cloud():
        table = new_table(patience_seconds=120)  # MiniStack looks at every item in a Query
        began = time.perf_counter()
        waiting = OPEN - sum(DUE)
        _fill(table, (_waiting(f"later-{n:06}", START + LATER) for n in range(waiting)))
        filled_in = time.perf_counter() - began
        wire = Wire()
        wire.watch(table)
        sweeps = [_sweep(table, wire, due) for due in DUE]
        backlog = _work_off(new_table("backlog"))
    rows, findings = [], []
    for due, seconds, requests, items in sweeps:
        empty = requests["Query"] - _pages_with_items(due)
        rows.append(
            [
                f"{due:,}",
                f"{requests['Query']}",
                f"{items['Query']:,}",
                f"{items['Query'] / due:.2f}" if due else "-",
                f"{empty}",
                f"{requests['BatchGetItem']}",
                f"{requests['PutItem']:,}",
                f"{seconds / due * 1000:.1f}" if due else "-",
            ]
        )
        if items["Query"] > due or requests["Query"] > DUE_SHARDS + due // PAGE:
            findings.append(f"**{due:,} due: more was read than is due.**")
    section = Section(
        f"A sweep among {OPEN:,} trackers",
        f"The deployed checker's service on MiniStack, with {OPEN:,} processes of one step that "
        "wait, of which so many are due and have a retry left. Requests and items are counted on "
        f"the wire. The index has {DUE_SHARDS} shards; a page holds up to {PAGE} entries. The time "
        "is by the clock, from the last query's answer on: reading and writing what is due, one "
        "after another, most of it MiniStack's. Its queries take seconds, because it looks at "
        "every "
        "item of the table for each, which DynamoDB does not.",
        [
            Table(
                [
                    "due",
                    "queries",
                    "entries read",
                    "a due one",
                    "empty pages",
                    "batch reads",
                    "writes",
                    "ms a due one",
                ],
                rows,
            ),
            Table(
                ["sweep", "looked at", "of those left, due earlier", "lateness before", "after"],
                backlog,
                f"A backlog of {BACKLOG:,}, of which a sweep has time for {A_SWEEP_TAKES}",
            ),
        ],
        [
            *findings,
            "The goal is one entry read for each due one and at most one empty page a shard. How "
            "many "
            "processes are open makes no difference: with nothing due a sweep is "
            f"{DUE_SHARDS} queries that find nothing.",
            "A backlog is worked off oldest first, over all shards, so that each sweep lowers the "
            "lateness; what a sweep has no time for, the next one takes.",
            f"The table was filled in {filled_in:.0f} s by BatchWriteItem, with items that the "
            "code "
            "made.",
        ],
    )
    return section, surroundings("pynamodb", "botocore", ministack=True)


def _waiting(process_id: str, due_at: datetime) -> Process:
    """A process whose only step, with a retry left, is due then."""
    step = a_step(timeout_ms=60_000, retries_permitted=1)
    now = due_at - timedelta(minutes=1)
    return a_process(step, process_id=process_id, auto_start_steps=True, now=now)


def _fill(table: DynamoDBTable, processes: Any) -> None:
    client: Any = table._connection.connection.client

    def write(items: list[Any]) -> None:
        asked = {table.name: [{"PutRequest": {"Item": item}} for item in items]}
        left = client.batch_write_item(RequestItems=asked)["UnprocessedItems"]
        assert not left, left

    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, batches(map(to_item, processes), MOST_WRITTEN)):
            pass


def _sweep(table: DynamoDBTable, wire: Wire, due: int) -> tuple[int, float, Any, Any]:
    """How many were due, seconds, requests and items of one sweep."""
    _fill(table, (_waiting(f"due-{due}-{n:04}", START) for n in range(due)))
    wire.reset()
    checker = TimeoutCheckerService(
        DynamoDBStepTrackerRepository(table), clock=ManualClock(START + timedelta(seconds=30))
    )
    sweep = checker.check_for_timed_out_steps()
    seconds = time.perf_counter() - wire.queried_at
    assert sweep.timed_out == due, sweep
    assert not sweep.failures, sweep
    # Their second attempts wait for what follows of them, out of the way of the next sweep.
    requests, items = wire.requests.copy(), wire.items.copy()
    _fill(table, (_waiting(f"due-{due}-{n:04}", START + LATER) for n in range(due)))
    return due, seconds, requests, items


def _pages_with_items(due: int) -> int:
    return min(due, DUE_SHARDS)  # or more pages, where a shard holds more than one


def _work_off(table: DynamoDBTable) -> list[list[str]]:
    """Sweeps that each run out of time, one second of lateness between one due process and the "
    "next.
    """
    first = START - timedelta(seconds=BACKLOG)
    due_at = {f"late-{n:04}": first + timedelta(seconds=n) for n in range(BACKLOG)}
    _fill(table, (_waiting(process_id, moment) for process_id, moment in due_at.items()))
    trackers = DynamoDBStepTrackerRepository(table)
    rows = []
    for number in range(1, BACKLOG // A_SWEEP_TAKES + 1):
        clock = _Countdown(START, A_SWEEP_TAKES)
        before = _lateness(trackers)
        sweep = TimeoutCheckerService(trackers, clock=clock).check_for_timed_out_steps(
            stop_at=START + timedelta(seconds=1)
        )
        left = [wake_up.due_at for wake_up in trackers.due(START)]
        taken_until = first + timedelta(seconds=A_SWEEP_TAKES * number)
        overtaken = sum(moment < taken_until for moment in left)
        rows.append(
            [f"{number}", f"{sweep.looked_at}", f"{overtaken}", before, _lateness(trackers)]
        )
    return rows


class _Countdown:
    """A clock on which time is up once a sweep has looked at so many."""

    def __init__(self, now: datetime, many: int) -> None:
        self._now = now
        self._asked_left = 1 + 3 * many  # at the beginning, and three times for each process

    def __call__(self) -> datetime:
        self._asked_left -= 1
        return self._now + timedelta(seconds=self._asked_left < 0)


def _lateness(trackers: DynamoDBStepTrackerRepository) -> str:
    oldest = next(trackers.due(START), None)
    return "-" if oldest is None else f"{(START - oldest.due_at).total_seconds():.0f} s"
