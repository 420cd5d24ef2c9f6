"""What moto cannot show: many writers at once, and what a journey costs in write units."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from trellis_process import Process, ProcessService, ProcessStep
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
)
from trellis_process.dynamodb.stream import changed_process
from trellis_process.errors import LostRace
from trellis_process.local.ministack import LocalCloud
from trellis_process.testing.clock import ManualClock

WRITERS = 16


@pytest.fixture
def _cloud(local_cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local cloud in place of moto."""
    for name, value in local_cloud.client_environment().items():
        monkeypatch.setenv(name, value)
    local_cloud.reset()


@pytest.fixture
def table(_cloud: None) -> Table:
    table = Table("processes")
    table.create()
    return table


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service(table: Table, clock: ManualClock) -> ProcessService:
    trackers = DynamoDBStepTrackerRepository(table)
    processes = DynamoDBProcessRepository(table)
    trackers.attach(processes)
    return ProcessService(processes, trackers, clock=clock)


def start(service: ProcessService, steps: int) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="ReferralNotification",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[
            ProcessStep(name=f"step-{n:03}", timeout_ms=600_000, retries_permitted=3)
            for n in range(steps)
        ],
    )


def test_sixteen_writers_on_one_process_lose_no_update(service: ProcessService) -> None:
    steps = 64
    process = start(service, steps)

    def report(number: int) -> None:
        service.complete_step(process.key, f"step-{number:03}", {"by": number})

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(report, range(steps)))

    stored = service.get_process("tenant-1", process.process_id)
    assert stored.is_completed()
    assert stored.version == steps + 1
    assert [step.output["by"] for step in stored.steps.values()] == list(range(steps))


def test_a_thousand_commands_of_sixteen_threads_on_one_process_leave_no_gap(
    local_cloud: LocalCloud, service: ProcessService, table: Table
) -> None:
    rounds = 31  # of a suspension and a resumption, after the start: 63 commands of each thread
    process = start(service, WRITERS)

    def journey(number: int) -> None:
        name = f"step-{number:03}"
        report(lambda: service.start_step(process.key, name, attempt=1))
        for done in range(rounds):
            report(lambda: service.suspend_step(process.key, name, attempt=1, resumption=done))  # noqa: B023
            report(lambda: service.resume_step(process.key, name, done, resumption=done + 1))  # noqa: B023

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(journey, range(WRITERS)))

    commands = WRITERS * (1 + 2 * rounds)
    stored = service.get_process("tenant-1", process.process_id)
    assert commands >= 1_000
    assert stored.version == 1 + commands
    assert all(step.resumption == rounds for step in stored.steps.values())
    changes = [change for record in stream_of(local_cloud) if (change := changed_process(record))]
    assert [change.version for change in changes] == list(range(1, 2 + commands))
    assert [change.previous_event_version for change in changes] == list(range(1 + commands))
    told = [(event.step_name, event.type) for change in changes[1:] for event in change.events]
    of_each_step = ["StepStarted", *["StepSuspended", "StepResumed"] * rounds]
    for name in stored.steps:
        assert [kind for step_name, kind in told if step_name == name] == of_each_step


def report(command: Callable[[], Process]) -> None:
    """A command by a caller who does as an error that nothing was written advises."""
    while True:
        try:
            command()
        except LostRace:
            continue
        return


def stream_of(cloud: LocalCloud) -> list[dict[str, Any]]:
    """Everything that the table's stream holds, in its order."""
    streams = cloud.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName="processes")["Streams"]
    described = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    found: list[dict[str, Any]] = []
    for shard in described["Shards"]:
        answer = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )
        iterator = answer["ShardIterator"]
        while iterator:
            answer = streams.get_records(ShardIterator=iterator)
            found += answer["Records"]
            iterator = answer.get("NextShardIterator") if answer["Records"] else None
    return found


def test_sixteen_starts_with_one_key_make_one_process(service: ProcessService) -> None:
    def begin(_number: int) -> str:
        return service.start_process(
            tenant_id="tenant-1",
            process_type="ReferralNotification",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            steps=[ProcessStep(name="send_email")],
            idempotency_key="order-7",
        ).process_id

    with ThreadPoolExecutor(WRITERS) as pool:
        started = set(pool.map(begin, range(WRITERS)))

    assert len(started) == 1
    assert len(service.list_processes("tenant-1").processes) == 1


@pytest.mark.parametrize(("steps", "most_units"), [(1, 10), (5, 18), (20, 80), (100, 800)])
def test_a_journey_costs_at_most_so_many_write_units(
    service: ProcessService, table: Table, clock: ManualClock, steps: int, most_units: int
) -> None:
    writes: list[float] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        writes.append(parsed["ConsumedCapacity"]["CapacityUnits"])

    client = table._connection.connection.client
    client.meta.events.register("after-call.dynamodb.PutItem", count)
    process = start(service, steps)
    for name in process.steps:
        clock.advance(seconds=2)
        service.start_step(process, name)
        clock.advance(seconds=3)
        service.complete_step(process, name)
    client.meta.events.unregister("after-call.dynamodb.PutItem", count)

    assert process.ended_at == process.started_at + timedelta(seconds=5 * steps)
    assert len(writes) == 2 * steps + 1
    assert sum(writes) <= most_units
    print(f"{steps} steps: {len(writes)} writes, {sum(writes)} units")
