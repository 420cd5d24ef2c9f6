"""Views made anew from the table of the processes."""

from __future__ import annotations

import pytest

from trellis_process import Process, ProcessService
from trellis_process.dynamodb import DynamoDBProcessRepository, Table, audit_reader
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.view_rebuild import Rebuilt, ViewRebuild
from trellis_process.dynamodb.view_store import DynamoDBViewStore
from trellis_process.dynamodb.view_table import ViewTable
from trellis_process.eventbridge import envelopes
from trellis_process.testing import a_step
from trellis_process.testing.clock import ManualClock
from trellis_process.views.bus_event import BusEvent, read_event
from trellis_process.views.feeder import ViewFeeder
from trellis_process.views.statistics import statistics_of


@pytest.fixture
def told() -> list[BusEvent]:
    return []


@pytest.fixture
def noted(table: Table, clock: ManualClock, told: list[BusEvent]) -> ProcessService:
    """A service whose events are noted."""

    class Noting(DynamoDBProcessRepository):
        def _put(self, process: Process) -> None:
            super()._put(process)
            stored = self.get(process.key)  # as the table's stream brings it
            assert stored is not None
            told.extend(read_event(each) for each in envelopes(stored))

    return ProcessService(Noting(table), clock=clock, pause=lambda seconds: None)


@pytest.fixture
def views() -> DynamoDBViewStore:
    table = ViewTable("views")
    table.create()
    return DynamoDBViewStore(table)


def rebuild(table: Table, views: DynamoDBViewStore) -> Rebuilt:
    pages: list[Rebuilt] = []
    reader = AuditReader(table, pause=lambda seconds: None)
    done = ViewRebuild(reader, views, on_page=pages.append).run()
    assert pages[-1] == done
    return done


def start(service: ProcessService, n: int) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id=f"order-{n}",
        steps=[a_step("pay"), a_step("ship")],
    )


def test_lists_open_counts_and_what_the_items_still_tell_are_there_again(
    noted: ProcessService,
    table: Table,
    clock: ManualClock,
    views: DynamoDBViewStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_reader, "PAGE", 3)
    for n in range(7):
        process = start(noted, n)
        noted.start_step(process, "pay")
        clock.advance(seconds=10)
        noted.complete_step(process, "pay")
        if n % 2:
            noted.complete_step(process, "ship")
    table._connection.connection.client.put_item(
        TableName=table.name, Item={"pk": {"S": "tenant-1#broken"}, "sk": {"S": "process"}}
    )

    assert rebuild(table, views) == Rebuilt(processes=7, unreadable=1)

    (told,) = statistics_of(views.counts("tenant-1", "Order"))
    assert (told.open, told.completed) == (4, 3)
    assert told.durations.p50 == pytest.approx(10_000, rel=0.05)
    assert told.steps[0].completed == 7
    page = views.of_type("tenant-1", "Order", state=None, limit=100, cursor=None)
    assert len(page.rows) == 7
    (last,) = views.history(process.key, limit=10, cursor=None).entries
    assert (last.said["type"], last.follows_gap) == ("StepCompleted", True)


def test_a_second_time_and_with_the_events_after_it_nothing_counts_twice(
    noted: ProcessService, table: Table, views: DynamoDBViewStore, told: list[BusEvent]
) -> None:
    process = start(noted, 1)
    noted.complete_step(process, "pay")
    rebuild(table, views)
    counted = views.counts("tenant-1", "Order")

    rebuild(table, views)
    feeder = ViewFeeder(views)
    feeder.feed(told)

    assert views.counts("tenant-1", "Order") == counted
    noted.complete_step(process, "ship")
    feeder.feed(told)
    (now,) = statistics_of(views.counts("tenant-1", "Order"))
    assert (now.open, now.completed) == (0, 1)
    entries = views.history(process.key, limit=10, cursor=None).entries
    assert len(entries) == len({event.place for event in told})
    assert not any(each.follows_gap for each in entries)


def test_what_an_event_tells_while_a_process_is_taken_over_does_not_leave_it_out(
    noted: ProcessService,
    table: Table,
    views: DynamoDBViewStore,
    told: list[BusEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = start(noted, 1)
    keep_history = views.keep_history

    def meanwhile(events: list[BusEvent]) -> None:
        monkeypatch.undo()
        noted.complete_step(process, "pay")
        ViewFeeder(views).feed(told[-1:])  # what tells of it comes before the rest of it
        keep_history(events)

    monkeypatch.setattr(views, "keep_history", meanwhile)
    rebuild(table, views)

    page = views.of_type("tenant-1", "Order", state=None, limit=100, cursor=None)
    assert [row.key for row in page.rows] == [process.key]
    (now,) = statistics_of(views.counts("tenant-1", "Order"))
    assert now.open == 1
