"""What makes a stack sick is found, and the page on operations has the heading that is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import Session
from botocore.stub import Stubber
from cfnlint.decode import cfn_yaml
from moto import mock_aws

from trellis_process.cli.checks import (
    LONGEST_OVERDUE,
    RUNBOOKS,
    Checked,
    Health,
    checks_of,
)
from trellis_process.cli.dead_letters import QUEUES
from trellis_process.cli.deployment import Deployment
from trellis_process.deploy.sources import template_path

DOCS = Path(__file__).parents[2] / "docs"
SOURCE = "8a2e4c1e-7f0b-4c55-9d53-2d4f8a5d3c10"
FUNCTION = "arn:aws:lambda:us-east-1:1:function:"


@pytest.fixture(autouse=True)
def _cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.fixture
def stack() -> Deployment:
    template = '{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}'
    boto3.client("cloudformation").create_stack(StackName="trellis", TemplateBody=template)
    return Deployment(
        "trellis",
        "us-east-1",
        {
            "EventPublisherFunctionName": "publisher",
            "QueueCommandsFunctionName": "commands",
            "TimeoutCheckerFunctionName": "checker",
            "ArchiveFunctionName": "archive",
        },
        Session(),
    )


def swept(ago: timedelta) -> datetime:
    """Says that a sweep ended that long before the moment that it returns."""
    now = datetime.now(UTC)
    datum = {
        "MetricName": "SweepLateness",
        "Dimensions": [{"Name": "service", "Value": "timeout-checker"}],
        "Timestamp": now - ago,
        "Value": 1.0,
    }
    boto3.client("cloudwatch").put_metric_data(Namespace="Trellis/trellis", MetricData=[datum])
    return now


def sweeps(stack: Deployment, now: datetime) -> Checked:
    (found,) = [each for each in checks_of(stack, now) if each.check == "sweeps"]
    return found


def test_sweeps_that_have_stopped_are_told_by_the_age_of_the_last(stack: Deployment) -> None:
    now = swept(timedelta(minutes=1))

    assert sweeps(stack, now).health is Health.WELL
    late = sweeps(stack, now + timedelta(minutes=10))
    assert (late.health, late.runbook) == (Health.SICK, "SweepsMissingAlarm")
    assert re.fullmatch(r"the last one 1\d m ago", late.told)
    gone = sweeps(stack, now + timedelta(days=1))
    assert (gone.health, gone.told) == (Health.SICK, "none for 2 h")


def test_sweeps_count_only_where_all_sweepers_sweep(stack: Deployment) -> None:
    now = swept(timedelta(minutes=1))

    def with_sweepers(count: int) -> Checked:
        with schedules(stack, *["checker"] * count, "audit"):
            return sweeps(stack, now)

    assert with_sweepers(1).health is Health.WELL
    one_missing = with_sweepers(2)
    assert (one_missing.health, one_missing.runbook) == (Health.SICK, "SweepsMissingAlarm")
    assert one_missing.told == "never of all 2 sweepers for 2 h"
    swept(timedelta(minutes=1))
    both = with_sweepers(2)
    assert both.health is Health.WELL
    assert re.fullmatch(r"the last of all 2 sweepers \d.* ago", both.told)


@contextmanager
def schedules(stack: Deployment, *functions: str) -> Iterator[None]:
    """The stack has a schedule of each of these functions."""
    names = [f"schedule-{number}" for number in range(len(functions))]
    listed = [
        {
            "LogicalResourceId": name,
            "PhysicalResourceId": name,
            "ResourceType": "AWS::Scheduler::Schedule",
            "LastUpdatedTimestamp": datetime.now(UTC),
            "ResourceStatus": "CREATE_COMPLETE",
        }
        for name in names
    ]
    with (
        Stubber(stack.client("cloudformation")) as resources,
        Stubber(stack.client("scheduler")) as scheduler,
    ):
        for _asked in ("schedules", "sources", "sweepers"):
            resources.add_response("list_stack_resources", {"StackResourceSummaries": listed})
        for _asked in ("schedules", "sweepers"):
            for name, function in zip(names, functions, strict=True):
                target = {"Arn": FUNCTION + function, "RoleArn": "arn:aws:iam::1:role/schedule"}
                told = {"State": "ENABLED", "Target": target}
                scheduler.add_response("get_schedule", told, {"Name": name})
        yield


def test_a_stack_that_has_no_metrics_yet_is_neither_well_nor_sick(stack: Deployment) -> None:
    assert sweeps(stack, datetime.now(UTC)).health is Health.UNKNOWN


@pytest.mark.parametrize(
    ("state", "result", "function", "health", "runbook"),
    [
        ("Enabled", "OK", "publisher", Health.WELL, "StreamAgeAlarm"),
        ("Enabled", None, "commands", Health.WELL, "CommandsWaitingAlarm"),
        ("Disabled", "OK", "publisher", Health.SICK, "StreamAgeAlarm"),
        ("Disabling", "OK", "archive", Health.SICK, "ArchiveAgeAlarm"),
        ("Enabled", "PROBLEM: Function call failed", "publisher", Health.SICK, "StreamAgeAlarm"),
    ],
)
def test_an_event_source_that_is_off_or_has_a_problem_is_sick(
    stack: Deployment,
    state: str,
    result: str | None,
    function: str,
    health: Health,
    runbook: str,
) -> None:
    mapping: dict[str, Any] = {"State": state, "FunctionArn": FUNCTION + function}
    if result is not None:
        mapping["LastProcessingResult"] = result
    resource = {
        "LogicalResourceId": "Source",
        "PhysicalResourceId": SOURCE,
        "ResourceType": "AWS::Lambda::EventSourceMapping",
        "LastUpdatedTimestamp": datetime.now(UTC),
        "ResourceStatus": "CREATE_COMPLETE",
    }
    with (
        Stubber(stack.client("cloudformation")) as resources,
        Stubber(stack.client("lambda")) as mappings,
    ):
        for _asked in ("schedules", "sources"):
            resources.add_response("list_stack_resources", {"StackResourceSummaries": [resource]})
        mappings.add_response("get_event_source_mapping", mapping, {"UUID": SOURCE})
        found = {each.check: each for each in checks_of(stack, datetime.now(UTC))}

    assert (found["Source"].health, found["Source"].runbook) == (health, runbook)
    if result and result.startswith("PROBLEM"):
        assert result in found["Source"].told


def test_every_runbook_that_is_named_is_in_the_page_on_operations() -> None:
    page = (DOCS / "operations.md").read_text()
    headings = ", ".join(re.findall(r"^### (.+)$", page, re.MULTILINE)).split(", ")

    assert set(headings) >= RUNBOOKS


def test_every_dead_letter_queue_is_an_output_of_the_stack_and_in_the_page() -> None:
    outputs = set(cfn_yaml.load(str(template_path()))["Outputs"])
    outputs |= set(cfn_yaml.load(str(template_path().with_name("service.yaml")))["Outputs"])
    page = (DOCS / "command-line.md").read_text()
    queues = {name for name in outputs if name.endswith("QueueUrl")}

    # Those that wait for a function are none of what failed.
    waited_on = {
        f"{name}QueueUrl" for name in ("Commands", "ChildEvents", "ExternalEvents", "Jobs", "Views")
    }
    assert {queue.output for queue in QUEUES} == queues - waited_on
    for queue in QUEUES:
        assert f"| `{queue.name}` |" in page


def test_what_is_late_is_as_late_as_for_the_alarm() -> None:
    alarm = cfn_yaml.load(str(template_path()))["Resources"]["OverdueAlarm"]["Properties"]

    assert alarm["Threshold"] == LONGEST_OVERDUE.total_seconds()
