"""Events of others through the deployed stack: put on its bus, they start processes and reach them.

What nobody can be found for waits in a queue with the reason, and what is completed starts what
follows it.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.end_to_end.until import until
from trellis_process import Process
from trellis_process.application.event_service import LISTENING_FOR
from trellis_process.client import TrellisClient
from trellis_process.local.stack import LocalStack

ORDER = """\
process: shop_order
version: 1
events:
  - name: placed
    pattern: {source: [shop], detail-type: [OrderPlaced]}
    key: event.detail.order
    id: event.detail.number
  - {name: paid, pattern: {source: [shop], detail-type: [OrderPaid]}, key: event.detail.order}
triggers:
  - {event: placed, inputs: {box: event.detail.box}}
inputs: {box: string}
data: {placed: {type: integer, default: 0}, paid: {type: integer, default: 0}}
reactions:
  - {event: placed, set: {placed: data.placed + 1}}
  - {event: paid, set: {paid: data.paid + event.detail.amount}}
ends_when: {paid: data.paid >= 10}
outputs: {box: input.box}
"""
PARCEL = """\
process: shop_parcel
version: 1
events:
  - {name: ordered, completed: shop_order, delivery: at_most_once}
triggers:
  - {event: ordered, inputs: {box: event.detail.output.box}}
inputs: {box: string}
steps:
  - {name: wait, wait_for_signal: sent, timeout: 7d}
"""


class Shop:
    """What the shop tells, and what has become of it."""

    def __init__(self, stack: LocalStack, client: TrellisClient, tenant_id: str) -> None:
        self.stack = stack
        self.client = client
        self.tenant_id = tenant_id

    def tell(self, detail_type: str, **detail: Any) -> None:
        """Puts an event on the bus."""
        entry = {
            "EventBusName": self.stack.outputs["EventBusName"],
            "Source": "shop",
            "DetailType": detail_type,
            "Detail": json.dumps({"tenant_id": self.tenant_id, **detail}),
        }
        answer = self.stack.cloud.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    def processes(self, definition: str) -> list[Process]:
        """Those of a definition."""
        return list(self.client.list_processes(self.tenant_id, process_type=definition))

    def refused(self) -> dict[str, Any] | None:
        """One that was set aside."""
        sqs, queue = self.stack.cloud.client("sqs"), self.stack.outputs["RefusedEventsQueueUrl"]
        messages = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        ).get("Messages", [])
        for message in messages:
            if self.tenant_id in message["Body"]:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                found: dict[str, Any] = message
                return found
        return None


@pytest.fixture(scope="module")
def registered(client: TrellisClient) -> None:
    """The definitions are there, and every run of the function has heard of them."""
    for definition in (ORDER, PARCEL):
        client.definitions.register(definition)
    time.sleep(LISTENING_FOR.total_seconds())


@pytest.fixture
def shop(
    deployed_stack: LocalStack, client: TrellisClient, tenant_id: str, registered: None
) -> Shop:
    return Shop(deployed_stack, client, tenant_id)


def test_events_start_a_process_reach_it_and_its_end_starts_the_next(shop: Shop) -> None:
    shop.tell("OrderPlaced", order="o-1", number="n-1", box="blue")
    until(lambda: shop.processes("shop_order"))
    shop.tell("OrderPlaced", order="o-1", number="n-1", box="red")
    shop.tell("OrderPaid", order="o-1", amount=4)
    shop.tell("OrderPaid", order="nobody-s", amount=4)
    shop.tell("OrderPaid", order="o-1", amount=6)

    (parcel,) = until(lambda: shop.processes("shop_parcel"))
    (order,) = shop.processes("shop_order")
    assert (order.aggregate_id, order.input) == ("o-1", {"box": "blue"})
    assert (order.data, order.reason) == ({"placed": 1, "paid": 10}, "paid")
    assert (parcel.aggregate_id, parcel.input) == (order.process_id, {"box": "blue"})


def test_an_event_without_its_key_is_set_aside_with_the_reason(shop: Shop) -> None:
    shop.tell("OrderPlaced", number="n-1", box="blue")

    message = until(shop.refused)

    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (said["code"], said["definition"]) == ("expression_error", "shop_order")
    assert "event.detail.order" in said["reason"]
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("shop", "OrderPlaced")
    assert event["detail"] == {"tenant_id": shop.tenant_id, "number": "n-1", "box": "blue"}
    assert shop.processes("shop_order") == []
