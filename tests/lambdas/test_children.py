"""The children function: what it does with a batch, and what it answers, logs and counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from lambdas import children, wiring
from trellis_process import InMemoryProcessRepository, Process
from trellis_process.application.children import ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.eventbridge import envelopes
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository

from .conftest import Context

PARENT = """\
process: parent
version: 1
steps: [{name: ask, subprocess: child}]
timeout: 30d
"""
CHILD = """\
process: child
version: 1
steps: [{name: wait, wait_for_signal: done, timeout: 7d}]
timeout: 30d
"""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> EngineService:
    definitions = DefinitionCatalog(InMemoryDefinitionRepository())
    service = EngineService(InMemoryProcessRepository(), definitions=definitions)
    for document in (PARENT, CHILD):
        service.register(ProcessDefinition.from_yaml(document))
    monkeypatch.setattr(wiring, "children", lambda: ChildrenService(service))
    return service


def records(process: Process) -> list[dict[str, Any]]:
    """The latest events of a process as the bus puts them into the queue."""
    return [
        {"messageId": f"m-{n}", "body": json.dumps({"source": "trellis", "detail": detail})}
        for n, detail in enumerate(envelopes(process))
    ]


def told_of(process: Process) -> dict[str, Any]:
    return children.handler({"Records": records(process)}, Context())


def test_a_child_that_is_asked_for_is_started_once_and_its_end_reported(
    service: EngineService,
) -> None:
    parent = service.start("parent", tenant_id="t")

    assert told_of(parent) == told_of(parent) == {"batchItemFailures": []}

    (child,) = service.list_processes("t", process_type="child").processes
    service.signal(child, "done")
    told_of(child)
    assert service.get_process("t", parent.process_id).is_completed()


def test_an_event_that_cannot_be_dealt_with_comes_again_alone(
    service: EngineService,
    told: Callable[[], list[dict[str, Any]]],
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    good = records(service.start("parent", tenant_id="t"))
    bad = {"messageId": "bad", "body": "no JSON"}

    answer = children.handler({"Records": [bad, *good]}, Context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert service.list_processes("t", process_type="child").processes
    (line,) = told()
    assert (line["ChildEvents"], line["ChildEventsToRetry"]) == ([len(good) + 1.0], [1.0])
    assert [(each["message"], each["message_id"]) for each in logged()] == [("left", "bad")]


def test_what_there_is_no_time_for_comes_again(service: EngineService) -> None:
    asked = records(service.start("parent", tenant_id="t"))

    answer = children.handler({"Records": asked}, Context(remaining_ms=5_000))

    assert len(answer["batchItemFailures"]) == len(asked)
    assert not service.list_processes("t", process_type="child").processes


@pytest.mark.parametrize(
    ("function", "needs"),
    [
        ("step_commands", "from lambdas.step_commands import _api; _api()"),
        ("queue_commands", "wiring.process_service()"),
        ("timeout_checker", "wiring.timeout_checker()"),
    ],
)
def test_a_function_loads_no_engine_until_a_process_with_a_definition_comes(
    function: str, needs: str
) -> None:
    program = (
        f"import sys, tests.lambdas.conftest, lambdas.{function}; from lambdas import wiring;"
        f"{needs}; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "lambdas.wiring" in loaded
    assert not {"yaml", "cel", "jsonschema_rs"} & loaded
    assert not {each for each in loaded if each.startswith("trellis_process.domain.engine")}
    assert "trellis_process.definitions.catalog" not in loaded
    assert ("pydantic" in loaded) == (function != "timeout_checker")
    if function != "queue_commands":  # whose messages may be any command
        assert "trellis_process.commands.definition_bodies" not in loaded
    assert "trellis_process.http.job_routes" not in loaded
    assert "trellis_process.application.job_request" not in loaded
