"""``trellis cost`` prices a workload that is described by options or by a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trellis_process.cost import Journey, Workload, bill
from trellis_process.cost.bill import idle_bill

from .shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "80"})


def test_a_workload_by_options_is_priced_part_by_part(shell: Shell) -> None:
    said = shell.json("cost", "--steps", "20", "--processes", "1000")
    (workload,) = said["workloads"]
    expected = bill(Workload(Journey(20), processes=1000))
    assert workload["dollars"] == {**expected.parts, "together": expected.together}
    assert said["dollars"]["together"] == pytest.approx(expected.together + idle_bill().together)


def test_the_stack_has_as_many_sweepers_as_are_said(shell: Shell) -> None:
    said = shell.json("cost", "--sweepers", "3")
    expected = bill(Workload()).together + idle_bill(3).together
    assert said["dollars"]["together"] == pytest.approx(expected)
    refused = shell.run("cost", "--sweepers", "9")
    assert refused.returncode == 5
    assert "sweepers: got 9" in refused.stderr


def test_a_file_describes_several_and_options_hold_for_all(shell: Shell) -> None:
    (shell.folder / "w.toml").write_text("[referrals]\nsteps = 4\n\n[claims]\nbilled_ms = 99\n")
    said = shell.json("cost", "--file", "w.toml", "--billed-ms", "10")
    names = {each["name"]: each["billed_ms"] for each in said["workloads"]}
    assert names == {"referrals": 10, "claims": 99}


def test_people_see_parts_the_whole_stack_and_other_systems(shell: Shell) -> None:
    done = shell.run("cost")
    assert done.returncode == 0, done.stderr
    together = bill(Workload()).together
    assert f"${together:,.2f}" in done.stdout
    assert "Step Functions Standard" in done.stdout
    assert "assumed" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_what_cannot_be_is_refused_with_the_field_and_the_status_of_a_refused_field(
    shell: Shell,
) -> None:
    done = shell.run("cost", "--steps", "0")
    assert done.returncode == 5
    assert done.stderr == "trellis: steps: got 0; allowed are 1 to 1,000\n"


def test_read_models_are_a_part_with_a_price_of_their_own(shell: Shell) -> None:
    done = shell.run("cost", "--read-models", "--starting", "by-definition")
    assert done.returncode == 0, done.stderr
    assert "read models of" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    (workload,) = shell.json("cost", "--read-models")["workloads"]
    assert workload["dollars"] == {
        **bill(Workload(read_models=True)).parts,
        "together": bill(Workload(read_models=True)).together,
    }
