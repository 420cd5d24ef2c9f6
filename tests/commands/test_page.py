"""The page about commands: its examples are commands, and it names every field and outcome."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from trellis_process.commands import COMMANDS, read_command, read_message

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The rows of the first table under a heading, by their first cell in backticks."""
    text = PAGE.partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in found}


def shell_calls(command: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(aws .*?)```$", PAGE, re.MULTILINE | re.DOTALL)
    calls = [shlex.split(block) for block in blocks]
    return [call for call in calls if call[2] == command]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_field_of_a_command_is_in_its_table(name: str) -> None:
    required, optional = (set(re.findall(r"`(\w+)`", cell)) for cell in rows("## A command")[name])
    fields = {
        field: info for field, info in COMMANDS[name].model_fields.items() if field != "command"
    }
    assert required == {field for field, info in fields.items() if info.is_required()}
    assert optional == {field for field, info in fields.items() if not info.is_required()}


def test_the_example_is_a_command() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert read_command(json.loads(example)).command == "CompleteStep"


def test_what_is_sent_to_the_queue_is_a_command() -> None:
    (call,) = shell_calls("send-message")
    assert read_command(json.loads(call[-1])).command == "StartProcess"


def test_what_is_put_on_the_bus_is_a_command() -> None:
    (call,) = shell_calls("put-events")
    (entry,) = json.loads(call[-1])
    event: dict[str, Any] = {
        "id": "e-1",
        "account": "123456789012",
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }
    record = {
        "messageId": "m-1",
        "body": json.dumps(event),
        "attributes": {"SenderId": "AIDA1234"},
    }
    message = read_message(record)
    assert message.command.command == "Heartbeat"
    assert message.actor.endswith("/123456789012/case-service")


def test_the_attributes_of_a_refused_command_are_those_that_the_function_gives() -> None:
    source = (ROOT / "lambdas" / "queue_commands.py").read_text()
    (given,) = re.findall(r'record\["body"\],\s+\{(.*?)\}', source, re.DOTALL)
    assert set(rows("## What was refused")) == set(re.findall(r'"(\w+)": ', given))


def test_the_times_are_those_of_the_template() -> None:
    text = (ROOT / "infra" / "template.yaml").read_text()
    resources = yaml.safe_load(re.sub(r"!\w+ ?", "", text))["Resources"]
    queue = resources["CommandsQueue"]["Properties"]
    again, tries = re.findall(r"comes again after (\d+) minutes, (\d+) times in all", PAGE)[0]
    assert int(again) * 60 == queue["VisibilityTimeout"]
    assert int(tries) == queue["RedrivePolicy"]["maxReceiveCount"]
