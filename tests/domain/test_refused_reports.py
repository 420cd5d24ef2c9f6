"""What a report may not say, and that it changes nothing then."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import is_refused, is_refused_input, nothing_changes
from trellis_process.errors import InvalidInput, StepNotFound, TooLarge
from trellis_process.testing import START, a_step, a_stored_process

LATER = START + timedelta(minutes=1)
every_command = pytest.mark.parametrize(
    "command",
    [
        "start_step",
        "heartbeat",
        "complete_step",
        "fail_step",
        "suspend_step",
        "resume_step",
        "cancel",
    ],
)


@pytest.mark.parametrize(
    "command",
    ["start_step", "heartbeat", "complete_step", "fail_step", "suspend_step", "resume_step"],
)
def test_an_unknown_step_is_refused_with_those_there_are(command):
    process = a_stored_process(a_step("pay"), a_step("send"))
    details = ["no"] if command == "fail_step" else []

    with is_refused(
        process, StepNotFound, "step_not_found", "no step 'pya' in this process; it has pay, send"
    ):
        getattr(process, command)("pya", *details, now=START)


@pytest.mark.parametrize("name", [None, 7, ["pay"], {"name": "pay"}])
def test_a_step_name_that_is_no_name_is_not_found(name):
    process = a_stored_process()

    with nothing_changes(process), pytest.raises(StepNotFound):
        process.complete_step(name, now=START)


def test_a_long_list_of_known_steps_is_cut_short():
    process = a_stored_process(*(a_step(f"step-{n}") for n in range(11)))

    with pytest.raises(StepNotFound, match=r"it has step-0, .*step-9, …$") as refused:
        process.step("x")

    assert len(refused.value.known) == 11


def test_an_error_text_beyond_its_limit_is_refused():
    process = a_stored_process()

    with (
        nothing_changes(process),
        is_refused_input("error", "xxx", "at most 4096 characters without control characters"),
    ):
        process.fail_step("pay", "x" * 4_097, now=START)

    process.fail_step("pay", "x" * 4_096, now=START)


@pytest.mark.parametrize("error", [None, 7, "a\x00b", "\ud800"])
def test_an_error_that_is_no_text_is_refused(error):
    process = a_stored_process()

    with nothing_changes(process), is_refused_input("error", "", "allowed is text"):
        process.fail_step("pay", error, now=START)


def test_an_error_may_be_empty_or_a_stack_trace():
    for error in ("", 'Traceback:\r\n\tFile "x.py", line 1\n'):
        process = a_stored_process()
        process.fail_step("pay", error, now=START)
        assert process.steps["pay"].error == error


def test_an_output_beyond_its_limit_is_refused():
    process = a_stored_process()
    at_the_limit = "x" * (32 * 1_024 - 2)  # two more for its quotes

    with (
        nothing_changes(process),
        is_refused_input("output", "32769 bytes of JSON", "allowed are 32768", TooLarge),
    ):
        process.complete_step("pay", at_the_limit + "x", now=START)

    process.complete_step("pay", at_the_limit, now=START)
    assert process.steps["pay"].output == at_the_limit


def test_the_callers_output_stays_the_callers():
    process = a_stored_process()
    mine = {"lines": [1]}
    process.complete_step("pay", mine, now=START)

    mine["lines"].append(2)

    assert process.steps["pay"].output == {"lines": [1]}


@pytest.mark.parametrize("field", ["actor", "reason"])
@every_command
def test_an_actor_or_reason_that_is_no_text_is_refused_by_every_command(command, field):
    process = a_stored_process(a_step(timeout_ms=1_000), a_step("send"), auto_start_steps=True)
    name = "send" if command == "start_step" else "pay"
    process.fail_step(name, "no", now=START) if command == "start_step" else None
    process.saved()
    details = {"cancel": [], "fail_step": [name, "no"]}.get(command, [name])

    with nothing_changes(process), is_refused_input(field, "7", "allowed is text"):
        getattr(process, command)(*details, now=LATER, **{field: 7})


def test_an_actor_and_a_reason_are_taken_up_to_their_limits():
    process = a_stored_process()

    with nothing_changes(process), is_refused_input("actor", "xxx", "at most 256 characters"):
        process.cancel(now=START, actor="x" * 257)
    with nothing_changes(process), is_refused_input("reason", "xxx", "at most 1024 characters"):
        process.cancel(now=START, reason="x" * 1_025)

    process.cancel(now=START, actor="x" * 256, reason="x" * 1_024)
    assert process.reason == "x" * 1_024


@every_command
def test_a_time_without_a_zone_is_refused_by_every_command(command):
    process = a_stored_process(a_step(timeout_ms=1_000), a_step("send"))
    process.start_step("pay", now=START)
    process.saved()
    name = "send" if command == "start_step" else "pay"
    details = {"cancel": [], "fail_step": [name, "no"]}.get(command, [name])

    with nothing_changes(process), pytest.raises(InvalidInput, match=r"^now: .*time zone"):
        getattr(process, command)(*details, now=LATER.replace(tzinfo=None))


def test_who_reported_last_is_known_of_each_step():
    process = a_stored_process(a_step("pay"), a_step("send"))
    process.start_step("pay", now=START, actor="ann")
    process.start_step("send", now=START, actor="ben")
    process.complete_step("pay", now=START, actor="bank")
    process.cancel(now=START, actor="boss")

    reported_by = {name: step.reported_by for name, step in process.steps.items()}
    assert reported_by == {"pay": "bank", "send": "ben"}


def test_who_reported_a_failure_is_known_and_a_timeout_was_reported_by_nobody():
    process = a_stored_process(a_step("pay", timeout_ms=1_000), a_step("send"))
    timed_out = process.copy()
    process.start_step("pay", now=START, actor="ann")
    process.fail_step("pay", "no money", now=START, actor="bank")
    timed_out.start_step("pay", now=START, actor="ann")
    timed_out.time_out(timed_out.trackers(), now=LATER)

    assert process.step("pay").reported_by == "bank"
    assert timed_out.step("pay").reported_by is None
