"""What happens in the deployed stack is in its views soon afterwards."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.end_to_end.until import until
from trellis_process.client import TrellisClient
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.local.stack import STACK_NAME, LocalStack


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


def test_a_task_goes_from_the_inbox_into_history_and_statistics(
    deployed_stack: LocalStack, client: TrellisClient, tenant_id: str, name: str
) -> None:
    client.definitions.register(json.dumps(definition(name)))
    answer = deployed_stack.http().request(
        "POST",
        f"/tenants/{tenant_id}/definitions/{name}/processes",
        {"input": {"department": "sales"}, "key": "rep-9", "reason": "quarter's end"},
    )
    key = ProcessKey(tenant_id, answer.json()["process_id"])

    (task,) = until(lambda: list(client.views.tasks(tenant_id, role="manager")))
    assert (task.key, task.step_name, task.surface) == (key, "review", "expense_review")
    assert list(client.views.tasks(tenant_id, role="clerk")) == []
    (found,) = client.views.with_attribute(tenant_id, "department", "sales")
    assert (found.process_id, found.state) == (key.process_id, ProcessState.IN_PROGRESS)

    client.complete_step(key, "review", outcome="approve")
    until(lambda: not list(client.views.tasks(tenant_id)))

    (done,) = client.views.of_definition(tenant_id, name, state=ProcessState.COMPLETED)
    assert done.process_id == key.process_id
    events = list(client.views.history(key))
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
        (counted,) = client.views.statistics(whose, name)
        assert (counted.started, counted.open, counted.completed) == (1, 0, 1)
        assert counted.steps[0].durations.count == 1


def test_views_that_were_lost_are_made_anew(
    deployed_stack: LocalStack, client: TrellisClient, tenant_id: str, name: str, tmp_path: Path
) -> None:
    client.definitions.register(json.dumps(definition(name)))
    deployed_stack.http().request(
        "POST",
        f"/tenants/{tenant_id}/definitions/{name}/processes",
        {"input": {"department": "sales"}, "key": "rep-9"},
    )
    until(lambda: list(client.views.tasks(tenant_id)))
    _forget(deployed_stack)
    assert list(client.views.tasks(tenant_id)) == []

    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "TRELLIS_STACK": STACK_NAME,
        **deployed_stack.cloud.client_environment(),
    }
    told = Shell(tmp_path, environment).run("views", "rebuild")

    assert told.returncode == 0, told.stderr
    assert "processes are in the views" in told.stdout
    (task,) = client.views.tasks(tenant_id, role="manager")
    assert task.step_name == "review"
    (counted,) = client.views.statistics(tenant_id, name)
    assert counted.open == 1


def _forget(stack: LocalStack) -> None:
    """Empties the views' table, as one is that was made anew."""
    dynamodb, table = stack.cloud.client("dynamodb"), stack.outputs["ViewTableName"]
    for page in dynamodb.get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
