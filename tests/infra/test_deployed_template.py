"""The template deployed: who may call, what the schedule starts, and tokens in place of keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from trellis_process.deploy.errors import DeployError
from trellis_process.local.http import Credentials, SignedHttp
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis


def test_a_principal_without_the_right_to_invoke_is_refused(deployed_stack: LocalStack):
    iam = deployed_stack.cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    assert SignedHttp(deployed_stack.api_url, nobody).request("GET", "/").status == 403


def test_the_caller_has_no_right_but_to_invoke(deployed_stack: LocalStack):
    policy = deployed_stack.cloud.client("iam").get_user_policy(
        UserName="step-api-caller", PolicyName="invoke-step-api"
    )["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == "execute-api:Invoke"
    assert statement["Resource"].endswith(f":{deployed_stack.outputs['ApiId']}/*")


@pytest.mark.parametrize(
    ("function", "rate", "many"),
    [("TimeoutChecker", "rate(1 minute)", 2), ("Audit", "rate(1 hour)", 1)],
)
def test_a_function_is_started_by_its_schedules(
    deployed_stack: LocalStack, function: str, rate: str, many: int
):
    assert [each["ScheduleExpression"] for each in schedules(deployed_stack, function)] == (
        [rate] * many
    )


def test_each_sweeper_is_started_by_what_its_schedule_sends(deployed_stack: LocalStack):
    started = set()
    for schedule in schedules(deployed_stack, "TimeoutChecker"):
        answer = deployed_stack.cloud.client("lambda").invoke(
            FunctionName=schedule["Target"]["Arn"], Payload=schedule["Target"]["Input"]
        )
        told = json.loads(answer["Payload"].read())
        started.add((told["sweeper"], told["sweepers"]))
    assert started == {(1, 2), (2, 2)}


def schedules(stack: LocalStack, function: str) -> list[dict[str, Any]]:
    """Those that start a function."""
    scheduler = stack.cloud.client("scheduler")
    listed = scheduler.list_schedules()["Schedules"]
    found = [scheduler.get_schedule(Name=each["Name"]) for each in listed]
    arn = f":function:{stack.outputs[f'{function}FunctionName']}"
    return [each for each in found if each["Target"]["Arn"].endswith(arn)]


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(auth=True) as cloud:
        yield cloud


class TestJwt:
    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            ({"JwtAudience": "steps"}, "JwtIssuer"),
            ({"JwtIssuer": "https://issuer.example"}, "JwtAudience"),
        ],
    )
    def test_a_missing_parameter_is_named(
        self, cloud: LocalCloud, given: dict[str, str], missing: str
    ):
        with pytest.raises(DeployError, match=missing):
            deploy_trellis(cloud, parameters={"Authorization": "jwt", **given})

    def test_a_call_without_a_token_is_refused(self, cloud: LocalCloud):
        parameters = {
            "Authorization": "jwt",
            "JwtIssuer": "https://issuer.example",
            "JwtAudience": "steps,more",
        }
        stack = deploy_trellis(cloud, parameters=parameters)
        assert SignedHttp(stack.api_url, None).request("GET", "/").status == 401
        authorizer = self.authorizer(cloud, stack)
        assert authorizer["JwtConfiguration"]["Audience"] == ["steps", "more"]

    @staticmethod
    def authorizer(cloud: LocalCloud, stack: LocalStack) -> dict[str, Any]:
        api = {"ApiId": stack.outputs["ApiId"]}
        (authorizer,) = cloud.client("apigatewayv2").get_authorizers(**api)["Items"]
        return dict(authorizer)
