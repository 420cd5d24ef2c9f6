"""Reports on steps, and cancelling, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import InMemoryProcessRepository, ProcessKey
from trellis_process.testing import ManualClock

from .client import PRINCIPAL, Client


def nested(levels: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


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


def test_a_step_fails_waits_and_is_resumed(client: Client, clock: ManualClock) -> None:
    process = client.start(steps=[{"name": "pay", "timeout_ms": 30_000, "retries_permitted": 2}])
    step = f"{process}/steps/pay"
    client.post(f"{step}/start")

    failed = client.post(
        f"{step}/fail", {"error": "closed", "retry_after_ms": 60_000, "attempt": 1}
    )
    waiting = failed.json["steps"][0]
    assert (failed.json["state"], waiting["state"]) == ("in_progress", "waiting")
    assert (waiting["waits_for"], waiting["error"]) == ("retry", "closed")
    assert waiting["due_at"] == "2026-01-01T09:01:00.000Z"
    again = client.post(f"{step}/start", {"attempt": 2}).json["steps"][0]
    assert (again["state"], again["attempt"]) == ("in_progress", 2)
    assert "waits_for" not in again
    at_once = client.post(f"{step}/fail", {"error": "busy", "retry_after_ms": 0, "attempt": 2})
    assert at_once.json["steps"][0]["attempt"] == 3

    suspended = client.post(
        f"{step}/suspend", {"attempt": 3, "resumption": 0, "timeout_ms": 604_800_000}
    )
    waiting = suspended.json["steps"][0]
    assert (waiting["state"], waiting["waits_for"]) == ("waiting", "resumption")
    assert waiting["due_at"] == "2026-01-08T09:00:00.000Z"
    clock.advance(days=3)
    resumed = client.post(f"{step}/resume", {"resumption": 1, "data": {"ok": True}})
    going_on = resumed.json["steps"][0]
    assert (going_on["state"], going_on["attempt"]) == ("in_progress", 3)
    assert (going_on["resumption"], going_on["resume_data"]) == (1, {"ok": True})
    assert going_on["due_at"] == "2026-01-04T09:00:30.000Z"

    done = client.post(f"{step}/complete", {"attempt": 3}).json
    assert done["state"] == "completed"
    assert not {"resume_data", "error", "waits_for"} & set(done["steps"][0])


def test_a_fatal_failure_uses_no_retry(client: Client) -> None:
    process = client.start(steps=[{"name": "pay", "retries_permitted": 2}])
    step = f"{process}/steps/pay"
    client.post(f"{step}/start")

    body = {"error": "no", "code": "stolen", "fatal": True, "retry_after_ms": 0, "attempt": 1}
    assert client.post(f"{step}/fail", body).json["state"] == "failed"


@pytest.mark.parametrize("data", [{}, [], "", 0, False, nested(32), 1e300, "\x00", "😀"])
@pytest.mark.parametrize("order", [("suspend", "resume"), ("resume", "suspend")])
def test_a_step_is_resumed_with_any_json_before_or_after_it_is_suspended(
    client: Client, order: tuple[str, str], data: object
) -> None:
    process = client.start()
    client.post(f"{process}/steps/pay/start")
    for command in order:
        body = {"data": data} if command == "resume" else {"resumption": 0}
        assert client.post(f"{process}/steps/pay/{command}", body).status == 200

    step = client.get(process).json["steps"][0]
    assert (step["state"], step["resumption"], step["resume_data"]) == ("in_progress", 1, data)
    assert "resumed_early" not in step


@pytest.mark.parametrize("body", [None, "", {}, {"data": None}])
def test_a_step_is_resumed_with_nothing_at_all(client: Client, body: object) -> None:
    process = client.start()
    client.post(f"{process}/steps/pay/start")

    early = client.post(f"{process}/steps/pay/resume", body).json["steps"][0]
    assert early["resumed_early"] is True
    assert not {"resumption", "resume_data"} & set(early)
    taken = client.post(f"{process}/steps/pay/suspend", "").json["steps"][0]
    assert (taken["state"], taken["resumption"]) == ("in_progress", 1)
    assert not {"resumed_early", "resume_data"} & set(taken)


def test_what_a_step_is_resumed_with_is_refused_beyond_32_kb(client: Client) -> None:
    process = client.start()
    client.post(f"{process}/steps/pay/start")

    refused = client.post(f"{process}/steps/pay/resume", {"data": "x" * 32_768})

    assert (refused.status, refused.code) == (413, "too_large")
    assert "pass a reference" in refused.refused["data"]
    assert client.get(process).json["version"] == 2


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


@pytest.mark.parametrize("command", ["start", "complete", "fail", "suspend", "resume", "heartbeat"])
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
    assert client.post(f"{step}/suspend").code == "step_not_started"
    assert client.post(f"{step}/resume").code == "step_not_started"
    assert client.post(f"{step}/complete", {"attempt": 2}).code == "attempt_unknown"
    assert client.post(f"{step}/resume", {"resumption": 2}).code == "resumption_unknown"
    assert client.post(f"{step}/suspend", {"resumption": 1}).code == "resumption_unknown"
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


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("start", {"attempt": 0}, "attempt"),
        ("start", {"attempt": "1"}, "attempt"),
        ("start", {"output": 1}, "output"),
        ("heartbeat", {"attempt": True}, "attempt"),
        ("complete", {"actor": "me"}, "actor"),
        ("complete", {"output": nested(33)}, "output"),
        ("fail", {"error": "e", "retry_after_ms": -1}, "retry_after_ms"),
        ("fail", {"error": "e", "retry_after_ms": 0.5}, "retry_after_ms"),
        ("fail", {"error": "e", "retry_after_ms": True}, "retry_after_ms"),
        ("suspend", {"timeout_ms": 0}, "timeout_ms"),
        ("suspend", {"resumption": -1}, "resumption"),
        ("suspend", {"data": 1}, "data"),
        ("resume", {"resumption": 0}, "resumption"),
        ("resume", {"resumption": "1"}, "resumption"),
        ("resume", {"data": nested(33)}, "data"),
        ("resume", {"attempt": 1}, "attempt"),
        ("fail", {"error": 7}, "error"),
        ("fail", {"error": "e", "code": "x" * 129}, "code"),
        ("fail", {"error": "e", "code": 7}, "code"),
        ("fail", {"error": "e", "fatal": "yes"}, "fatal"),
        ("complete", {"outcome": 7}, "outcome"),
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
