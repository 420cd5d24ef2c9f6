"""The alarms and the dashboard: each is about something that is there, and that is really told."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process.deploy.sources import template_path
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

Metric: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
"""A metric as CloudWatch tells it from others: namespace, name, dimensions."""

ALARM = "AWS::CloudWatch::Alarm"
OWN = "Trellis/"
TOPIC = "arn:aws:sns:us-east-1:000000000000:on-call"


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = cfn_yaml.load(str(template_path()))["Resources"]
    return loaded


def of(resources: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == kind}


def deployed_alarms(cloud: LocalCloud) -> list[dict[str, Any]]:
    pages = cloud.client("cloudwatch").get_paginator("describe_alarms").paginate()
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def metric(namespace: str, name: str, dimensions: dict[str, str]) -> Metric:
    return namespace, name, tuple(sorted(dimensions.items()))


@pytest.fixture(scope="module")
def alarmed(deployed_stack: LocalStack) -> set[Metric]:
    """What the deployed alarms are about."""
    return {
        metric(
            alarm["Namespace"],
            alarm["MetricName"],
            {each["Name"]: each["Value"] for each in alarm["Dimensions"]},
        )
        for alarm in deployed_alarms(deployed_stack.cloud)
    }


@pytest.fixture(scope="module")
def shown(deployed_stack: LocalStack) -> set[Metric]:
    """What the deployed dashboard shows."""
    body = deployed_stack.cloud.client("cloudwatch").get_dashboard(
        DashboardName=deployed_stack.outputs["DashboardName"]
    )["DashboardBody"]
    assert "${" not in body
    found = set()
    for widget in json.loads(body)["widgets"]:
        for namespace, name, *rest in widget["properties"].get("metrics", []):
            words = [each for each in rest if isinstance(each, str)]
            found.add(metric(namespace, name, dict(zip(words[::2], words[1::2], strict=True))))
    return found


@pytest.fixture(scope="module")
def emitted(deployed_stack: LocalStack) -> set[Metric]:
    """What a run of each function on a schedule tells CloudWatch, by its log."""
    found = set()
    for function in ("TimeoutChecker", "Audit"):
        answer = deployed_stack.cloud.client("lambda").invoke(
            FunctionName=deployed_stack.outputs[f"{function}FunctionName"], LogType="Tail"
        )
        for line in base64.b64decode(answer["LogResult"]).decode().splitlines():
            if '"_aws"' in line:
                found |= set(metrics_of(json.loads(line)))
    return found


def metrics_of(line: dict[str, Any]) -> Iterator[Metric]:
    """The metrics that CloudWatch makes of a log line in its embedded format."""
    for told in line["_aws"]["CloudWatchMetrics"]:
        for names in told["Dimensions"]:
            for each in told["Metrics"]:
                dimensions = {name: line[name] for name in names}
                yield metric(told["Namespace"], each["Name"], dimensions)


def test_every_alarm_on_a_metric_of_ours_is_about_one_that_a_function_emits(
    alarmed: set[Metric], emitted: set[Metric]
):
    own = {each for each in alarmed if each[0].startswith(OWN)}
    assert len(own) == 6
    assert own <= emitted


def test_the_dashboard_shows_only_what_a_function_emits(shown: set[Metric], emitted: set[Metric]):
    own = {each for each in shown if each[0].startswith(OWN)}
    assert own
    assert own <= emitted


def test_alarms_and_dashboard_are_about_what_was_deployed(
    deployed_stack: LocalStack, alarmed: set[Metric], shown: set[Metric]
):
    outputs = deployed_stack.outputs
    queues = {value.rsplit("/", 1)[-1] for key, value in outputs.items() if "QueueUrl" in key}
    there = {
        "FunctionName": {value for key, value in outputs.items() if key.endswith("FunctionName")},
        "QueueName": queues,
        "TableName": {outputs["TableName"]},
        "ApiId": {outputs["ApiId"]},
        "GlobalSecondaryIndexName": {"due", "aggregate", "listing"},
        "Operation": {"GetItem", "PutItem", "Query"},
    }
    for namespace, name, dimensions in alarmed | shown:
        if not namespace.startswith(OWN):
            for dimension, value in dimensions:
                assert value in there[dimension], (namespace, name, dimension)


def test_every_alarm_is_on_the_dashboard(deployed_stack: LocalStack):
    body = deployed_stack.cloud.client("cloudwatch").get_dashboard(
        DashboardName=deployed_stack.outputs["DashboardName"]
    )["DashboardBody"]
    arns = {alarm["AlarmArn"] for alarm in deployed_alarms(deployed_stack.cloud)}
    assert set(json.loads(body)["widgets"][0]["properties"]["alarms"]) == arns


def test_without_a_topic_the_alarms_tell_nobody(deployed_stack: LocalStack):
    alarms = deployed_alarms(deployed_stack.cloud)
    assert alarms
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [] for alarm in alarms)


def test_with_a_topic_every_alarm_tells_it_of_its_beginning_and_its_end(probe_bundle):
    with LocalCloud(auth=True) as cloud:
        deploy_trellis(cloud, bundle=probe_bundle, parameters={"AlarmTopicArn": TOPIC})
        alarms = deployed_alarms(cloud)
    assert alarms
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC] for alarm in alarms)


@pytest.mark.parametrize("name", ["Errors", "Throttles"])
def test_every_function_has_its_alarms(resources: dict[str, dict[str, Any]], name: str):
    watched = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in of(resources, ALARM).values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", name)
    }
    assert watched == set(of(resources, "AWS::Serverless::Function"))


def test_every_queue_of_what_failed_has_an_alarm(resources: dict[str, dict[str, Any]]):
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in of(resources, ALARM).values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == set(of(resources, "AWS::SQS::Queue")) - {
        *("CommandsQueue", "ChildEventsQueue", "ExternalEventsQueue", "JobsQueue", "ViewsQueue")
    }


def test_silence_is_an_alarm_where_something_has_to_be_heard(
    resources: dict[str, dict[str, Any]],
):
    breaching = {
        name
        for name, alarm in of(resources, ALARM).items()
        if alarm["TreatMissingData"] == "breaching"
    }
    assert breaching == {"SweepsMissingAlarm", "AuditMissingAlarm"}
    assert all(alarm["TreatMissingData"] for alarm in of(resources, ALARM).values())
