"""A batch over HTTP: each command for itself, in order, within its time and size."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trellis_process import InMemoryProcessRepository, ProcessKey
from trellis_process.errors import StoreUnavailable
from trellis_process.http import batch

from .client import PRINCIPAL, Client, a_start, an_event, check_documented

BATCH = "/tenants/tenant-1/batch"


def run(client: Client, *commands: object) -> list[Any]:
    """The results of a batch."""
    answered = client.post(BATCH, {"commands": list(commands)})
    assert answered.status == 200, answered.text
    results: list[Any] = answered.json["results"]
    assert len(results) == len(commands)
    return results


def start(**said: Any) -> dict[str, Any]:
    return {"command": "StartProcess", **a_start(**said)}


def a_report(process: str, command: str, **said: Any) -> dict[str, Any]:
    """A report on the step ``pay`` of a process that lives at this address."""
    process_id = process.rpartition("/")[2]
    return {"command": command, "process_id": process_id, "step_name": "pay", **said}


def test_commands_for_one_process_run_in_their_order(
    client: Client, repository: InMemoryProcessRepository
) -> None:
    process = client.start()

    results = run(
        client,
        a_report(process, "StartStep", attempt=1),
        a_report(process, "CompleteStep", attempt=1, output={"receipt": 1}, reason="paid"),
    )

    assert [each["status"] for each in results] == [200, 200]
    assert [each["process"]["state"] for each in results] == ["in_progress", "completed"]
    assert {each["process_id"] for each in results} == {process.rpartition("/")[2]}
    stored = repository.get(ProcessKey("tenant-1", results[0]["process_id"]))
    assert stored is not None
    assert [(told.reason, told.actor) for told in stored.events] == [("paid", PRINCIPAL)] * 2


def test_a_start_has_a_key_of_its_own(client: Client) -> None:
    first, again, other = run(
        client,
        start(idempotency_key="order-1"),
        start(idempotency_key="order-1"),
        start(idempotency_key="order-1", aggregate_id="order-2"),
    )

    assert (first["status"], again) == (201, first)
    assert (other["status"], other["problem"]["code"]) == (422, "idempotency_key_reused")
    assert [each["field"] for each in other["problem"]["errors"]] == ["idempotency_key"]


def test_what_is_refused_does_not_stop_the_others(client: Client) -> None:
    process = client.start()

    *refused, completed = run(
        client,
        7,
        {"command": "RetryStep"},
        a_report(process, "FailStep", more=1),
        a_report(process, "Heartbeat"),
        a_report(process, "StartStep", expected_version=9),
        a_report("unknown", "StartStep"),
        a_report(process, "CompleteStep", output="x" * 40_000),
        a_report(process, "CompleteStep"),
    )

    assert [(each["status"], each["problem"]["code"]) for each in refused] == [
        (422, "invalid_input"),
        (422, "invalid_input"),
        (422, "invalid_input"),
        (409, "step_not_started"),
        (412, "version_mismatch"),
        (404, "process_not_found"),
        (413, "too_large"),
    ]
    assert [each["field"] for each in refused[2]["problem"]["errors"]] == ["error", "more"]
    assert refused[3]["problem"]["process"]["version"] == 1
    assert "If-Match" not in refused[4]["problem"]["detail"]
    assert completed["process"]["state"] == "completed"


def test_the_tenant_is_that_of_the_path(client: Client) -> None:
    process = client.start("tenant-2")

    named, other, guessed = run(
        client,
        start(tenant_id="tenant-1"),
        a_report(process, "StartStep", tenant_id="tenant-2"),
        a_report(process, "StartStep"),
    )

    assert (named["status"], named["process"]["tenant_id"]) == (201, "tenant-1")
    assert [each["field"] for each in other["problem"]["errors"]] == ["tenant_id"]
    assert guessed["problem"]["code"] == "process_not_found"
    assert client.get(process).json["version"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"commands": []},
        {"commands": [start()] * 26},
        {"commands": {}},
        {"commands": None},
        {"commands": [start()], "more": 1},
    ],
)
def test_what_is_no_batch_is_refused_whole(client: Client, body: dict[str, Any]) -> None:
    assert client.post(BATCH, body).status == 422
    assert client.get("/tenants/tenant-1/processes").json == {"processes": []}


def test_what_cannot_be_read_is_refused_whole(client: Client) -> None:
    assert client.post(BATCH, '{"commands": [').status == 400


def test_twenty_five_commands_are_taken(client: Client) -> None:
    assert {each["status"] for each in run(client, *[start()] * 25)} == {201}


def test_when_its_time_is_up_the_rest_is_said_not_to_be_tried(client: Client) -> None:
    times = iter([True, False])
    asked = client.api.read(an_event("POST", BATCH, {"commands": [start(), start(), start()]}))

    answer = client.api.answer(asked, has_time=lambda: next(times))

    body = answer.response["body"]
    check_documented("run_batch", answer.status, answer.response["headers"], body)
    results = json.loads(body)["results"]
    assert [each["status"] for each in results] == [201, 503, 503]
    assert results[1]["problem"]["code"] == "not_tried"
    assert len(client.get("/tenants/tenant-1/processes").json["processes"]) == 1


def test_a_store_that_fails_is_a_result(
    client: Client, repository: InMemoryProcessRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = client.start()
    save = repository.save
    failures = iter([StoreUnavailable("no route", may_have_happened=True), KeyError("inside")])

    def fail(changed: Any) -> None:
        error = next(failures, None)
        if error is not None:
            raise error
        save(changed)

    monkeypatch.setattr(repository, "save", fail)

    lost, fault, done = run(client, *[a_report(process, "StartStep", attempt=1)] * 3)

    assert (lost["status"], lost["problem"]["may_have_happened"]) == (503, True)
    assert (fault["status"], fault["problem"]["code"]) == (500, "internal_error")
    assert "inside" not in json.dumps(fault)
    assert done["status"] == 200


def test_an_answer_that_would_get_too_large_goes_without_the_processes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = client.start(metadata={"much": "x" * 10_000})
    monkeypatch.setattr(batch, "MAX_PAGE_CHARACTERS", 12_000)

    whole, short, refused = run(
        client,
        a_report(process, "StartStep", attempt=1),
        a_report(process, "CompleteStep", attempt=1),
        a_report(process, "FailStep", error="late"),
    )

    assert "process" in whole
    assert short == {"status": 200, "process_id": whole["process_id"]}
    assert refused["problem"]["code"] == "process_finished"
    assert "process" not in refused["problem"]
