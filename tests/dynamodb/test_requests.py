"""What a command, a look-up and a sweep ask of DynamoDB, counted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.proof.wire import Wire
from trellis_process import Process, ProcessService, ProcessStep, TimeoutCheckerService
from trellis_process.dynamodb import DynamoDBProcessRepository, Table, schema
from trellis_process.errors import ProcessFinished
from trellis_process.testing.clock import ManualClock


def start(service: ProcessService, steps: int = 1, number: int = 1, **asked: object) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id=f"ref-{number}",
        steps=[
            ProcessStep(name=f"step-{n:03}", timeout_ms=30_000, retries_permitted=2)
            for n in range(steps)
        ],
        **asked,  # type: ignore[arg-type]
    )


def test_a_start_is_one_write_and_no_read(service: ProcessService, wire: Wire) -> None:
    start(service, steps=100, auto_start_steps=True)

    assert wire.requests == {"PutItem": 1}


@pytest.mark.parametrize("steps", [1, 100])
def test_a_command_is_one_read_and_one_conditional_write_however_many_the_steps(
    service: ProcessService, wire: Wire, steps: int
) -> None:
    process = start(service, steps)
    service.start_step(process, "step-000")
    commands = [
        lambda: service.heartbeat(process, "step-000"),
        lambda: service.complete_step(process, "step-000", {"case": 1}),
        lambda: service.cancel_process(process),
    ]
    for command in commands[: 3 if steps > 1 else 2]:
        service._clock.advance(seconds=1)  # type: ignore[attr-defined]
        wire.reset()

        command()

        assert wire.requests == {"GetItem": 1, "PutItem": 1}
        assert "ConditionExpression" in json.loads(dict(wire.bodies)["PutItem"])


def test_a_command_that_changes_nothing_writes_nothing(service: ProcessService, wire: Wire) -> None:
    process = start(service, steps=2)
    service.complete_step(process, "step-000")
    wire.reset()

    service.complete_step(process, "step-000")

    assert wire.requests == {"GetItem": 1}


def test_a_refused_command_writes_nothing(service: ProcessService, wire: Wire) -> None:
    process = start(service)
    service.cancel_process(process)
    wire.reset()

    with pytest.raises(ProcessFinished):
        service.complete_step(process, "step-000")

    assert wire.requests == {"GetItem": 1}


def test_a_start_repeated_with_its_key_is_one_refused_write_and_one_read(
    service: ProcessService, wire: Wire
) -> None:
    first = start(service, idempotency_key="order-7")
    wire.reset()

    assert start(service, idempotency_key="order-7") == first
    assert wire.requests == {"PutItem": 1, "GetItem": 1}


def test_a_process_is_found_by_its_aggregate_with_two_reads(
    service: ProcessService, wire: Wire
) -> None:
    start(service)
    wire.reset()

    service.find_process("tenant-1", "Referral", "ref-1")

    assert wire.requests == {"Query": 1, "GetItem": 1}


def test_a_sweep_reads_every_shard_once_and_the_due_processes_together(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock, wire: Wire
) -> None:
    for number in range(30):
        start(service, number=number, auto_start_steps=True)
    clock.advance(seconds=30)
    wire.reset()

    sweep = checker.check_for_timed_out_steps()

    assert sweep.timed_out == 30
    assert wire.requests == {"Query": schema.DUE_SHARDS, "BatchGetItem": 1, "PutItem": 30}


def test_an_idle_sweep_reads_the_shards_and_nothing_else(
    service: ProcessService, checker: TimeoutCheckerService, wire: Wire
) -> None:
    start(service, auto_start_steps=True)
    wire.reset()

    checker.check_for_timed_out_steps()

    assert wire.requests == {"Query": schema.DUE_SHARDS}


def test_more_than_a_megabyte_of_due_trackers_is_swept_whole(
    service: ProcessService,
    checker: TimeoutCheckerService,
    processes: DynamoDBProcessRepository,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schema, "DUE_SHARDS", 1)
    filler = {"filler": "x" * 15_000}
    count = 80  # 80 processes of 15 KB are 1.2 MB
    for number in range(count):
        start(service, number=number, auto_start_steps=True, metadata=filler)
    clock.advance(seconds=30)

    assert checker.check_for_timed_out_steps().timed_out == count


def test_a_step_that_follows_within_the_same_deadline_leaves_the_due_index_alone(
    service: ProcessService, clock: ManualClock, wire: Wire
) -> None:
    process = start(service, steps=2)
    service.start_step(process, "step-000")
    planned = process.wake_up_at
    clock.advance(seconds=5)
    service.complete_step(process, "step-000")
    clock.advance(seconds=5)
    service.start_step(process, "step-001")

    assert process.wake_up_at == planned
    assert process.tracker("step-001").due_at > planned  # type: ignore[union-attr, operator]


def test_nothing_scans_and_nothing_takes_part_in_a_transaction(
    service: ProcessService, checker: TimeoutCheckerService, clock: ManualClock, wire: Wire
) -> None:
    process = start(service, steps=2, auto_start_steps=True)
    service.complete_step(process, "step-000")
    service.list_processes("tenant-1")
    service.find_process("tenant-1", "Referral", "ref-1")
    clock.advance(minutes=1)
    checker.check_for_timed_out_steps()

    assert set(wire.requests) == {"PutItem", "GetItem", "Query", "BatchGetItem"}


def test_requests_say_in_a_word_that_they_are_of_trellis(
    service: ProcessService, table: Table, wire: Wire
) -> None:
    names: list[str] = []
    client: Any = table._connection.connection.client
    client.meta.events.register_first(
        "before-send.dynamodb", lambda request, **_: names.append(request.headers["User-Agent"])
    )
    process = start(service, steps=2)
    with ThreadPoolExecutor(1) as another_thread:
        another_thread.submit(service.complete_step, process, "step-000").result()

    assert [str(name, "ascii").split("/")[0] for name in names] == ["trellis-process botocore"] * 3
