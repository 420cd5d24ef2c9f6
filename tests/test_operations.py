"""The page on operations is about the stack as it is: its alarms, outputs, logs and metrics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process.application.audit_round import Fault
from trellis_process.deploy.sources import template_path
from trellis_process.dynamodb.audit_reader import UNITS_PER_SECOND
from trellis_process.dynamodb.table import PAGE

TEXT = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = cfn_yaml.load(str(template_path()))
    return loaded


@pytest.fixture(scope="module")
def alarms(template: dict[str, Any]) -> set[str]:
    return alarms_of(template)


@pytest.fixture(scope="module")
def of_services() -> dict[str, Any]:
    """The template that binds a service."""
    loaded: dict[str, Any] = cfn_yaml.load(str(template_path().with_name("service.yaml")))
    return loaded


def alarms_of(template: dict[str, Any]) -> set[str]:
    return {
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    }


def runbooks() -> dict[str, str]:
    """What the page says of each alarm; alarms of one heading share it."""
    _, _, rest = TEXT.partition("\n## Alarms\n")
    found = {}
    for section in re.split(r"^### ", rest.partition("\n## ")[0], flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        found.update(dict.fromkeys(heading.split(", "), body))
    return found


def environment_name(output: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", output).upper()


def test_every_alarm_has_its_runbook_and_every_runbook_its_alarm(
    alarms: set[str], of_services: dict[str, Any]
):
    assert set(runbooks()) == alarms | alarms_of(of_services)


def test_a_runbook_says_when_what_to_look_at_and_what_to_do():
    for name, body in runbooks().items():
        assert body.strip().startswith("*"), name
        assert "- **Look at**" in body, name
        assert "- **Do**" in body, name


def test_the_alarms_are_as_many_as_the_page_says(alarms: set[str]):
    assert f"The {len(alarms)} alarms" in TEXT


def test_the_commands_name_what_the_stacks_have(
    template: dict[str, Any], of_services: dict[str, Any]
):
    outputs = {environment_name(each) for each in [*template["Outputs"], *of_services["Outputs"]]}
    named = set(re.findall(r'"?\$([A-Z][A-Z_]+)\b', TEXT))
    assert named <= outputs
    used = set(re.findall(r"\(resource (\w+)\)|^(?:  )?errors (\w+)", TEXT, re.MULTILINE))
    logical = {name for pair in used for name in pair if name}
    assert logical
    assert logical <= set(template["Resources"])


def test_every_fault_is_in_the_page():
    for fault in Fault:
        assert f"| `{fault}`" in TEXT or f"`{fault}`:" in TEXT, fault


def test_the_page_says_how_the_audit_reads():
    assert f"at most {UNITS_PER_SECOND:,} units a second" in TEXT
    assert f"page of\n{PAGE} items" in TEXT
