"""Schedules through the client: agreed, looked at, paused, run at once, ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.client.conftest import NewClient
from tests.step_api_server import Fault, StepApi
from trellis_process.client import TrellisClient
from trellis_process.domain.schedule.runs import Backfill
from trellis_process.domain.schedule.schedule import ScheduleState
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.errors import DefinitionNotFound, InvalidInput, ScheduleNotFound

REPORT = """\
process: report
version: 1
inputs: {region: {type: string, default: north}}
steps: [{name: make, service: Reports.make}]
"""
TERMS = ScheduleTerms(
    "report",
    cron="0 9 * * MON",
    time_zone="Europe/London",
    overlap=Overlap.QUEUE,
    timeout="2h",
    input={"region": "süd"},
)
PAST = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def client(client: TrellisClient) -> TrellisClient:
    client.definitions.register(REPORT)
    return client


def test_a_schedule_comes_back_as_it_was_agreed(client: TrellisClient, step_api: StepApi) -> None:
    agreed = client.schedules.put("tenant-1", "weekly", TERMS, reason="asked for")

    assert (agreed.name, agreed.terms, agreed.state) == ("weekly", TERMS, ScheduleState.ACTIVE)
    assert agreed.next_at in client.schedules.upcoming("tenant-1", "weekly", 1)
    assert client.schedules.get("tenant-1", "weekly") == agreed
    assert step_api.service.schedules.get("tenant-1", "weekly") == agreed
    assert len(client.schedules.upcoming("tenant-1", "weekly")) == 10


def test_every_schedule_of_a_tenant_is_listed(client: TrellisClient) -> None:
    for n in range(101):
        client.schedules.put("tenant-1", f"s-{n}", TERMS)
    client.schedules.put("tenant-2", "other", TERMS)

    listed = [each.name for each in client.schedules.list("tenant-1")]

    assert sorted(listed) == sorted(f"s-{n}" for n in range(101))


def test_a_schedule_is_paused_resumed_and_ended(client: TrellisClient) -> None:
    client.schedules.put("tenant-1", "weekly", TERMS)

    paused = client.schedules.pause("tenant-1", "weekly", reason="holidays")
    assert (paused.state, paused.next_at) == (ScheduleState.PAUSED, None)
    assert client.schedules.resume("tenant-1", "weekly").state is ScheduleState.ACTIVE
    ended = client.schedules.delete("tenant-1", "weekly", reason="no more & nothing")
    assert ended.state is ScheduleState.DELETED
    with pytest.raises(ScheduleNotFound, match="weekly"):
        client.schedules.get("tenant-1", "weekly")


def test_runs_are_started_now_and_for_the_past(client: TrellisClient) -> None:
    client.schedules.put("tenant-1", "weekly", TERMS)

    first = client.schedules.start_run("tenant-1", "weekly")
    waiting = client.schedules.start_run("tenant-1", "weekly", request_id="r-1")
    beside = client.schedules.start_run("tenant-1", "weekly", overlap=Overlap.ALLOW)
    until = PAST + timedelta(days=14)
    last = client.schedules.backfill("tenant-1", "weekly", after=PAST, until=until)

    assert (first.started, waiting.started, beside.started) == (1, 1, 2)
    assert list(last.open_runs) == [*first.open_runs, list(last.open_runs)[1]]
    assert len(last.queue) == 1
    assert last.backfills == (Backfill(PAST, until),)
    again = client.schedules.start_run("tenant-1", "weekly", request_id="r-1")
    assert len(again.queue) == 1


def test_a_try_whose_answer_was_lost_starts_no_second_run(
    new_client: NewClient, step_api: StepApi
) -> None:
    client = new_client()
    client.definitions.register(REPORT)
    client.schedules.put("tenant-1", "weekly", TERMS)
    step_api.faults.append(Fault(is_done=True, status=503))

    assert client.schedules.start_run("tenant-1", "weekly").started == 1


def test_what_is_not_there_or_not_allowed_is_told(client: TrellisClient) -> None:
    with pytest.raises(DefinitionNotFound):
        client.schedules.put("tenant-1", "weekly", ScheduleTerms("reprot", every="1h"))
    with pytest.raises(InvalidInput, match=r"time_zone.*Europe/London"):
        client.schedules.put(
            "tenant-1", "weekly", ScheduleTerms("report", cron="0 9 * * *", time_zone="Europe/Lond")
        )
    with pytest.raises(InvalidInput, match=r"^count: "):
        client.schedules.upcoming("tenant-1", "weekly", 0)
    for ask in (client.schedules.get, client.schedules.upcoming, client.schedules.pause):
        with pytest.raises(ScheduleNotFound):
            ask("tenant-1", "weekly")
