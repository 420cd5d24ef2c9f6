"""Speed: commands a second of the service, in memory and on DynamoDB, beside what is comparable."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.local_table import local_cloud, new_table
from benchmarks.predecessor import VERSION, run_program
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process import ProcessService, ProcessStep
from trellis_process.dynamodb import DynamoDBProcessRepository, schema
from trellis_process.dynamodb import Table as DynamoDBTable
from trellis_process.dynamodb.item import to_item
from trellis_process.testing import a_process, a_step

ROUNDS = 5
PROCESSES_IN_MEMORY = 1_000
PROCESSES_ON_DYNAMODB = 12
STEPS = 5
COMMANDS = 2 * STEPS + 1


def run() -> tuple[Section, str]:
    """Both comparisons, their sides in turn."""
    ours, old = [], []
    for _ in range(ROUNDS):
        ours.append(run_program("commands_in_memory", f"{PROCESSES_IN_MEMORY}"))
        old.append(run_program("commands_in_memory", f"{PROCESSES_IN_MEMORY}", old=True))
    in_memory = [_a_second(ours), _a_second(old)]
    with local_cloud():
        table = new_table()
        services, bares = [], []
        for _ in range(ROUNDS):
            services.append(_commands_a_second(lambda: _with_service(table)))
            bares.append(_commands_a_second(lambda: _with_bare_client(table)))
    on_dynamodb = [median(services), median(bares)]
    section = Section(
        "Commands a second",
        f"Processes of {STEPS} steps with a timeout, each step started and completed: "
        f"{COMMANDS} commands. One thread; medians of {ROUNDS} rounds in which both sides take "
        "turns. "
        "In memory by CPU time, each side in fresh interpreters. On DynamoDB by the clock, on "
        "MiniStack, whose own time is in both: the bare client makes the same consistent reads and "
        "conditional writes of as large an item, and decides nothing.",
        [
            Table(
                ["", "service", "beside it", "ratio"],
                [
                    _row(f"in memory, beside {VERSION}", *in_memory),
                    _row("on DynamoDB, beside a bare client", *on_dynamodb),
                ],
            )
        ],
        [
            f"In memory trellis-process {VERSION} changes the caller's own object, with neither "
            "lock, "
            "version, events nor checks; ours does to a copy what it would do on DynamoDB. What "
            "that "
            f"costs is {1e6 / in_memory[0]:.0f} µs a command.",
        ],
    )
    return section, surroundings("pynamodb", "botocore", ministack=True)


def _row(name: str, service: float, beside: float) -> list[str]:
    return [name, f"{service:,.0f}", f"{beside:,.0f}", f"{service / beside:.2f}"]


def _a_second(measured: list[dict[str, float]]) -> float:
    return median(each["commands_a_second"] for each in measured)


def _commands_a_second(journey: Callable[[], object]) -> float:
    journey()
    began = time.perf_counter()
    for _ in range(PROCESSES_ON_DYNAMODB):
        journey()
    return PROCESSES_ON_DYNAMODB * COMMANDS / (time.perf_counter() - began)


def _with_service(table: DynamoDBTable) -> None:
    service = ProcessService(DynamoDBProcessRepository(table))
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[
            ProcessStep(name=f"step-{n}", timeout_ms=600_000, retries_permitted=3)
            for n in range(STEPS)
        ],
    )
    for name in process.steps:
        service.start_step(process.key, name)
        service.complete_step(process.key, name)


def _with_bare_client(table: DynamoDBTable) -> None:
    client: Any = table._connection.connection.client
    steps = [a_step(f"step-{n}", timeout_ms=600_000, retries_permitted=3) for n in range(STEPS)]
    item = to_item(a_process(*steps, process_id=f"bare-{time.perf_counter_ns()}"))
    key = {name: item[name] for name in (schema.HASH_KEY, schema.RANGE_KEY)}
    client.put_item(TableName=table.name, Item=item, ConditionExpression="attribute_not_exists(pk)")
    for version in range(1, COMMANDS):
        client.get_item(TableName=table.name, Key=key, ConsistentRead=True)
        client.put_item(
            TableName=table.name,
            Item={**item, "v": {"N": f"{version + 1}"}},
            ConditionExpression="v = :v",
            ExpressionAttributeValues={":v": {"N": f"{version}"}},
        )
