"""Journeys through the deployed stack, rights enforced: HTTP, table, stream, bus, a queue.

Each test uses an aggregate and a tap of its own, because they share one stack.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from trellis_process.local.events import EventTap
from trellis_process.local.http import Answer, Credentials, SignedHttp
from trellis_process.local.stack import LocalStack

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "events.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
ENDINGS = {"ProcessCompleted", "ProcessFailed", "ProcessCancelled"}
SOON = 20.0  # seconds in which an event surely reaches a queue
SCHEDULE = 90.0  # the checker's schedule runs each minute

Events = list[Mapping[str, Any]]


class Tenant:
    """One tenant's part of the step API."""

    def __init__(self, http: SignedHttp, tenant_id: str) -> None:
        self.http = http
        self.path = f"/tenants/{tenant_id}/processes"

    def start(
        self, *steps: dict[str, Any], headers: dict[str, str] | None = None, **asked: Any
    ) -> Any:
        body = {
            "process_type": "CaseCreation",
            "aggregate_type": "Referral",
            "aggregate_id": "ref-1",
            "steps": list(steps),
            **asked,
        }
        answer = self.http.request("POST", self.path, body, headers=headers)
        assert answer.status == 201, answer.body
        return answer.json()

    def report(self, process: Any, step: str, command: str, **said: Any) -> Answer:
        path = f"{self.path}/{process['process_id']}/steps/{step}/{command}"
        return self.http.request("POST", path, said)

    def get(self, process: Any) -> Any:
        return self.http.request("GET", f"{self.path}/{process['process_id']}").json()


@pytest.fixture
def tenant(deployed_stack: LocalStack) -> Tenant:
    return Tenant(deployed_stack.http(), f"tenant-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def hear(deployed_stack: LocalStack) -> Callable[[Any, float], Events]:
    """What reached a queue of a process until it ended; begins to listen when it is asked for."""
    tap = EventTap(deployed_stack, uuid.uuid4().hex[:8])

    def until_ended(process: Any, timeout_s: float = SOON) -> Events:
        def mine(heard: Sequence[Mapping[str, Any]]) -> Events:
            details = [event["detail"] for event in heard]
            return [each for each in details if each["process_id"] == process["process_id"]]

        return mine(
            tap.until(lambda heard: any(each["type"] in ENDINGS for each in mine(heard)), timeout_s)
        )

    return until_ended


@pytest.fixture
def sweep(deployed_stack: LocalStack) -> Callable[[], Any]:
    """Runs the deployed checker now."""

    def invoke() -> Any:
        answer = deployed_stack.cloud.client("lambda").invoke(
            FunctionName=deployed_stack.outputs["TimeoutCheckerFunctionName"]
        )
        assert "FunctionError" not in answer
        return json.loads(answer["Payload"].read())

    return invoke


def told(events: Events) -> list[tuple[str, str]]:
    return [(event["id"].split("/", 1)[1], event["type"]) for event in events]


def test_a_reported_journey_arrives_whole_and_in_order(
    tenant: Tenant, hear: Callable[..., Events], deployed_stack: LocalStack
) -> None:
    process = tenant.start({"name": "send_email", "timeout_ms": 60_000}, {"name": "send_in_app"})
    assert tenant.report(process, "send_email", "start").status == 200
    assert tenant.report(process, "send_email", "heartbeat").status == 200
    assert tenant.report(process, "send_email", "complete", output={"id": "m-1"}).status == 200
    last = tenant.report(process, "send_in_app", "complete")
    assert last.json()["state"] == "completed"

    events = hear(process)

    assert told(events) == [
        ("1/1", "ProcessStarted"),
        ("2/1", "StepStarted"),
        ("4/1", "StepCompleted"),
        ("5/1", "StepCompleted"),
        ("5/2", "ProcessCompleted"),
    ]
    assert [event["previous_version"] for event in events] == [0, 1, 2, 4, 4]
    assert events[2]["output"] == {"id": "m-1"}
    assert events[2]["actor"].endswith("user/step-api-caller")
    for event in events:
        VALIDATOR.validate(event)


def test_a_step_that_fails_is_tried_again_waits_and_is_resumed(
    tenant: Tenant, hear: Callable[..., Events], sweep: Callable[[], Any]
) -> None:
    process = tenant.start({"name": "approve", "retries_permitted": 2}, auto_start_steps=True)
    tenant.report(process, "approve", "fail", error="busy", retry_after_ms=1, attempt=1)
    sweep()
    tenant.report(process, "approve", "suspend", attempt=2, resumption=0)
    assert tenant.get(process)["steps"][0]["waits_for"] == "resumption"
    tenant.report(process, "approve", "resume", data={"approved": True}, resumption=1)
    tenant.report(process, "approve", "resume", data={}, resumption=2)  # before it is asked for
    tenant.report(process, "approve", "suspend", attempt=2, resumption=1)
    assert tenant.report(process, "approve", "complete").json()["state"] == "completed"

    events = hear(process)

    assert told(events) == [
        ("1/1", "ProcessStarted"),
        ("1/2", "StepStarted"),
        ("2/1", "StepAttemptFailed"),
        ("3/1", "StepStarted"),
        ("4/1", "StepSuspended"),
        ("5/1", "StepResumed"),
        ("7/1", "StepSuspended"),
        ("7/2", "StepResumed"),
        ("8/1", "StepCompleted"),
        ("8/2", "ProcessCompleted"),
    ]
    resumed = [event for event in events if event["type"] == "StepResumed"]
    assert [(each["resumption"], each["resume_data"]) for each in resumed] == [
        (1, {"approved": True}),
        (2, {}),
    ]
    for event in events:
        VALIDATOR.validate(event)


def test_a_timed_out_attempt_is_followed_by_the_next_and_the_last_fails_the_process(
    tenant: Tenant, hear: Callable[..., Events], sweep: Callable[[], Any]
) -> None:
    process = tenant.start(
        {"name": "create_case", "timeout_ms": 500, "retries_permitted": 1}, auto_start_steps=True
    )
    for _attempt in (1, 2):
        time.sleep(0.6)  # a deployed function has no clock to move
        sweep()

    assert told(hear(process)) == [
        ("1/1", "ProcessStarted"),
        ("1/2", "StepStarted"),
        ("2/1", "ProcessStepTimedOut"),
        ("2/2", "StepStarted"),
        ("3/1", "ProcessStepTimedOut"),
        ("3/2", "StepFailed"),
        ("3/3", "ProcessFailed"),
    ]


def test_what_nobody_touches_is_found_by_the_schedule(
    tenant: Tenant, hear: Callable[..., Events]
) -> None:
    process = tenant.start({"name": "propose_slot", "timeout_ms": 100}, auto_start_steps=True)

    events = hear(process, SCHEDULE)

    assert [event["type"] for event in events][-3:] == [
        "ProcessStepTimedOut",
        "StepFailed",
        "ProcessFailed",
    ]
    assert tenant.get(process)["state"] == "failed"


def test_a_process_is_found_by_its_aggregate_and_in_the_listing(tenant: Tenant) -> None:
    tenant.start({"name": "create_case"})
    newest = tenant.start({"name": "create_case"})
    tenant.report(newest, "create_case", "fail", error="no such member")

    found = tenant.http.request(
        "GET",
        f"{tenant.path}/by-aggregate",
        query={"aggregate_type": "Referral", "aggregate_id": "ref-1"},
    )
    listed = tenant.http.request("GET", tenant.path, query={"state": "failed"}).json()

    assert found.json()["process_id"] == newest["process_id"]
    assert [each["process_id"] for each in listed["processes"]] == [newest["process_id"]]


def test_a_start_repeated_with_its_key_is_the_same_process(tenant: Tenant) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = tenant.start({"name": "create_case"}, headers=key)

    assert tenant.start({"name": "create_case"}, headers=key) == first


def test_a_late_report_is_refused_with_the_process_as_it_is(
    tenant: Tenant, hear: Callable[..., Events]
) -> None:
    process = tenant.start({"name": "create_case"})
    tenant.http.request("POST", f"{tenant.path}/{process['process_id']}/cancel", {"reason": "gone"})

    late = tenant.report(process, "create_case", "complete")

    assert late.status == 409
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["code"] == "process_finished"
    assert late.json()["process"]["state"] == "cancelled"
    assert hear(process)[-1]["reason"] == "gone"


def test_another_tenants_process_is_not_there(tenant: Tenant, deployed_stack: LocalStack) -> None:
    process = tenant.start({"name": "create_case"})
    other = Tenant(deployed_stack.http(), "another-tenant")

    answer = other.report(process, "create_case", "complete")

    assert answer.status == 404
    assert tenant.get(process)["state"] == "pending"


def test_callers_without_the_right_are_refused(deployed_stack: LocalStack) -> None:
    path = "/tenants/tenant-1/processes"
    unsigned = SignedHttp(deployed_stack.api_url, None)
    forged = SignedHttp(
        deployed_stack.api_url, Credentials(deployed_stack.caller.access_key_id, "guessed")
    )

    assert unsigned.request("GET", path).status == 403
    assert forged.request("GET", path).status == 403


def test_an_unknown_path_is_answered_as_a_problem(deployed_stack: LocalStack) -> None:
    answer = deployed_stack.http().request("GET", "/no/such/path")

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_openapi_document_is_served(deployed_stack: LocalStack) -> None:
    answer = deployed_stack.http().request("GET", "/openapi.json")

    assert answer.status == 200
    assert answer.json()["openapi"].startswith("3.")
