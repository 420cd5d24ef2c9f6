"""Noted events in the table: what they ask of DynamoDB, and how they stand in it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.proof.wire import Wire, broken_line, lost_answer
from trellis_process.dynamodb import DynamoDBNotedEvents, Table
from trellis_process.dynamodb.stream import changed_process
from trellis_process.errors import StoreUnavailable

UNTIL = datetime(2027, 1, 18, 9, tzinfo=UTC)


@pytest.fixture
def noted(table: Table) -> DynamoDBNotedEvents:
    return DynamoDBNotedEvents(table)


def items(table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table._connection.connection.client.scan(TableName=table.name)[
        "Items"
    ]
    return found


def test_a_note_is_one_conditional_write_and_one_more_read_where_it_was_there(
    noted: DynamoDBNotedEvents, wire: Wire
) -> None:
    noted.note("order/t/o-1", "e-1", UNTIL)
    assert wire.requests == {"PutItem": 1}
    wire.reset()

    assert not noted.note("order/t/o-1", "e-1", UNTIL)
    assert wire.requests == {"PutItem": 1, "GetItem": 1}


def test_a_note_whose_answer_was_lost_meets_itself_and_is_new(
    noted: DynamoDBNotedEvents, wire: Wire
) -> None:
    wire.fail_next(lost_answer)

    assert noted.note("order/t/o-1", "e-1", UNTIL)

    assert wire.requests == {"PutItem": 2, "GetItem": 1}
    assert not noted.note("order/t/o-1", "e-1", UNTIL)


def test_a_note_whose_answer_never_came_may_be_there_and_says_so(
    noted: DynamoDBNotedEvents, wire: Wire
) -> None:
    wire.fail_next(lost_answer)
    wire.fail_next(broken_line, 2)

    with pytest.raises(StoreUnavailable) as raised:
        noted.note("order/t/o-1", "e-1", UNTIL)

    assert raised.value.may_have_happened
    assert not noted.note("order/t/o-1", "e-1", UNTIL)  # once at most: then rather not at all


def test_the_item_is_as_the_data_model_says(noted: DynamoDBNotedEvents, table: Table) -> None:
    noted.note("order/tenant-1/o-1", "e-1", UNTIL)

    (item,) = items(table)
    assert item.pop("call")["S"]
    assert item.pop("pk")["S"].startswith("#noted#")  # as no tenant's name does
    assert item == {
        "sk": {"S": "note"},
        "v": {"N": "1"},
        "expires_at": {"N": str(int(UNTIL.timestamp()))},
    }
    assert changed_process({"dynamodb": {"NewImage": item}}) is None


def test_a_note_tells_nothing_of_whom_it_is_about(noted: DynamoDBNotedEvents, table: Table) -> None:
    noted.note("order/tenant-1/secret", "secret", UNTIL)

    assert "secret" not in str(items(table))
    assert "tenant-1" not in str(items(table))
