"""The programs by which the library is introduced run as they stand."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import ProcessService, StepState, TimeoutCheckerService
from trellis_process.testing import ManualClock

REPORTING = """
from trellis_process import Process, ProcessStep, ProcessService
from trellis_process import InMemoryProcessRepository

repo = InMemoryProcessRepository()
service = ProcessService(repo)
process = service.start_process(
    tenant_id="tenant-1", process_type="ReferralNotification",
    aggregate_type="Referral", aggregate_id="ref-123",
    steps=[ProcessStep(name="send_email"), ProcessStep(name="send_in_app")],
)
service.complete_step(process, "send_email")
service.complete_step(process, "send_in_app")
assert process.is_completed()
"""

TIMING_OUT = """
from trellis_process import (
    Process, ProcessStep, ProcessService,
    TimeoutCheckerService, ProcessStepTimedOut,
    InMemoryProcessRepository, InMemoryStepTrackerRepository,
)

process_repo = InMemoryProcessRepository()
tracker_repo = InMemoryStepTrackerRepository()
service = ProcessService(process_repo, tracker_repo)
process = service.start_process(
    tenant_id="tenant-1", process_type="CaseCreation",
    aggregate_type="Referral", aggregate_id="ref-123",
    steps=[ProcessStep(name="create_case", timeout_ms=30000, retries_permitted=3)],
)
service.start_step(process, "create_case")

def handle_timeout(event: ProcessStepTimedOut):
    if event.has_fully_timed_out():
        service.fail_step(process, event.step_name, "Max retries exceeded")
    else:
        retry_create_case(process)

checker = TimeoutCheckerService(tracker_repo, handle_timeout)
checker.check_for_timed_out_steps()
"""


def run(program: str, **given: object) -> dict[str, Any]:
    names = dict(given)
    exec(compile(program, "<program>", "exec"), names)
    return names


@pytest.fixture
def machine_time(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The time that services read which are given no clock."""
    clock = ManualClock()
    for service in (ProcessService, TimeoutCheckerService):
        monkeypatch.setitem(service.__init__.__kwdefaults__, "clock", clock)
    return clock


def test_the_program_that_reports_its_steps_runs_as_it_stands():
    names = run(REPORTING)

    assert names["process"].is_completed()
    assert names["repo"].get(names["process"].key) == names["process"]


def test_the_program_that_watches_for_timeouts_runs_as_it_stands():
    retried: list[object] = []

    names = run(TIMING_OUT, retry_create_case=retried.append)

    assert names["process"].steps["create_case"].state is StepState.IN_PROGRESS
    assert retried == []


def test_the_watching_program_retries_three_times_and_fails_in_its_own_words(
    machine_time: ManualClock,
):
    retried: list[object] = []
    names = run(TIMING_OUT, retry_create_case=retried.append)
    process, checker = names["process"], names["checker"]

    for retries in (1, 2, 3):
        machine_time.advance(milliseconds=29_999)
        assert checker.check_for_timed_out_steps().looked_at == 0
        machine_time.advance(milliseconds=1)
        checker.check_for_timed_out_steps()
        assert len(retried) == retries
    machine_time.advance(seconds=30)
    checker.check_for_timed_out_steps()

    assert retried == [process] * 3
    assert process.has_failed()
    assert process.steps["create_case"].error == "Max retries exceeded"
    assert process.steps["create_case"].attempt == 4


def test_the_watching_programs_process_is_true_after_its_next_call(machine_time: ManualClock):
    names = run(TIMING_OUT, retry_create_case=lambda process: None)
    machine_time.advance(seconds=30)
    names["checker"].check_for_timed_out_steps()

    names["service"].complete_step(names["process"], "create_case")

    assert names["process"].is_completed()
    assert names["process"].steps["create_case"].attempt == 2
