"""A long list through the deployed stack: its parts fail, are tried again, undone and suspended.

Thirty items are two parts, each a process of its own, which the stack itself starts, tells and
hears of. The service that packs them is this test, behind a queue that ``infra/service.yaml``
binds to its name.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.until import until
from trellis_process import Process, ProcessKey, ProcessState
from trellis_process.client import TrellisClient
from trellis_process.errors import ProcessFinished
from trellis_process.local.stack import LocalStack

ITEMS = 30
SOON = 60.0  # seconds in which all parts are dealt with
SERVICE = Path(__file__).parents[2] / "infra" / "service.yaml"
BULK = """\
process: bulk
version: 1
inputs: {items: array}
steps:
  - name: all
    foreach:
      items: input.items
      max_concurrency: 50
      on_item_failure: fail
      steps:
        - {name: pack, service: Bulk.pack, inputs: {i: item}, timeout: 1h}
timeout: 1d
outputs: {packed: steps.all.output.processed}
"""
BULK_UNDONE = """\
process: bulk_undone
version: 1
inputs: {items: array}
steps:
  - name: all
    foreach:
      items: input.items
      max_concurrency: 50
      steps:
        - name: pack
          service: Bulk.pack
          inputs: {i: item}
          timeout: 1h
          compensate_with: unpack
  - {name: ship, service: Bulk.pack, inputs: {i: "'ship'"}, timeout: 1h}
compensations:
  - {name: unpack, service: Bulk.pack, inputs: {i: step.input.i}}
timeout: 1d
"""


class Packer:
    """Does the work that comes to its queue, and notes each piece that it did."""

    def __init__(self, stack: LocalStack, client: TrellisClient) -> None:
        self.client = client
        self.failing: set[Any] = set()
        self.done: list[Any] = []
        self.undone: list[Any] = []
        self.asked_again: list[Any] = []  # by an attempt that was not the first
        self._tenant_id = ""
        self._seen: set[str] = set()
        self._sqs = stack.cloud.client("sqs")
        self._url = self._sqs.create_queue(QueueName="bulk-pack")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])
        values = {
            "EventBusName": stack.outputs["EventBusName"],
            "Service": "Bulk.pack",
            "QueueArn": attributes["Attributes"]["QueueArn"],
            "QueueUrl": self._url,
        }
        stacks = stack.cloud.client("cloudformation")
        stacks.create_stack(
            StackName="Bulk-pack",
            TemplateBody=SERVICE.read_text(),
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
            ],
        )
        stacks.get_waiter("stack_create_complete").wait(
            StackName="Bulk-pack", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    def begin(self, tenant_id: str, *failing: Any) -> None:
        """Forgets what came before, and fails what it is told to fail."""
        self._tenant_id = tenant_id
        self.failing = set(failing)
        self.done, self.undone, self.asked_again = [], [], []

    def work_until_ended(self, process: Process) -> Process:
        """The process, after all that it led to."""
        ends = time.monotonic() + SOON
        while not (now := self.client.get_process(*key_of(process))).state.is_final:
            assert time.monotonic() < ends, (now, sorted(map(str, self.done)))
            self.work()
        return now

    def work(self) -> None:
        """Takes what there is by now."""
        for detail in self.taken():
            key = ProcessKey(detail["tenant_id"], detail["process_id"])
            attempt = detail["attempt"]
            item = detail["input"]["i"]
            if attempt > 1:
                self.asked_again.append(item)
            if item in self.failing:
                self.client.fail_step(key, detail["step_name"], "no box", attempt=attempt)
                continue
            did = self.undone if detail["type"] == "CompensationStarted" else self.done
            with suppress(ProcessFinished):  # it was given up when another item failed
                self.client.complete_step(key, detail["step_name"], attempt=attempt)
                did.append(item)

    def taken(self) -> Iterator[dict[str, Any]]:
        """The work of this test's tenant, as the bus tells of it."""
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}
        for message in self._sqs.receive_message(**asked).get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            detail = json.loads(message["Body"])["detail"]
            is_double = detail["id"] in self._seen  # as any event may come twice
            self._seen.add(detail["id"])
            if detail["tenant_id"] == self._tenant_id and not is_double:
                yield detail


def key_of(process: Process) -> tuple[str, str]:
    return process.key.tenant_id, process.key.process_id


@pytest.fixture(scope="module")
def the_packer(deployed_stack: LocalStack, client: TrellisClient) -> Iterator[Packer]:
    client.definitions.register(BULK)
    client.definitions.register(BULK_UNDONE)
    yield Packer(deployed_stack, client)
    deployed_stack.cloud.client("cloudformation").delete_stack(StackName="Bulk-pack")


@pytest.fixture
def packer(the_packer: Packer, tenant_id: str) -> Packer:
    the_packer.begin(tenant_id)
    return the_packer


def start(client: TrellisClient, name: str, tenant_id: str) -> Process:
    return client.start(name, tenant_id=tenant_id, input={"items": list(range(ITEMS))})


def parts_of(client: TrellisClient, process: Process, state: ProcessState) -> list[Process]:
    """Its two parts, once both are in a state."""

    def find() -> list[Process] | None:
        listed = client.list_processes(process.key.tenant_id, state=state)
        found = [each for each in listed if each.parent is not None]
        return found if len(found) == 2 else None

    found: list[Process] = until(find)
    return found


def test_only_what_failed_in_a_part_is_done_again(
    client: TrellisClient, packer: Packer, tenant_id: str
) -> None:
    process = start(client, "bulk", tenant_id)
    packer.failing = {17}
    failed = packer.work_until_ended(process)
    assert failed.state is ProcessState.FAILED
    packer.failing = set()
    done_before = set(packer.done)

    client.retry_step(process, "all", reason="boxes have come")
    ended = packer.work_until_ended(process)

    assert ended.output == {"packed": ITEMS}
    assert 17 in packer.asked_again
    assert not done_before & set(packer.asked_again), "what was packed was asked for again"
    # An item whose first event came only now is packed twice: its success counts from either.
    assert set(packer.done) == set(range(ITEMS)), "an item was not packed at all"


def test_each_item_of_each_part_is_undone_once(
    client: TrellisClient, packer: Packer, tenant_id: str
) -> None:
    packer.failing = {"ship"}

    ended = packer.work_until_ended(start(client, "bulk_undone", tenant_id))

    assert (ended.state, ended.compensation) == (ProcessState.FAILED, "done")
    assert sorted(packer.undone) == sorted(packer.done) == list(range(ITEMS))
    # A part undoes the last that it completed first.
    of_first = [item for item in packer.done if item < 25]
    assert [item for item in packer.undone if item < 25] == of_first[::-1]


def test_parts_stand_still_with_their_whole_and_go_on_with_it(
    client: TrellisClient, packer: Packer, tenant_id: str
) -> None:
    process = start(client, "bulk", tenant_id)
    parts_of(client, process, ProcessState.IN_PROGRESS)
    client.suspend_process(process, reason="stocktaking")
    parts_of(client, process, ProcessState.SUSPENDED)
    client.resume_process(process)

    ended = packer.work_until_ended(process)

    assert ended.output == {"packed": ITEMS}
    assert sorted(packer.done) == list(range(ITEMS))
