"""How an audit goes through a table: page by page, in as many runs as it takes, not too fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.proof.wire import Wire, refusal
from trellis_process import ProcessService
from trellis_process.application.audit import AuditService
from trellis_process.application.audit_round import AuditOvertaken, Fault, Round
from trellis_process.dynamodb import Table
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.errors import StoreUnavailable
from trellis_process.testing.clock import START, ManualClock

from .auditing import start


@pytest.mark.usefixtures("small_pages")
def test_what_stands_on_any_page_is_found(
    service: ProcessService, audit: AuditService, change: Callable[..., None]
) -> None:
    for number in range(10):
        change(start(service, number), due_at=None)

    found = audit.run()

    assert (found.states, found.without_wakeup) == ({"in_progress": 10}, 10)
    assert audit.run().faults == {}


@pytest.fixture
def ticking(source: DynamoDBAuditSource, wire: Wire) -> AuditService:
    """An audit on a clock that stands at so many seconds as pages were read."""
    return AuditService(
        source,
        clock=lambda: START + timedelta(seconds=wire.requests["Scan"]),
        pause=lambda seconds: None,
    )


@pytest.mark.usefixtures("small_pages")
def test_a_round_is_made_in_as_many_runs_as_it_takes(
    service: ProcessService, ticking: AuditService, wire: Wire, change: Callable[..., None]
) -> None:
    for number in range(10):
        change(start(service, number), due_shard=None)
    wire.reset()
    runs: list[Round] = []
    while not runs or not runs[-1].is_complete:
        runs.append(ticking.run(stop_at=START + timedelta(seconds=wire.requests["Scan"] + 3)))

    # Of four pages of the table: two, and one, and one, for each run reads what is due before them.
    assert [run.looked_at for run in runs[:3]] == [6, 9, 10]
    assert 6 <= len(runs) <= 8  # then four pages of each of three indexes
    assert runs[-1].states == {"in_progress": 10}
    assert (runs[-1].without_wakeup, runs[-1].repaired, runs[-1].unrepaired) == (10, 10, 0)
    assert runs[0].began_at == runs[-1].began_at


@pytest.mark.usefixtures("small_pages")
def test_a_run_that_dies_loses_no_more_than_its_page(
    service: ProcessService, audit: AuditService, wire: Wire
) -> None:
    for number in range(10):
        start(service, number)
    wire.reset()
    wire.fail_at("Scan", 6, refusal("InternalServerError", 500), times=10)
    with pytest.raises(StoreUnavailable):
        audit.run()
    wire.reset()
    wire.mend()

    found = audit.run()

    assert found.states == {"in_progress": 10}
    scans = [json.loads(body) for name, body in wire.bodies if name == "Scan"]
    of_the_table = [scan for scan in scans if "IndexName" not in scan]
    assert "ExclusiveStartKey" in of_the_table[0]


def test_of_two_runs_at_once_one_goes_on(
    service: ProcessService, source: DynamoDBAuditSource, audit: AuditService
) -> None:
    start(service)
    mine = Round(START, covers_lookups=False)
    audit.run()

    with pytest.raises(AuditOvertaken):
        source.keep(mine)


def test_a_round_is_kept_whole(source: DynamoDBAuditSource) -> None:
    kept = Round(START, True, START, '["due", null]', repaired=2, unrepaired=1)
    kept.states["failed"] = 3
    kept.faults[Fault.DANGLING] = 1
    kept.oldest_overdue = timedelta(seconds=61.5)

    source.keep(kept)

    assert source.last_round() == kept


def test_look_ups_are_left_out_of_a_round_within_the_day(
    service: ProcessService, audit: AuditService, clock: ManualClock, wire: Wire
) -> None:
    start(service)
    audit.run()
    clock.advance(hours=1)
    wire.reset()

    assert not audit.run().covers_lookups
    assert wire.requests["Scan"] == 3  # the table, and what is due before it and after it


def test_reading_rests_until_its_rate_allows_more(table: Table) -> None:
    times: Iterator[float] = iter([0.0, 0.1, 0.2])
    rests: list[float] = []
    reader = AuditReader(
        table, units_per_second=10, pause=rests.append, monotonic=lambda: next(times)
    )
    reader._units = 5

    reader.rest()
    reader.rest()

    assert rests == [pytest.approx(0.4), pytest.approx(0.3)]


def test_nothing_but_the_audit_scans() -> None:
    assert not hasattr(Table, "scan")
