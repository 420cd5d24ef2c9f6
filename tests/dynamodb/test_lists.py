"""Large lists in the table: what they ask of DynamoDB, how they stand in it, when they leave it."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from tests.proof.wire import Exchange, Wire, refusal
from trellis_process.dynamodb import DynamoDBListRepository, Table
from trellis_process.dynamodb.size import item_size
from trellis_process.dynamodb.stream import changed_process
from trellis_process.errors import StoreUnavailable, Throttled
from trellis_process.testing.clock import ManualClock


@pytest.fixture
def lists(table: Table) -> DynamoDBListRepository:
    return DynamoDBListRepository(table)


def items(table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table._connection.connection.client.scan(TableName=table.name)[
        "Items"
    ]
    return found


def test_ten_thousand_items_are_sixteen_requests_and_a_page_is_one(
    lists: DynamoDBListRepository, wire: Wire
) -> None:
    reference = lists.put("tenant-1", [{"id": n} for n in range(10_000)])
    assert wire.requests == {"BatchWriteItem": 16}

    wire.reset()
    assert lists.items("tenant-1", reference, 9_975, 25)[-1] == {"id": 9_999}
    assert wire.requests == {"GetItem": 1}


def test_the_write_units_of_an_item_do_not_grow_with_the_list(
    lists: DynamoDBListRepository, table: Table
) -> None:
    def units_an_item(count: int) -> float:
        before = {item["pk"]["S"] for item in items(table)}
        lists.put("tenant-1", [{"id": f"{n:05}", "name": "x" * 100} for n in range(count)])
        new = [item for item in items(table) if item["pk"]["S"] not in before]
        return sum(math.ceil(item_size(item) / 1024) for item in new) / count

    few, many = units_an_item(100), units_an_item(10_000)

    assert many <= few * 1.05
    assert many < 0.2


def test_what_a_batch_leaves_out_is_written_again(
    lists: DynamoDBListRepository, wire: Wire
) -> None:
    def leaves_out(exchange: Exchange) -> Any:
        asked = exchange.asked["RequestItems"]["processes"]
        exchange.perform(RequestItems={"processes": asked[:2]})
        return exchange.answered({"UnprocessedItems": {"processes": asked[2:]}})

    wire.fail_at("BatchWriteItem", 1, leaves_out)

    reference = lists.put("tenant-1", list(range(250)))

    assert wire.requests["BatchWriteItem"] == 2
    assert len(json.loads(dict(wire.bodies)["BatchWriteItem"])["RequestItems"]["processes"]) == 8
    assert lists.items("tenant-1", reference, 0, 250) == list(range(250))


def test_a_batch_that_is_left_out_again_and_again_is_throttled(
    lists: DynamoDBListRepository, wire: Wire
) -> None:
    wire.always(
        "BatchWriteItem",
        lambda exchange: exchange.answered({"UnprocessedItems": exchange.asked["RequestItems"]}),
    )

    with pytest.raises(Throttled, match="left out 1 of a batch"):
        lists.put("tenant-1", [1])


def test_a_store_that_does_not_answer_is_told(lists: DynamoDBListRepository, wire: Wire) -> None:
    wire.always("BatchWriteItem", refusal("InternalServerError", 500))

    with pytest.raises(StoreUnavailable):
        lists.put("tenant-1", [1])


def test_a_list_expires_after_its_retention(table: Table, clock: ManualClock) -> None:
    lists = DynamoDBListRepository(table, retention=timedelta(days=40), clock=clock)

    lists.put("tenant-1", list(range(30)))

    expiries = {int(item["expires_at"]["N"]) for item in items(table)}
    assert expiries == {int((clock() + timedelta(days=40)).timestamp())}


def test_without_a_retention_a_list_stays(lists: DynamoDBListRepository, table: Table) -> None:
    lists.put("tenant-1", [1])

    assert "expires_at" not in items(table)[0]


def test_the_items_are_as_the_data_model_says(lists: DynamoDBListRepository, table: Table) -> None:
    reference = lists.put("tenant-1", ["a", "b"])

    assert items(table) == [
        {
            "pk": {"S": f"tenant-1#{reference['$list']}"},
            "sk": {"S": "list#000000"},
            "v": {"N": "1"},
            "items": {"S": '["a","b"]'},
        }
    ]
    assert changed_process({"dynamodb": {"NewImage": items(table)[0]}}) is None
