"""The template deployed with a bus and a key that were there before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trellis_process.local.events import EventTap
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

A_PROCESS = {
    "process_type": "CaseCreation",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-1",
    "steps": [{"name": "create_case"}],
}


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalCloud(auth=True) as cloud:
        cloud.client("events").create_event_bus(Name="company")
        key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
        parameters = {"EventBusName": "company", "EncryptionKeyArn": key}
        yield deploy_trellis(cloud, parameters=parameters)


@pytest.fixture(scope="module")
def key_arn(stack: LocalStack) -> str:
    (key,) = stack.cloud.client("kms").list_keys()["Keys"]
    return str(key["KeyArn"])


def test_the_events_are_on_the_given_bus_and_there_is_no_other(stack: LocalStack) -> None:
    assert stack.outputs["EventBusName"] == "company"
    assert stack.outputs["EventBusArn"].endswith(":event-bus/company")
    buses = stack.cloud.client("events").list_event_buses()["EventBuses"]
    assert {bus["Name"] for bus in buses} == {"default", "company"}

    tap = EventTap(stack, "company")
    started = stack.http().request("POST", "/tenants/tenant-1/processes", A_PROCESS)
    assert started.status == 201
    (event,) = tap.until(lambda heard: bool(heard), timeout_s=20)
    assert event["detail"]["process_id"] == started.json()["process_id"]


def test_the_queues_are_encrypted_by_the_given_key(stack: LocalStack, key_arn: str) -> None:
    sqs = stack.cloud.client("sqs")
    urls = [value for name, value in stack.outputs.items() if name.endswith("QueueUrl")]
    assert len(urls) == 12
    for url in urls:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["KmsMasterKeyId"])
        assert attributes["Attributes"]["KmsMasterKeyId"] == key_arn
