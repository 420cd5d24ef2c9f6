"""The README is true: what it tells one to type does what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from trellis_process.definitions.reading import examine_yaml

from ..cli.shell import Shell
from ..test_docs import blocks, section
from ..test_examples import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = blocks(README, "python")
#: The lines to type in the README, without what is said about them.
LINES = [
    line.partition("  #")[0].strip()
    for block in blocks(README, "sh")
    for line in block.splitlines()
]


def definition() -> str:
    """The definition with which the README begins."""
    found = re.search(r'^ORDER = """\n(.*?)^"""', PROGRAMS[0], re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_first_definition_has_nothing_wrong_or_doubtful() -> None:
    reading = examine_yaml(definition())

    assert [str(finding) for finding in reading.findings] == []


@pytest.mark.parametrize("line", [line for line in LINES if "order.yaml" in line])
def test_a_command_about_the_first_definition_runs(line: str, tmp_path: Path) -> None:
    (tmp_path / "order.yaml").write_text(definition(), encoding="utf-8")
    trellis, *words = shlex.split(line)
    assert trellis == "trellis"

    done = Shell(tmp_path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}).run(*words)

    assert done.returncode == 0, done.stderr
    assert "order" in done.stdout


def test_every_example_and_every_target_of_make_is_there() -> None:
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    programs = [line.split()[1] for line in LINES if line.startswith(".venv/bin/python ")]

    assert len(programs) == 4
    for program in programs:
        assert (ROOT / program).is_file(), program
    for line in LINES:
        if line.startswith("make "):
            assert line.split()[1] in made, line


def test_the_extras_that_it_names_are_those_that_there_are() -> None:
    extras = set(re.findall(r"trellis-process\[(\w+)\]", section(README, "## Install the library")))
    declared = section_of_extras()

    # These are for what the project itself is made with.
    assert extras == declared - {"dev", "docs", "graph", "lambda"}


def section_of_extras() -> set[str]:
    """The names of the optional dependencies."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table = text.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    return set(re.findall(r"^(\w+) = \[", table, re.MULTILINE))


def measured(row: str) -> list[str]:
    """The dollars, or how many times as much, of the first row of that name in the results."""
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    line = next(each for each in results.splitlines() if each.startswith(f"| {row} |"))
    return [cell.split(",")[0].strip() for cell in line.strip("|").split("|")[1:]]


def test_the_dollars_are_those_that_were_measured() -> None:
    told = " ".join(section(README, "## What it costs, and what else there is").split())
    api, _, queue, library = measured("together")
    assert f"{api} over the HTTP API, {queue} by a queue and {library} from a program" in told
    api, _, queue, library = (
        each.removesuffix(".0") for each in measured("Step Functions Standard, times as much")
    )
    assert f"{api}, {queue} and {library} times less than Step Functions Standard" in told
    dearest, *_, cheapest = measured("Trellis")
    assert f"it is {cheapest} to {dearest}" in told
    assert f"at {measured('Lambda durable functions')[0]}." in told
