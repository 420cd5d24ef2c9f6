"""Starting a process over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from .client import PRINCIPAL, Client, a_start, an_event

PROCESSES = "/tenants/tenant-1/processes"


def test_a_start_answers_with_the_process_where_it_lives_and_its_version(client: Client) -> None:
    started = client.post(
        PROCESSES,
        a_start(
            steps=[{"name": "pay", "timeout_ms": 1000, "retries_permitted": 2}, {"name": "ship"}],
            metadata={"priority": "high"},
            timeout_ms=60_000,
        ),
    )

    assert started.status == 201
    process_id = started.json["process_id"]
    assert started.headers["Location"] == f"{PROCESSES}/{process_id}"
    assert started.headers["ETag"] == '"1"'
    assert started.json == {
        "tenant_id": "tenant-1",
        "process_id": process_id,
        "process_type": "Order",
        "aggregate_type": "Order",
        "aggregate_id": "order-1",
        "state": "pending",
        "version": 1,
        "started_at": "2026-01-01T09:00:00.000Z",
        "changed_at": "2026-01-01T09:00:00.000Z",
        "due_at": "2026-01-01T09:01:00.000Z",
        "timeout_ms": 60_000,
        "metadata": {"priority": "high"},
        "steps": [
            {
                "name": "pay",
                "state": "pending",
                "attempt": 0,
                "retries_permitted": 2,
                "timeout_ms": 1000,
            },
            {"name": "ship", "state": "pending", "attempt": 0, "retries_permitted": 0},
        ],
    }
    assert client.get(started.headers["Location"]).json == started.json


def test_steps_start_with_the_process_where_that_is_asked(client: Client) -> None:
    started = client.post(PROCESSES, a_start(auto_start_steps=True)).json

    assert started["steps"][0]["state"] == "in_progress"
    assert started["steps"][0]["reported_by"] == PRINCIPAL


def test_a_start_repeated_with_its_key_answers_with_the_same_process(client: Client) -> None:
    headers = {"Idempotency-Key": "order-1/start"}
    first = client.post(PROCESSES, a_start(), headers=headers)
    client.post(f"{first.headers['Location']}/steps/pay/start")

    again = client.post(PROCESSES, a_start(), headers=headers)

    assert again.status == 201
    assert again.headers["Location"] == first.headers["Location"]
    assert again.json["state"] == "in_progress"
    assert again.headers["ETag"] == '"2"'


def test_a_repeat_with_another_body_is_refused(client: Client) -> None:
    headers = {"Idempotency-Key": "key"}
    client.post(PROCESSES, a_start(), headers=headers)

    again = client.post(PROCESSES, a_start(aggregate_id="order-2"), headers=headers)

    assert (again.status, again.code) == (422, "idempotency_key_reused")
    assert "Idempotency-Key" in again.refused


def test_a_key_is_the_tenants_own(client: Client) -> None:
    headers = {"Idempotency-Key": "key"}
    first = client.post("/tenants/tenant-1/processes", a_start(), headers=headers)
    other = client.post("/tenants/tenant-2/processes", a_start(), headers=headers)

    assert other.status == 201
    assert other.json["process_id"] != first.json["process_id"]


def test_without_a_key_each_start_is_a_process_of_its_own(client: Client) -> None:
    assert client.start() != client.start()


@pytest.mark.parametrize("key", ["", "k" * 257, "k" * 9000, "nul\x00", "half \ud800"])
def test_a_key_that_is_empty_too_long_or_no_text_is_refused(client: Client, key: str) -> None:
    refused = client.post(PROCESSES, a_start(), headers={"Idempotency-Key": key})

    assert (refused.status, list(refused.refused)) == (422, ["Idempotency-Key"])


def test_a_key_may_be_any_text(client: Client) -> None:
    headers = {"Idempotency-Key": 'Schlüssel "ß", 漢字'}

    assert client.post(PROCESSES, a_start(), headers=headers).status == 201


def test_every_field_that_is_refused_is_named_at_once(client: Client) -> None:
    refused = client.post(
        PROCESSES,
        {
            "process_type": "no spaces",
            "aggregate_id": " order-1",
            "steps": [
                {"name": "pay", "timeout_ms": "1000"},
                {"name": "ship", "retries_permitted": True, "retry": 3},
                "pack",
            ],
            "metadata": [],
            "timeout_ms": 0,
            "auto_start_steps": "yes",
            "priority": "high",
        },
        headers={"Idempotency-Key": ""},
    )

    assert (refused.status, refused.code) == (422, "invalid_input")
    assert set(refused.refused) == {
        "Idempotency-Key",
        "process_type",
        "aggregate_type",
        "aggregate_id",
        "steps[0].timeout_ms",
        "steps[1].retries_permitted",
        "steps[1].retry",
        "steps[2]",
        "metadata",
        "timeout_ms",
        "auto_start_steps",
        "priority",
    }
    assert refused.refused["steps[1].retry"].endswith("name, timeout_ms, retries_permitted")
    assert refused.refused["timeout_ms"] == "allowed is a whole number from 1 to 31622400000"


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("process_type", "x" * 65),
        ("process_type", "Order\n"),
        ("process_type", None),
        ("aggregate_type", 7),
        ("aggregate_id", ""),
        ("aggregate_id", "x" * 129),
        ("aggregate_id", "nul\x00"),
        ("steps", []),
        ("steps", None),
        ("steps", {}),
        ("steps", [{"name": f"step-{n}"} for n in range(1001)]),
        ("steps[1].name", [{"name": "pay"}, {"name": "pay"}]),
        ("steps[0].timeout_ms", [{"name": "pay", "timeout_ms": 1000.0}]),
        ("steps[0].timeout_ms", [{"name": "pay", "timeout_ms": 31_622_400_001}]),
        ("steps[0].timeout_ms", [{"name": "pay", "timeout_ms": 10**400}]),
        ("steps[0].retries_permitted", [{"name": "pay", "retries_permitted": -1}]),
        ("steps[0].state", [{"name": "pay", "state": "completed"}]),
        ("metadata", {"key": 10**400}),
        ("reason", "x" * 1025),
        ("reason", ["a", "list"]),
    ],
)
def test_what_the_domain_does_not_take_is_refused_by_field(
    client: Client, field: str, given: Any
) -> None:
    refused = client.post(PROCESSES, a_start(**{field.partition("[")[0]: given}))

    assert (refused.status, refused.code) == (422, "invalid_input")
    assert list(refused.refused) == [field]


def test_null_is_as_good_as_leaving_out_what_need_not_be_given(client: Client) -> None:
    asked = a_start(metadata=None, timeout_ms=None, steps=[{"name": "pay", "timeout_ms": None}])

    assert client.post(PROCESSES, asked).status == 201


def test_a_value_that_is_too_large_gets_the_status_that_says_so(client: Client) -> None:
    refused = client.post(PROCESSES, a_start(metadata={"text": "x" * 16_384}))

    assert (refused.status, refused.code) == (413, "too_large")
    assert "16395 bytes of JSON" in refused.json["errors"][0]["given"]


def test_a_start_needs_a_body(client: Client) -> None:
    refused = client.post(PROCESSES)

    assert (refused.status, list(refused.refused)) == (422, ["body"])


def test_who_starts_it_is_who_was_authenticated(client: Client) -> None:
    event = an_event("POST", PROCESSES, a_start(auto_start_steps=True))
    event["requestContext"]["authorizer"] = {
        "jwt": {"claims": {"sub": "user-7", "tenant_id": "tenant-1"}}
    }
    by_token = client.receive(event).json
    event["requestContext"]["authorizer"] = None
    by_nobody = client.receive(event).json

    assert by_token["steps"][0]["reported_by"] == "user-7"
    assert "reported_by" not in by_nobody["steps"][0]


@pytest.mark.parametrize("name", ["x" * 600 + "/mailer", "control\x00 \ud800/mailer"])
def test_an_unusual_principal_stops_nobody(client: Client, name: str) -> None:
    event = an_event("POST", PROCESSES, a_start(auto_start_steps=True))
    event["requestContext"]["authorizer"] = {"iam": {"userArn": f"arn:aws:iam::1:user/{name}"}}

    assert client.receive(event).json["steps"][0]["reported_by"].endswith("/mailer")
