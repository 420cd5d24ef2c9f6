"""Schedules over HTTP: agreed, looked at, run and ended, as the document promises."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.client import PRINCIPAL, Client
from tests.schedules.world import World
from trellis_process.domain.schedule.commands import MAX_BACKFILLS

SCHEDULES = "/tenants/t/schedules"
DAILY = f"{SCHEDULES}/daily"
TERMS = {"definition": "report", "cron": "0 9 * * *", "time_zone": "Europe/London"}
YESTERDAY = {"after": "2027-02-28T08:00:00Z", "until": "2027-03-01T10:00:00+00:00"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world.engine, world.engine)


def test_a_schedule_is_agreed_and_read(world: World, client: Client) -> None:
    agreed = client.send("PUT", DAILY, {**TERMS, "reason": "asked for"})

    assert agreed.status == 200
    assert agreed.json == {
        "tenant_id": "t",
        "name": "daily",
        "state": "active",
        "terms": {**TERMS, "catch_up": False, "overlap": "skip", "input": {}, "declared": False},
        "next_at": "2027-03-02T09:00:00.000Z",
        "open_runs": [],
        "queue": [],
        "backfills": [],
        "started": 0,
        "skipped": 0,
        "process_id": world.process().process_id,
        "created_at": "2027-03-01T12:00:00.000Z",
        "changed_at": "2027-03-01T12:00:00.000Z",
    }
    assert client.get(DAILY).json == agreed.json
    assert client.get(SCHEDULES).json == {"schedules": [agreed.json]}
    (event,) = world.runner.history(world.process())
    assert (event["actor"], event["reason"]) == (PRINCIPAL, "asked for")


def test_the_same_terms_again_change_nothing(world: World, client: Client) -> None:
    agreed = client.send("PUT", DAILY, TERMS)
    version = world.process().version

    assert client.send("PUT", DAILY, {**TERMS, "overlap": "skip"}).json == agreed.json
    assert world.process().version == version


def test_schedules_are_listed_in_pages(client: Client) -> None:
    for n in range(3):
        client.send("PUT", f"{SCHEDULES}/s-{n}", TERMS)

    first = client.get(SCHEDULES, query={"limit": "2"}).json
    second = client.get(SCHEDULES, query={"limit": "2", "cursor": first["cursor"]}).json

    names = [each["name"] for each in first["schedules"] + second["schedules"]]
    assert sorted(names) == ["s-0", "s-1", "s-2"]
    assert client.get(SCHEDULES, query={"state": "paused"}).status == 422


def test_the_next_times_are_told_in_utc(client: Client) -> None:
    client.send("PUT", DAILY, {**TERMS, "cron": "0 9 27,28 * *"})

    times = client.get(f"{DAILY}/upcoming", query={"count": "2"}).json["times"]

    assert times == ["2027-03-27T09:00:00.000Z", "2027-03-28T08:00:00.000Z"]
    assert len(client.get(f"{DAILY}/upcoming").json["times"]) == 10


@pytest.mark.parametrize("count", ["0", "1001", "many", "-1", ""])
def test_a_count_that_is_none_is_refused(client: Client, count: str) -> None:
    client.send("PUT", DAILY, TERMS)

    refused = client.get(f"{DAILY}/upcoming", query={"count": count})

    assert refused.status == 422
    assert refused.refused == {"count": "allowed is a whole number from 1 to 1000"}


def test_a_schedule_is_paused_and_resumed(world: World, client: Client) -> None:
    client.send("PUT", DAILY, TERMS)

    paused = client.post(f"{DAILY}/pause", {"reason": "closed"})
    assert (paused.status, paused.json["state"], "next_at" in paused.json) == (200, "paused", False)
    resumed = client.post(f"{DAILY}/resume")
    assert (resumed.status, resumed.json["state"]) == (200, "active")
    told = [(each["type"], each.get("reason")) for each in world.runner.history(world.process())]
    assert told[1:] == [("ProcessSuspended", "closed"), ("ProcessResumed", None)]


def test_a_run_is_wanted_now(world: World, client: Client) -> None:
    client.send("PUT", DAILY, {**TERMS, "overlap": "queue"})

    started = client.post(f"{DAILY}/run", {"request_id": "r-1"})
    assert client.post(f"{DAILY}/run", {"request_id": "r-1"}).json == started.json
    waiting = client.post(f"{DAILY}/run")
    beside = client.post(f"{DAILY}/run", {"overlap": "allow"})
    world.runner.run()

    (open_run,) = started.json["open_runs"]
    assert open_run["scheduled_at"] == "2027-03-01T12:00:00.000Z"
    assert open_run["process_id"] in {each.process_id for each in world.runs()}
    assert waiting.json["queue"] == ["2027-03-01T12:00:00.000Z"]
    assert (beside.json["started"], len(beside.json["open_runs"])) == (2, 2)


def test_a_range_of_the_past_is_run(world: World, client: Client) -> None:
    client.send("PUT", DAILY, TERMS)

    asked = client.post(f"{DAILY}/backfill", {**YESTERDAY, "request_id": "b-1"})
    world.runner.run()

    assert asked.status == 200
    assert asked.json["backfills"] == [
        {
            "after": "2027-02-28T09:00:00.000Z",
            "until": "2027-03-01T10:00:00.000Z",
            "side_by_side": False,
        }
    ]
    assert world.times() == ["02-28 09:00"]


def test_a_schedule_is_ended_and_its_name_may_be_used_again(world: World, client: Client) -> None:
    client.send("PUT", DAILY, TERMS)

    ended = client.send("DELETE", DAILY, query={"reason": "no more"})

    assert (ended.status, ended.json["state"]) == (200, "deleted")
    for gone in (client.get(DAILY), client.send("DELETE", DAILY), client.post(f"{DAILY}/run")):
        assert (gone.status, gone.code) == (404, "schedule_not_found")
    assert client.get(SCHEDULES).json == {"schedules": []}
    assert client.send("PUT", DAILY, TERMS).json["state"] == "active"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cron": None}, "cron"),
        ({"every": "1h"}, "cron"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": 9}, "cron"),
        ({"cron": None, "every": "59s"}, "every"),
        ({"cron": None, "every": 60}, "every"),
        ({"cron": None, "every": "1h"}, "time_zone"),
        ({"time_zone": "Europe/Lodnon"}, "time_zone"),
        ({"overlap": "never"}, "overlap"),
        ({"catch_up": "yes"}, "catch_up"),
        ({"timeout": "soon"}, "timeout"),
        ({"input": []}, "input"),
        ({"input": {"region": 3}}, "input.region"),
        ({"definition": "a report"}, "definition"),
        ({"crno": "0 9 * * *"}, "crno"),
        ({"reason": 7}, "reason"),
    ],
)
def test_terms_that_cannot_be_agreed_are_refused_by_their_field(
    client: Client, body: dict[str, Any], field: str
) -> None:
    refused = client.send("PUT", DAILY, {**TERMS, **body})

    assert (refused.status, refused.code, list(refused.refused)) == (422, "invalid_input", [field])
    assert client.get(SCHEDULES).json == {"schedules": []}


def test_all_that_is_wrong_with_a_body_is_told_at_once(client: Client) -> None:
    refused = client.send("PUT", DAILY, {"overlap": "never", "timeout": "soon", "catch_up": 1})

    assert list(refused.refused) == ["definition", "catch_up", "overlap", "timeout"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"after": "yesterday"}, "after"),
        ({"until": "2027-03-01T10:00:00"}, "until"),
        ({"until": "2027-03-09T10:00:00Z"}, "until"),
        ({"until": "2027-01-01T10:00:00Z"}, "until"),
        ({"side_by_side": "yes"}, "side_by_side"),
        ({"request_id": "a b"}, "request_id"),
    ],
)
def test_a_range_that_is_none_or_has_not_passed_is_refused(
    world: World, client: Client, body: dict[str, Any], field: str
) -> None:
    client.send("PUT", DAILY, TERMS)

    refused = client.post(f"{DAILY}/backfill", {**YESTERDAY, **body})

    assert (refused.status, list(refused.refused)) == (422, [field])
    assert world.schedule().backfills == ()


def test_no_more_ranges_are_taken_than_may_be_under_way(client: Client) -> None:
    client.send("PUT", DAILY, TERMS)
    for _ in range(MAX_BACKFILLS):
        assert client.post(f"{DAILY}/backfill", YESTERDAY).status == 200

    assert client.post(f"{DAILY}/backfill", YESTERDAY).refused == {
        "after": "10 ranges are under way; wait for one"
    }


def test_a_schedule_of_what_is_not_there_is_refused(client: Client) -> None:
    refused = client.send("PUT", DAILY, {**TERMS, "definition": "reprot"})

    assert (refused.status, refused.code) == (404, "definition_not_found")
    assert "'report'" in refused.json["detail"]


def test_a_schedule_takes_no_method_that_is_not_documented(client: Client) -> None:
    refused = client.post(DAILY, TERMS)

    assert (refused.status, refused.headers["Allow"]) == (405, "DELETE, GET, PUT")


def test_a_service_without_definitions_has_no_schedules(world: World) -> None:
    assert Client(world.engine).get(SCHEDULES).code == "path_not_found"
