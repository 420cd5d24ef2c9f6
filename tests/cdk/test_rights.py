"""Who may do what with a stack, and who is told what, as other constructs ask for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from trellis_process.cdk import JwtAuthorization, TrellisProcess
from trellis_process.errors import InvalidInput
from trellis_process.eventbridge import SOURCE

from .conftest import Synthesised

QUERY = "dynamodb:Query"


def allowed(synthesised: Synthesised, user: str) -> list[tuple[Any, list[str]]]:
    """What a user of the stack "Used" may do: actions, and the ends of the resources' ARNs."""
    policy = synthesised.one("Used", f"{user}/DefaultPolicy/Resource")
    return [
        (each["Action"], [end_of(resource) for resource in as_list(each["Resource"])])
        for each in policy["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def end_of(arn: dict[str, Any]) -> str:
    end = arn["Fn::Join"][1][-1] if "Fn::Join" in arn else json.dumps(arn)
    return str(end)


@pytest.mark.parametrize(
    ("user", "paths"),
    [
        (
            "CommandsOfOne",
            ["/$default/GET/tenants/tenant-1/*", "/$default/POST/tenants/tenant-1/*"],
        ),
        ("CommandsOfAll", ["/$default/GET/*", "/$default/POST/*"]),
        ("ReadsOne", ["/$default/GET/tenants/tenant-1/*"]),
        ("ReadsAll", ["/$default/GET/*"]),
    ],
)
def test_a_caller_may_invoke_the_paths_of_its_grant(
    synthesised: Synthesised, user: str, paths: list[str]
) -> None:
    assert allowed(synthesised, user) == [("execute-api:Invoke", paths)]


def test_a_sender_may_send_to_the_commands_queue(synthesised: Synthesised) -> None:
    ((actions, (queue,)),) = allowed(synthesised, "Sends")
    assert "sqs:SendMessage" in actions
    assert "sqs:ReceiveMessage" not in actions
    assert "CommandsQueue" in queue


def test_a_reader_of_the_table_may_query_its_indexes(synthesised: Synthesised) -> None:
    (resources,) = (
        resources for actions, resources in allowed(synthesised, "ReadsTable") if QUERY in actions
    )
    assert any(resource.endswith("/index/*") for resource in resources)


@pytest.mark.parametrize("tenant", ["*", "tenant-1/*", "tenant-?", "${aws:username}", ""])
def test_a_tenant_that_stands_for_others_is_refused(tenant: str, tracker: TrellisProcess) -> None:
    with pytest.raises(InvalidInput, match="tenant"):
        tracker.grant_commands(iam.User(Stack(), "Caller"), tenant=tenant)


def test_with_tokens_nobody_is_granted_calls(app: App, bundle: Any) -> None:
    authorization = JwtAuthorization(issuer="https://issuer.example", audiences=["steps"])
    stack = Stack(app, "TokensOnly")
    tracker = TrellisProcess(stack, "Tracker", authorization=authorization, bundle=bundle)
    with pytest.raises(InvalidInput, match="token"):
        tracker.grant_read(iam.User(stack, "Caller"))


def test_a_consumer_is_told_everything_that_trellis_tells(synthesised: Synthesised) -> None:
    rule = synthesised.one("Used", "Tracker/Everything/Resource")
    assert rule["EventPattern"] == {"source": [SOURCE]}
    assert "EventBus" in json.dumps(rule["EventBusName"])


def test_a_consumer_is_told_only_what_it_asks_for(synthesised: Synthesised) -> None:
    rule = synthesised.one("Used", "Tracker/Failures/Resource")
    assert rule["EventPattern"] == {
        "source": [SOURCE],
        "detail-type": ["StepFailed", "ProcessStepTimedOut"],
        "detail": {
            "tenant_id": ["tenant-1"],
            "process_type": ["CaseCreation"],
            "step_name": ["create_case"],
        },
    }
    assert "Queue" in json.dumps(rule["Targets"])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"event_types": ["StepFaild"]}, "event_types"),
        ({"tenant": "*"}, "tenant"),
        ({"process_types": [""]}, "process_types"),
        ({"step_names": ["a b"]}, "step_names"),
    ],
)
def test_a_consumer_of_what_there_is_not_is_refused(
    tracker: TrellisProcess, wanted: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        tracker.add_consumer("Wrong", **wanted)


def test_a_key_made_here_lets_rules_encrypt_commands(synthesised: Synthesised) -> None:
    (key,) = synthesised.resources("MadeHere", "AWS::KMS::Key").values()
    (statement,) = [
        each
        for each in key["KeyPolicy"]["Statement"]
        if each["Principal"] == {"Service": "events.amazonaws.com"}
    ]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }


def test_what_a_function_may_besides_is_a_policy_of_its_role(synthesised: Synthesised) -> None:
    policy = synthesised.one("Used", "Tracker/AuditRole/Policy/Resource")
    assert policy["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
    assert "AuditRole" in json.dumps(policy["Roles"])


@pytest.mark.parametrize("service", ["Expenses.validate", "Payments.pay"])
def test_the_work_of_a_service_goes_to_who_does_it_and_the_rule_may_reach_them(
    synthesised: Synthesised, service: str
) -> None:
    rules = synthesised.resources("Used", "AWS::Events::Rule").values()
    (rule,) = [each for each in rules if service in json.dumps(each)]
    assert rule["EventPattern"] == {
        "source": ["trellis"],
        "detail-type": ["StepStarted", "StepResumed", "CompensationStarted"],
        "detail": {"service": [service]},
    }
    (target,) = rule["Targets"]
    (of,) = [name for name in ("Work", "Payments") if name in json.dumps(target["Arn"])]
    assert of == {"Expenses.validate": "Work", "Payments.pay": "Payments"}[service]
