"""The logs of the deployed stack: a process is followed through them, as operations.md says."""

from __future__ import annotations

import json
import time
from typing import Any

from trellis_process.local.stack import LocalStack

SOON = 20.0  # seconds in which a line surely reaches its log


def lines_about(stack: LocalStack, function: str, process_id: str, many: int) -> list[Any]:
    """The lines of a function's log that name a process, once there are so many."""
    group = stack.cloud.client("cloudformation").describe_stack_resource(
        StackName="trellis", LogicalResourceId=f"{function}LogGroup"
    )["StackResourceDetail"]["PhysicalResourceId"]
    logs, until = stack.cloud.client("logs"), time.monotonic() + SOON
    while True:
        events = logs.filter_log_events(logGroupName=group, filterPattern=f'"{process_id}"')
        lines = [json.loads(event["message"]) for event in events["events"]]
        if len(lines) >= many or time.monotonic() > until:
            return lines
        time.sleep(0.1)


def test_a_process_is_followed_through_the_logs(deployed_stack: LocalStack) -> None:
    http = deployed_stack.http()
    started = http.request(
        "POST",
        "/tenants/followed/processes",
        {
            "process_type": "Order",
            "aggregate_type": "Order",
            "aggregate_id": "secret-order",
            "steps": [{"name": "pay"}],
        },
    ).json()
    process_id = started["process_id"]
    path = f"/tenants/followed/processes/{process_id}/steps/pay"
    http.request("POST", f"{path}/complete", {"output": "secret-output"})
    http.request("POST", f"{path}/fail", {"error": "secret-error"})

    asked = lines_about(deployed_stack, "StepCommands", process_id, 3)
    published = lines_about(deployed_stack, "EventPublisher", process_id, 1)

    assert [(line["operation"], line["outcome"], line["status"]) for line in asked] == [
        ("start_process", "ok", 201),
        ("complete_step", "ok", 200),
        ("fail_step", "refused", 409),
    ]
    assert all("_aws" in line for line in asked)  # one line, which carries the metrics
    assert asked[2]["code"] == "process_finished"
    told = [change for line in published for change in line["changes"] if process_id in change]
    assert told[0] == f"followed {process_id}/1 ProcessStarted"
    assert "secret" not in json.dumps(asked + published)
