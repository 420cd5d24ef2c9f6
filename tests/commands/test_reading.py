"""What is taken as a command, and what is refused by which field."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from trellis_process.commands import COMMANDS, read_command
from trellis_process.commands.refusals import InvalidRequest, reason_of
from trellis_process.errors import InvalidInput, TooLarge

from .commands import a_report, a_start


def refused_fields(value: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        read_command(value)
    refusal = caught.value
    each = refusal.refusals if isinstance(refusal, InvalidRequest) else [refusal]
    assert all(f"{one.field}: got" in reason_of(refusal) for one in each)
    return [one.field for one in each]


def test_there_is_a_command_for_each_verb() -> None:
    assert set(COMMANDS) == {
        "StartProcess",
        "Start",
        "CancelProcess",
        "SuspendProcess",
        "ResumeProcess",
        "Signal",
        "SignalByKey",
        "StartStep",
        "CompleteStep",
        "FailStep",
        "SuspendStep",
        "ResumeStep",
        "Heartbeat",
        "RetryStep",
        "SkipStep",
        "RerunFrom",
        "ClaimTask",
        "ReleaseTask",
        "ReassignTask",
    }


def test_a_command_says_what_it_is_about() -> None:
    assert read_command(a_start()).about == {"tenant_id": "tenant-1"}
    assert read_command(a_report("Heartbeat")).about == {
        "tenant_id": "tenant-1",
        "process_id": "p-1",
        "step_name": "pay",
    }


@pytest.mark.parametrize("value", [None, [], "StartStep", 7])
def test_what_is_no_object_is_no_command(value: object) -> None:
    assert refused_fields(value) == ["body"]


@pytest.mark.parametrize("name", [None, "", "startStep", "RepeatStep", ["StartStep"], {}])
def test_an_unknown_command_is_refused_with_those_that_there_are(name: object) -> None:
    with pytest.raises(InvalidInput, match="StartProcess, Start, CancelProcess"):
        read_command({**a_report("StartStep"), "command": name})


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"command": "StartStep"}, ["tenant_id", "process_id", "step_name"]),
        (a_report("StartStep", attempt="1", more=1), ["attempt", "more"]),
        (a_report("StartStep", output={}), ["output"]),
        (a_report("Heartbeat", tenant_id="a/b"), ["tenant_id"]),
        (a_report("Heartbeat", process_id=7), ["process_id"]),
        (a_report("Heartbeat", expected_version=0), ["expected_version"]),
        (a_report("Heartbeat", expected_version=True), ["expected_version"]),
        (a_report("Heartbeat", actor="me"), ["actor"]),
        (a_report("FailStep"), ["error"]),
        (a_report("FailStep", error="bell \x07"), ["error"]),
        (a_start(steps=[]), ["steps"]),
        (a_start(steps=[{"name": "a", "timeout_ms": 0.5}]), ["steps[0].timeout_ms"]),
        (a_start(idempotency_key=""), ["idempotency_key"]),
        (a_start(idempotency_key="k" * 257), ["idempotency_key"]),
        (a_start(process_id="p-1"), ["process_id"]),
    ],
)
def test_what_a_command_may_not_say_is_refused_by_field(
    given: dict[str, Any], fields: list[str]
) -> None:
    assert refused_fields(given) == fields


def test_too_large_an_output_is_told_apart() -> None:
    with pytest.raises(TooLarge, match="output: got 32770 bytes"):
        read_command(a_report("CompleteStep", output="x" * 32_768))


def test_reading_commands_loads_no_powertools() -> None:
    program = "import sys, trellis_process.commands; print('aws_lambda_powertools' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
