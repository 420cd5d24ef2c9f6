"""Schedules through the deployed stack: the sweep starts what was missed, runs end, others follow.

No test waits for a minute to pass. A schedule that was agreed a day ago is put into the table as
the library would have put it then, by a clock that is a day late; the deployed checker finds what
it has missed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.end_to_end.until import until
from trellis_process import Process, ProcessState
from trellis_process.application.engine_service import EngineService
from trellis_process.client import TrellisClient
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.dynamodb import (
    DynamoDBDefinitionRepository,
    DynamoDBProcessRepository,
    Table,
)
from trellis_process.errors import ScheduleNotFound
from trellis_process.local.ministack import REGION
from trellis_process.local.stack import LocalStack

REPORT = """\
process: nightly_report
version: 1
inputs: {region: string}
steps:
  - {name: make, service: Reports.make, inputs: {region: input.region}, timeout: 1d}
"""
DAY = timedelta(days=1)
NORTH = {"region": "north"}


@pytest.fixture(scope="module", autouse=True)
def definition(client: TrellisClient) -> None:
    client.definitions.register(REPORT)


@pytest.fixture
def yesterday(deployed_stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> EngineService:
    """The library on the deployed table, as it was used a day ago."""
    for name, value in deployed_stack.cloud.client_environment().items():
        monkeypatch.setenv(name, value)
    endpoint = deployed_stack.cloud.endpoint_url
    table = Table(deployed_stack.outputs["TableName"], region=REGION, endpoint_url=endpoint)
    return EngineService(
        DynamoDBProcessRepository(table),
        definitions=DefinitionCatalog(DynamoDBDefinitionRepository(table)),
        clock=lambda: datetime.now(UTC) - DAY,
    )


def sweep(stack: LocalStack) -> Any:
    """Runs the deployed checker now."""
    name = stack.outputs["TimeoutCheckerFunctionName"]
    answer = stack.cloud.client("lambda").invoke(FunctionName=name)
    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def runs(client: TrellisClient, tenant_id: str, count: int) -> list[Process]:
    """The processes that the schedule started, by their times, once there are so many."""

    def found() -> list[Process] | None:
        listed = list(client.list_processes(tenant_id, process_type="nightly_report"))
        assert len(listed) <= count
        return listed if len(listed) == count else None

    return sorted(until(found), key=lambda each: each.scheduled_at or each.started_at)


def test_a_run_is_started_now_and_the_next_one_when_it_has_ended(
    client: TrellisClient, tenant_id: str
) -> None:
    terms = ScheduleTerms("nightly_report", every="1d", overlap=Overlap.QUEUE, input=NORTH)
    client.schedules.put(tenant_id, "nightly", terms)

    asked = client.schedules.start_run(tenant_id, "nightly", request_id="first")
    client.schedules.start_run(tenant_id, "nightly", request_id="first")
    waiting = client.schedules.start_run(tenant_id, "nightly", request_id="second")
    assert (waiting.started, len(waiting.queue)) == (1, 1)
    (first,) = runs(client, tenant_id, 1)
    assert {first.process_id: first.scheduled_at} == asked.open_runs
    assert (first.input, first.state) == (NORTH, ProcessState.IN_PROGRESS)

    client.complete_step(first, "make")
    _, second = runs(client, tenant_id, 2)
    client.complete_step(second, "make")

    def idle() -> Schedule | None:
        schedule = client.schedules.get(tenant_id, "nightly")
        return None if schedule.open_runs else schedule

    ended = until(idle)
    assert (ended.started, ended.queue, ended.skipped) == (2, (), 0)
    assert client.get_process(tenant_id, second.process_id).state is ProcessState.COMPLETED


def test_a_range_of_the_past_is_run_one_after_the_other(
    client: TrellisClient, tenant_id: str
) -> None:
    terms = ScheduleTerms(
        "nightly_report", cron="0 2 * * *", time_zone="Europe/London", input=NORTH
    )
    client.schedules.put(tenant_id, "nightly", terms)
    # The clock was put forward on 29 March.
    after, until_ = datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)
    client.schedules.backfill(tenant_id, "nightly", after=after, until=until_)

    for count in range(1, 5):
        client.complete_step(runs(client, tenant_id, count)[-1], "make")

    times = [each.scheduled_at for each in runs(client, tenant_id, 4)]
    assert [f"{each:%m-%d %H:%M}" for each in times if each] == [
        "03-27 02:00",
        "03-28 02:00",
        "03-29 01:00",
        "03-30 01:00",
    ]


def test_what_was_missed_is_started_by_the_sweep(
    client: TrellisClient, deployed_stack: LocalStack, yesterday: EngineService, tenant_id: str
) -> None:
    terms = ScheduleTerms(
        "nightly_report", every="9h", catch_up=True, overlap=Overlap.ALLOW, input=NORTH
    )
    agreed = yesterday.schedules.put(tenant_id, "nightly", terms)

    sweep(deployed_stack)

    times = [each.scheduled_at for each in runs(client, tenant_id, 2)]
    assert times == [agreed.created_at + timedelta(hours=hours) for hours in (9, 18)]
    schedule = client.schedules.get(tenant_id, "nightly")
    assert schedule.next_at == agreed.created_at + timedelta(hours=27)


def test_a_run_cancels_the_one_before_it_and_starts_when_that_has_ended(
    client: TrellisClient, tenant_id: str
) -> None:
    terms = ScheduleTerms("nightly_report", every="1d", input=NORTH)
    client.schedules.put(tenant_id, "nightly", terms)
    client.schedules.start_run(tenant_id, "nightly")
    (first,) = runs(client, tenant_id, 1)

    client.schedules.start_run(tenant_id, "nightly", overlap=Overlap.CANCEL_PREVIOUS)

    _, second = runs(client, tenant_id, 2)
    assert client.get_process(tenant_id, first.process_id).state is ProcessState.CANCELLED
    assert second.state is ProcessState.IN_PROGRESS
    assert list(client.schedules.get(tenant_id, "nightly").open_runs) == [second.process_id]


def test_a_paused_schedule_starts_nothing_and_one_that_was_ended_is_gone(
    client: TrellisClient, deployed_stack: LocalStack, yesterday: EngineService, tenant_id: str
) -> None:
    terms = ScheduleTerms("nightly_report", every="9h", input=NORTH)
    yesterday.schedules.put(tenant_id, "nightly", terms)
    paused = client.schedules.pause(tenant_id, "nightly", reason="holidays")
    assert (paused.state, paused.next_at) == (ScheduleState.PAUSED, None)

    sweep(deployed_stack)
    assert client.schedules.get(tenant_id, "nightly").started == 0
    client.schedules.resume(tenant_id, "nightly")
    sweep(deployed_stack)

    missed = client.schedules.get(tenant_id, "nightly")
    assert (missed.started, missed.skipped) == (0, 1)
    client.schedules.delete(tenant_id, "nightly", reason="no more")
    with pytest.raises(ScheduleNotFound):
        client.schedules.get(tenant_id, "nightly")
    assert list(client.list_processes(tenant_id, process_type="nightly_report")) == []
