"""The functions' logs: which lines there are at which level, whoever filters them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import logging
from aws_lambda_powertools import Metrics
from lambdas.logs import function_logger, tell

logger, metrics = function_logger(), Metrics()
for level in ("debug", "info", "warning", "error"):
    getattr(logger, level)(level)
logging.getLogger("trellis_process.room").info("of the library")
tell(logger, metrics, "told", {"status": 200, "code": None})
metrics.add_metric("Requests", "Count", 1)
metrics.flush_metrics()
"""


def lines_at(level: str, **environment: str) -> list[dict[str, object]]:
    """What a function logs at this level, in an interpreter of its own as Powertools needs it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, "POWERTOOLS_LOG_LEVEL": level, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


# As Lambda tells a function of its own filter, where the template has it write JSON and at INFO.
FILTERED = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}


@pytest.mark.parametrize(
    ("level", "environment", "said"),
    [
        ("DEBUG", {}, ["debug", "info", "warning", "error", "of the library", "told"]),
        ("INFO", FILTERED, ["info", "warning", "error", "of the library", "told"]),
        ("WARNING", FILTERED, ["warning", "error"]),
        ("ERROR", FILTERED, ["error"]),
    ],
)
def test_the_stacks_level_counts_whatever_lambdas_own_filter_lets_through(
    level: str, environment: dict[str, str], said: list[str]
) -> None:
    lines = lines_at(level, **environment)

    assert [line["message"] for line in lines if "message" in line] == said


@pytest.mark.parametrize("level", ["INFO", "ERROR"])
def test_metrics_are_counted_at_every_level(level: str) -> None:
    line = lines_at(level, **FILTERED)[-1]

    assert line["Requests"] == [1.0]


def test_what_is_told_is_in_the_line_of_the_metrics_and_what_is_not_known_is_left_out() -> None:
    line = lines_at("INFO", **FILTERED)[-1]

    assert (line["message"], line["level"], line["status"]) == ("told", "INFO", 200)
    assert "_aws" in line
    assert "code" not in line
