"""What an audit remembers of a run instead of asking, and what it asks all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from tests.proof.wire import Wire
from trellis_process import ProcessService
from trellis_process.application.audit import AuditService
from trellis_process.application.audit_round import Fault
from trellis_process.dynamodb import Table, audit_memory, audit_reading, schema
from trellis_process.dynamodb.audit_memory import EntrySet
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.dynamodb.process_repository import DynamoDBProcessRepository
from trellis_process.testing.clock import START, ManualClock

from .auditing import LyingIndex, start

TABLE = '["table", null]'


def in_which(hidden: LyingIndex, service: ProcessService, count: int) -> list[str]:
    """Processes of which the index shows none, by their hash keys."""
    keys = [schema.hash_key(start(service, number).key) for number in range(count)]
    hidden.hidden.update(keys)
    return keys


# ---------------------------------------------------------------- entries


def test_what_was_added_is_in_a_set_and_nothing_else() -> None:
    entries = EntrySet()
    for number in range(5_000):
        entries.add("due", str(number % 8), str(number), "tenant-1#p", "process")

    assert len(entries) == 5_000
    for number in range(5_000):
        assert ("due", str(number % 8), str(number), "tenant-1#p", "process") in entries
        assert ("due", str(number % 8), str(number), "tenant-2#p", "process") not in entries


def test_halves_of_two_digests_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {"a": b"xxABCDEF", "b": b"xxGHIJKL", "across": b"xxDEFGHI"}
    monkeypatch.setattr(EntrySet, "_digest", lambda self, entry: digests[entry[0]])
    entries = EntrySet()
    entries.add("a")
    entries.add("b")

    assert ("a",) in entries
    assert ("b",) in entries
    assert ("across",) not in entries

    digests["c"] = digests["across"]
    entries.add("c")
    assert ("across",) in entries


def test_a_full_set_remembers_what_it_has() -> None:
    entries = EntrySet(limit=2)
    for name in ("a", "b", "c"):
        entries.add(name)

    assert entries.is_full
    assert len(entries) == 2
    assert ("b",) in entries
    assert ("c",) not in entries


# ---------------------------------------------------------------- what is asked all the same


def test_processes_that_started_since_the_index_was_read_are_asked_for(
    service: ProcessService, source: DynamoDBAuditSource, wire: Wire
) -> None:
    source.page(TABLE, covers_lookups=False)
    for _ in range(40):
        start(service, 1)  # due at the same moment: asked for together
    wire.reset()

    page = source.page(TABLE, covers_lookups=False)

    assert len(page.looks) == 40
    assert not any(look.all_faults() for look in page.looks)
    assert wire.requests["Scan"] == 1
    assert 1 <= wire.requests["Query"] <= schema.DUE_SHARDS


def test_a_crowd_at_one_moment_is_read_no_further_than_needed(
    service: ProcessService,
    source: DynamoDBAuditSource,
    table: Table,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = table.query
    monkeypatch.setattr(table, "query", partial(query, page_size=2))
    for _ in range(80):
        start(service, 1)
    entries = max((list(query(schema.DUE_INDEX, str(n))) for n in range(8)), key=len)
    moment = (entries[0]["due_shard"]["N"], int(entries[0]["due_at"]["N"]))
    keys = [entry["pk"]["S"] for entry in entries]
    wire.reset()

    assert source._reader.waiting_at({moment: {keys[0]}}) == {keys[0]}
    assert wire.requests["Query"] == 1
    assert source._reader.waiting_at({moment: {keys[0], keys[-1], "gone"}}) == {keys[0], keys[-1]}
    assert wire.requests["Query"] > len(keys) / 2


def test_a_reading_in_which_too_much_is_missing_is_made_anew(
    service: ProcessService,
    source: DynamoDBAuditSource,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_reading, "UNITS_IN_VAIN", 4.0)
    source.page(TABLE, covers_lookups=False)
    for number in range(10):
        start(service, number)
    source.page(TABLE, covers_lookups=False)  # asks for ten, at half a unit each
    wire.reset()

    source.page(TABLE, covers_lookups=False)

    assert wire.requests == {"Scan": 2}


def test_a_reading_is_used_for_a_quarter_of_an_hour_at_most(
    service: ProcessService, table: Table, wire: Wire
) -> None:
    now = [0.0]
    reader = AuditReader(table, pause=lambda seconds: None, monotonic=lambda: now[0])
    source = DynamoDBAuditSource(DynamoDBProcessRepository(table), reader)
    start(service)
    scans = []
    for seconds in (0, 900, 1):
        now[0] += seconds
        wire.reset()
        source.page(TABLE, covers_lookups=False)
        scans.append(wire.requests["Scan"])

    assert scans == [2, 1, 2]


@pytest.mark.parametrize("limit", [0, 3])
def test_what_memory_has_no_room_for_is_asked_for(
    service: ProcessService,
    audit: AuditService,
    table: Table,
    change: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
) -> None:
    monkeypatch.setattr(EntrySet.__init__, "__defaults__", (limit,))
    assert audit_memory.LIMIT == 10_000_000
    for number in range(10):
        start(service, number)
    in_which(LyingIndex(table, schema.DUE_INDEX), service, 2)
    change(start(service, 20), due_at=None)

    found = audit.run()

    assert found.states == {"in_progress": 13}
    assert found.faults == {Fault.WITHOUT_WAKEUP: 3}
    assert found.repaired == 3


# ---------------------------------------------------------------- how old it may be


def test_an_entry_that_vanishes_after_the_index_was_read_is_missed_by_the_next_round(
    service: ProcessService, source: DynamoDBAuditSource, audit: AuditService, table: Table
) -> None:
    key = schema.hash_key(start(service).key)
    index = LyingIndex(table, schema.DUE_INDEX)
    source.page(None, covers_lookups=False)
    index.hidden.add(key)

    (look,) = source.page(TABLE, covers_lookups=False).looks
    assert look.all_faults() == set()  # the index held it in this run

    assert audit.run().faults == {Fault.WITHOUT_WAKEUP: 1}


def test_a_second_look_asks_the_index_itself(
    service: ProcessService, source: DynamoDBAuditSource, table: Table
) -> None:
    key = schema.hash_key(start(service).key)
    (look,) = source.page(None, covers_lookups=False).looks
    LyingIndex(table, schema.DUE_INDEX).hidden.add(key)

    (again,) = source.again([look])

    assert again.all_faults() == {Fault.WITHOUT_WAKEUP}


@pytest.mark.usefixtures("small_pages")
def test_a_run_trusts_no_earlier_runs_reading(
    service: ProcessService, source: DynamoDBAuditSource, table: Table, wire: Wire
) -> None:
    for number in range(10):
        start(service, number)
    wire.reset()
    audit = AuditService(
        source,
        clock=lambda: START + timedelta(seconds=wire.requests["Scan"]),
        pause=lambda seconds: None,
    )
    first = audit.run(stop_at=START + timedelta(seconds=5))  # the index, and a page of the table
    assert first.looked_at == 3
    index = LyingIndex(table, schema.DUE_INDEX)
    index.hidden |= all_keys(table)

    found = audit.run()

    assert found.looked_at == 10
    assert found.without_wakeup == 7


def all_keys(table: Table) -> set[str]:
    items = table._connection.connection.client.scan(TableName=table.name)["Items"]
    return {item["pk"]["S"] for item in items}


# ---------------------------------------------------------------- how it is made


@pytest.mark.usefixtures("small_pages")
def test_a_run_may_end_while_it_reads_the_index(
    service: ProcessService,
    source: DynamoDBAuditSource,
    clock: ManualClock,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_reading, "REQUESTS", 2)
    for number in range(10):
        start(service, number)
    wire.reset()
    audit = AuditService(
        source,
        clock=lambda: START + timedelta(seconds=wire.requests["Scan"]),
        pause=lambda seconds: None,
    )

    stopped = audit.run(stop_at=START + timedelta(seconds=1))
    assert wire.requests["Scan"] == 2
    assert not stopped.is_complete

    found = AuditService(source, clock=clock, pause=lambda seconds: None).run()
    assert (found.states, found.faults) == ({"in_progress": 10}, {})


@pytest.mark.parametrize("index", [*schema.INDEX_KEYS])
def test_an_entry_that_no_item_of_this_run_has_said_is_looked_up(
    service: ProcessService, source: DynamoDBAuditSource, wire: Wire, index: str
) -> None:
    for number in range(10):
        start(service, number)
    source.page(None, covers_lookups=True)
    wire.reset()
    assert source.page(f'["{index}", null]', covers_lookups=True).looks == []
    assert wire.requests == {"Scan": 1}

    source.last_round()  # another run
    wire.reset()
    looks = source.page(f'["{index}", null]', covers_lookups=True).looks

    assert len(looks) == 10
    assert not any(look.all_faults() for look in looks)
    assert wire.requests == {"Scan": 1, "BatchGetItem": 1}
