"""What happens in the deployed stack is in its views soon afterwards."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from botocore.session import Session

from tests.cli.shell import Shell
from trellis_process.client import SigV4, TrellisClient
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.local.stack import STACK_NAME, LocalStack

SOON = 30.0  # seconds in which an event surely reaches the views

_Found = TypeVar("_Found")


def until(find: Callable[[], _Found]) -> _Found:
    """What ``find`` finds that is not empty, asked again and again."""
    give_up_at = time.monotonic() + SOON
    while time.monotonic() < give_up_at:
        if found := find():
            return found
        time.sleep(0.2)
    raise AssertionError("nothing was found")


@pytest.fixture
def tenant_id() -> str:
    return f"tenant-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def name() -> str:
    return f"approval_{uuid.uuid4().hex[:8]}"


def definition(name: str) -> dict[str, Any]:
    return {
        "process": name,
        "version": 1,
        "inputs": {"department": "string"},
        "search_attributes": {"department": "input.department"},
        "steps": [
            {
                "name": "review",
                "human_task": {
                    "surface": "expense_review",
                    "assignee_role": "manager",
                    "outcomes": [{"name": "approve"}, {"name": "reject", "goto": "fail"}],
                },
            }
        ],
    }


def client(stack: LocalStack) -> TrellisClient:
    session = Session()
    session.set_credentials(stack.caller.access_key_id, stack.caller.secret_access_key)
    session.set_config_variable("region", "us-east-1")
    return TrellisClient(stack.api_url, SigV4(session))


def test_a_task_goes_from_the_inbox_into_history_and_statistics(
    deployed_stack: LocalStack, tenant_id: str, name: str
) -> None:
    with client(deployed_stack) as trellis:
        trellis.definitions.register(json.dumps(definition(name)))
        answer = deployed_stack.http().request(
            "POST",
            f"/tenants/{tenant_id}/definitions/{name}/processes",
            {"input": {"department": "sales"}, "key": "rep-9", "reason": "quarter's end"},
        )
        key = ProcessKey(tenant_id, answer.json()["process_id"])

        (task,) = until(lambda: list(trellis.views.tasks(tenant_id, role="manager")))
        assert (task.key, task.step_name, task.surface) == (key, "review", "expense_review")
        assert list(trellis.views.tasks(tenant_id, role="clerk")) == []
        (found,) = trellis.views.with_attribute(tenant_id, "department", "sales")
        assert (found.process_id, found.state) == (key.process_id, ProcessState.IN_PROGRESS)

        trellis.complete_step(key, "review", outcome="approve")
        until(lambda: not list(trellis.views.tasks(tenant_id)))

        (done,) = trellis.views.of_definition(tenant_id, name, state=ProcessState.COMPLETED)
        assert done.process_id == key.process_id
        events = list(trellis.views.history(key))
        assert [event.type for event in events] == [
            "ProcessStarted",
            "TaskOpened",
            "StepCompleted",
            "ProcessCompleted",
        ]
        assert events[0].reason == "quarter's end"
        assert all(event.actor for event in events)
        assert not any(event.follows_gap for event in events)
        for whose in (tenant_id, None):
            (counted,) = trellis.views.statistics(whose, name)
            assert (counted.started, counted.open, counted.completed) == (1, 0, 1)
            assert counted.steps[0].durations.count == 1


def test_views_that_were_lost_are_made_anew(
    deployed_stack: LocalStack, tenant_id: str, name: str, tmp_path: Path
) -> None:
    with client(deployed_stack) as trellis:
        trellis.definitions.register(json.dumps(definition(name)))
        deployed_stack.http().request(
            "POST",
            f"/tenants/{tenant_id}/definitions/{name}/processes",
            {"input": {"department": "sales"}, "key": "rep-9"},
        )
        until(lambda: list(trellis.views.tasks(tenant_id)))
        _forget(deployed_stack)
        assert list(trellis.views.tasks(tenant_id)) == []

        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "TRELLIS_STACK": STACK_NAME,
            **deployed_stack.cloud.client_environment(),
        }
        told = Shell(tmp_path, environment).run("views", "rebuild")

        assert told.returncode == 0, told.stderr
        assert "processes are in the views" in told.stdout
        (task,) = trellis.views.tasks(tenant_id, role="manager")
        assert task.step_name == "review"
        (counted,) = trellis.views.statistics(tenant_id, name)
        assert counted.open == 1


def _forget(stack: LocalStack) -> None:
    """Empties the views' table, as one is that was made anew."""
    dynamodb, table = stack.cloud.client("dynamodb"), stack.outputs["ViewTableName"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
