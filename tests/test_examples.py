"""The examples run as they stand, and say what their pages say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .step_api_server import StepApi, environment_of_a_caller, step_api

__all__ = ["step_api"]  # a fixture, found by its name

ROOT = Path(__file__).parents[1]


def run(program: str | Path, url: str = "") -> str:
    """What a program prints; a text is the program itself. Fails where the program does."""
    what = [str(program)] if isinstance(program, Path) else ["-c", program]
    done = subprocess.run(
        [sys.executable, "-W", "error", *what],
        capture_output=True,
        text=True,
        env=environment_of_a_caller(url),
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_in_memory_is_completed_on_its_second_attempt() -> None:
    told = run(ROOT / "examples" / "in_memory.py")

    assert "v3  ProcessStepTimedOut  create_case, attempt 1" in told
    assert told.endswith("CaseCreation of ref-123: completed\n")


def test_the_same_process_lives_on_dynamodb_in_moto() -> None:
    told = run(ROOT / "examples" / "dynamodb_moto.py")

    assert "asking the case service once more" in told
    assert '"aggregate": {\n    "S": "tenant-1#Referral#ref-123"\n  }' in told


def test_workers_fail_wait_and_are_resumed_without_any_cloud() -> None:
    told = run(ROOT / "examples" / "worker.py")

    assert told == (
        "please approve ref-123 (resumption 1)\n"
        "create_case: completed at attempt 2, {'case': 'c-1', 'priority': 'high'}\n"
        "approve: completed at attempt 1, {'decided': 'yes'}\n"
    )


def test_a_service_reports_over_http_and_a_second_delivery_is_harmless(step_api: StepApi) -> None:
    program = ROOT / "examples" / "report_over_http.py"

    assert run(program, step_api.url) == "CaseCreation of ref-123: completed\n"
    assert run(program, step_api.url).startswith("nothing to do: cannot start")
    statuses = [status for _, _, status in step_api.answered]
    assert statuses == [201, 200, 200, 200, 201, 409]


def test_an_unsigned_call_is_refused_by_the_stand_in(step_api: StepApi) -> None:
    program = "import urllib.request as r, os; r.urlopen(os.environ['TRELLIS_API_URL'] + '/x')"

    with pytest.raises(AssertionError, match="403"):
        run(program, step_api.url)
