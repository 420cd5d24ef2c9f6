"""Definitions and processes of them on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.http.expenses import EXPENSES, NAME, version
from tests.step_api_server import step_api as step_api

from .shell import Shell
from .test_processes import shell as shell

INPUT = '{"report_id": "report-7", "amount": 2000}'


@pytest.fixture
def registered(shell: Shell) -> Path:
    """The file of a definition that is registered."""
    path = shell.folder / "expenses.yaml"
    path.write_text(EXPENSES)
    done = shell.run("register", str(path))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "expense_approval 1: active\n"
    assert "nothing undoes it" in done.stderr
    return path


def test_a_definition_is_registered_listed_shown_and_drained(
    shell: Shell, registered: Path
) -> None:
    registered.write_text(version(2))

    assert shell.json("register", str(registered))["version"] == 2
    assert shell.json("definitions", "list") == [NAME]
    assert shell.run("definitions", "list").stdout == f"{NAME}\n"
    shown = shell.run("definitions", "show", NAME).stdout
    assert "2 (newest)" in shown
    assert "not counted yet" in shown
    document = shell.run("definitions", "show", NAME, "--version", "1").stdout
    assert yaml.safe_load(document)["version"] == 1
    assert shell.json("definitions", "show", NAME, "--version", "1") == yaml.safe_load(document)
    drained = shell.json("definitions", "drain", NAME, "2")
    assert drained["newest"] == 1
    assert "draining" in shell.run("definitions", "show", NAME).stdout
    assert shell.json("definitions", "activate", NAME, "2")["newest"] == 2


def test_what_is_wrong_with_a_definition_is_told_with_its_line(shell: Shell) -> None:
    path = shell.folder / "wrong.yaml"
    path.write_text(EXPENSES.replace("on_true: review", "on_true: reviw"))

    refused = shell.run("register", str(path))

    assert refused.returncode == 5
    assert "line 16, column 14: steps[1].on_true" in refused.stderr
    assert "did you mean 'review'?" in refused.stderr


def test_a_version_that_is_another_is_a_conflict(shell: Shell, registered: Path) -> None:
    registered.write_text(EXPENSES.replace("30d", "31d"))

    refused = shell.run("register", str(registered))

    assert refused.returncode == 4
    assert "timeout" in refused.stderr


def test_a_process_is_run_by_name_and_goes_from_task_to_signal(
    shell: Shell, registered: Path
) -> None:
    process = shell.json("run", NAME, "--input", INPUT, "--key", "report-7")
    again = shell.run("run", NAME, "--input", INPUT, "--key", "report-7")
    assert "This key had started it before." in again.stderr
    process_id = process["process_id"]
    shell.json("suspend-process", process_id, "--reason", "the bank is closed")
    assert shell.json("show", process_id)["state"] == "suspended"
    shell.json("resume-process", process_id)
    shell.json("complete", process_id, "validate")
    shell.json("claim", process_id, "review", "maria")
    taken = shell.run("claim", process_id, "review", "ben")
    assert (taken.returncode, "has to be released first" in taken.stderr) == (4, True)
    shell.json("reassign", process_id, "review", "ben")
    shell.json("release", process_id, "review")
    shell.json("complete", process_id, "review", "--outcome", "approve")
    failed = shell.json("fail", process_id, "pay", "no cover", "--code", "funds", "--fatal")
    assert failed["state"] == "failed"
    shell.json("retry", process_id, "pay")
    shell.json("skip", process_id, "pay", "--output", '{"payment_id": "in cash"}')
    shell.json("rerun", process_id, "pay")
    shell.json("skip", process_id, "pay", "--output", '{"payment_id": "in cash"}')
    told = ("--payload", "7", "--id", "bank-1")
    ended = shell.json("signal", "report-7", "receipt", *told, "--definition", NAME)

    assert (ended["state"], ended["output"]) == ("completed", {"payment_id": "in cash"})


def test_a_cancelled_process_is_undone_where_that_is_asked_for(
    shell: Shell, registered: Path
) -> None:
    given = INPUT.replace("2000", "20")
    process_id = shell.json("run", NAME, "--input", given)["process_id"]
    shell.json("complete", process_id, "validate")
    shell.json("complete", process_id, "pay", "--output", '{"payment_id": "p-1"}')

    assert shell.json("cancel", process_id, "--compensate")["state"] == "compensating"
