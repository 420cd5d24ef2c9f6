"""What an audit finds in a table: items corrupted by hand, indexes that lie, and what is sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.proof.wire import Wire
from trellis_process import Process, ProcessService, TimeoutCheckerService
from trellis_process.application.audit import AuditService
from trellis_process.application.audit_round import Fault, Round
from trellis_process.dynamodb import Table, schema
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.testing.clock import ManualClock

from .auditing import LyingIndex, start

INDEX_PARTS = [schema.DUE_INDEX, schema.AGGREGATE_INDEX, schema.LISTING_INDEX]
MILLISECOND = timedelta(milliseconds=1)


def stored(service: ProcessService, process: Process) -> Process:
    return service.get_process(process.tenant_id, process.process_id)


def in_due_index(table: Table, process: Process) -> bool:
    hash_key = schema.hash_key(process.key)
    shard = str(schema.due_shard(process.process_id))
    return hash_key in {each["pk"]["S"] for each in table.query(schema.DUE_INDEX, shard)}


# ---------------------------------------------------------------- what is sound


def test_hundreds_of_processes_in_all_states_have_nothing_to_report(
    service: ProcessService,
    checker: TimeoutCheckerService,
    clock: ManualClock,
    audit: AuditService,
) -> None:
    for number in range(200):
        process = start(service, number, f"tenant-{number % 7}")
        clock.advance(milliseconds=60)
        if number % 5 == 1:
            service.complete_step(process, "create")  # its wake-up is early now
        if number % 5 == 2:
            service.complete_step(process, "create")
            service.complete_step(process, "tell")
        if number % 5 == 3:
            service.fail_step(process, "tell", "no")
        if number % 5 == 4:
            service.cancel_process(process)
    clock.advance(seconds=25)
    checker.check_for_timed_out_steps()

    found = audit.run()

    assert found.is_complete
    assert found.covers_lookups
    assert found.states == {
        "in_progress": 80, "completed": 40, "failed": 40, "cancelled": 40,
    }  # fmt: skip
    assert found.open == 80
    assert (found.faults, found.repaired, found.unrepaired) == ({}, 0, 0)


def test_an_empty_table_is_a_round_of_its_own(audit: AuditService) -> None:
    found = audit.run()

    assert found.is_complete
    assert (found.open, found.faults) == (0, {})


def test_other_kinds_of_items_are_passed_over(audit: AuditService, table: Table) -> None:
    client = table._connection.connection.client
    client.put_item(TableName=table.name, Item={"pk": {"S": "x"}, "sk": {"S": "other"}})

    assert audit.run().faults == {}
    assert audit.run().states == {}  # the first round kept how far it came beside the processes


def test_an_audit_of_what_is_sound_writes_only_how_far_it_came(
    service: ProcessService, audit: AuditService, wire: Wire
) -> None:
    for number in range(10):
        start(service, number)
    wire.reset()

    audit.run()

    assert wire.requests == {
        "GetItem": 1,
        "Scan": 5,  # the table and three indexes, one of them before it and after it
        "PutItem": 4,
    }
    written = [json.loads(body) for name, body in wire.bodies if name == "PutItem"]
    assert {body["Item"]["pk"]["S"] for body in written} == {"#audit"}


# ---------------------------------------------------------------- what is corrupt


@pytest.mark.parametrize(
    "corruption",
    [
        {"due_at": None, "due_shard": None},
        {"due_shard": None},
        {"due_shard": {"N": "99"}},
        {"due_at": {"N": "4070908800000"}},
    ],
    ids=["not indexed", "half indexed", "in no shard", "too late"],
)
def test_a_process_without_its_wake_up_is_found_reported_and_mended(
    service: ProcessService,
    audit: AuditService,
    checker: TimeoutCheckerService,
    clock: ManualClock,
    change: Callable[..., None],
    corruption: dict[str, Any],
) -> None:
    process = start(service)
    start(service, 2)
    change(process, **corruption)

    found = audit.run()

    assert (found.without_wakeup, found.repaired, found.unrepaired) == (1, 1, 0)
    clock.advance(minutes=1)
    assert checker.check_for_timed_out_steps().timed_out == 2
    assert audit.run().faults == {}


def test_a_process_that_the_index_has_lost_is_put_there_again(
    service: ProcessService, audit: AuditService, table: Table
) -> None:
    process = start(service)
    before = process.wake_up_at
    index = LyingIndex(table, schema.DUE_INDEX)
    index.hidden.add(schema.hash_key(process.key))

    found = audit.run()

    assert (found.without_wakeup, found.repaired) == (1, 1)
    assert before is not None
    assert stored(service, process).wake_up_at == before - MILLISECOND


def test_what_a_finished_process_left_behind_is_removed(
    service: ProcessService, audit: AuditService, table: Table, change: Callable[..., None]
) -> None:
    process = start(service)
    service.cancel_process(process)
    change(process, due_at={"N": "1"}, due_shard={"N": str(schema.due_shard(process.process_id))})
    assert in_due_index(table, process)

    found = audit.run()

    assert found.faults == {Fault.LEFT_BEHIND: 1}
    assert found.repaired == 1
    assert not in_due_index(table, process)


@pytest.mark.parametrize(
    "corruption",
    [
        {"listing": None},
        {"listing": {"S": "tenant-1#completed#0"}},
        {"aggregate": {"S": "tenant-2#Referral#ref-1"}},
        {"listed": {"S": "CaseCreation#00000000000001#someone-else"}},
    ],
    ids=["not listed", "in another group", "in another tenant", "at another place"],
)
def test_a_process_that_is_not_found_where_it_belongs_is_put_there(
    service: ProcessService,
    audit: AuditService,
    change: Callable[..., None],
    corruption: dict[str, Any],
) -> None:
    process = start(service)
    change(process, **corruption)

    found = audit.run()

    assert found.faults == {Fault.MISPLACED: 1}
    assert (found.repaired, found.unrepaired) == (1, 0)
    listed = service.list_processes("tenant-1", process_type="CaseCreation").processes
    assert [each.process_id for each in listed] == [process.process_id]
    assert service.find_process("tenant-1", "Referral", "ref-1") == stored(service, process)


@pytest.mark.parametrize(
    "corruption",
    [{"state": {"S": "lost"}}, {"steps": {"S": "gone"}}, {"aggregate": None}, {"v": None}],
    ids=["state", "steps", "aggregate", "version"],
)
def test_what_cannot_be_read_is_reported_and_does_not_stop_the_others(
    service: ProcessService,
    audit: AuditService,
    change: Callable[..., None],
    corruption: dict[str, Any],
) -> None:
    change(start(service), **corruption)
    change(start(service, 2), due_at=None)

    found = audit.run()

    assert found.faults == {Fault.UNREADABLE: 1, Fault.WITHOUT_WAKEUP: 1}
    assert (found.repaired, found.unrepaired) == (1, 1)


def test_a_key_that_is_no_process_key_is_reported(audit: AuditService, table: Table) -> None:
    client = table._connection.connection.client
    client.put_item(TableName=table.name, Item={"pk": {"S": "odd"}, "sk": {"S": "process"}})

    found = audit.run()

    assert (found.faults, found.unrepaired) == ({Fault.UNREADABLE: 1}, 1)


@pytest.mark.parametrize("index", INDEX_PARTS)
@pytest.mark.parametrize("is_gone", [True, False], ids=["gone", "says otherwise"])
def test_an_index_entry_that_points_to_nothing_is_reported(
    service: ProcessService, audit: AuditService, table: Table, index: str, is_gone: bool
) -> None:
    process = start(service)
    hash_name, range_name = schema.INDEX_KEYS[index]
    kinds = schema.ATTRIBUTE_TYPES
    LyingIndex(table, index).added.append(
        {
            "pk": {"S": "tenant-1#gone" if is_gone else schema.hash_key(process.key)},
            "sk": {"S": schema.PROCESS},
            hash_name: {kinds[hash_name]: "7"},
            range_name: {kinds[range_name]: "7"},
        }
    )

    found = audit.run()

    assert found.faults == {Fault.DANGLING: 1}
    assert (found.repaired, found.unrepaired) == (0, 1)


# ---------------------------------------------------------------- what only looks wrong


def pausing(source: DynamoDBAuditSource, clock: ManualClock, event: Callable[[], Any]) -> Round:
    """An audit that this happens to between its two looks."""
    return AuditService(source, clock=clock, pause=lambda seconds: event()).run()


def test_an_index_that_lags_behind_is_no_fault(
    service: ProcessService, source: DynamoDBAuditSource, table: Table, clock: ManualClock
) -> None:
    process = start(service)
    due = LyingIndex(table, schema.DUE_INDEX)
    due.hidden.add(schema.hash_key(process.key))
    listing = LyingIndex(table, schema.LISTING_INDEX)
    listing.added.append(
        {
            "pk": {"S": "tenant-1#gone"},
            "sk": {"S": schema.PROCESS},
            "listing": {"S": "tenant-1#open#0"},
            "listed": {"S": "CaseCreation#1"},
        }
    )

    def catch_up() -> None:
        due.hidden.clear()
        listing.added.clear()

    found = pausing(source, clock, catch_up)

    assert (found.faults, found.repaired) == ({}, 0)


def test_a_process_that_is_written_between_the_looks_is_no_fault(
    service: ProcessService, source: DynamoDBAuditSource, table: Table, clock: ManualClock
) -> None:
    process = start(service)
    index = LyingIndex(table, schema.DUE_INDEX)
    index.hidden.add(schema.hash_key(process.key))

    def report() -> None:
        clock.advance(seconds=1)
        service.heartbeat(process, "create")

    assert pausing(source, clock, report).faults == {}


def test_a_process_that_is_deleted_between_the_looks_is_no_fault(
    service: ProcessService,
    source: DynamoDBAuditSource,
    table: Table,
    clock: ManualClock,
    change: Callable[..., None],
) -> None:
    process = start(service)
    change(process, due_at=None)
    client = table._connection.connection.client
    key = {"pk": {"S": schema.hash_key(process.key)}, "sk": {"S": schema.PROCESS}}

    found = pausing(source, clock, lambda: client.delete_item(TableName=table.name, Key=key))

    assert (found.faults, found.repaired, found.unrepaired) == ({}, 0, 0)
