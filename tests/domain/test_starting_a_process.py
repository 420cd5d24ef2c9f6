"""How a process begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.domain.unchanged import is_refused_input
from trellis_process import Process, ProcessKey, ProcessStarted, ProcessState, StepStarted
from trellis_process.domain.step import ProcessStep, StepState
from trellis_process.testing import START, a_process, a_step


def test_a_new_process_is_pending_with_steps_nobody_started():
    process = a_process(a_step("pay"), a_step("send"))

    assert process.state is ProcessState.PENDING
    assert [step.state for step in process.steps.values()] == [StepState.PENDING] * 2
    assert [step.attempt for step in process.steps.values()] == [0, 0]
    assert (process.version, process.has_changed) == (0, True)


def test_a_new_process_knows_what_it_is_and_what_it_is_about():
    process = a_process(
        tenant_id="t",
        process_id="p",
        process_type="Booking",
        aggregate_type="Trip",
        aggregate_id="trip/1",
        metadata={"channel": "web"},
    )

    assert process.key == ProcessKey("t", "p")
    assert (process.process_type, process.aggregate_type) == ("Booking", "Trip")
    assert process.aggregate_id == "trip/1"
    assert process.metadata == {"channel": "web"}
    assert process.started_at == process.changed_at == START
    assert process.ended_at is None


def test_the_first_event_says_that_the_process_started():
    process = a_process()

    assert process.events == (
        ProcessStarted(tenant_id="tenant-1", process_id="process-1", occurred_at=START),
    )


def test_steps_keep_the_order_they_were_given_in():
    names = ["zebra", "apple", "Mango"]

    assert list(a_process(*map(a_step, names)).steps) == names


def test_a_process_without_time_limits_waits_for_nothing():
    process = a_process(a_step(timeout_ms=1_000), auto_start_steps=False)

    assert process.trackers() == []
    assert process.wake_up_at is None


def test_steps_may_start_with_the_process():
    process = a_process(a_step("pay", timeout_ms=1_000), a_step("send"), auto_start_steps=True)

    assert process.state is ProcessState.IN_PROGRESS
    assert [(step.state, step.attempt) for step in process.steps.values()] == [
        (StepState.IN_PROGRESS, 1),
        (StepState.IN_PROGRESS, 1),
    ]
    assert [event.type for event in process.events] == [
        "ProcessStarted",
        "StepStarted",
        "StepStarted",
    ]
    assert process.wake_up_at == START + timedelta(seconds=1)


def test_who_started_it_and_why_travels_along():
    process = Process.start(
        process_id="p",
        tenant_id="t",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="1",
        steps=[a_step()],
        now=START,
        auto_start_steps=True,
        actor="ann",
        reason="asked by phone",
    )

    assert {(event.actor, event.reason) for event in process.events} == {("ann", "asked by phone")}
    assert isinstance(process.events[1], StepStarted)
    assert process.steps["pay"].reported_by == "ann"


def test_a_step_used_before_begins_anew_in_another_process():
    first = a_process(a_step("pay", timeout_ms=5, retries_permitted=2), auto_start_steps=True)

    second = a_process(*first.steps.values())

    assert second.steps["pay"] == a_step("pay", timeout_ms=5, retries_permitted=2)


def test_a_process_needs_at_least_one_step():
    with is_refused_input("steps", "0 steps", "1 to 1000 steps"):
        Process.start(
            process_id="p",
            tenant_id="t",
            process_type="Order",
            aggregate_type="Order",
            aggregate_id="1",
            steps=[],
            now=START,
        )


def test_steps_are_a_list():
    with is_refused_input("steps", "7", "a list of ProcessStep"):
        Process.start(
            process_id="p",
            tenant_id="t",
            process_type="Order",
            aggregate_type="Order",
            aggregate_id="1",
            steps=7,
            now=START,
        )


def test_no_step_begins_by_itself_unless_that_is_asked_for():
    process = Process.start(
        process_id="p",
        tenant_id="t",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="1",
        steps=[a_step("pay")],
        now=START,
    )

    assert process.step("pay").state is StepState.PENDING
    assert [event.type for event in process.events] == ["ProcessStarted"]


def test_a_process_has_at_most_a_thousand_steps():
    steps = [a_step(f"step-{n}") for n in range(1_001)]

    assert len(a_process(*steps[:1_000]).steps) == 1_000
    with is_refused_input("steps", "1001 steps", "1 to 1000 steps"):
        a_process(*steps)


def test_step_names_are_unique_in_a_process():
    with is_refused_input("steps[2].name", "'pay'", "a name that no other step has"):
        a_process(a_step("pay"), a_step("send"), a_step("pay"))


def test_names_that_differ_in_case_are_different_names():
    assert list(a_process(a_step("pay"), a_step("Pay")).steps) == ["pay", "Pay"]


@pytest.mark.parametrize("not_a_step", ["pay", None, {"name": "pay"}])
def test_a_step_is_a_process_step(not_a_step):
    with is_refused_input("steps[1]", repr(not_a_step), "a ProcessStep"):
        a_process(a_step(), not_a_step)


@pytest.mark.parametrize(
    "field", ["tenant_id", "process_id", "process_type", "aggregate_type", "aggregate_id"]
)
@pytest.mark.parametrize("value", ["", None, 7, "a\nb", " a", "\ud800"])
def test_what_is_refused_at_the_start_names_its_field(field, value):
    with is_refused_input(field, "", "allowed"):
        a_process(**{field: value})


def test_a_limit_is_refused_at_the_start():
    with is_refused_input("timeout_ms", "0", "a whole number from 1 to"):
        a_process(timeout_ms=0)
    with is_refused_input("metadata", "['a']", "a JSON object"):
        a_process(metadata=["a"])  # type: ignore[arg-type]


def test_a_time_without_a_zone_is_refused():
    with is_refused_input("now", "datetime", "a time zone"):
        a_process(now=datetime(2026, 1, 1))


def test_times_are_kept_in_utc_and_to_the_millisecond():
    somewhere = timezone(timedelta(hours=5, minutes=30))

    process = a_process(now=datetime(2026, 1, 1, 12, 0, 0, 123_999, somewhere))

    assert process.started_at == datetime(2026, 1, 1, 6, 30, 0, 123_000, UTC)
    assert process.started_at.tzinfo is UTC
    assert process.changed_at == process.events[0].occurred_at == process.started_at


def test_the_callers_metadata_stay_the_callers():
    mine = {"tags": ["a"]}
    process = a_process(metadata=mine)

    mine["tags"].append("b")

    assert process.metadata == {"tags": ["a"]}


def test_a_step_says_that_a_name_or_limit_is_not_allowed():
    with is_refused_input("name", "'no spaces'", "A-Z a-z 0-9"):
        ProcessStep(name="no spaces")
    with is_refused_input("timeout_ms", "-1", "a whole number from 1 to 31622400000"):
        ProcessStep(name="pay", timeout_ms=-1)
    with is_refused_input("retries_permitted", "1001", "a whole number from 0 to 1000"):
        ProcessStep(name="pay", retries_permitted=1_001)
