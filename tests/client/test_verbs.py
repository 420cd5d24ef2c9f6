"""Each verb of the client does what the service's verb of that name does."""

from __future__ import annotations

import inspect
import json
from itertools import islice

import pytest

from trellis_process import (
    Process,
    ProcessKey,
    ProcessState,
    ProcessStep,
    StepState,
    WaitingFor,
)
from trellis_process.application.engine_service import EngineService
from trellis_process.client import TrellisClient, batch
from trellis_process.errors import NoDefinition
from trellis_process.representation import process_as_json

from ..step_api_server import PRINCIPAL, StepApi
from .orders import started

VERBS = [
    "start_process",
    "start_step",
    "complete_step",
    "fail_step",
    "suspend_step",
    "resume_step",
    "heartbeat",
    "cancel_process",
    "get_process",
    "find_process",
    "list_processes",
    "skip_step",
    "suspend_process",
    "resume_process",
]
OF_DEFINITIONS = [
    "start",
    "signal",
    "retry_step",
    "rerun_from",
    "claim_task",
    "release_task",
    "reassign_task",
]

TWO_STEPS = [ProcessStep(name="pay", timeout_ms=60_000), ProcessStep(name="ship")]


def stored(step_api: StepApi, process: Process) -> dict:
    return process_as_json(step_api.service.get_process(process.tenant_id, process.process_id))


@pytest.mark.parametrize("verb", [*VERBS, *OF_DEFINITIONS])
def test_a_verb_takes_what_the_services_verb_takes(verb: str) -> None:
    of_the_service = inspect.signature(getattr(EngineService, verb)).parameters
    of_the_client = inspect.signature(getattr(TrellisClient, verb)).parameters
    # Who acts is whom the API authenticated, and pages are turned by the iteration.
    left_out = {"actor", "limit", "cursor"}
    assert [str(each) for each in of_the_client.values()] == [
        str(each) for name, each in of_the_service.items() if name not in left_out
    ]


def test_a_process_is_started_as_asked_for(client: TrellisClient, step_api: StepApi) -> None:
    process = started(
        client,
        steps=[ProcessStep(name="pay", timeout_ms=60_000, retries_permitted=2)],
        metadata={"priority": "höch"},
        timeout_ms=86_400_000,
        auto_start_steps=True,
        idempotency_key="order-1",
        reason="basket paid",
    )

    assert process.tenant_id == "tenant-1"
    assert process.metadata == {"priority": "höch"}
    assert process.step("pay").attempt == 1
    assert process.due_at is not None
    assert not process.has_changed
    assert process_as_json(process) == stored(step_api, process)
    kept = step_api.service.get_process(process.tenant_id, process.process_id)
    assert kept.events[0].reason == "basket paid"


def test_reports_bring_the_process_that_was_passed_up_to_date(
    client: TrellisClient, step_api: StepApi
) -> None:
    process = started(client, steps=TWO_STEPS)

    assert client.start_step(process, "pay") is process
    due_at = process.step("pay").due_at
    assert due_at is not None
    assert client.heartbeat(process, "pay") is process
    assert client.complete_step(process, "pay", {"paid": True}) is process
    assert client.complete_step(process, "ship") is process

    assert process.is_completed()
    assert process.step("pay").output == {"paid": True}
    assert process.step("pay").reported_by == PRINCIPAL
    assert process_as_json(process) == stored(step_api, process)


def test_a_step_fails_is_tried_again_waits_and_is_resumed(
    client: TrellisClient, step_api: StepApi
) -> None:
    process = started(client, steps=[ProcessStep(name="pay", retries_permitted=2)])
    client.start_step(process, "pay")

    client.fail_step(process, "pay", "closed", retry_after_ms=60_000, attempt=1)
    assert process.step("pay").waits_for is WaitingFor.RETRY
    client.start_step(process, "pay", attempt=2)
    client.fail_step(process, "pay", "busy", retry_after_ms=0, attempt=2)
    assert process.step("pay").attempt == 3

    assert client.suspend_step(process, "pay", attempt=3, resumption=0, timeout_ms=1_000) is process
    assert process.step("pay").waits_for is WaitingFor.RESUMPTION
    assert client.resume_step(process, "pay", {"ok": True}, resumption=1) is process
    assert process.step("pay").resume_data == {"ok": True}
    assert process_as_json(process) == stored(step_api, process)


def test_what_a_definition_decides_by_is_sent_along(
    client: TrellisClient, step_api: StepApi
) -> None:
    process = started(client, steps=[ProcessStep(name="pay", retries_permitted=2)])
    client.start_step(process, "pay")
    client.fail_step(process, "pay", "no", retry_after_ms=0, code="stolen", fatal=True, attempt=1)
    assert process.has_failed()
    with pytest.raises(NoDefinition):
        client.complete_step(started(client), "pay", outcome="approve")
    client.cancel_process(started(client), compensate=True)

    fail, _, complete, _, cancel = (json.loads(each.body) for each in step_api.asked[-5:])
    assert (fail["code"], fail["fatal"]) == ("stolen", True)
    assert complete == {"outcome": "approve"}
    assert cancel == {"compensate": True}


def test_in_a_batch_they_are_sent_along_as_well(client: TrellisClient, step_api: StepApi) -> None:
    pay = ProcessStep(name="pay", retries_permitted=2)
    first, second, third = (started(client, steps=[pay]) for _ in range(3))
    results = client.batch(
        "tenant-1",
        [
            batch.FailStep(
                first, "pay", "no", retry_after_ms=0, code="stolen", fatal=True, attempt=1
            ),
            batch.CompleteStep(second, "pay", outcome="approve"),
            batch.CancelProcess(third, compensate=True),
        ],
    )

    assert [type(each.error) for each in results] == [type(None), NoDefinition, type(None)]
    fail, complete, cancel = json.loads(step_api.asked[-1].body)["commands"]
    assert (fail["code"], fail["fatal"]) == ("stolen", True)
    assert complete["outcome"] == "approve"
    assert cancel["compensate"] is True


@pytest.mark.parametrize("data", [{}, [], "", 0, False, None])
@pytest.mark.parametrize("early", [False, True])
def test_a_step_is_resumed_with_any_json(client: TrellisClient, data: object, early: bool) -> None:
    process = started(client, auto_start_steps=True)
    calls = [
        lambda: client.suspend_step(process, "pay", resumption=0),
        lambda: client.resume_step(process, "pay", data),
    ]
    for call in reversed(calls) if early else calls:
        call()

    step = process.step("pay")
    assert (step.state, step.resumption) == (StepState.IN_PROGRESS, 1)
    assert (step.resume_data, type(step.resume_data)) == (data, type(data))


def test_a_process_may_be_meant_by_its_key(client: TrellisClient) -> None:
    key = started(client).key

    assert client.start_step(key, "pay").step("pay").attempt == 1
    failed = client.fail_step(key, "pay", "card declined", attempt=1, reason="told by the bank")

    assert isinstance(key, ProcessKey)
    assert failed.has_failed()
    assert failed.step("pay").error == "card declined"


def test_a_failed_step_is_started_again_on_purpose(client: TrellisClient) -> None:
    process = started(client)
    client.fail_step(process, "pay", "card declined")

    client.start_step(process, "pay", attempt=2)

    assert process.state is ProcessState.IN_PROGRESS
    assert process.step("pay").attempt == 2


def test_a_process_is_called_off(client: TrellisClient) -> None:
    process = started(client)

    client.cancel_process(process, expected_version=1, reason="withdrawn")

    assert process.state is ProcessState.CANCELLED
    assert process.reason == "withdrawn"
    assert process.ended_at is not None


def test_a_process_is_got_by_its_id(client: TrellisClient) -> None:
    process = started(client)

    assert client.get_process("tenant-1", process.process_id) == process


def test_the_newest_process_about_an_aggregate_is_found_or_none(client: TrellisClient) -> None:
    started(client, aggregate_id="order/1 & ü")
    newest = started(client, aggregate_id="order/1 & ü")

    assert client.find_process("tenant-1", "Order", "order/1 & ü") == newest
    assert client.find_process("tenant-1", "Order", "another") is None
    assert client.find_process("tenant-2", "Order", "order/1 & ü") is None


def test_a_listing_turns_its_pages_as_it_is_read(client: TrellisClient, step_api: StepApi) -> None:
    for number in range(250):
        step_api.service.start_process(
            tenant_id="tenant-1",
            process_type="Order",
            aggregate_type="Order",
            aggregate_id=f"order-{number}",
            steps=[ProcessStep(name="pay")],
        )

    listing = client.list_processes("tenant-1")
    assert step_api.asked == []
    first = list(islice(listing, 100))
    assert len(step_api.asked) == 1
    rest = list(listing)

    assert len(step_api.asked) == 3
    ids = {process.aggregate_id for process in first + rest}
    assert ids == {f"order-{number}" for number in range(250)}
    assert len(first + rest) == 250


def test_a_listing_is_filtered_by_type_and_state(client: TrellisClient) -> None:
    started(client)
    started(client, process_type="Refund")
    cancelled = client.cancel_process(started(client))

    def ids(**filters: object) -> set[str]:
        listed = client.list_processes("tenant-1", **filters)
        return {process.process_id for process in listed}

    assert len(ids()) == 3
    assert len(ids(process_type="Order")) == 2
    assert ids(process_type="Order", state=ProcessState.CANCELLED) == {cancelled.process_id}
    assert list(client.list_processes("tenant-2")) == []


def test_names_with_every_sign_a_name_may_have_reach_the_step(client: TrellisClient) -> None:
    name = "a:b.c_d-e"
    process = started(client, tenant_id=name, steps=[ProcessStep(name=name)])

    assert client.complete_step(process, name).is_completed()
