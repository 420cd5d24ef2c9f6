"""Definitions in the table: what they ask of DynamoDB, how they stand in it, what breaks off."""

from __future__ import annotations

import json
import random
import string
import zlib
from typing import Any

import pytest

from tests.proof.wire import Wire, broken_line, lost_answer, refusal
from trellis_process import ProcessService
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.definitions.registry import DefinitionRegistry
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.dynamodb import DynamoDBDefinitionRepository, DynamoDBProcessRepository, Table
from trellis_process.dynamodb.stream import changed_process
from trellis_process.errors import InvalidInput, LostRace, StoreUnavailable, TooLarge


@pytest.fixture
def definitions(table: Table) -> DynamoDBDefinitionRepository:
    return DynamoDBDefinitionRepository(table, pause=lambda _seconds: None)


@pytest.fixture
def registry(definitions: DynamoDBDefinitionRepository) -> DefinitionRegistry:
    return DefinitionRegistry(definitions)


def a_definition(version: int = 1, steps: int = 5) -> ProcessDefinition:
    return ProcessDefinition(
        "order",
        version=version,
        steps=tuple(
            ServiceStep(
                f"step_{n}",
                service=f"Orders.step_{n}",
                title=f"Step number {n} of the order",
                inputs={"order": "input.order_id", "before": f"steps.step_{n - 1}.output.id"},
            )
            for n in range(steps)
        ),
    )


def items(table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table._connection.connection.client.scan(TableName=table.name)[
        "Items"
    ]
    return found


def test_the_newest_is_one_read_once_the_definition_is_known(
    registry: DefinitionRegistry, wire: Wire
) -> None:
    registry.add(a_definition())
    registry.to_start("order")
    wire.reset()

    registry.to_start("order")

    assert wire.requests == {"GetItem": 1}


def test_a_new_function_reads_twice_for_its_first_start(
    definitions: DynamoDBDefinitionRepository, registry: DefinitionRegistry, wire: Wire
) -> None:
    registry.add(a_definition())
    wire.reset()

    DefinitionRegistry(definitions).to_start("order")

    assert wire.requests == {"GetItem": 2}


def test_following_a_definition_reads_nothing_once_it_is_known(
    registry: DefinitionRegistry, wire: Wire
) -> None:
    registry.add(a_definition())
    registry.get("order", 1)
    wire.reset()

    registry.get("order", 1)

    assert wire.requests == {}


def test_adding_is_three_writes_for_a_new_name_and_two_for_a_new_version(
    registry: DefinitionRegistry, wire: Wire
) -> None:
    registry.add(a_definition(1))
    assert wire.requests == {"PutItem": 3, "GetItem": 1}

    wire.reset()
    registry.add(a_definition(2))
    assert wire.requests == {"PutItem": 2, "GetItem": 1}


def test_adding_again_what_is_there_changes_nothing(
    registry: DefinitionRegistry, wire: Wire, table: Table
) -> None:
    registry.add(a_definition())
    before = items(table)
    wire.reset()

    registry.add(a_definition())

    assert wire.requests == {"PutItem": 1, "GetItem": 2}
    assert items(table) == before


@pytest.mark.parametrize("fault", [broken_line, lost_answer])
def test_what_broke_off_anywhere_is_completed_by_the_same_again(
    registry: DefinitionRegistry, wire: Wire, table: Table, fault: Any
) -> None:
    registry.add(a_definition(1))
    whole = items(table)
    client = table._connection.connection.client
    for call in range(6):
        for item in items(table):
            client.delete_item(TableName=table.name, Key={k: item[k] for k in ("pk", "sk")})
        wire.reset()
        for again in range(3):  # with botocore's retries
            wire.fail_at_call(call + again, fault)
        try:
            registry.add(a_definition(1))
        except StoreUnavailable:
            known = registry._repository.versions("order")
            assert known is None or registry.get("order", 1) == a_definition(1)
        wire.mend()

        registry.add(a_definition(1))

        assert items(table) == whole


def test_a_thousand_steps_fit_into_one_item_and_come_back(
    registry: DefinitionRegistry, definitions: DynamoDBDefinitionRepository, table: Table
) -> None:
    registry.add(a_definition(steps=1_000))

    assert DefinitionRegistry(definitions).get("order", 1) == a_definition(steps=1_000)
    item = next(each for each in items(table) if each["sk"]["S"] == "version#0000000001")
    assert len(item["packed"]["B"]) < 50_000
    assert len(zlib.decompress(item["packed"]["B"])) > 150_000


def test_the_items_are_as_the_data_model_says(registry: DefinitionRegistry, table: Table) -> None:
    definition = a_definition(steps=1)
    registry.add(definition)
    registry.add(a_definition(2, steps=1))
    registry.set_status("order", 2, DefinitionStatus.DRAINING)

    found = {(item["pk"]["S"], item["sk"]["S"]): item for item in items(table)}

    assert found.keys() == {
        ("#definitions", "order"),
        ("#definition#order", "versions"),
        ("#definition#order", "version#0000000001"),
        ("#definition#order", "version#0000000002"),
    }
    statuses = found["#definition#order", "versions"]["statuses"]["S"]
    assert json.loads(statuses) == {"active": [1], "draining": [2]}
    content = json.loads(found["#definition#order", "version#0000000001"]["content"]["S"])
    assert content["steps"][0]["name"] == "step_0"


def test_definitions_are_no_processes_to_whoever_reads_the_table(
    registry: DefinitionRegistry, processes: DynamoDBProcessRepository, table: Table
) -> None:
    registry.add(a_definition())

    assert not any(set(item) & {"due_shard", "aggregate", "listing"} for item in items(table))
    for item in items(table):
        assert changed_process({"dynamodb": {"NewImage": item}}) is None
    assert processes.page(
        "tenant-1", process_type=None, states=None, limit=10, cursor=None
    ).processes == []  # fmt: skip


def test_no_tenant_is_named_as_the_key_of_a_definition_begins(service: ProcessService) -> None:
    with pytest.raises(InvalidInput, match="tenant_id"):
        service.get_process("#definition", "order")


def test_content_that_does_not_fit_is_refused_before_anything_is_written(
    definitions: DynamoDBDefinitionRepository, table: Table
) -> None:
    dense = "".join(random.Random(7).choices(string.printable, k=900_000))

    with pytest.raises(TooLarge, match="bytes"):
        definitions.add("order", 1, dense)
    with pytest.raises(TooLarge, match="bytes"):
        definitions.add("order", 1, "x" * 4_000_001)

    assert items(table) == []


def test_statuses_that_others_change_all_the_time_are_a_lost_race(
    definitions: DynamoDBDefinitionRepository, wire: Wire
) -> None:
    definitions.add("order", 1, "{}")
    wire.always("PutItem", refusal("ConditionalCheckFailedException"))

    with pytest.raises(LostRace, match="'order'"):
        definitions.set_status("order", 1, DefinitionStatus.DRAINING)


def test_many_versions_fit_into_the_item_of_statuses(
    definitions: DynamoDBDefinitionRepository, table: Table
) -> None:
    from trellis_process.dynamodb import definition_item

    statuses = dict.fromkeys(range(1, 10_001), DefinitionStatus.ACTIVE)

    item = definition_item.statuses_to_item("order", statuses, 0)

    assert definition_item.statuses_from_item("order", item)[0].newest == 10_000
    with pytest.raises(TooLarge, match="versions of 'order'"):
        definition_item.statuses_to_item(
            "order", dict.fromkeys(range(10**9, 10**9 + 50_000), DefinitionStatus.ACTIVE), 0
        )
