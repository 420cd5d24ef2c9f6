"""Commands by queue and by bus through the deployed stack, and where a refused one ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.end_to_end.until import SOON, until
from trellis_process.local.events import EventTap
from trellis_process.local.stack import LocalStack


@pytest.fixture
def send(deployed_stack: LocalStack) -> Callable[[object], None]:
    """Sends a command to the queue."""
    sqs = deployed_stack.cloud.client("sqs")

    def send(command: object) -> None:
        body = command if isinstance(command, str) else json.dumps(command)
        sqs.send_message(QueueUrl=deployed_stack.outputs["CommandsQueueUrl"], MessageBody=body)

    return send


def put(stack: LocalStack, command: dict[str, Any], source: str = "case-service") -> None:
    """Puts a command on the bus."""
    answer = stack.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": stack.outputs["EventBusName"],
                "Source": source,
                "DetailType": "TrellisCommand",
                "Detail": json.dumps(command),
            }
        ]
    )
    assert answer["FailedEntryCount"] == 0


def a_start(tenant_id: str) -> dict[str, Any]:
    return {
        "command": "StartProcess",
        "tenant_id": tenant_id,
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [{"name": "create_case"}],
    }


def process_in(stack: LocalStack, tenant_id: str, state: str) -> Any:
    """The tenant's only process, once it is in a state."""

    def find() -> Any:
        answer = stack.http().request("GET", f"/tenants/{tenant_id}/processes")
        processes = answer.json()["processes"]
        assert len(processes) <= 1
        return next((each for each in processes if each["state"] == state), None)

    return until(find)


def test_commands_sent_to_the_queue_change_the_process(
    deployed_stack: LocalStack, tenant_id: str, send: Callable[[object], None]
) -> None:
    send(a_start(tenant_id))
    process = process_in(deployed_stack, tenant_id, "pending")
    report = {
        "tenant_id": tenant_id,
        "process_id": process["process_id"],
        "step_name": "create_case",
        "attempt": 1,
    }
    send({"command": "CompleteStep", "output": {"case": "c-77"}, **report})

    completed = process_in(deployed_stack, tenant_id, "completed")

    (step,) = completed["steps"]
    assert step["output"] == {"case": "c-77"}
    assert step["reported_by"]


def test_commands_put_on_the_bus_change_the_process(
    deployed_stack: LocalStack, tenant_id: str
) -> None:
    put(deployed_stack, a_start(tenant_id))
    process = process_in(deployed_stack, tenant_id, "pending")
    put(
        deployed_stack,
        {
            "command": "FailStep",
            "tenant_id": tenant_id,
            "process_id": process["process_id"],
            "step_name": "create_case",
            "attempt": 1,
            "error": "no such member",
        },
    )

    failed = process_in(deployed_stack, tenant_id, "failed")

    assert failed["steps"][0]["reported_by"].endswith("/case-service")


def test_who_listens_to_trellis_does_not_hear_commands(
    deployed_stack: LocalStack, tenant_id: str
) -> None:
    tap = EventTap(deployed_stack, tenant_id)
    put(deployed_stack, a_start(tenant_id))

    heard = tap.until(bool, SOON)

    assert {event["detail-type"] for event in heard} == {"ProcessStarted"}


def test_an_event_of_trellis_own_source_is_no_command(
    deployed_stack: LocalStack, tenant_id: str
) -> None:
    put(deployed_stack, a_start(tenant_id), source="trellis")
    put(deployed_stack, {**a_start(tenant_id), "aggregate_id": "ref-2"})

    process = process_in(deployed_stack, tenant_id, "pending")

    assert process["aggregate_id"] == "ref-2"


def test_a_refused_command_arrives_in_the_dead_letter_queue_with_its_reason(
    deployed_stack: LocalStack, tenant_id: str, send: Callable[[object], None]
) -> None:
    refused = {"command": "CancelProcess", "tenant_id": tenant_id, "process_id": "unknown"}
    sqs = deployed_stack.cloud.client("sqs")

    send(refused)

    def find() -> Mapping[str, Any] | None:
        messages = sqs.receive_message(
            QueueUrl=deployed_stack.outputs["RefusedCommandsQueueUrl"],
            MessageAttributeNames=["All"],
            MaxNumberOfMessages=10,
        ).get("Messages", [])
        mine = (each for each in messages if tenant_id in each["Body"])
        return next(mine, None)

    message = until(find)
    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert json.loads(message["Body"]) == refused
    assert said["code"] == "process_not_found"
    assert said["reason"] == "no process 'unknown' in this tenant"
    assert set(said) == {"code", "reason", "sender", "message_id"}


def test_a_batch_is_answered_command_by_command(deployed_stack: LocalStack, tenant_id: str) -> None:
    commands = [
        {**a_start(tenant_id), "idempotency_key": "ref-1"},
        {**a_start(tenant_id), "idempotency_key": "ref-1"},
        {"command": "CancelProcess", "process_id": "unknown"},
    ]

    answer = deployed_stack.http().request(
        "POST", f"/tenants/{tenant_id}/batch", {"commands": commands}
    )

    started, again, unknown = answer.json()["results"]
    assert (answer.status, started["status"], again) == (200, 201, started)
    assert unknown["problem"]["code"] == "process_not_found"
