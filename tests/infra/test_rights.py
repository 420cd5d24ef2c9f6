"""What each function may do, asked of the deployed roles, one call at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from trellis_process.local.stack import LocalStack

from ..conftest import ARCHIVE_BUCKET

KEY = {"pk": {"S": "p"}, "sk": {"S": "process"}}

# What may be asked: the call by a name that says what it is for.
CALLS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "get": ("dynamodb", "get_item", {"TableName": "{TableName}", "Key": KEY}),
    "get many": (
        "dynamodb",
        "batch_get_item",
        {"RequestItems": {"{TableName}": {"Keys": [KEY]}}},
    ),
    "put": ("dynamodb", "put_item", {"TableName": "{TableName}", "Item": KEY}),
    "update": ("dynamodb", "update_item", {"TableName": "{TableName}", "Key": KEY}),
    "delete": ("dynamodb", "delete_item", {"TableName": "{TableName}", "Key": KEY}),
    "scan": ("dynamodb", "scan", {"TableName": "{TableName}"}),
    "delete table": ("dynamodb", "delete_table", {"TableName": "{TableName}"}),
    "query table": (
        "dynamodb",
        "query",
        {
            "TableName": "{TableName}",
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": "p"}},
        },
    ),
    **{
        f"query {index}": (
            "dynamodb",
            "query",
            {
                "TableName": "{TableName}",
                "IndexName": index,
                "KeyConditionExpression": "#hash = :hash",
                "ExpressionAttributeNames": {"#hash": hash_key},
                "ExpressionAttributeValues": {":hash": value},
            },
        )
        for index, hash_key, value in [
            ("due", "due_shard", {"N": "0"}),
            ("aggregate", "aggregate", {"S": "a"}),
            ("listing", "listing", {"S": "l"}),
        ]
    },
    **{
        f"scan {index}": ("dynamodb", "scan", {"TableName": "{TableName}", "IndexName": index})
        for index in ("due", "aggregate", "listing")
    },
    "put events": (
        "events",
        "put_events",
        {
            "Entries": [
                {
                    "EventBusName": "{EventBusName}",
                    "Source": "probe",
                    "DetailType": "Rights",
                    "Detail": "{}",
                }
            ]
        },
    ),
    "put events elsewhere": (
        "events",
        "put_events",
        {"Entries": [{"Source": "probe", "DetailType": "Rights", "Detail": "{}"}]},
    ),
    "park an event": (
        "sqs",
        "send_message",
        {"QueueUrl": "{UndeliveredEventsQueueUrl}", "MessageBody": "m"},
    ),
    "park a batch": (
        "sqs",
        "send_message",
        {"QueueUrl": "{FailedBatchesQueueUrl}", "MessageBody": "m"},
    ),
    "park a sweep": (
        "sqs",
        "send_message",
        {"QueueUrl": "{MissedSweepsQueueUrl}", "MessageBody": "m"},
    ),
    "send a command": (
        "sqs",
        "send_message",
        {"QueueUrl": "{CommandsQueueUrl}", "MessageBody": "m"},
    ),
    "take a command": ("sqs", "receive_message", {"QueueUrl": "{CommandsQueueUrl}"}),
    "take an event about a child": (
        "sqs",
        "receive_message",
        {"QueueUrl": "{ChildEventsQueueUrl}"},
    ),
    "send an event about a child": (
        "sqs",
        "send_message",
        {"QueueUrl": "{ChildEventsQueueUrl}", "MessageBody": "m"},
    ),
    "take an event from outside": (
        "sqs",
        "receive_message",
        {"QueueUrl": "{ExternalEventsQueueUrl}"},
    ),
    "send an event from outside": (
        "sqs",
        "send_message",
        {"QueueUrl": "{ExternalEventsQueueUrl}", "MessageBody": "m"},
    ),
    "refuse an event": (
        "sqs",
        "send_message",
        {"QueueUrl": "{RefusedEventsQueueUrl}", "MessageBody": "m"},
    ),
    "take a job": ("sqs", "receive_message", {"QueueUrl": "{JobsQueueUrl}"}),
    "send a job": (
        "sqs",
        "send_message",
        {"QueueUrl": "{JobsQueueUrl}", "MessageBody": "m"},
    ),
    "take an event for the views": ("sqs", "receive_message", {"QueueUrl": "{ViewsQueueUrl}"}),
    "get a view": ("dynamodb", "get_item", {"TableName": "{ViewTableName}", "Key": KEY}),
    "get many views": (
        "dynamodb",
        "batch_get_item",
        {"RequestItems": {"{ViewTableName}": {"Keys": [KEY]}}},
    ),
    "put a view": ("dynamodb", "put_item", {"TableName": "{ViewTableName}", "Item": KEY}),
    "put many views": (
        "dynamodb",
        "batch_write_item",
        {"RequestItems": {"{ViewTableName}": [{"PutRequest": {"Item": KEY}}]}},
    ),
    "update a view": ("dynamodb", "update_item", {"TableName": "{ViewTableName}", "Key": KEY}),
    "delete a view": ("dynamodb", "delete_item", {"TableName": "{ViewTableName}", "Key": KEY}),
    "scan views": ("dynamodb", "scan", {"TableName": "{ViewTableName}"}),
    "query views": (
        "dynamodb",
        "query",
        {
            "TableName": "{ViewTableName}",
            "IndexName": "listed",
            "KeyConditionExpression": "listed = :hash",
            "ExpressionAttributeValues": {":hash": {"S": "t#tasks"}},
        },
    ),
    "refuse a command": (
        "sqs",
        "send_message",
        {"QueueUrl": "{RefusedCommandsQueueUrl}", "MessageBody": "m"},
    ),
    "park what is not archived": (
        "sqs",
        "send_message",
        {"QueueUrl": "{UnarchivedQueueUrl}", "MessageBody": "m"},
    ),
    "archive": (
        "s3",
        "put_object",
        {"Bucket": ARCHIVE_BUCKET, "Key": "finished/dt=2026-01-01/object", "Body": "m"},
    ),
    "put elsewhere": (
        "s3",
        "put_object",
        {"Bucket": ARCHIVE_BUCKET, "Key": "finished-otherwise/object", "Body": "m"},
    ),
    "read the archive": (
        "s3",
        "get_object",
        {"Bucket": ARCHIVE_BUCKET, "Key": "finished/dt=2026-01-01/object"},
    ),
    "list the archive": ("s3", "list_objects_v2", {"Bucket": ARCHIVE_BUCKET}),
    "read parked events": ("sqs", "receive_message", {"QueueUrl": "{UndeliveredEventsQueueUrl}"}),
}

# "query table": on AWS only the names of definitions, by a condition on the key that this cloud
# passes over; tests/infra/test_template.py holds it.
ALLOWED = {
    "StepCommands": {
        *("get", "get many", "put"),
        *("query aggregate", "query listing", "query table", "send a job"),
        *("get a view", "get many views", "query views"),
    },
    "QueueCommands": {"get", "put", "query table", "take a command", "refuse a command"},
    "Children": {"get", "get many", "put", "query table", "take an event about a child"},
    "ExternalEvents": {
        *("get", "put", "query table", "take an event from outside", "refuse an event")
    },
    "Jobs": {
        *("get", "get many", "put", "query listing", "query table"),
        *("take a job", "send a job"),
    },
    "EventPublisher": {"put events", "park an event", "park a batch"},
    "TimeoutChecker": {"get", "get many", "put", "query due", "query table"},
    "Audit": {
        *("get", "get many", "put"),
        *("scan", "scan due", "scan aggregate", "scan listing"),
        *("query due", "query aggregate", "query listing"),
    },
    "Archive": {"scan", "archive", "park what is not archived"},
    "Views": {
        *("take an event for the views", "get a view", "put a view", "put many views"),
        *("update a view", "delete a view"),
    },
}


def filled(value: Any, outputs: Mapping[str, str]) -> Any:
    """``value`` with each ``{Output}`` replaced by the stack's."""
    text = json.dumps(value)
    for name, output in outputs.items():
        text = text.replace(f"{{{name}}}", output)
    return json.loads(text)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_may_do_what_it_needs_and_nothing_else(
    probe_stack: LocalStack, function: str, call: str
):
    service, operation, arguments = CALLS[call]
    asked = {
        "service": service,
        "operation": operation,
        "arguments": filled(arguments, probe_stack.outputs),
    }
    answer = probe_stack.cloud.client("lambda").invoke(
        FunctionName=probe_stack.outputs[f"{function}FunctionName"], Payload=json.dumps(asked)
    )
    outcome = json.loads(answer["Payload"].read())
    if call in ALLOWED[function]:
        assert outcome == "ok"
    else:
        assert outcome.startswith("AccessDenied")
