"""The jobs function: what it does, sends on, brings again and tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from lambdas import jobs as function
from lambdas import wiring
from tests.jobs.world import OF_V1, TENANT, World, cancel
from trellis_process.application import job_service
from trellis_process.application.job_states import JobState
from trellis_process.errors import StoreUnavailable

from .conftest import Context

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    service = world.service()
    monkeypatch.setattr(wiring, "jobs", lambda: service)
    return world


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The jobs that were sent on."""
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(wiring, "send_job", lambda *job: sent.append(job))
    return sent


def receive(job_id: str, context: Context | None = None) -> list[str]:
    """Has the function take a message; the messages to bring again."""
    body = json.dumps({"tenant_id": TENANT, "job_id": job_id})
    event = {"Records": [{"messageId": "m-1", "body": body}]}
    answer = function.handler(event, context or Context())  # type: ignore[arg-type]
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_job_is_done_and_told(world: World, sent: list[tuple[str, str]], told: Told) -> None:
    world.orders(3)
    job = world.service().start(TENANT, cancel(), OF_V1)

    assert receive(job.job_id) == []

    job = world.service().get(TENANT, job.job_id)
    assert (job.state, job.progress.done) == (JobState.COMPLETED, 3)
    assert sent == []
    (line,) = told()
    assert (line["message"], line["job_id"], line["state"]) == ("job", job.job_id, "completed")
    assert (line["JobProcesses"], line["JobFailures"]) == ([3.0], [0.0])


def test_what_there_is_no_time_for_is_sent_on(
    world: World, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_service, "PIECE", 2)
    world.orders(5)
    job = world.service().start(TENANT, cancel(), OF_V1)
    left = iter([40_000] * 6)

    class Ending(Context):
        def get_remaining_time_in_millis(self) -> int:
            return next(left, 20_000)

    assert receive(job.job_id, Ending()) == []
    assert sent == [(TENANT, job.job_id)]
    assert 0 < world.service().get(TENANT, job.job_id).progress.done < 5

    receive(*[job_id for _, job_id in sent])
    assert world.service().get(TENANT, job.job_id).progress.done == 5
    assert set(world.changes_by(job).values()) == {1}


def test_a_message_for_which_there_is_no_time_comes_again(
    world: World, sent: list[tuple[str, str]]
) -> None:
    job = world.service().start(TENANT, cancel(), OF_V1)

    assert receive(job.job_id, Context(remaining_ms=20_000)) == ["m-1"]
    assert world.service().get(TENANT, job.job_id) == job


def test_what_fails_comes_again_and_says_why(
    world: World, sent: list[tuple[str, str]], logged: Told
) -> None:
    def page(*_given: Any, **_more: Any) -> None:
        raise StoreUnavailable("down", may_have_happened=False)

    job = world.service().start(TENANT, cancel(), OF_V1)
    world.processes.page = page

    assert receive(job.job_id) == ["m-1"]
    assert [(line["message"], line["job_id"]) for line in logged()] == [("left", job.job_id)]


def test_a_job_that_has_expired_does_not_come_again(
    world: World, sent: list[tuple[str, str]]
) -> None:
    assert receive("no-job") == []
    assert sent == []


def test_a_queue_that_cannot_be_reached_is_a_store_that_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Sqs:
        def send_message(self, **_message: Any) -> None:
            raise EndpointConnectionError(endpoint_url="http://jobs")

    monkeypatch.setattr(wiring, "_client", lambda _service, **_more: Sqs())

    with pytest.raises(StoreUnavailable, match="ask for it again") as raised:
        wiring.send_job("tenant-1", "job-1")
    assert raised.value.may_have_happened
