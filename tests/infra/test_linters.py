"""What the tools of others find in the template: nothing, but for what is said in it why not."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trellis_process.deploy.environment import own_environment
from trellis_process.deploy.sources import template_path

EXCEPTION = re.compile(r"# checkov:skip=(\w+):(.+)")


@dataclass
class Linters:
    """Runs tools where they can ask nobody: with a home of their own, and no account."""

    home: Path

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "SAM_CLI_TELEMETRY": "0"}
        return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    def sam(self, *options: str) -> subprocess.CompletedProcess[str]:
        template = ("--region", "us-east-1", "--template-file", template_path())
        return self.run(own_environment("sam") / "sam", "validate", *template, *options)

    def checkov(self, template: Path) -> dict[str, Any]:
        """What checkov answers, by the outcome of its checks.

        With the read models: of what a condition leaves out by default checkov sees nothing.
        """
        everything = self.home / "everything.yaml"
        everything.write_text(template.read_text().replace('Default: "off"', 'Default: "on"'))
        alone = ("--framework", "cloudformation", "--skip-download", "--output", "json")
        done = self.run(own_environment("checkov") / "checkov", *alone, "--file", everything)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Linters:
    return Linters(tmp_path_factory.mktemp("home"))


def found(answer: dict[str, Any], outcome: str) -> set[tuple[str, str]]:
    """The checks that ended so, each with the resource that it is about."""
    return {
        (each["check_id"], each["resource"].rpartition(".")[2])
        for each in answer["results"][outcome]
    }


@pytest.mark.parametrize("name", ["template.yaml", "service.yaml"])
def test_cfn_lint_has_nothing_to_say(linters: Linters, name: str):
    template = template_path().with_name(name)
    said = linters.run(Path(sys.executable).with_name("cfn-lint"), template)
    assert said.stdout == ""
    assert said.returncode == 0


@pytest.mark.parametrize("options", [(), ("--lint",)])
def test_sam_finds_it_valid(linters: Linters, options: tuple[str, ...]):
    said = linters.sam(*options)
    assert "is a valid SAM Template" in said.stdout, said.stdout + said.stderr
    assert said.returncode == 0


def test_checkov_finds_nothing_but_the_exceptions(linters: Linters):
    answer = linters.checkov(template_path())
    assert found(answer, "failed_checks") == set()
    assert answer["summary"]["parsing_errors"] == 0
    assert answer["summary"]["passed"] > 50


def test_checkov_finds_nothing_in_the_template_for_services(linters: Linters):
    answer = linters.checkov(template_path().with_name("service.yaml"))
    assert found(answer, "failed_checks") == set()
    assert ("CKV_AWS_27", "WorkLeftQueue") in found(answer, "passed_checks")  # it is encrypted


def test_every_exception_is_needed_and_has_a_reason(linters: Linters, tmp_path: Path):
    written = template_path().read_text()
    exceptions: list[tuple[str, str]] = []
    resource = ""
    for line in written.splitlines():
        if named := re.match(r"  (\w+):$", line):
            resource = named[1]
        if excepted := EXCEPTION.search(line):
            assert len(excepted[2].split()) > 3, line
            exceptions.append((excepted[1], resource))
    assert len(exceptions) == written.count("checkov:skip")

    without = tmp_path / "template.yaml"
    without.write_text(EXCEPTION.sub("#", written))
    assert found(linters.checkov(without), "failed_checks") == set(exceptions)
