"""What the construct is given: what it makes of it, and what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from aws_cdk import App, Duration, Environment, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3

from trellis_process.cdk import FunctionSettings, JwtAuthorization, TrellisProcess
from trellis_process.cdk.functions import FunctionName
from trellis_process.errors import InvalidInput

from .conftest import Synthesised

ISSUER = "https://issuer.example"


def test_two_in_one_stack_have_names_of_their_own(synthesised: Synthesised) -> None:
    text = json.dumps(synthesised.templates["MadeHere"])
    assert "Trellis/MadeHere-Tracker" in text
    assert "Trellis/MadeHere-Other-tracker" in text
    other = synthesised.one("MadeHere", "Other tracker/Default/EventBus")
    assert other["Name"] == "MadeHere-Other-tracker"
    dashboards = synthesised.resources("MadeHere", "AWS::CloudWatch::Dashboard").values()
    assert len({json.dumps(each["DashboardName"]) for each in dashboards}) == 2


def test_what_the_same_stack_makes_is_what_the_resources_name(synthesised: Synthesised) -> None:
    def ids(kind: str) -> list[str]:
        return list(synthesised.resources("MadeHere", kind))

    (topic,), (key,) = ids("AWS::SNS::Topic"), ids("AWS::KMS::Key")
    table = synthesised.one("MadeHere", "Tracker/Default/Table")
    assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    alarm = synthesised.one("MadeHere", "Tracker/Default/WithoutWakeupAlarm")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
    (bucket,) = ids("AWS::S3::Bucket")
    archive = synthesised.one("MadeHere", "Tracker/Default/ArchiveFunction")
    assert archive["Environment"]["Variables"]["TRELLIS_ARCHIVE_BUCKET"] == {"Ref": bucket}
    publisher = synthesised.one("MadeHere", "Tracker/Default/EventPublisherFunction")
    assert "Bus" in publisher["Environment"]["Variables"]["TRELLIS_EVENT_BUS"]["Ref"]


def test_tokens_may_come_from_what_is_known_on_deployment(synthesised: Synthesised) -> None:
    jwt = synthesised.one("MadeHere", "Other tracker/Default/ApiJwtAuthorizer")["JwtConfiguration"]
    assert "AWS::StackName" in json.dumps(jwt["Issuer"])
    assert "AWS::Region" in json.dumps(jwt["Audience"])


def test_what_waits_for_a_function_waits_longer_than_it_takes(synthesised: Synthesised) -> None:
    def of(name: str) -> dict[str, Any]:
        return synthesised.one("MadeHere", f"Tracker/Default/{name}")

    assert (of("StepCommandsFunction")["MemorySize"], of("StepCommandsFunction")["Timeout"]) == (
        1024,
        20,
    )
    assert of("ApiIntegration")["TimeoutInMillis"] == 25_000
    assert of("QueueCommandsFunction")["Timeout"] == 60
    assert of("CommandsQueue")["VisibilityTimeout"] == 360
    assert of("TimeoutCheckerFunction")["ReservedConcurrentExecutions"] == 3


def test_each_sweeper_has_a_schedule_that_says_which_one_it_starts(
    synthesised: Synthesised,
) -> None:
    schedules = sorted(
        path
        for path in synthesised.ids["MadeHere"]
        if re.fullmatch(r"Tracker/Default/TimeoutCheckerSchedule\d?", path)
    )
    targets = [synthesised.one("MadeHere", path)["Target"] for path in schedules]
    started = [json.loads(target["Input"]["Fn::Sub"])["sweeper"] for target in targets]
    assert started == [{"number": number, "of": 3} for number in (1, 2, 3)]
    alarm = synthesised.one("MadeHere", "Tracker/Default/SweepsMissingAlarm")
    assert alarm["Threshold"] == 3


@pytest.mark.parametrize(("stack", "policy"), [("Plain", "Retain"), ("MadeHere", "Delete")])
def test_the_table_is_kept_unless_it_is_said_otherwise(
    synthesised: Synthesised, stack: str, policy: str
) -> None:
    table_id = synthesised.ids[stack]["Tracker/Default/Table"]
    table = synthesised.templates[stack]["Resources"][table_id]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == policy


def test_outputs_are_made_where_they_are_asked_for(synthesised: Synthesised) -> None:
    assert {"ApiUrl", "EventBusName"} <= set(synthesised.templates["Plain"]["Outputs"])
    assert set(synthesised.templates["Used"]["Outputs"]) == {"Url", "Alarm", "Log"}


def test_all_functions_run_from_one_bundle(synthesised: Synthesised) -> None:
    functions = synthesised.resources("Whole", "AWS::Lambda::Function").values()
    assert len(functions) == len(get_args(FunctionName))
    assert len({json.dumps(function["Code"]) for function in functions}) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": "two words"}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"retention_days": -1}, "retention_days"),
        ({"retention_days": 36_501}, "retention_days"),
        ({"archive_prefix": "finished"}, "archive_prefix"),
        ({"log_retention_days": 2}, "log_retention_days"),
        ({"log_level": "LOUD"}, "log_level"),
        ({"publisher_parallelism": 11}, "publisher_parallelism"),
        ({"sweepers": 9}, "sweepers"),
        ({"sweepers": 0}, "sweepers"),
        ({"sweepers": 3.0}, "sweepers"),
        ({"sweepers": Token.as_number({"Ref": "Number"})}, "sweepers"),
        (
            {
                "sweepers": 3,
                "functions": {"timeout_checker": FunctionSettings(reserved_concurrency=2)},
            },
            r"functions\['timeout_checker'\].reserved_concurrency",
        ),
        ({"bundle": "nowhere"}, "bundle"),
        ({"functions": {"janitor": FunctionSettings()}}, "functions"),
        ({"functions": {"archive": FunctionSettings()}}, "functions"),
        (
            {"functions": {"audit": FunctionSettings(memory_mb=64)}},
            r"functions\['audit'\].memory_mb",
        ),
        (
            {"functions": {"step_commands": FunctionSettings(timeout=Duration.seconds(26))}},
            r"functions\['step_commands'\].timeout, in seconds",
        ),
        (
            {"functions": {"audit": FunctionSettings(reserved_concurrency=0)}},
            r"functions\['audit'\].reserved_concurrency",
        ),
        (
            {"authorization": JwtAuthorization(issuer="http://issuer.example", audiences=["a"])},
            "authorization.issuer",
        ),
        (
            {"authorization": JwtAuthorization(issuer=ISSUER, audiences=["a"], tenant_claim="")},
            "authorization.tenant_claim",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_name(
    app: App, bundle: Path, given: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        TrellisProcess(Stack(app, "Refused"), "Tracker", **{"bundle": bundle, **given})


@pytest.mark.parametrize("audiences", [[], "steps", ["a,b"], [""]])
def test_audiences_that_no_token_has_are_refused(audiences: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^authorization\.audiences: "):
        JwtAuthorization(issuer=ISSUER, audiences=audiences)


def test_an_archive_needs_time(app: App, bundle: Path) -> None:
    stack = Stack(app, "Hasty")
    bucket = s3.Bucket.from_bucket_name(stack, "Archive", "archive")
    with pytest.raises(InvalidInput, match=r"^archive_bucket: .* 7 or more"):
        TrellisProcess(stack, "Tracker", archive_bucket=bucket, retention_days=6, bundle=bundle)


def test_a_bus_of_another_region_is_refused(app: App, bundle: Path) -> None:
    here = Environment(account="123456789012", region="eu-west-1")
    stack = Stack(app, "Elsewhere", env=here)
    arn = "arn:aws:events:us-east-1:123456789012:event-bus/company"
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", arn)
    with pytest.raises(InvalidInput, match=r"^event_bus: .*eu-west-1"):
        TrellisProcess(stack, "Tracker", event_bus=bus, bundle=bundle)
