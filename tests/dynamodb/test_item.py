"""The item: compact, whole, and as large as DynamoDB counts it."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.definition_story import told_story
from tests.reaction_story import told_order
from tests.schedule_story import told_schedule
from trellis_process import Process, ProcessStep
from trellis_process.cost import Journey, Starting, usage_of
from trellis_process.dynamodb.item import UnreadableItem, from_item, to_item
from trellis_process.dynamodb.size import item_size
from trellis_process.testing import START, a_step, a_stored_process

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def a_process(steps: int = 2, **asked: object) -> Process:
    return Process.start(
        process_id="0f0e8a52-7d0b-4d51-8d3f-5a2f5c7f2f4e",
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[ProcessStep(name=f"step-{n:03}", timeout_ms=30_000) for n in range(steps)],
        now=NOW,
        **asked,  # type: ignore[arg-type]
    )


def test_an_item_holds_the_whole_process() -> None:
    process = a_process(metadata={"a": [1, {"b": None}]}, timeout_ms=60_000, actor="me")
    process.start_step("step-000", now=NOW + timedelta(seconds=1), actor="worker")
    process.complete_step("step-000", {"x": 0.1}, now=NOW + timedelta(seconds=2), reason="done")

    again = from_item(to_item(process))

    process.saved()
    assert again == process


def test_defaults_are_left_out() -> None:
    assert set(to_item(a_process())) == {
        "pk",
        "sk",
        "v",
        "state",
        "aggregate",
        "started_at",
        "changed_at",
        "listing",
        "listed",
        "steps",
        "events",
    }


def steps_in(process: Process) -> list[Any]:
    steps: list[Any] = json.loads(to_item(process)["steps"]["S"])
    return steps


def test_a_pending_step_is_its_name_and_what_the_one_before_it_does_not_have() -> None:
    assert steps_in(a_process()) == [["step-000", None, {"t": 30_000}], "step-001"]


def test_a_step_that_begins_when_the_one_before_it_ends_is_a_few_words() -> None:
    process = a_process(steps=3)
    process.start_step("step-000", now=NOW, actor="me")
    process.complete_step("step-000", now=NOW + timedelta(seconds=20), actor="me")
    process.start_step("step-001", now=NOW + timedelta(seconds=20), actor="me")

    assert steps_in(process)[1:] == ["step-001 i0<30000", "step-002"]

    process.complete_step("step-001", {"x": 1}, now=NOW + timedelta(seconds=25), actor="me")
    assert steps_in(process)[1:] == [["step-001 c0>5000", {"x": 1}], "step-002"]


def test_steps_that_do_not_go_one_after_the_other_come_back_as_they_were() -> None:
    process = a_process(steps=4, auto_start_steps=True, actor="ann")
    for seconds, name in ((9, "step-003"), (5, "step-001"), (7, "step-000")):
        process.complete_step(name, now=NOW + timedelta(seconds=seconds), actor=name)
        item = to_item(process)
        process.saved()
        assert from_item(item) == process

    assert [each if isinstance(each, str) else each[0] for each in steps_in(process)] == [
        "step-000 c0>7000",
        "step-001 c-7000>-2000",
        "step-002 i-5000<25000",
        "step-003 c-5000>4000",
    ]


def test_every_moment_of_a_process_with_a_definition_comes_back_as_it_was() -> None:
    for process in [*told_story(), *told_schedule(), *told_order()]:
        assert from_item(to_item(replace(process, version=process.version - 1))) == process


@pytest.mark.parametrize("of", [Process, ProcessStep])
def test_nothing_that_a_process_or_step_has_is_left_out_of_that_story(of: Any) -> None:
    """So that a field that is added and not stored is noticed."""
    told = [*told_story(), *told_schedule(), *told_order()]
    processes = [*told, a_stored_process(a_step(timeout_ms=1), metadata={"a": 1})]
    processes[-1].start_fingerprint = "print"
    processes[-1].start_step("pay", now=START)
    processes[-1].resume_step("pay", 1, now=START)
    early = a_stored_process(auto_start_steps=True)
    early.resume_step("pay", 1, now=START)
    early.suspend_step("pay", now=START)
    processes.append(early)
    things = processes if of is Process else [s for p in processes for s in p.steps.values()]
    # The tenant is in the key, and the others are of no store.
    passed_over = {"tenant_id", "course", "has_changed", "brings_payload", "was_there"}
    for name in {field.name for field in fields(of)} - passed_over:
        seen = {repr(getattr(each, name)) for each in things}
        assert len(seen) > 1, f"{name} is the same everywhere there"
    for process in processes[len(told) :]:
        item = to_item(process)
        process.saved()
        assert from_item(item) == process


def test_the_events_of_a_definition_hold_nothing_that_the_item_says_itself() -> None:
    started = to_item(told_story()[0])

    assert json.loads(started["events"]["S"]) == [
        ["ProcessStarted"],
        ["StepStarted", "reserve"],
    ]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("steps", None),
        ("steps", {"S": "not JSON"}),
        ("steps", {"S": "{}{}"}),
        ("steps", {"S": '["step-000","step-000"]'}),
        ("steps", {"S": '["step-000 q0"]'}),
        ("steps", {"S": '["step-000 c0>later"]'}),
        ("steps", {"S": '[["step-000",null,{"z":1}]]'}),
        ("steps", {"S": '[["step-000",null,{"w":7}]]'}),
        ("steps", {"S": '[["step-000",null,{},4]]'}),
        ("steps", {"S": "[1]"}),
        ("events", {"S": '[["NoSuchEvent"]]'}),
        ("events", {"S": '[["StepStarted"]]'}),
        ("events", {"S": '[["StepStarted","no-such-step"]]'}),
        ("events", {"S": '[["SignalReceived"]]'}),
        ("events", {"S": '[["ProcessStarted",{"colour":1}]]'}),
        ("state", {"S": "lost"}),
        ("v", {"S": "two"}),
        ("aggregate", {"S": "nothing"}),
        ("parent", {"S": "[]"}),
        ("to_undo", {"S": "[9]"}),
        ("timers", {"S": '[["alarm","x",1]]'}),
        ("ends_as", {"S": "well"}),
    ],
)
def test_what_is_no_item_of_a_process_is_refused_with_one_error(
    attribute: str, value: dict[str, str] | None
) -> None:
    item = to_item(a_process())
    from_item(item)
    damaged = {name: each for name, each in item.items() if name != attribute}
    if value is not None:
        damaged[attribute] = value

    with pytest.raises(UnreadableItem, match=r"tenant-1#0f0e8a52.* cannot be read as a process"):
        from_item(damaged)


def test_a_finished_process_leaves_after_its_retention_and_an_open_one_stays() -> None:
    process = a_process(steps=1)
    kept = timedelta(days=30)
    assert "expires_at" not in to_item(process, kept)

    process.fail_step("step-000", "no", now=NOW)
    assert to_item(process, kept)["expires_at"] == {"N": str(int((NOW + kept).timestamp()))}
    assert "expires_at" not in to_item(process)

    process.start_step("step-000", now=NOW)
    assert "expires_at" not in to_item(process, kept)


def test_who_reported_is_named_once_however_many_the_steps() -> None:
    process = a_process(steps=20)
    arn = "arn:aws:sts::123456789012:assumed-role/case-service/worker"
    for name in process.steps:
        process.complete_step(name, now=NOW, actor=arn)

    assert str(to_item(process)).count(arn) == 1


@pytest.mark.parametrize(("steps", "most_bytes"), [(1, 384), (5, 448), (20, 768), (100, 2560)])
def test_a_finished_process_stays_small(steps: int, most_bytes: int) -> None:
    process = a_process(steps=steps)
    for number, name in enumerate(process.steps):
        process.saved()
        process.start_step(name, now=NOW + timedelta(seconds=2 * number))
        process.saved()
        process.complete_step(name, now=NOW + timedelta(seconds=2 * number + 1))

    assert item_size(to_item(process)) <= most_bytes


def test_twenty_steps_stay_within_a_kilobyte_all_the_way() -> None:
    for starting in (Starting.BY_CALL, Starting.NEVER):
        journey = Journey(20, starting, step_seconds=5, timeout_seconds=600, output_bytes=0)
        usage = usage_of(journey)
        # Beside one for each write: two index entries made at the start and moved at the end, and
        # where something waits one that is made and one that goes.
        of_indexes = 2 + 2 + (2 if starting is Starting.BY_CALL else 0)
        assert usage.write_units == usage.writes + of_indexes


def test_an_item_is_measured_by_the_published_rules() -> None:
    item = {
        "pk": {"S": "é"},  # 2 + 2
        "n": {"N": "1230000"},  # 1 + 3: two significant digits a byte, and one more
        "l": {"L": [{"S": "ab"}, {"N": "-5"}]},  # 1 + 3 + (1 + 2) + (1 + 3)
        "m": {"M": {"k": {"S": ""}}},  # 1 + 3 + (1 + 1 + 0)
    }

    assert item_size(item) == 4 + 4 + 11 + 6
