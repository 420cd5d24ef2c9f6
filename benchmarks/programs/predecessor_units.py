"""What a process of so many steps asks of DynamoDB with trellis-process 0.4.1, as JSON.

Runs with the predecessor in front of our package, against the endpoint in the environment.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from importlib import import_module
from typing import Any

import boto3

library: Any = import_module("trellis_process")
stores: Any = import_module("trellis_process.repositories.dynamodb")
trackers: Any = import_module("trellis_process.repositories.tracker_dynamodb")


def mended(repository: Any) -> Any:
    """Its tracker store, which divides a Decimal as boto3 reads it and gives that to datetime."""
    read = repository._deserialize
    repository._deserialize = lambda item: read(
        {name: int(each) if isinstance(each, Decimal) else each for name, each in item.items()}
    )
    return repository


def tables() -> tuple[Any, Any]:
    """Its two tables by the schemas in its docstrings; its indexes have to project everything."""
    dynamodb = boto3.resource("dynamodb")
    processes = _table(
        dynamodb, "old-processes", {"id": "S"}, ("aggregate-index", {"aggregate_key": "S"})
    )
    steps = _table(
        dynamodb,
        "old-trackers",
        {"tenant_id": "S", "tracker_key": "S"},
        ("timeout-index", {"tenant_id": "S", "timeout_occurs_on_ms": "N"}),
    )
    return processes, steps


def _table(
    dynamodb: Any, name: str, keys: dict[str, str], index: tuple[str, dict[str, str]]
) -> Any:
    index_name, index_keys = index
    return dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": key, "AttributeType": kind}
            for key, kind in {**keys, **index_keys}.items()
        ],
        KeySchema=_key_schema(keys),
        GlobalSecondaryIndexes=[
            {
                "IndexName": index_name,
                "KeySchema": _key_schema(index_keys),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _key_schema(keys: dict[str, str]) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)]


def main() -> None:
    processes, steps = tables()
    requests: Counter[str] = Counter()
    units = 0.0

    def ask(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"

    def count(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        nonlocal units
        requests[model.name] += 1
        if model.name == "PutItem":
            units += parsed["ConsumedCapacity"]["CapacityUnits"]

    for_both = processes.meta.client.meta.events  # tables of one resource share its client
    for_both.register("provide-client-params.dynamodb.PutItem", ask)
    for_both.register("after-call.dynamodb", count)
    service = library.ProcessService(
        stores.DynamoDBProcessRepository(processes),
        mended(trackers.DynamoDBStepTrackerRepository(steps)),
    )
    found = {}
    for number in map(int, sys.argv[1:]):
        requests.clear()
        units = 0.0
        process = service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            steps=[
                library.ProcessStep(name=f"step-{n:03}", timeout_ms=600_000, retries_permitted=3)
                for n in range(number)
            ],
        )
        for name in process.steps:
            service.start_step(process, name)
            service.complete_step(process, name)
        assert process.is_completed()
        found[number] = {
            "writes": requests["PutItem"],
            "reads": requests["GetItem"],
            "units": units,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
