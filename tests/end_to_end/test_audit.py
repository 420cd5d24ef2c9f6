"""The deployed audit, rights enforced: a process whose wake-up was lost is found and swept."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from trellis_process.local.stack import LocalStack


def invoke(stack: LocalStack, function: str) -> Any:
    answer = stack.cloud.client("lambda").invoke(
        FunctionName=stack.outputs[f"{function}FunctionName"]
    )
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def test_a_process_that_lost_its_wake_up_is_mended_and_then_swept(
    deployed_stack: LocalStack,
) -> None:
    tenant = f"tenant-{uuid.uuid4().hex[:8]}"
    http = deployed_stack.http()
    asked = {
        "process_type": "CaseCreation",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-1",
        "steps": [{"name": "create_case", "timeout_ms": 100}],
        "auto_start_steps": True,
    }
    started = http.request("POST", f"/tenants/{tenant}/processes", asked).json()
    dynamodb = deployed_stack.cloud.client("dynamodb")
    table = deployed_stack.outputs["TableName"]
    key = {"pk": {"S": f"{tenant}#{started['process_id']}"}, "sk": {"S": "process"}}
    dynamodb.update_item(TableName=table, Key=key, UpdateExpression="REMOVE due_at, due_shard")
    time.sleep(0.2)  # a deployed function has no clock to move
    invoke(deployed_stack, "TimeoutChecker")
    path = f"/tenants/{tenant}/processes/{started['process_id']}"
    assert http.request("GET", path).json()["state"] == "in_progress"  # nobody would ever look

    found = invoke(deployed_stack, "Audit")

    assert found["is_complete"]
    assert found["faults"] == {"without_wakeup": 1}
    assert (found["repaired"], found["unrepaired"]) == (1, 0)
    invoke(deployed_stack, "TimeoutChecker")
    assert http.request("GET", path).json()["state"] == "failed"
