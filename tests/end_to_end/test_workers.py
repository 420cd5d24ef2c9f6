"""Two steps done by real functions: one called by the bus, one behind a queue of its own."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import trellis_process
from tests.end_to_end.until import until
from trellis_process import Process, ProcessState, ProcessStep, StepState
from trellis_process.client import TrellisClient
from trellis_process.local.ministack import ACCOUNT_ID, REGION
from trellis_process.local.stack import LocalStack

PACKAGE = Path(trellis_process.__file__).parent
WORKERS = """
from trellis_process.worker import StepContext, Worker

worker = Worker()


@worker.step("create_case")
def create_case(ctx: StepContext) -> dict:
    if ctx.attempt == 1:
        raise ConnectionError("no route")
    return {"case": f"case of {ctx.aggregate_id}", "priority": ctx.input["priority"]}


@worker.step("approve")
def approve(ctx: StepContext) -> dict:
    if not ctx.is_resumed:
        ctx.suspend(reason="a person decides")
    return {"decided": ctx.resume_data}
"""


def bundle() -> bytes:
    """What a service would deploy: its own module and this library; the runtime has botocore."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("workers.py", WORKERS)
        for path in PACKAGE.rglob("*.py"):
            archive.write(path, Path("trellis_process") / path.relative_to(PACKAGE))
    return zipped.getvalue()


@pytest.fixture(scope="module")
def role(deployed_stack: LocalStack) -> str:
    """May call the step API and take from queues."""
    iam = deployed_stack.cloud.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{deployed_stack.outputs['ApiId']}"
    allowed = [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{api}/$default/POST/*"},
        {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "*"},
    ]
    made = iam.create_role(
        RoleName="workers",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(
        RoleName="workers",
        PolicyName="workers",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
    )
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="module")
def workers(deployed_stack: LocalStack, role: str) -> Iterator[str]:
    """The tenant whose steps the functions do."""
    tenant_id = f"tenant-{uuid.uuid4().hex[:8]}"
    functions = deployed_stack.cloud.client("lambda")
    arns = {
        step: functions.create_function(
            FunctionName=f"worker-{step}",
            Runtime="python3.13",
            Handler=f"workers.{step}",
            Role=role,
            Timeout=30,
            Code={"ZipFile": bundle()},
            Environment={"Variables": {"TRELLIS_API_URL": deployed_stack.api_url}},
        )["FunctionArn"]
        for step in ("create_case", "approve")
    }
    sqs = deployed_stack.cloud.client("sqs")
    queue_url = sqs.create_queue(
        QueueName="work-create_case", Attributes={"VisibilityTimeout": "60"}
    )["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=queue["QueueArn"],
        FunctionName="worker-create_case",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    on_bus = {"EventBusName": deployed_stack.outputs["EventBusName"]}
    events = deployed_stack.cloud.client("events")
    targets = {"create_case": queue["QueueArn"], "approve": arns["approve"]}
    for step, target in targets.items():
        pattern = {
            "source": ["trellis"],
            "detail-type": ["StepStarted", "StepResumed"],
            "detail": {"step_name": [step], "tenant_id": [tenant_id]},
        }
        events.put_rule(Name=f"work-{step}", EventPattern=json.dumps(pattern), **on_bus)
        events.put_targets(Rule=f"work-{step}", Targets=[{"Id": "worker", "Arn": target}], **on_bus)
    yield tenant_id
    for step in targets:
        events.remove_targets(Rule=f"work-{step}", Ids=["worker"], **on_bus)
        events.delete_rule(Name=f"work-{step}", **on_bus)
    functions.delete_event_source_mapping(UUID=mapping["UUID"])


def test_functions_do_the_work_fail_wait_and_are_resumed(
    workers: str, client: TrellisClient
) -> None:
    process = client.start_process(
        tenant_id=workers,
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[ProcessStep(name="create_case", retries_permitted=1), ProcessStep(name="approve")],
        metadata={"priority": "high"},
        auto_start_steps=True,
    )

    def stands(step: str, state: StepState) -> Any:
        current = client.get_process(process.tenant_id, process.process_id)
        return current if current.step(step).state is state else None

    made = until(lambda: stands("create_case", StepState.COMPLETED))
    assert made.step("create_case").attempt == 2
    assert made.step("create_case").output == {"case": "case of ref-123", "priority": "high"}
    assert "worker" in (made.step("create_case").reported_by or "")
    waiting: Process = until(lambda: stands("approve", StepState.WAITING))
    assert waiting.state is ProcessState.IN_PROGRESS

    client.resume_step(process, "approve", {}, resumption=1)

    ended = until(lambda: stands("approve", StepState.COMPLETED))
    assert ended.is_completed()
    assert ended.step("approve").output == {"decided": {}}
