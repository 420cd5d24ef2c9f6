"""``trellis test``: cases that stand beside definitions, run from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .shell import Shell

DEFINITION = """\
process: order
version: 1
timeout: 30d
events: [{name: paid, pattern: {source: [bank]}, key: event.detail.id}]
data: {paid: {type: number, default: 0.0}}
reactions: [{event: paid, set: {paid: data.paid + double(event.detail.amount)}}]
"""
CASES = """\
- name: a payment is counted
  when: {event: paid, detail: {id: o-1, amount: 3}}
  then: {data: {paid: 3}}
- name: a payment is doubled
  when: {event: paid, detail: {id: o-1, amount: 3}}
  then: {data: {paid: 6}, sends: []}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "definitions"
    folder.mkdir()
    (folder / "order.yaml").write_text(DEFINITION)
    (folder / "order.cases.yaml").write_text(CASES)
    return Shell(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def test_each_case_is_a_line_and_what_differs_is_told_below(shell: Shell) -> None:
    done = shell.run("test")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "✓ definitions/order.cases.yaml: a payment is counted",
        "✗ definitions/order.cases.yaml:4: a payment is doubled",
        "    then.data.paid: expected 6, got 3.0",
        "2 cases, 1 failed",
    ]


def test_a_file_and_a_folder_may_be_named(shell: Shell) -> None:
    (shell.folder / "definitions" / "order.cases.yaml").write_text(CASES.replace("6", "3"))
    for path in ("definitions", "definitions/order.cases.yaml"):
        done = shell.run("test", path)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1] == "2 cases, all as expected"


def test_programs_get_json(shell: Shell) -> None:
    done = shell.run("test", "--format", "json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)
    assert first == {
        "file": "definitions/order.cases.yaml",
        "line": 1,
        "name": "a payment is counted",
        "differences": [],
        "passed": True,
    }
    assert second["differences"] == ["then.data.paid: expected 6, got 3.0"]


def test_a_file_that_cannot_be_read_is_refused_with_all_that_is_wrong(shell: Shell) -> None:
    (shell.folder / "definitions" / "order.cases.yaml").write_text(
        CASES.replace("event: paid", "event: payed").replace("data:", "date:")
    )
    done = shell.run("test")
    assert done.returncode == 5
    assert done.stderr.count("did you mean 'paid'?") == 2
    assert done.stderr.count("did you mean 'data'?") == 2


def test_a_folder_without_cases_is_told(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = shell.run("test", "empty")
    assert done.returncode == 5
    assert "there is no file such as order.cases.yaml in it" in done.stderr
