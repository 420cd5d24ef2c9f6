"""What the command line says of written definitions: doubts, and which stories they are for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.definitions.documents import FOLDER
from trellis_process.definitions.reading import examine_yaml

FALLS_THROUGH = """\
process: expenses
version: 1
timeout: 9d
steps:
  - name: review
    human_task:
      surface: expense_review
      outcomes:
        - {name: approve, goto: reimburse}
        - {name: reject, goto: notify_rejection}
  - {name: reimburse, service: Payments.reimburse}
  - {name: notify_rejection, channel: c, message: m}
"""
STORIES = """\
stories:
  - id: ST-010
    title: Expenses are paid
    epic: money
    outcomes: [the expense is paid]
  - {id: ST-011, title: Refusals, epic: money, outcomes: [who asked is told, it is on record]}
  - {id: ST-012, title: A report, epic: reports, outcomes: [the month is reported]}
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "stories.yaml").write_text(STORIES)
    (tmp_path / "falls.yaml").write_text(FALLS_THROUGH)
    (tmp_path / "misspelt.yaml").write_text(
        FALLS_THROUGH.replace("goto: reimburse", "goto: reimbures")
    )
    (tmp_path / "definitions").mkdir()
    paid = (FOLDER / "expense_approval.yaml").read_text()
    (tmp_path / "definitions" / "expense_approval.yaml").write_text(paid)
    (tmp_path / "definitions" / "refusal.yaml").write_text(
        "process: refusal\nversion: 1\ntimeout: 1d\nsteps:\n"
        "  - name: tell\n    channel: c\n    message: m\n    satisfies:\n"
        "      - {story: ST-011, outcome: who asked is told}\n"
        "      - {story: ST-099, outcome: nobody asked for it}\n"
    )
    return Shell(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def test_an_approval_that_falls_through_into_the_rejection_is_reported_and_strictly_refused(shell):
    said = shell.run("validate", "falls.yaml")
    assert said.returncode == 0
    assert "falls.yaml:11:5: warning: steps[1]: after 'reimburse'" in said.stdout
    strict = shell.run("validate", "--strict", "falls.yaml")
    assert strict.returncode == 5
    assert "falls.yaml:11:5: error: steps[1]: after 'reimburse'" in strict.stdout


def test_a_misspelt_target_is_one_error_with_its_place_and_the_nearest_name(shell):
    said = shell.run("validate", "misspelt.yaml")
    assert said.returncode == 5
    assert said.stdout == (
        "misspelt.yaml:9:33: error: steps[0].human_task.outcomes[0].goto: "
        "no step 'reimbures'; did you mean 'reimburse'?\n"
    )


def test_stories_are_covered_partly_or_not_by_what_and_what_nobody_asked_for_is_told(shell):
    said = shell.run("coverage", "definitions", "--stories", "stories.yaml", "--format", "json")
    found = json.loads(said.stdout)
    stories = {each["id"]: each for each in found["stories"]}
    assert {name: each["status"] for name, each in stories.items()} == {
        "ST-010": "covered",
        "ST-011": "partly",
        "ST-012": "not covered",
    }
    (paid,) = stories["ST-010"]["outcomes"]
    assert paid["outcome"] == "the expense is paid"
    assert paid["by"] == [{"definition": "expense_approval", "version": 1, "step": "pay"}]
    assert [bool(each["by"]) for each in stories["ST-011"]["outcomes"]] == [True, False]
    (unasked,) = found["unasked"]
    assert unasked["story"] == "ST-099"
    assert shell.run("coverage", "definitions", "--stories", "stories.yaml").returncode == 0


def test_stories_that_are_not_covered_are_grouped_into_drafts_that_are_sound(shell):
    said = shell.run("propose", "definitions", "--stories", "stories.yaml", "--output", "drafts")
    assert said.returncode == 0, said.stderr
    drafts = sorted((shell.folder / "drafts").iterdir())
    assert len(drafts) == 2
    texts = [path.read_text() for path in drafts]
    assert ["ST-011" in text for text in texts] != ["ST-012" in text for text in texts]
    assert not any("the expense is paid" in text or "who asked is told" in text for text in texts)
    for text in texts:
        assert examine_yaml(text, strict=True).findings == ()
    all_of_it = shell.run(
        "coverage", "definitions", "drafts", "--stories", "stories.yaml", "--require", "covered"
    )
    assert all_of_it.returncode == 0, all_of_it.stdout
