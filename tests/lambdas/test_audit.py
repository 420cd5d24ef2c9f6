"""The audit function: a round within its time, told in numbers once it is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from moto import mock_aws

from lambdas import audit, wiring
from trellis_process import Process, ProcessService, ProcessStep
from trellis_process.application import audit as auditing
from trellis_process.application.clock import system_clock
from trellis_process.dynamodb import DynamoDBProcessRepository

from .conftest import Context

WIRED = [wiring.table, wiring.audit]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessService]:
    """The commands on the table that the function audits, a minute ago."""
    monkeypatch.setattr(auditing, "LAG_SECONDS", 0)
    for built in WIRED:
        built.cache_clear()
    with mock_aws():
        wiring.table().create()
        processes = DynamoDBProcessRepository(wiring.table())
        yield ProcessService(processes, clock=lambda: system_clock() - timedelta(minutes=1))
    for built in WIRED:
        built.cache_clear()


@pytest.fixture
def context() -> Context:
    return Context(remaining_ms=900_000)


def start(service: ProcessService) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create", timeout_ms=1_000)],
        metadata={"secret": "patient-name"},
        auto_start_steps=True,
    )


def lose_wake_up(process: Process) -> None:
    table = wiring.table()
    item = table.get(f"tenant-1#{process.process_id}")
    assert item is not None
    del item["due_at"]
    table.put(item, expected_version=process.version)


def test_a_whole_round_is_told_in_metrics(
    service: ProcessService, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    start(service)
    lose_wake_up(start(service))

    audit.handler({}, context)

    emitted = json.loads(capsys.readouterr().out)
    assert emitted["open"] == [2.0]
    assert emitted["without_wakeup"] == [1.0]
    assert emitted["repaired"] == [1.0]
    assert emitted["unrepaired"] == [0.0]
    assert 58 < emitted["oldest_overdue_seconds"][0] < 70


def test_a_run_answers_what_it_found(service: ProcessService, context: Context) -> None:
    start(service)
    lose_wake_up(start(service))

    answer = audit.handler({}, context)

    assert answer["is_complete"]
    assert answer["states"] == {"in_progress": 2}
    assert answer["faults"] == {"without_wakeup": 1}
    json.dumps(answer)


def test_a_round_that_is_not_whole_is_no_metric_and_goes_on_in_the_next_run(
    service: ProcessService, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    start(service)
    context.remaining_ms = 10_000  # less than it keeps for the page in hand

    assert not audit.handler({}, context)["is_complete"]
    emitted = json.loads(capsys.readouterr().out)
    assert emitted["looked_at"] == [0.0]
    assert "open" not in emitted

    context.remaining_ms = 900_000
    assert audit.handler({}, context)["states"] == {"in_progress": 1}


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_a_run_that_another_has_overtaken_says_so(
    service: ProcessService, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(**_: Any) -> Any:
        raise audit.AuditOvertaken("leave it")

    monkeypatch.setattr(wiring.audit(), "run", overtaken)

    assert audit.handler({}, context) == {"is_overtaken": True}


def test_a_mended_process_is_logged_by_name_and_without_its_payload(
    service: ProcessService, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    process = start(service)
    lose_wake_up(process)

    audit.handler({}, context)

    told = next(line for line in logged() if line["message"] == "mended")
    assert (told["tenant_id"], told["process_id"]) == ("tenant-1", process.process_id)
    assert told["faults"] == ["without_wakeup"]
    assert "patient-name" not in json.dumps(logged())
