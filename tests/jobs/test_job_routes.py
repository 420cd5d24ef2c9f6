"""Jobs over HTTP: asked for, followed, read in pages and called off, as the document promises."""

from __future__ import annotations

import pytest

from tests.http.client import PRINCIPAL, Client, an_event
from tests.jobs.world import TENANT, World
from trellis_process.application.job_states import JobState
from trellis_process.domain.states import ProcessState

JOBS = f"/tenants/{TENANT}/jobs"
CANCEL = {
    "command": "CancelProcess",
    "filter": {"process_type": "order", "definition_version": 1},
    "reason": "recalled",
}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def client(world: World) -> Client:
    return Client(world.engine, world.engine, world.service())


def run(world: World) -> None:
    """What the function behind the queue does."""
    while world.told:
        world.service().run(*world.told.pop())


def test_a_job_is_asked_for_done_and_read(world: World, client: Client) -> None:
    orders = world.orders(3)
    started = client.post(JOBS, CANCEL)
    assert started.status == 201
    where = started.headers["Location"]
    assert where == f"{JOBS}/{started.json['job_id']}"
    assert (started.json["state"], started.json["actor"]) == ("planned", PRINCIPAL)

    run(world)

    job = client.get(where).json
    assert job["state"] == "completed"
    assert job["filter"] == CANCEL["filter"]
    assert job["progress"]["done"] == 3
    first = client.get(f"{where}/results", query={"limit": "2"}).json
    second = client.get(f"{where}/results", query={"limit": "2", "cursor": first["cursor"]}).json
    assert "cursor" not in second
    results = first["results"] + second["results"]
    assert [each["process_id"] for each in results] == [
        each.process_id for each in reversed(orders)
    ]
    assert results[0] == {
        "process_id": orders[2].process_id,
        "outcome": "done",
        "version": 2,
        "state": "cancelled",
        "events": ["ProcessCancelled"],
    }
    assert world.get(orders[0]).reason == f"recalled (job {job['job_id']})"


def test_a_dry_run_is_followed_by_naming_it(world: World, client: Client) -> None:
    (order,) = world.orders(1)
    dry = client.post(JOBS, {**CANCEL, "dry_run": True}).json
    run(world)
    assert world.get(order).state is ProcessState.IN_PROGRESS

    started = client.post(JOBS, {"of": dry["job_id"]})
    run(world)

    assert started.status == 201
    assert (started.json["of"], started.json["expected"]) == (dry["job_id"], 1)
    assert world.get(order).state is ProcessState.CANCELLED


def test_jobs_are_listed_the_newest_first_with_how_far_they_have_come(
    world: World, client: Client
) -> None:
    world.orders(2)
    first = client.post(JOBS, {**CANCEL, "dry_run": True}).json["job_id"]
    run(world)
    world.clock.advance(seconds=1)
    second = client.post(JOBS, {"of": first}).json["job_id"]

    page = client.get(JOBS, query={"limit": "1"}).json
    rest = client.get(JOBS, query={"limit": "1", "cursor": page["cursor"]}).json

    listed = page["jobs"] + rest["jobs"]
    assert "cursor" not in rest
    assert [(each["job_id"], each["state"]) for each in listed] == [
        (second, "planned"),
        (first, "completed"),
    ]
    assert listed[1] == client.get(f"{JOBS}/{first}").json
    assert listed[1]["progress"]["done"] == 2
    assert client.get("/tenants/tenant-2/jobs").json == {"jobs": []}


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "0"}, "limit"), ({"cursor": "nonsense"}, "cursor"), ({"state": "x"}, "state")],
)
def test_a_listing_of_jobs_takes_a_limit_and_its_own_cursor_alone(
    client: Client, query: dict[str, str], field: str
) -> None:
    refused = client.get(JOBS, query=query)

    assert refused.status == 422
    assert list(refused.refused) == [field]


def test_results_of_one_outcome_can_be_asked_for(world: World, client: Client) -> None:
    world.orders(1)
    job_id = client.post(JOBS, CANCEL).json["job_id"]
    run(world)

    asked = {"outcome": "refused"}
    assert client.get(f"{JOBS}/{job_id}/results", query=asked).json == {"results": []}


def test_the_same_key_answers_with_the_same_job(world: World, client: Client) -> None:
    key = {"Idempotency-Key": "recall-7"}
    first = client.post(JOBS, CANCEL, headers=key)
    again = client.post(JOBS, CANCEL, headers=key)
    other = client.post(JOBS, {**CANCEL, "dry_run": True}, headers=key)

    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_a_job_is_cancelled_and_told_to_go_on(world: World, client: Client) -> None:
    world.orders(1)
    where = client.post(JOBS, CANCEL).headers["Location"]
    world.told.clear()

    assert client.post(f"{where}/resume").status == 200
    assert len(world.told) == 1
    assert client.post(f"{where}/cancel").json["state"] == JobState.CANCELLED
    assert client.post(f"{where}/resume").json["state"] == JobState.CANCELLED
    assert len(world.told) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "command"),
        ({"command": "Delete"}, "command"),
        ({"command": "CancelProcess"}, "filter"),
        ({"command": "CancelProcess", "filter": {}}, "filter"),
        ({"command": "CancelProcess", "filter": {"colour": "red"}}, "filter.colour"),
        ({"command": "CancelProcess", "filter": {"state": "late"}}, "filter.state"),
        ({"command": "CancelProcess", "filter": {"state": ["late"]}}, "filter.state"),
        ({"command": "CancelProcess", "filter": {"started_after": 7}}, "filter.started_after"),
        (
            {"command": "CancelProcess", "filter": {"started_before": "2026-01-01"}},
            "filter.started_before",
        ),
        ({"command": "SkipStep", "filter": {"process_type": "order"}}, "step_name"),
        ({**CANCEL, "step_name": "pay"}, "step_name"),
        ({**CANCEL, "reason": "x" * 901}, "reason"),
        ({**CANCEL, "of": "some-job"}, "command"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    client: Client, body: dict, field: str
) -> None:
    refused = client.post(JOBS, body)

    assert (refused.status, refused.code) == (422, "invalid_input")
    assert list(refused.refused) == [field]


def test_a_job_that_is_not_there_is_not_found(world: World, client: Client) -> None:
    job_id = client.post(JOBS, CANCEL).json["job_id"]
    for where in (f"{JOBS}/no-job", f"/tenants/tenant-2/jobs/{job_id}"):
        for answered in (
            client.get(where),
            client.get(f"{where}/results"),
            client.post(f"{where}/cancel"),
            client.post(f"{where}/resume"),
        ):
            assert (answered.status, answered.code) == (404, "job_not_found")


def test_the_log_says_which_job_was_started(client: Client) -> None:
    asked = client.api.read(an_event("POST", JOBS, CANCEL))
    answer = client.api.answer(asked)

    assert set(answer.about) == {"tenant_id", "job_id"}
