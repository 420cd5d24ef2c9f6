"""A process comes back from its JSON as it was, but for what only a store needs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.definition_story import told_story
from tests.reaction_story import told_order
from tests.schedule_story import told_schedule
from trellis_process import Process, ProcessPage
from trellis_process.representation import (
    page_as_json,
    process_as_json,
    process_from_json,
)
from trellis_process.testing import START, a_step, a_stored_process


def a_reported_process() -> Process:
    process = a_stored_process(
        a_step("pay", timeout_ms=60_000, retries_permitted=2),
        a_step("ship"),
        metadata={"priority": "high"},
        timeout_ms=86_400_000,
    )
    process.start_step("pay", now=START + timedelta(milliseconds=1_001), actor="cashier")
    return process


def moved(process: Process, *commands: str) -> Process:
    now = START + timedelta(seconds=2)
    for command in commands:
        if command == "cancel":
            process.cancel(now=now, reason="withdrawn")
        elif command == "fail":
            process.fail_step("ship", "no address", now=now)
        elif command == "retry":
            process.fail_step("pay", "no route", now=now, retry_after_ms=1_000, attempt=1)
        elif command == "suspend":
            process.suspend_step("pay", now=now, timeout_ms=60_000)
        elif command == "resume":
            process.resume_step("pay", {"approved": [None, {}]}, now=now)
        else:
            process.complete_step(command, {"done": [1, 2.5, None]}, now=now)
    return process


@pytest.mark.parametrize(
    "commands",
    [
        [],
        ["pay"],
        ["pay", "ship"],
        ["fail"],
        ["cancel"],
        ["retry"],
        ["suspend"],
        ["suspend", "resume"],
        ["resume"],
        ["resume", "suspend", "suspend"],
    ],
)
def test_a_process_comes_back_as_it_was(commands: list[str]) -> None:
    process = moved(a_reported_process(), *commands)

    text = json.dumps(process_as_json(process))
    came_back = process_from_json(json.loads(text))

    assert came_back == replace(
        process,
        events=(),
        previous_event_version=0,
        wake_up_at=None,
        has_changed=False,
        brings_payload=False,
    )
    assert came_back.ended_at == process.ended_at
    assert json.dumps(process_as_json(came_back)) == text


def test_a_process_with_a_definition_comes_back_as_it_was() -> None:
    for process in [*told_story(), *told_schedule(), *told_order()]:
        text = json.dumps(process_as_json(process))
        came_back = process_from_json(json.loads(text))

        assert came_back == replace(
            process,
            events=(),
            previous_event_version=0,
            wake_up_at=None,
            signals={},
            signal_ids=(),
            timers=(),
            to_undo=(),
            unrouted=(),
            event_ids=(),
            kept_events=(),
            generation=0,
            course=came_back.course,
        )


def test_what_a_person_is_asked_is_told_while_it_is_open() -> None:
    asked = process_as_json(told_story()[1])["steps"][1]

    assert asked["task"] == {
        "surface": "expense_review",
        "assignee_role": "manager",
        "outcomes": [
            {"name": "approve", "label": "Approve expense"},
            {"name": "reject", "label": "Reject"},
        ],
        "priority": 3,
    }
    assert (asked["state"], asked["waits_for"]) == ("waiting", "person")


def test_of_signals_that_wait_only_the_number_is_told() -> None:
    (told,) = (p for p in told_story() if p.events[0].type == "SignalReceived")

    assert process_as_json(told)["signals"] == {"receipt": 2}


def test_what_only_a_definition_gives_is_left_out_without_one() -> None:
    told = process_as_json(a_reported_process())
    of_definitions = {"definition_version", "parent", "input", "output", "search_attributes"}
    of_definitions |= {"data", "scheduled_at", "signals", "breaches", "ends_as", "compensation"}

    assert not of_definitions & set(told)
    assert not {"visits", "first_attempt", "service", "input", "task", "outcome", "progress"} & {
        name for step in told["steps"] for name in step
    }


def test_fields_of_a_later_version_are_passed_over() -> None:
    value = process_as_json(a_reported_process())
    value["colour"] = "green"
    value["steps"][0]["colour"] = "green"

    assert process_from_json(value).step("pay").attempt == 1


def test_a_page_says_its_processes_and_where_the_next_one_begins() -> None:
    process = a_stored_process()

    told = page_as_json(ProcessPage([process], "next"))
    assert told == {"processes": [process_as_json(process)], "cursor": "next"}
    assert page_as_json(ProcessPage([], None)) == {"processes": []}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "process",
        {},
        {**process_as_json(a_stored_process()), "state": "lost"},
        {**process_as_json(a_stored_process()), "started_at": "today"},
        {**process_as_json(a_stored_process()), "steps": [{"name": "pay"}]},
        {**process_as_json(a_stored_process()), "steps": ["pay"]},
        {**process_as_json(a_stored_process()), "steps": {"pay": 1}},
    ],
)
def test_what_is_no_process_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"process|lost|today"):
        process_from_json(value)
