"""The timeout checker function: a sweep within its time, told in numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas import timeout_checker, wiring
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
)
from trellis_process.application.clock import system_clock
from trellis_process.errors import InvalidInput
from trellis_process.testing.clock import START

from .conftest import Context


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Three processes, started long ago, whose only step nobody reported."""
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(InMemoryProcessRepository(), trackers, clock=lambda: START)
    checker = TimeoutCheckerService(trackers)
    monkeypatch.setattr(wiring, "timeout_checker", lambda: checker)
    return [
        service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id=f"ref-{n}",
            steps=[ProcessStep(name="create", timeout_ms=1000)],
            auto_start_steps=True,
        )
        for n in range(3)
    ]


def test_a_sweep_tells_what_it_found(late: list[Process], context: Context) -> None:
    summary = timeout_checker.handler({}, context)

    assert summary["timed_out"] == summary["failed"] == 3
    assert summary["is_complete"]
    assert summary["lateness_seconds"] > 0


def test_a_schedule_says_which_sweeper_it_starts(late: list[Process], context: Context) -> None:
    # A store in memory is one shard, which is the first sweeper's.
    second = timeout_checker.handler({"sweeper": {"number": 2, "of": 3}}, context)
    assert (second["sweeper"], second["sweepers"], second["timed_out"]) == (2, 3, 0)

    first = timeout_checker.handler({"sweeper": {"number": 1, "of": 3}}, context)
    assert (first["sweeper"], first["sweepers"], first["timed_out"]) == (1, 3, 3)


@pytest.mark.parametrize("event", [{}, None, "{}", {"id": "of a rule", "source": "aws.events"}])
def test_whoever_names_no_sweeper_sweeps_all(
    late: list[Process], context: Context, event: object
) -> None:
    summary = timeout_checker.handler(event, context)

    assert (summary["sweeper"], summary["sweepers"], summary["timed_out"]) == (1, 1, 3)


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize(
    "sweeper",
    [
        {"number": 4, "of": 3},
        {"number": 1},
        {"number": 0, "of": 1},
        {},
        2,
        {"number": 1, "of": "2"},
    ],
)
def test_a_sweeper_that_cannot_be_is_refused_and_nothing_swept(
    late: list[Process], context: Context, sweeper: object
) -> None:
    with pytest.raises(InvalidInput, match=r"^sweeper"):
        timeout_checker.handler({"sweeper": sweeper}, context)

    assert timeout_checker.handler({}, context)["timed_out"] == 3


def test_a_sweep_stops_before_its_time_is_up_and_the_next_takes_the_rest(
    late: list[Process], context: Context
) -> None:
    context.remaining_ms = 4_000  # less than it keeps for the process in hand

    assert not timeout_checker.handler({}, context)["is_complete"]

    context.remaining_ms = 55_000
    assert timeout_checker.handler({}, context)["timed_out"] == 3


def test_lateness_and_counts_are_metrics(
    late: list[Process], context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    timeout_checker.handler({}, context)

    metrics = json.loads(capsys.readouterr().out)
    since = system_clock() - START
    assert metrics["TimedOut"] == [3.0]
    assert 0 < metrics["SweepLateness"][0] <= since.total_seconds()


def test_attempts_that_begin_after_their_backoff_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(InMemoryProcessRepository(), trackers, clock=lambda: START)
    checker = TimeoutCheckerService(trackers)
    monkeypatch.setattr(wiring, "timeout_checker", lambda: checker)
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=[ProcessStep(name="create", retries_permitted=1)],
    )
    service.fail_step(process, "create", "no route", retry_after_ms=1_000, attempt=1)

    summary = timeout_checker.handler({}, context)

    assert (summary["retried"], summary["timed_out"], summary["failed"]) == (1, 0, 0)
    metrics = json.loads(capsys.readouterr().out)
    assert (metrics["Retried"], metrics["TimedOut"]) == ([1.0], [0.0])


def test_a_process_that_cannot_be_dealt_with_is_logged_by_name_and_counted(
    late: list[Process],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    broken = late[0].process_id
    decide = Process.time_out

    def time_out(process: Process, *args: object, **kwargs: object) -> object:
        if process.process_id == broken:
            raise ValueError("broken")
        return decide(process, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Process, "time_out", time_out)

    summary = timeout_checker.handler({}, context)

    assert (summary["timed_out"], summary["failures"]) == (2, 1)
    told = next(line for line in logged() if line["level"] == "ERROR")
    assert (told["tenant_id"], told["process_id"]) == ("tenant-1", broken)
