"""A query step of a deployed stack, answered from a table by a function bound to its service."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import trellis_process
from tests.end_to_end.until import until
from trellis_process import Process, ProcessState
from trellis_process.client import TrellisClient
from trellis_process.local.ministack import ACCOUNT_ID, REGION
from trellis_process.local.stack import LocalStack

PACKAGE = Path(trellis_process.__file__).parent
SERVICE = Path(__file__).parents[2] / "infra" / "service.yaml"
DUNNING = """\
process: end_to_end_dunning
version: 1
inputs: {customer: string}
steps:
  - name: overdue
    query:
      source: invoices
      filters: {customer: input.customer, due__lt: "'2026-03-02'"}
      order_by: -due
      limit: 2
    timeout: 30s
timeout: 1d
outputs:
  due: "steps.overdue.output.map(row, row.due)"
"""
ANSWERING = """
from trellis_process.queries import DynamoDBSource, Sources
from trellis_process.worker import Worker

sources = Sources()
sources.add("invoices", DynamoDBSource("invoices", partition_key="tenant_id", sort_key="due"))
handler = Worker().queries(sources)
"""


@pytest.fixture(scope="module")
def invoices(deployed_stack: LocalStack) -> Iterator[str]:
    """A table of invoices, and the name of the tenant whose rows it has beside another's."""
    tenant_id = f"tenant-{uuid.uuid4().hex[:8]}"
    dynamodb = deployed_stack.cloud.client("dynamodb")
    dynamodb.create_table(
        TableName="invoices",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "tenant_id", "KeyType": "HASH"},
            {"AttributeName": "due", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "tenant_id", "AttributeType": "S"},
            {"AttributeName": "due", "AttributeType": "S"},
        ],
    )
    rows = [
        (tenant_id, "2026-01-01", "ann"),
        (tenant_id, "2026-01-02", "bob"),
        (tenant_id, "2026-01-03", "ann"),
        (tenant_id, "2026-01-04", "ann"),
        (tenant_id, "2026-04-01", "ann"),
        (f"{tenant_id}-x", "2026-02-01", "ann"),
    ]
    for tenant, due, customer in rows:
        item = {"tenant_id": {"S": tenant}, "due": {"S": due}, "customer": {"S": customer}}
        dynamodb.put_item(TableName="invoices", Item=item)
    yield tenant_id
    dynamodb.delete_table(TableName="invoices")


@pytest.fixture(scope="module")
def answering(deployed_stack: LocalStack, invoices: str) -> Iterator[None]:
    """The function, with no more rights than the page says, behind its rule."""
    iam = deployed_stack.cloud.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    api = f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{deployed_stack.outputs['ApiId']}"
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/invoices"
    allowed = [
        {
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": f"{api}/$default/POST/tenants/*",
        },
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": table},
    ]
    role = iam.create_role(
        RoleName="queries",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="queries",
        PolicyName="queries",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
    )
    function = deployed_stack.cloud.client("lambda").create_function(
        FunctionName="queries",
        Runtime="python3.13",
        Handler="answering.handler",
        Role=role,
        Timeout=30,
        Code={"ZipFile": bundle()},
        Environment={"Variables": {"TRELLIS_API_URL": deployed_stack.api_url}},
    )
    stacks = deployed_stack.cloud.client("cloudformation")
    values = {
        "EventBusName": deployed_stack.outputs["EventBusName"],
        "Service": "trellis.query",
        "FunctionArn": function["FunctionArn"],
    }
    stacks.create_stack(
        StackName="queries",
        TemplateBody=SERVICE.read_text(),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
        ],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName="queries", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    yield
    stacks.delete_stack(StackName="queries")


def bundle() -> bytes:
    """What would be deployed: the module and this library; the runtime has the SDK."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("answering.py", ANSWERING)
        for path in PACKAGE.rglob("*.py"):
            archive.write(path, Path("trellis_process") / path.relative_to(PACKAGE))
    return zipped.getvalue()


def test_a_query_step_has_the_rows_of_its_tenant_from_a_table(
    client: TrellisClient, answering: None, invoices: str
) -> None:
    client.definitions.register(DUNNING)
    process = client.start("end_to_end_dunning", tenant_id=invoices, input={"customer": "ann"})

    def ended() -> Process | None:
        now = client.get_process(process.tenant_id, process.process_id)
        return now if now.state.is_final else None

    done: Process = until(ended)
    assert (done.state, done.step("overdue").error) == (ProcessState.COMPLETED, None)
    assert done.output == {"due": ["2026-01-04", "2026-01-03"]}
    assert done.step("overdue").output[0]["tenant_id"] == invoices
