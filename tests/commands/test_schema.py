"""The schema that is kept: as generated, and of one mind with the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from trellis_process.commands import read_command
from trellis_process.commands.schema import schema_text
from trellis_process.errors import InvalidInput

from .commands import a_report, a_start

FILE = Path(__file__).parents[2] / "docs" / "commands.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(FILE.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_kept_schema_is_what_is_generated_now() -> None:
    assert FILE.read_text() == schema_text(), (
        "run: python -m trellis_process.commands.schema > docs/commands.schema.json"
    )


@pytest.mark.parametrize(
    "command",
    [
        a_start(),
        a_start(idempotency_key="k", metadata={"a": [1]}, timeout_ms=1, reason=None),
        a_start(steps=[{"name": "a", "timeout_ms": 1, "retries_permitted": 3}]),
        {"command": "CancelProcess", "tenant_id": "t", "process_id": "p", "expected_version": 1},
        a_report("StartStep", attempt=None),
        a_report("CompleteStep", output=None),
        a_report("FailStep", error=""),
        a_report("FailStep", error="busy", retry_after_ms=0),
        a_report("FailStep", error="no", retry_after_ms=None),
        a_report("SuspendStep"),
        a_report("SuspendStep", attempt=1, resumption=0, timeout_ms=31_622_400_000),
        a_report("ResumeStep"),
        a_report("ResumeStep", resumption=1, data=None),
        a_report("ResumeStep", data=False),
        a_report("Heartbeat", attempt=1_000_000),
    ],
)
def test_what_the_schema_allows_is_read(
    validator: Draft202012Validator, command: dict[str, Any]
) -> None:
    validator.validate(command)
    read_command(command)


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"command": "RetryStep"},
        a_start(steps=[]),
        a_start(process_id="p"),
        a_start(metadata=[]),
        a_start(auto_start_steps=1),
        a_report("FailStep"),
        a_report("FailStep", error="busy", retry_after_ms=-1),
        a_report("FailStep", error="busy", retry_after_ms=31_622_400_001),
        a_report("SuspendStep", resumption=-1),
        a_report("SuspendStep", timeout_ms=0),
        a_report("ResumeStep", resumption=0),
        a_report("ResumeStep", attempt=1),
        a_report("StartStep", attempt=0),
        a_report("StartStep", attempt="1"),
        a_report("Heartbeat", step_name="a b"),
        a_report("Heartbeat", actor="me"),
    ],
)
def test_what_the_schema_forbids_is_refused(
    validator: Draft202012Validator, command: dict[str, Any]
) -> None:
    assert not validator.is_valid(command)
    with pytest.raises(InvalidInput):
        read_command(command)
