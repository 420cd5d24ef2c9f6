"""Starting a process by the service, once or by the same request again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.application.orders import an_order
from tests.application.stores import FleetingProcesses, no_pause
from trellis_process import InMemoryProcessRepository, ProcessService, ProcessState, StepState
from trellis_process.errors import IdempotencyKeyReused, InvalidInput, ProcessNotFound, TooLarge
from trellis_process.testing import START, a_step

ALL = {"process_type": None, "states": None, "limit": 100, "cursor": None}


def test_a_started_process_is_stored_and_true(service, processes):
    process = an_order(
        service, a_step("pay"), metadata={"channel": "web"}, timeout_ms=60_000, actor="ann"
    )

    assert process == processes.stored(process)
    assert (process.version, process.has_changed) == (1, False)
    assert (process.started_at, process.metadata) == (START, {"channel": "web"})
    assert process.start_fingerprint is None


def test_every_process_has_an_id_of_its_own(service):
    ids = {an_order(service).process_id for _ in range(100)}

    assert len(ids) == 100
    assert all(uuid.UUID(each) for each in ids)


def test_ids_may_be_made_by_the_caller(processes, clock):
    service = ProcessService(processes, clock=clock, new_id=lambda: "order-7")

    assert an_order(service).process_id == "order-7"


def test_steps_may_start_with_their_process(service):
    process = an_order(service, a_step("pay"), a_step("send"), auto_start_steps=True)

    assert process.state is ProcessState.IN_PROGRESS
    assert {step.state for step in process.steps.values()} == {StepState.IN_PROGRESS}


def test_steps_may_come_from_a_generator(service):
    process = an_order(service, steps=(a_step(name) for name in ("pay", "send")))

    assert list(process.steps) == ["pay", "send"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"tenant_id": "a b"}, "tenant_id"),
        ({"tenant_id": None}, "tenant_id"),
        ({"process_type": ""}, "process_type"),
        ({"aggregate_type": "a#b"}, "aggregate_type"),
        ({"aggregate_id": " "}, "aggregate_id"),
        ({"steps": []}, "steps"),
        ({"steps": [a_step("pay"), a_step("pay")]}, "steps[1].name"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"actor": "x" * 257}, "actor"),
        ({"reason": "x" * 1_025}, "reason"),
        ({"idempotency_key": ""}, "idempotency_key"),
        ({"idempotency_key": "x" * 257}, "idempotency_key"),
        ({"idempotency_key": "a\x00"}, "idempotency_key"),
        ({"tenant_id": "a b", "idempotency_key": "k"}, "tenant_id"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_written(service, processes, asked, field):
    with pytest.raises(InvalidInput) as refused:
        an_order(service, **asked)

    assert refused.value.field == field
    assert processes.requests == []


def test_what_is_too_large_says_so(service):
    with pytest.raises(TooLarge):
        an_order(service, metadata={"a": "x" * 20_000})


def test_a_process_that_took_the_id_and_is_gone_again_is_not_found(clock):
    service = ProcessService(FleetingProcesses(), clock=clock)

    with pytest.raises(ProcessNotFound):
        an_order(service, idempotency_key="key-1")


# -- once, however often it is asked ---------------------------------------------------------


def test_the_same_request_with_the_same_key_returns_the_process_it_started(service, processes):
    first = an_order(service, idempotency_key="key-1")

    again = an_order(service, idempotency_key="key-1")

    assert again == first
    assert again is not first
    assert len(processes.page("tenant-1", **ALL).processes) == 1


def test_the_repeat_returns_the_process_as_it_is_now(service, processes, clock):
    first = an_order(service, idempotency_key="key-1")
    clock.advance(days=3)
    service.complete_step(first, "pay")

    again = an_order(service, idempotency_key="key-1")

    assert again == first
    assert again.is_completed()


def test_another_actor_reason_or_time_makes_no_other_request(service, clock):
    first = an_order(service, idempotency_key="key-1", actor="ann", reason="first")
    clock.advance(hours=1)

    again = an_order(service, idempotency_key="key-1", actor="ben", reason="second")

    assert again == first


def test_the_order_of_metadata_makes_no_other_request(service):
    first = an_order(service, idempotency_key="key-1", metadata={"a": 1, "b": 2})

    assert an_order(service, idempotency_key="key-1", metadata={"b": 2, "a": 1}) == first


@pytest.mark.parametrize(
    "other",
    [
        {"process_type": "Booking"},
        {"aggregate_type": "Trip"},
        {"aggregate_id": "order-2"},
        {"steps": [a_step("send")]},
        {"steps": [a_step("pay"), a_step("send")]},
        {"steps": [a_step("pay", timeout_ms=1)]},
        {"steps": [a_step("pay", retries_permitted=1)]},
        {"metadata": {"a": 1}},
        {"timeout_ms": 1},
        {"auto_start_steps": True},
    ],
)
def test_another_request_with_the_same_key_is_refused(service, processes, other):
    first = an_order(service, idempotency_key="key-1")

    with pytest.raises(IdempotencyKeyReused) as refused:
        an_order(service, **other, idempotency_key="key-1")

    assert refused.value.code == "idempotency_key_reused"
    assert refused.value.field == "idempotency_key"
    assert first.process_id in str(refused.value)
    assert "the same request, or a key not used before" in str(refused.value)
    assert processes.stored(first) == first


@pytest.mark.parametrize(("one", "two"), [(1, 1.0), (1, True), (0, False), ("1", 1), ([], {})])
def test_values_that_python_takes_for_equal_make_different_requests(service, one, two):
    an_order(service, idempotency_key="key-1", metadata={"a": one})

    with pytest.raises(IdempotencyKeyReused):
        an_order(service, idempotency_key="key-1", metadata={"a": two})


def test_the_order_of_steps_makes_another_request(service):
    an_order(service, a_step("pay"), a_step("send"), idempotency_key="key-1")

    with pytest.raises(IdempotencyKeyReused):
        an_order(service, a_step("send"), a_step("pay"), idempotency_key="key-1")


def test_the_same_key_of_another_tenant_starts_another_process(service):
    ours = an_order(service, idempotency_key="key-1")

    theirs = an_order(service, idempotency_key="key-1", tenant_id="tenant-2")

    assert theirs.key != ours.key
    assert theirs.process_id != ours.process_id


def test_another_key_starts_another_process(service):
    first = an_order(service, idempotency_key="key-1")

    assert an_order(service, idempotency_key="key-2").process_id != first.process_id
    assert an_order(service, idempotency_key="KEY-1").process_id != first.process_id
    assert an_order(service).process_id != first.process_id


@pytest.mark.parametrize("key", ["k", "x" * 256, "世🧾", " spaces ", "a/b#c"])
def test_a_key_is_any_text_within_its_limits(service, key):
    assert an_order(service, idempotency_key=key) == an_order(service, idempotency_key=key)


def test_the_same_request_many_times_at_once_starts_one_process(clock):
    processes = InMemoryProcessRepository()
    service = ProcessService(processes, clock=clock, pause=no_pause)

    with ThreadPoolExecutor(16) as pool:
        started = [pool.submit(an_order, service, idempotency_key="key-1") for _ in range(64)]

    assert len({process.result().process_id for process in started}) == 1
    assert len(processes.page("tenant-1", **ALL).processes) == 1


def test_two_requests_with_one_key_at_once_start_one_process_and_refuse_the_other(clock):
    for _ in range(20):
        processes = InMemoryProcessRepository()
        service = ProcessService(processes, clock=clock, pause=no_pause)

        with ThreadPoolExecutor(2) as pool:
            started = [
                pool.submit(an_order, service, idempotency_key="k", aggregate_id=aggregate_id)
                for aggregate_id in ("order-1", "order-2")
            ]
        errors = [each.exception() for each in started]

        assert errors.count(None) == 1
        assert any(isinstance(error, IdempotencyKeyReused) for error in errors)
        (process,) = processes.page("tenant-1", **ALL).processes
        assert process.aggregate_id == ["order-1", "order-2"][errors.index(None)]
