"""The commands on the views, as a person and as a script use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process import ProcessDefinition
from trellis_process.testing.view_store_contract import review, work

from .shell import Shell


@pytest.fixture
def shell(step_api: StepApi, tmp_path: Path) -> Shell:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "COLUMNS": "160",
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "TRELLIS_API_URL": step_api.url,
        "TRELLIS_TENANT": "tenant-1",
    }
    return Shell(tmp_path, environment)


@pytest.fixture
def process_id(step_api: StepApi) -> str:
    """A process that waits for a manager."""
    definition = ProcessDefinition("expense", version=3, steps=(work("check"), review()))
    step_api.service.register(definition)
    process = step_api.service.start("expense", tenant_id="tenant-1", input={}, actor="intake")
    step_api.service.complete_step(process, "check", actor="arn:role/checker", reason="all there")
    return process.process_id


def test_open_tasks_are_shown_with_whose_they_are_and_until_when(
    shell: Shell, process_id: str
) -> None:
    shown = shell.run("tasks").stdout
    assert process_id in shown
    assert "review  in 7 d  expense  manager" in shown
    assert "approve, reject" in shown

    assert shell.run("tasks", "--role", "clerk").stdout == "There are none.\n"
    (task,) = shell.json("tasks", "--role", "manager", "--due-before", "2999-01-01T00:00:00Z")
    assert (task["process_id"], task["definition_version"]) == (process_id, 3)


def test_a_moment_that_is_none_is_refused(shell: Shell) -> None:
    done = shell.run("tasks", "--due-before", "tomorrow")
    assert done.returncode == 2
    assert "2026-03-01T09:30:00Z" in done.stderr


def test_the_history_says_what_happened_by_whom_and_why(shell: Shell, process_id: str) -> None:
    lines = shell.run("history", process_id).stdout.splitlines()
    told = [" ".join(line.split()[2:]) for line in lines[1:]]
    assert told == [
        "ProcessStarted intake",
        "StepStarted check intake",
        "StepCompleted check checker all there",
        "TaskOpened review checker all there",
    ]
    events = [
        json.loads(line) for line in shell.run("history", process_id, "--json").stdout.splitlines()
    ]
    assert [event["version"] for event in events] == [1, 1, 2, 2]
    assert shell.run("history", "unknown").stdout == "Nothing is known of it.\n"


def test_statistics_are_told_by_version_and_step(
    shell: Shell, step_api: StepApi, process_id: str
) -> None:
    key = step_api.service.get_process("tenant-1", process_id)
    step_api.service.complete_step(key, "review", outcome="approve")
    shown = shell.run("stats", "expense").stdout
    assert "expense 3: 1 started, 0 open, 1 completed, 0 failed, 0 cancelled" in shown
    assert "100.0% within the agreed time" in shown
    assert "review  1" in shown
    (version,) = shell.json("stats", "expense", "--all-tenants")["versions"]
    assert version["completed"] == 1
    assert shell.run("stats", "unknown").stdout == "Nothing was counted of it.\n"
