"""What is overdue is told with its deadline, whatever it waits for, as far as is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime

import pytest

from trellis_process import (
    DefinitionCatalog,
    EngineService,
    InMemoryDefinitionRepository,
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessDefinition,
    ProcessKey,
    ProcessService,
    ProcessStep,
    ScheduleTerms,
)
from trellis_process.application.repositories import WakeUp
from trellis_process.cli.overdue import print_overdue
from trellis_process.testing import ManualClock


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def trackers() -> InMemoryStepTrackerRepository:
    return InMemoryStepTrackerRepository()


@pytest.fixture
def service(trackers: InMemoryStepTrackerRepository, clock: ManualClock) -> ProcessService:
    return ProcessService(InMemoryProcessRepository(), trackers, clock=clock)


def start(service: ProcessService, *steps: ProcessStep, timeout_ms: int | None = None) -> Process:
    return service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-1",
        steps=steps,
        timeout_ms=timeout_ms,
        auto_start_steps=True,
    )


def test_it_says_what_waits_and_the_oldest_comes_first(
    service: ProcessService,
    trackers: InMemoryStepTrackerRepository,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start(service, ProcessStep(name="pay", timeout_ms=30_000, retries_permitted=2))
    start(service, ProcessStep(name="any"), timeout_ms=600)
    start(service, ProcessStep(name="later", timeout_ms=600_000))
    signed = start(service, ProcessStep(name="sign"))
    service.suspend_step(signed, "sign", timeout_ms=60_000)
    busy = start(service, ProcessStep(name="ship", retries_permitted=1))
    service.fail_step(busy, "ship", "busy", retry_after_ms=80_000, attempt=1)
    clock.advance(seconds=100)

    assert print_overdue(trackers, clock(), limit=50, as_json=False)
    lines = capsys.readouterr().out.splitlines()

    assert [re.split("  +", line)[3] for line in lines[1:]] == [
        "the whole process",
        "pay #1 to be done",
        "sign #1 to be resumed",
        "ship #1 to be tried again",
    ]
    assert [line.split()[0] for line in lines[1:]] == ["99", "70", "40", "20"]


ORDERED = """
process: claim
version: 1
steps:
  - name: all
    sla: {max_duration: 10m}
    parallel:
      branches:
        - {name: a, steps: [{name: calm, wait: 1m}]}
        - {name: b, steps: [{name: signed, wait_for_signal: signature, timeout: 2m}]}
        - {name: c, steps: [{name: decide, human_task: {surface: f, due: 3m, escalate_after: 30s}}]}
        - {name: d, steps: [{name: part, subprocess: other, timeout: 4m}]}
"""


def test_it_says_what_steps_of_a_definition_wait_for(
    trackers: InMemoryStepTrackerRepository,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    definitions = DefinitionCatalog(InMemoryDefinitionRepository())
    engine = EngineService(
        InMemoryProcessRepository(), trackers, definitions=definitions, clock=clock
    )
    engine.register(ProcessDefinition.from_yaml(ORDERED))
    engine.start("claim", tenant_id="tenant-1")
    clock.advance(minutes=20)

    assert print_overdue(trackers, clock(), limit=50, as_json=False)
    assert print_overdue(trackers, clock(), limit=50, as_json=True)
    *lines, told = capsys.readouterr().out.splitlines()

    assert [re.split("  +", line)[3] for line in lines[1:]] == [
        "decide to be escalated",
        "calm #1 to go on",
        "signed #1 for a signal",
        "decide #1 for a person",
        "part #1 for its child",
        "all late by sla, to be told",
    ]
    timers = [(each["step_name"], each["timer"]) for each in json.loads(told) if "timer" in each]
    assert timers == [("decide", "escalation"), ("all", "sla")]


def test_no_more_is_read_than_is_asked_for(
    service: ProcessService,
    trackers: InMemoryStepTrackerRepository,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(5):
        start(service, ProcessStep(name="pay", timeout_ms=1_000))
    clock.advance(seconds=2)
    read = 0

    class Counted(InMemoryStepTrackerRepository):
        def due(self, now: datetime) -> Iterator[WakeUp]:
            nonlocal read
            for each in trackers.due(now):
                read += 1
                yield each

    assert print_overdue(Counted(), clock(), limit=2, as_json=False)

    said = capsys.readouterr().out
    assert said.count("pay #1") == 2
    assert "--limit" in said
    assert read == 3  # the third tells that there is more


def test_nothing_overdue_is_said(
    service: ProcessService,
    trackers: InMemoryStepTrackerRepository,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start(service, ProcessStep(name="pay", timeout_ms=1_000))

    assert not print_overdue(trackers, clock(), limit=50, as_json=False)
    assert not print_overdue(trackers, clock(), limit=50, as_json=True)
    assert capsys.readouterr().out == "Nothing is overdue.\n[]\n"


def test_one_that_cannot_be_read_is_told_as_well(
    clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreadable() -> Process:
        raise ValueError("no process any more")

    class Broken(InMemoryStepTrackerRepository):
        def due(self, now: datetime) -> Iterator[WakeUp]:
            yield WakeUp(ProcessKey("tenant-1", "p-1"), now, unreadable)
            yield WakeUp(ProcessKey("tenant-1", "p-2"), now, lambda: None)  # a late entry

    assert print_overdue(Broken(), clock(), limit=50, as_json=False)
    assert print_overdue(Broken(), clock(), limit=50, as_json=True)

    shown, told = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "cannot be read" in shown
    (each,) = json.loads(told)
    assert (each["process_id"], each["overdue_seconds"]) == ("p-1", 0)


def test_a_schedule_whose_time_no_sweep_has_seen_says_that_it_is_the_next_run(
    trackers: InMemoryStepTrackerRepository,
    clock: ManualClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    definitions = DefinitionCatalog(InMemoryDefinitionRepository())
    engine = EngineService(
        InMemoryProcessRepository(), trackers, definitions=definitions, clock=clock
    )
    engine.register(
        ProcessDefinition.from_yaml("process: p\nversion: 1\nsteps: [{name: a, service: A}]")
    )
    schedule = engine.schedules.put("tenant-1", "hourly", ScheduleTerms("p", every="1h"))
    paused = engine.schedules.put("tenant-1", "paused", ScheduleTerms("p", every="1h"))
    engine.schedules.pause("tenant-1", "paused")
    clock.advance(minutes=59)
    assert not print_overdue(trackers, clock(), limit=5, as_json=False)
    clock.advance(minutes=5)

    assert print_overdue(trackers, clock(), limit=5, as_json=False)

    told = capsys.readouterr().out
    assert f"4 m   {schedule.process_id}  tenant-1  the next run  trellis.schedule" in told
    assert "schedule hourly" in told
    assert paused.process_id not in told
