"""Reports on steps, and cancelling, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import InMemoryProcessRepository, ProcessKey
from trellis_process.testing import ManualClock

from .client import PRINCIPAL, Client


def test_a_journey_through_every_command(client: Client, clock: ManualClock) -> None:
    process = client.start(steps=[{"name": "pay", "timeout_ms": 30_000}, {"name": "ship"}])

    started = client.post(f"{process}/steps/pay/start")
    assert started.json["steps"][0]["due_at"] == "2026-01-01T09:00:30.000Z"

    clock.advance(seconds=20)
    alive = client.post(f"{process}/steps/pay/heartbeat")
    assert alive.json["steps"][0]["due_at"] == "2026-01-01T09:00:50.000Z"

    paid = client.post(f"{process}/steps/pay/complete", {"output": {"receipt": [1, None, "é"]}})
    assert paid.json["steps"][0]["output"] == {"receipt": [1, None, "é"]}
    assert paid.json["steps"][0]["ended_at"] == "2026-01-01T09:00:20.000Z"

    failed = client.post(f"{process}/steps/ship/fail", {"error": "no van"})
    assert (failed.json["state"], failed.json["reason"]) == ("failed", "step_failed")
    assert failed.json["steps"][1]["error"] == "no van"

    retried = client.post(f"{process}/steps/ship/start", {"attempt": 2, "reason": "a van came"})
    assert (retried.json["state"], retried.json["steps"][1]["attempt"]) == ("in_progress", 2)

    shipped = client.post(f"{process}/steps/ship/complete")
    assert shipped.json["state"] == "completed"
    assert shipped.headers["ETag"] == f'"{shipped.json["version"]}"' == '"7"'


def test_a_repeated_command_changes_nothing(client: Client) -> None:
    process = client.start()
    first = client.post(f"{process}/steps/pay/complete", {"output": 1})

    again = client.post(f"{process}/steps/pay/complete", {"output": 2})

    assert (again.status, again.json) == (200, first.json)


def test_a_reason_and_the_principal_travel_in_the_events(
    client: Client, repository: InMemoryProcessRepository
) -> None:
    process = client.start()
    client.post(f"{process}/cancel", {"reason": "withdrawn"})

    stored = repository.get(ProcessKey("tenant-1", process.rpartition("/")[2]))
    assert stored is not None
    assert [(told.reason, told.actor) for told in stored.events] == [("withdrawn", PRINCIPAL)]


@pytest.mark.parametrize("command", ["start", "complete", "fail", "heartbeat"])
def test_a_report_on_a_cancelled_process_comes_too_late_and_gets_the_process(
    client: Client, command: str
) -> None:
    process = client.start()
    cancelled = client.post(f"{process}/cancel")

    late = client.post(
        f"{process}/steps/pay/{command}", {"error": "e"} if command == "fail" else {}
    )

    assert (late.status, late.code) == (409, "process_finished")
    assert late.json["process"] == cancelled.json
    assert late.headers["ETag"] == cancelled.headers["ETag"]
    assert late.headers["Content-Type"] == "application/problem+json"
    assert late.json["type"] == "urn:trellis:problem:process_finished"


def test_a_conflict_says_which_one(client: Client) -> None:
    process = client.start(steps=[{"name": "pay"}, {"name": "ship"}])
    step = f"{process}/steps/pay"

    assert client.post(f"{step}/heartbeat").code == "step_not_started"
    assert client.post(f"{step}/complete", {"attempt": 2}).code == "attempt_unknown"
    client.post(f"{step}/complete")
    assert client.post(f"{step}/fail", {"error": "e"}).code == "step_finished"
    client.post(f"{process}/steps/ship/complete")
    assert client.post(f"{process}/cancel").code == "process_finished"


def test_a_step_that_is_not_there_is_not_found(client: Client) -> None:
    refused = client.post(f"{client.start()}/steps/ship/start")

    assert (refused.status, refused.code) == (404, "step_not_found")
    assert "it has pay" in refused.json["detail"]


@pytest.mark.parametrize("body", [None, "", {}])
def test_a_body_may_be_left_out_where_nothing_is_required(client: Client, body: object) -> None:
    assert client.post(f"{client.start()}/steps/pay/start", body).status == 200


@pytest.mark.parametrize("body", [None, {}])
def test_a_failure_needs_an_error(client: Client, body: object) -> None:
    refused = client.post(f"{client.start()}/steps/pay/fail", body)

    assert refused.status == 422
    assert list(refused.refused.values()) == ["it is required"]


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("start", {"attempt": 0}, "attempt"),
        ("start", {"attempt": "1"}, "attempt"),
        ("start", {"output": 1}, "output"),
        ("heartbeat", {"attempt": True}, "attempt"),
        ("complete", {"actor": "me"}, "actor"),
        ("complete", {"output": nested(33)}, "output"),
        ("fail", {"error": 7}, "error"),
        ("fail", {"error": "x" * 4097}, "error"),
        ("fail", {"error": "bell \x07"}, "error"),
    ],
)
def test_what_a_report_may_not_say_is_refused_by_field(
    client: Client, command: str, body: dict[str, Any], field: str
) -> None:
    refused = client.post(f"{client.start()}/steps/pay/{command}", body)

    assert (refused.status, list(refused.refused)) == (422, [field])


def test_an_output_of_more_than_32_kb_is_refused_and_nothing_changed(client: Client) -> None:
    process = client.start()

    refused = client.post(f"{process}/steps/pay/complete", {"output": "x" * 32_768})

    assert (refused.status, refused.code) == (413, "too_large")
    assert "pass a reference" in refused.refused["output"]
    assert client.get(process).json["version"] == 1


@pytest.mark.parametrize(
    "output", ["\x00", "\u2028", "😀", nested(32), {"": {"a": []}}, 1e300, -0.5, False]
)
def test_an_output_comes_back_as_it_was_sent(client: Client, output: object) -> None:
    process = client.start()
    client.post(f"{process}/steps/pay/complete", {"output": output})

    assert client.get(process).json["steps"][0]["output"] == output
