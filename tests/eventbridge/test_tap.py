"""A tap hears what Trellis tells on a bus, and takes its queue and its rule away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from trellis_process.eventbridge.tap import Tap

BUS = "trellis"


@pytest.fixture(autouse=True)
def _cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("events").create_event_bus(Name=BUS)
        yield


def a_tap(**options: Any) -> Tap:
    return Tap(boto3.client("sqs"), boto3.client("events"), BUS, name="tap-1", **options)


def made() -> list[str]:
    queues = boto3.client("sqs").list_queues().get("QueueUrls", [])
    rules = boto3.client("events").list_rules(EventBusName=BUS)["Rules"]
    return queues + [rule["Name"] for rule in rules]


def test_its_rule_lets_through_what_trellis_tells_and_of_that_what_is_asked_for() -> None:
    a_tap(pattern={"detail": {"tenant_id": ["tenant-1"]}})

    rule = boto3.client("events").describe_rule(Name="tap-1", EventBusName=BUS)
    assert json.loads(rule["EventPattern"]) == {
        "source": ["trellis"],
        "detail": {"tenant_id": ["tenant-1"]},
    }


def test_each_event_is_told_once() -> None:
    tap = a_tap()
    (url, _) = made()
    for n in range(3):
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"id": n}))

    assert sorted(event["id"] for event in tap.poll()) == [0, 1, 2]
    assert tap.poll() == []


def test_only_its_own_rule_may_send_to_its_queue_and_nothing_is_kept_for_long() -> None:
    a_tap(kept_s=300)

    (url, _) = made()
    said = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    rule = boto3.client("events").describe_rule(Name="tap-1", EventBusName=BUS)
    assert said["Attributes"]["MessageRetentionPeriod"] == "300"
    (statement,) = json.loads(said["Attributes"]["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rule["Arn"]}}


def test_what_it_made_is_gone_when_it_is_closed() -> None:
    tap = a_tap()
    assert len(made()) == 2

    tap.close()

    assert made() == []


def test_a_tap_that_cannot_be_made_leaves_nothing_behind() -> None:
    events = boto3.client("events")
    with Stubber(events) as refusing:
        refusing.add_client_error("put_rule", "AccessDeniedException")
        refusing.add_client_error("remove_targets", "ResourceNotFoundException")
        with pytest.raises(ClientError, match="PutRule"):
            Tap(boto3.client("sqs"), events, BUS, name="tap-1")

    assert made() == []


def test_the_queue_goes_even_where_the_rule_cannot_be_taken_away() -> None:
    events = boto3.client("events")
    tap = Tap(boto3.client("sqs"), events, BUS, name="tap-1")

    with Stubber(events) as refusing:
        refusing.add_client_error("remove_targets", "AccessDeniedException")
        with pytest.raises(ClientError, match="RemoveTargets"):
            tap.close()

    assert made() == ["tap-1"]  # the rule, which now leads nowhere
