"""Services bound by the construct, at parity with the template that binds one of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_sqs as sqs
from cfnlint.decode import cfn_yaml

from trellis_process.cdk import TrellisProcess
from trellis_process.deploy.sources import template_path
from trellis_process.errors import InvalidInput

from .conftest import Synthesised

# What infra/service.yaml calls the parts of what binds a service, and where they are in a stack.
PARTS = {
    "Work": "Service-Payments.pay/Resource",
    "WorkLeftQueue": "WorkLeft-Payments.pay/Resource",
    "MayLeave": "WorkLeft-Payments.pay/Policy/Resource",
    "WorkLeftAlarm": "WorkLeftAlarm-Payments.pay/Resource",
}


def test_a_service_is_bound_as_the_template_for_services_binds_it(synthesised: Synthesised) -> None:
    template: dict[str, Any] = cfn_yaml.load(str(template_path().with_name("service.yaml")))
    usual = {name: each.get("Default") for name, each in template["Parameters"].items()}
    made = {name: synthesised.one("Used", f"Tracker/{path}") for name, path in PARTS.items()}
    said = {name: template["Resources"][name]["Properties"] for name in PARTS}

    (target,) = made["Work"]["Targets"]
    assert target["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": usual["MaximumAgeSeconds"],
        "MaximumRetryAttempts": usual["MaximumRetries"],
    }
    queue = synthesised.ids["Used"]["Tracker/WorkLeft-Payments.pay/Resource"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}
    assert made["WorkLeftQueue"] == {
        "MessageRetentionPeriod": said["WorkLeftQueue"]["MessageRetentionPeriod"],
        "SqsManagedSseEnabled": True,
    }
    (may,), (expected) = (
        made["MayLeave"]["PolicyDocument"]["Statement"],
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
        },
    )
    assert expected.items() <= may.items()
    rule = synthesised.ids["Used"]["Tracker/Service-Payments.pay/Resource"]
    assert may["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}
    for name in {*said["WorkLeftAlarm"]} - {"AlarmDescription", "Dimensions"}:
        default = [] if name.endswith("Actions") else None
        expected = [] if name.endswith("Actions") else said["WorkLeftAlarm"][name]
        assert made["WorkLeftAlarm"].get(name, default) == expected, name


def test_work_may_be_left_where_somebody_says_and_not_forever(synthesised: Synthesised) -> None:
    path = "Tracker/Service-Files.keep/Resource"
    (target,) = synthesised.one("MadeHere", path)["Targets"]
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5}
    assert "Letters" in json.dumps(target["DeadLetterConfig"])
    alarm = synthesised.one("MadeHere", "Tracker/WorkLeftAlarm-Files.keep/Resource")
    (topic,) = synthesised.resources("MadeHere", "AWS::SNS::Topic")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
    assert "Letters" in json.dumps(alarm["Dimensions"])


def test_the_queue_of_work_left_is_encrypted_by_the_key_of_the_others(
    synthesised: Synthesised,
) -> None:
    queue = synthesised.one("MadeHere", "Tracker/WorkLeft-Payments.pay/Resource")
    (key,) = synthesised.resources("MadeHere", "AWS::KMS::Key")
    assert queue["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}


@pytest.mark.parametrize(
    ("field", "given"),
    [("max_age", Duration.seconds(59)), ("max_age", Duration.days(2)), ("max_retries", 186)],
)
def test_longer_than_eventbridge_tries_is_refused(
    app: App, tracker: TrellisProcess, field: str, given: Any
) -> None:
    queue = sqs.Queue(Stack(app, "Other"), "Work")
    with pytest.raises(InvalidInput, match=field):
        tracker.add_service("Payments.pay", queue, **{field: given})
