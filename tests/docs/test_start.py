"""The first steps: what they say to do with their definition can be done."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.step_api_server import KEY, REGION, StepApi
from tests.step_api_server import step_api as step_api
from trellis_process.definitions.reading import examine_yaml

from ..cli.shell import Shell
from ..test_docs import blocks, page, section

JOURNEY = section(page("start.md"), "## A journey as data")


def definition() -> str:
    (program,) = blocks(JOURNEY, "python")
    found = re.search(r'^CLAIM = """\n(.*?)^"""', program, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_its_definition_has_nothing_wrong_or_doubtful() -> None:
    assert [str(finding) for finding in examine_yaml(definition()).findings] == []


@pytest.mark.parametrize(
    "command", re.findall(r"^trellis (\w+) claim\.yaml", JOURNEY, re.MULTILINE)
)
def test_a_command_about_it_runs(command: str, tmp_path: Path) -> None:
    (tmp_path / "claim.yaml").write_text(definition(), encoding="utf-8")

    done = Shell(tmp_path, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}).run(
        command, "claim.yaml"
    )

    assert done.returncode == 0, done.stderr
    assert "reserve" in done.stdout or command == "validate"


def test_on_the_stack_it_goes_as_the_page_shows(step_api: StepApi, tmp_path: Path) -> None:
    (tmp_path / "claim.yaml").write_text(definition(), encoding="utf-8")
    stack = section(page("start.md"), "## The whole stack on your machine")
    (commands,) = [block for block in blocks(stack, "sh") if "trellis register" in block]
    (shown,) = blocks(stack, "text")
    shell = Shell(
        tmp_path,
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "COLUMNS": "120",
            "AWS_ACCESS_KEY_ID": KEY.access_key,
            "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "TRELLIS_API_URL": step_api.url,
            "TRELLIS_TENANT": "demo",
        },
    )

    process_id, said = "", ""
    for line in commands.splitlines():
        _, *words = shlex.split(line.replace("PROCESS_ID", process_id))
        done = shell.run(*words)
        assert done.returncode == 0, done.stderr
        said = done.stdout
        if words[0] == "run":
            process_id = re.findall(r"^(\S{36}) of demo", said, re.MULTILINE)[0]

    for line in shown.splitlines()[1:]:
        words = re.sub("[━·]+", "", line).split()
        assert words in [
            re.sub("[━·]+", "", each).split()[: len(words)] for each in said.splitlines()
        ]
