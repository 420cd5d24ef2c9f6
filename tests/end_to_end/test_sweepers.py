"""Several sweepers of the deployed stack, rights enforced, while their number is changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

PROCESSES = "/tenants/tenant-1/processes"
DUE = 12


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(auth=True) as cloud:
        yield cloud


def deployed(cloud: LocalCloud, sweepers: int) -> LocalStack:
    """The stack with so many sweepers, which the test starts itself, and no schedule."""
    stack = deploy_trellis(cloud, parameters={"Sweepers": str(sweepers)})
    scheduler = cloud.client("scheduler")
    for schedule in schedules(stack):
        wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        scheduler.update_schedule(State="DISABLED", **{name: schedule[name] for name in wanted})
    return stack


def schedules(stack: LocalStack) -> list[dict[str, Any]]:
    scheduler = stack.cloud.client("scheduler")
    listed = scheduler.list_schedules()["Schedules"]
    found = [scheduler.get_schedule(Name=each["Name"]) for each in listed]
    arn = f":function:{stack.outputs['TimeoutCheckerFunctionName']}"
    return [each for each in found if each["Target"]["Arn"].endswith(arn)]


def sweep(stack: LocalStack) -> list[dict[str, Any]]:
    """What each sweeper answers that has a schedule, started as this does."""
    answers = []
    for schedule in schedules(stack):
        target = schedule["Target"]
        answer = stack.cloud.client("lambda").invoke(
            FunctionName=target["Arn"], Payload=target["Input"]
        )
        told = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, told
        answers.append(told)
    return answers


def start_late(stack: LocalStack) -> list[str]:
    """Processes whose only step has timed out, by their paths."""
    http = stack.http()
    asked = {
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [{"name": "create_case", "timeout_ms": 1}],
        "auto_start_steps": True,
    }
    started = [http.request("POST", PROCESSES, asked).json()["process_id"] for _ in range(DUE)]
    time.sleep(0.01)  # a deployed function has no clock to move
    return [f"{PROCESSES}/{process_id}" for process_id in started]


def test_what_is_due_is_swept_once_however_their_number_changes(cloud: LocalCloud) -> None:
    late: list[str] = []
    for sweepers in (2, 3, 1):
        stack = deployed(cloud, sweepers)
        late = start_late(stack)

        answers = sweep(stack)

        assert sorted((each["sweeper"], each["sweepers"]) for each in answers) == [
            (number, sweepers) for number in range(1, sweepers + 1)
        ]
        assert sum(each["failed"] for each in answers) == DUE
        ends = [stack.http().request("GET", path).json() for path in late]
        assert {(each["state"], each["version"]) for each in ends} == {("failed", 2)}
