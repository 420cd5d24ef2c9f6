"""Importing: how long a function takes until it is ready, against what its libraries take."""

from __future__ import annotations

import compileall
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.function_environment import ENVIRONMENT
from benchmarks.predecessor import run_program
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings

ROOT = Path(__file__).resolve().parents[1]
GOAL = 1.15
ROUNDS = 11

_LOGS = "from aws_lambda_powertools import Logger, Metrics; Logger(); Metrics()"
_HTTP = """
from aws_lambda_powertools.event_handler.api_gateway import APIGatewayHttpResolver
APIGatewayHttpResolver(enable_validation=True).get("/a/<b>")(lambda b: b)
"""
# pydantic and Powertools load most of themselves with the first model and the first route.
_MODELS = """
from typing import Annotated
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
class Model(BaseModel):
    model_config = ConfigDict(strict=True)
    name: Annotated[str, Field(max_length=64)]
TypeAdapter(Model).validate_python({"name": "a"})
"""
_TABLE = """
from pynamodb.connection import TableConnection
from pynamodb.expressions.operand import Path
"""


def _client(service: str) -> str:
    return (
        "from botocore.config import Config; from botocore.session import get_session; "
        f"get_session().create_client({service!r}, config=Config(connect_timeout=1))"
    )


def _ready(function: str, needs: str) -> str:
    return f"from lambdas import wiring; from lambdas.{function} import handler; {needs}"


#: What each function is until it can take its first event, and the libraries that its job needs:
#: both as statements, for one interpreter.
FUNCTIONS: Mapping[str, tuple[str, list[str]]] = {
    "step_commands": (
        _ready("step_commands", "from lambdas.step_commands import _api; _api()"),
        [_LOGS, _HTTP, _MODELS, _TABLE],
    ),
    "queue_commands": (
        _ready("queue_commands", "wiring.process_service()"),
        [_LOGS, _MODELS, _TABLE],
    ),
    "timeout_checker": (_ready("timeout_checker", "wiring.timeout_checker()"), [_LOGS, _TABLE]),
    # Each event that it is told of is about a definition, so it is ready with the engine.
    "children": (
        _ready("children", "wiring.children()"),
        [_LOGS, _MODELS, _TABLE],
    ),
    "external_events": (
        _ready("external_events", "wiring.event_service()"),
        [_LOGS, _MODELS, _TABLE],
    ),
    "event_publisher": (
        _ready("event_publisher", "wiring.event_publisher()"),
        [_LOGS, _client("events")],
    ),
    "audit": (_ready("audit", "wiring.audit()"), [_LOGS, _TABLE]),
    "archive": (_ready("archive", "wiring.archive()"), [_LOGS, _client("s3")]),
}

Measured = dict[str, float]


def run() -> tuple[Section, str]:
    """Each function and its floor in turn, each in a fresh interpreter."""
    compileall.compile_dir(ROOT / "lambdas", quiet=2)
    compileall.compile_dir(ROOT / "trellis_process", quiet=2)
    rows, findings = [], []
    bare = _measured("pass")
    for name, (ready, libraries) in FUNCTIONS.items():
        ours, floors = [], []
        floor = "\n".join(libraries)
        for _ in range(ROUNDS):  # in turn, so that both meet the same load
            ours.append(_measured(ready))
            floors.append(_measured(floor))
        ratio = _median(ours, "cpu_ms") / _median(floors, "cpu_ms")
        rows.append(
            [
                f"`{name}`",
                f"{_median(ours, 'cpu_ms'):.0f}",
                f"{_median(floors, 'cpu_ms'):.0f}",
                f"{ratio:.2f}",
                f"{_median(ours, 'peak_kb') / 1024:.0f}",
                f"{_median(floors, 'peak_kb') / 1024:.0f}",
            ]
        )
        if round(ratio, 2) > GOAL:
            findings.append(f"**`{name}`: {ratio:.2f}, and the goal is {GOAL}.**")
    section = Section(
        "Importing the functions",
        f"Milliseconds of CPU in a fresh interpreter with compiled bytecode, medians of {ROUNDS} "
        "rounds in which a function and its libraries take turns. A function is ready when its "
        "handler is imported and what it needs is built, as its first event finds it. The "
        "libraries are those that the job cannot do without, in one interpreter and each put to "
        "its first use, for which pydantic loads half of itself: a logger and metrics of "
        "Powertools, and by function its HTTP resolver with validation and one route, a pydantic "
        "model, pynamodb's connection, a client of botocore. Peak memory is the whole "
        "interpreter's, "
        f"which takes {bare['peak_kb'] / 1024:.0f} MB for itself.",
        [
            Table(
                [
                    "function",
                    "ready, ms",
                    "libraries, ms",
                    "ratio",
                    "peak, MB",
                    "libraries' peak, MB",
                ],
                rows,
            )
        ],
        [
            *findings,
            f"The goal is a ratio of {GOAL} at most.",
            "A function searches for garbage more seldom than Python does unless told "
            "(`lambdas/__init__.py`), as nearly all that a cold start makes stays; its libraries "
            "are measured as they come. That is a tenth of the time of either.",
        ],
    )
    return section, surroundings("aws-lambda-powertools", "pydantic", "pynamodb", "botocore")


def _measured(statements: str) -> Measured:
    measured: Measured = run_program(
        "ready", statements, environment={**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    )
    return measured


def _median(measured: list[Measured], what: str) -> float:
    return median(each[what] for each in measured)
