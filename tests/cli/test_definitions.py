"""``trellis validate`` and ``trellis graph`` on definitions in files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .shell import Shell

SOUND = "process: p\nversion: 1\ntimeout: 1d\nsteps: [{name: a, service: A}]\n"
DOUBTFUL = "process: p\nversion: 1\nsteps:\n  - {name: a, service: A}\n"
WRONG = "process: p\nversion: 1\ntimeout: 1d\nsteps: [{name: pay, service: A, on_failure: pey}]\n"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    (tmp_path / "sound.yaml").write_text(SOUND)
    (tmp_path / "doubtful.yaml").write_text(DOUBTFUL)
    (tmp_path / "wrong.yaml").write_text(WRONG)
    (tmp_path / "wrong.json").write_text('{"process": "p",\n "version": 0, "steps": []}')
    return Shell(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})


def test_a_sound_definition_is_valid(shell: Shell) -> None:
    done = shell.run("validate", "sound.yaml")
    assert (done.returncode, done.stdout) == (0, "sound.yaml: p 1 is valid, with 1 step\n")


def test_a_definition_of_reactions_alone_is_valid_drawn_and_walked(shell: Shell) -> None:
    (shell.folder / "reacts.yaml").write_text(
        "process: p\nversion: 1\ntimeout: 1d\nevents: [{name: e, completed: q}]\n"
        "reactions: [{event: e, set: {a: '1'}}, {event: e, send: [{channel: c, message: M}]}]\n"
    )
    assert shell.run("validate", "reacts.yaml").stdout == (
        "reacts.yaml: p 1 is valid, with 2 reactions\n"
    )
    assert "ev0 --> r0" in shell.run("graph", "reacts.yaml").stdout
    walked = shell.run("simulate", "reacts.yaml")
    assert walked.returncode == 0
    assert "no event came; what events and timers do, cases show: trellis test" in walked.stdout
    plan = shell.run("plan", "reacts.yaml", "--against", "sound.yaml")
    assert "it begins with no step now; it was a" in plan.stdout


def test_every_finding_of_every_file_is_told_where_it_stands(shell: Shell) -> None:
    done = shell.run("validate", "wrong.yaml", "doubtful.yaml", "wrong.json")
    assert done.returncode == 5
    assert done.stdout.splitlines() == [
        "wrong.yaml:4:45: error: steps[0].on_failure: no step 'pey'; did you mean 'pay'?",
        "doubtful.yaml:1:1: warning: timeout: no step has a timeout, nor has the process, "
        "so it may wait for ever",
        "doubtful.yaml: p 1 is valid, with 1 step",
        "wrong.json:2:13: error: version: got 0; allowed is a whole number from 1 to 99999",
        "wrong.json:2:25: error: steps: it is empty; allowed is one at least",
    ]


def test_warnings_are_errors_where_that_is_asked(shell: Shell) -> None:
    assert shell.run("validate", "doubtful.yaml").returncode == 0
    done = shell.run("validate", "doubtful.yaml", "--strict")
    assert done.returncode == 5
    assert ": error: timeout: " in done.stdout


def test_services_beside_those_that_are_named_are_errors(
    shell: Shell,
) -> None:
    assert shell.run("validate", "sound.yaml", "--service", "A").returncode == 0
    assert shell.run("validate", "sound.yaml", "--service", "B").returncode == 5


def test_programs_get_json(shell: Shell) -> None:
    said = shell.run("validate", "wrong.yaml", "sound.yaml", "--format", "json")
    wrong, sound = json.loads(said.stdout)
    assert (wrong["file"], wrong["valid"], sound["valid"]) == ("wrong.yaml", False, True)
    (finding,) = wrong["findings"]
    assert finding == {
        "path": "steps[0].on_failure",
        "message": "no step 'pey'; did you mean 'pay'?",
        "code": "unknown_target",
        "severity": "error",
        "line": 4,
        "column": 45,
    }


def test_a_definition_is_drawn_to_the_terminal_or_a_file(shell: Shell) -> None:
    done = shell.run("graph", "sound.yaml")
    assert done.stdout.startswith("flowchart TD\n")
    assert shell.run("graph", "sound.yaml", "--output", "p.mmd").returncode == 0
    assert (shell.folder / "p.mmd").read_text() == done.stdout
    assert shell.run("graph", "sound.yaml", "--output", "p.svg").returncode == 0
    assert (shell.folder / "p.svg").read_text().startswith("<svg")


def test_what_is_wrong_is_not_drawn(shell: Shell) -> None:
    done = shell.run("graph", "wrong.yaml")
    assert done.returncode == 5
    assert done.stdout == ""
    assert "no step 'pey'" in done.stderr
