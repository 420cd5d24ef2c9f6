"""A definition through the deployed stack: registered, started by name, driven to its end.

Its services are real functions, each connected by nothing but the rule on ``detail.service`` that
``infra/service.yaml`` makes: one is called by the bus, the other stands behind a queue of its own.
Its child is another definition's process, which the stack itself starts and reports.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import trellis_process
from tests.end_to_end.until import until
from trellis_process import Process, ProcessKey, ProcessState, StepState, WaitingFor
from trellis_process.application.definitions import DefinitionStatus
from trellis_process.client import TrellisClient
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import DefinitionDraining, DefinitionInUse, InvalidDefinition
from trellis_process.local.ministack import ACCOUNT_ID, REGION
from trellis_process.local.stack import LocalStack

PACKAGE = Path(trellis_process.__file__).parent
SERVICE = Path(__file__).parents[2] / "infra" / "service.yaml"
EXPENSES = """\
process: expense_approval
title: Expense approval
version: 1
inputs:
  report_id: string
  amount: number
steps:
  - name: validate
    kind: service
    service: Expenses.validate
    timeout: 30s
    retry: {max_attempts: 3, backoff: fixed, interval: 1s}
  - name: big
    kind: condition
    condition: input.amount > 1000
    on_true: review
    on_false: pay
  - name: review
    kind: human_task
    human_task:
      surface: expense_review
      assignee_role: manager
      outcomes:
        - {name: approve, label: Approve expense, goto: pay}
        - {name: reject, label: Reject, goto: fail}
  - name: pay
    kind: service
    service: Payments.pay
    timeout: 1m
    inputs: {report: input.report_id, amount: input.amount}
    compensate_with: refund
  - name: book
    kind: subprocess
    subprocess: booking
    inputs: {payment: steps.pay.output.payment_id}
  - name: receipt
    kind: wait
    wait_for_signal: receipt
    timeout: 7d
  - name: file
    kind: service
    service: Files.keep
    timeout: 1s
    retry: {max_attempts: 2, backoff: fixed, interval: 1s}
  - name: notify
    kind: send
    channel: notifications
    message: ExpensePaid
compensations:
  - {name: refund, service: Payments.pay}
timeout: 30d
outputs:
  payment_id: steps.pay.output.payment_id
  booked: steps.book.output.entry
"""
BOOKING = """\
process: booking
version: 1
inputs: {payment: string}
steps:
  - {name: wait, wait_for_signal: booked, timeout: 7d}
timeout: 30d
outputs:
  entry: "'entry of ' + input.payment"
"""
WORKERS = """
from trellis_process.worker import StepContext, Worker

worker = Worker()


@worker.service("Expenses.validate")
def validate(ctx: StepContext) -> dict:
    if ctx.attempt == 1:
        raise ConnectionError("no route")
    return {"is_valid": True}


@worker.service("Payments.pay")
def pay(ctx: StepContext) -> dict:
    if ctx.undoes:
        return {"refunded": True}
    return {"payment_id": f"payment of {ctx.input['report']}"}
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
    reports = f"{api}/$default/POST/tenants/*"
    allowed = [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": reports},
        {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": "*"},
    ]
    made = iam.create_role(
        RoleName="services",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(
        RoleName="services",
        PolicyName="services",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed}),
    )
    return str(made["Role"]["Arn"])


@pytest.fixture(scope="module")
def services(deployed_stack: LocalStack, role: str) -> Iterator[None]:
    """The two services, each behind its rule on ``detail.service``."""
    functions = deployed_stack.cloud.client("lambda")
    arns = {
        name: functions.create_function(
            FunctionName=f"service-{name}",
            Runtime="python3.13",
            Handler=f"workers.{name}",
            Role=role,
            Timeout=30,
            Code={"ZipFile": bundle()},
            Environment={"Variables": {"TRELLIS_API_URL": deployed_stack.api_url}},
        )["FunctionArn"]
        for name in ("validate", "pay")
    }
    sqs = deployed_stack.cloud.client("sqs")
    queue_url = sqs.create_queue(QueueName="work-validate", Attributes={"VisibilityTimeout": "60"})[
        "QueueUrl"
    ]
    queue = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=queue["QueueArn"],
        FunctionName="service-validate",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    stacks = deployed_stack.cloud.client("cloudformation")
    targets = {
        "Expenses.validate": {"QueueArn": queue["QueueArn"], "QueueUrl": queue_url},
        "Payments.pay": {"FunctionArn": arns["pay"]},
    }
    for service, target in targets.items():
        name = service.replace(".", "-")
        values = {
            "EventBusName": deployed_stack.outputs["EventBusName"],
            "Service": service,
            **target,
        }
        stacks.create_stack(
            StackName=name,
            TemplateBody=SERVICE.read_text(),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
            ],
        )
        stacks.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
    yield
    for service in targets:
        stacks.delete_stack(StackName=service.replace(".", "-"))
    functions.delete_event_source_mapping(UUID=mapping["UUID"])


@pytest.fixture(scope="module")
def registered(client: TrellisClient, services: None) -> None:
    assert client.definitions.register(BOOKING).version == 1
    assert client.definitions.register(EXPENSES) == client.definitions.register(EXPENSES)


class Journey:
    """One process, and how it stands."""

    def __init__(self, stack: LocalStack, client: TrellisClient, process: Process) -> None:
        self.stack = stack
        self.client = client
        self.process = process
        self.key: ProcessKey = process.key

    def at(self, step: str, state: StepState) -> Process:
        """The process, once a step of it is in a state."""

        def find() -> Process | None:
            process = self.client.get_process(self.key.tenant_id, self.key.process_id)
            there = process.steps.get(step)
            return process if there is not None and there.state is state else None

        found: Process = until(find)
        return found

    def child(self) -> Process:
        """The child that it asked for, once it was started."""

        def find() -> Process | None:
            listed = self.client.list_processes(self.key.tenant_id, process_type="booking")
            return next(iter(listed), None)

        found: Process = until(find)
        return found

    def swept_until(self, holds: Callable[[Process], bool]) -> Process:
        """The process, once something holds of it, with sweeps meanwhile."""
        functions = self.stack.cloud.client("lambda")

        def find() -> Process | None:
            answer = functions.invoke(FunctionName=self.stack.outputs["TimeoutCheckerFunctionName"])
            assert "FunctionError" not in answer, answer["Payload"].read()
            process = self.client.get_process(self.key.tenant_id, self.key.process_id)
            return process if holds(process) else None

        found: Process = until(find)
        return found


def start(stack: LocalStack, client: TrellisClient, tenant_id: str, amount: int) -> Journey:
    given: dict[str, Any] = {"report_id": "report-7", "amount": amount}
    process = client.start("expense_approval", tenant_id=tenant_id, key="report-7", input=given)
    return Journey(stack, client, process)


def test_a_process_goes_through_services_a_task_a_child_and_a_signal_to_its_end(
    deployed_stack: LocalStack, client: TrellisClient, registered: None, tenant_id: str
) -> None:
    journey = start(deployed_stack, client, tenant_id, 2_000)
    again = start(deployed_stack, client, tenant_id, 7)
    assert (again.process.was_there, again.key) == (True, journey.key)
    assert again.process.input["amount"] == 2_000

    # The first attempt fails, its retry begins with a sweep, and the second attempt is well.
    journey.swept_until(lambda now: now.step("validate").state is StepState.COMPLETED)
    asked = journey.at("review", StepState.WAITING)
    assert asked.step("validate").attempt == 2
    client.claim_task(journey.key, "review", by="maria")
    client.complete_step(journey.key, "review", outcome="approve")
    paid = journey.at("pay", StepState.COMPLETED)
    assert paid.step("pay").output == {"payment_id": "payment of report-7"}
    child = journey.child()
    assert child.parent is not None
    assert child.parent.process_id == journey.key.process_id
    assert child.input == {"payment": "payment of report-7"}
    client.signal(child, "booked")
    waiting = journey.at("receipt", StepState.WAITING)
    assert waiting.step("receipt").waits_for is WaitingFor.SIGNAL
    client.signal(journey.key, "receipt", {"no": 7}, signal_id="bank-1")
    # Nobody listens for Files.keep, so its attempt times out, and the second is done by hand.
    started = journey.swept_until(lambda now: now.step("file").attempt == 2)
    client.complete_step(started, "file", {"kept": True}, attempt=2)

    ended = client.get_process(tenant_id, journey.key.process_id)
    assert ended.is_completed()
    assert ended.output == {
        "payment_id": "payment of report-7",
        "booked": "entry of payment of report-7",
    }


def test_what_was_done_is_undone_by_its_service_when_a_later_step_fails(
    deployed_stack: LocalStack, client: TrellisClient, registered: None, tenant_id: str
) -> None:
    journey = start(deployed_stack, client, tenant_id, 20)
    journey.swept_until(lambda now: now.step("validate").state is StepState.COMPLETED)
    journey.at("pay", StepState.COMPLETED)
    client.cancel_process(journey.child(), reason="the books are closed")

    undone = journey.at("undo:pay", StepState.COMPLETED)

    assert undone.step("undo:pay").output == {"refunded": True}
    assert (undone.state, undone.compensation) == (ProcessState.FAILED, "done")


def test_versions_are_compared_counted_drained_and_archived(
    deployed_stack: LocalStack, client: TrellisClient, registered: None, tenant_id: str
) -> None:
    name = f"booking_{tenant_id[-8:]}"
    first = BOOKING.replace("process: booking", f"process: {name}")
    client.definitions.register(first)
    client.definitions.register(first.replace("version: 1", "version: 2").replace("7d", "8d"))
    process = client.start(name, tenant_id=tenant_id, version=1, input={"payment": "p"})

    (change,) = client.definitions.diff(name, from_version=1, to_version=2)
    assert (change.path, change.before, change.after) == ("steps.wait.timeout", "7d", "8d")
    definition = ProcessDefinition.from_dict(client.definitions.get(name, 2))
    assert (definition.process, definition.version) == (name, 2)
    assert name in list(client.definitions.names())
    client.definitions.set_status(name, 1, DefinitionStatus.DRAINING)
    with pytest.raises(DefinitionDraining):
        client.start(name, tenant_id=tenant_id, version=1, input={"payment": "p"})
    audited(deployed_stack)
    with pytest.raises(DefinitionInUse):
        client.definitions.set_status(name, 1, DefinitionStatus.ARCHIVED)
    client.signal(process, "booked")
    audited(deployed_stack)
    archived = client.definitions.set_status(name, 1, DefinitionStatus.ARCHIVED)

    assert [(each.version, each.status, each.open) for each in archived.versions] == [
        (1, DefinitionStatus.ARCHIVED, 0),
        (2, DefinitionStatus.ACTIVE, 0),
    ]


def test_all_that_is_wrong_with_a_definition_is_told_over_the_wire(client: TrellisClient) -> None:
    with pytest.raises(InvalidDefinition, match="did you mean 'review'"):
        client.definitions.register(EXPENSES.replace("on_true: review", "on_true: reviw"))


def audited(stack: LocalStack) -> None:
    """Once a whole round of the audit has ended."""
    answer = stack.cloud.client("lambda").invoke(FunctionName=stack.outputs["AuditFunctionName"])
    assert json.loads(answer["Payload"].read())["is_complete"]
