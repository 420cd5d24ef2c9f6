"""How a process is kept: versions, and copies that share nothing."""

from __future__ import annotations

import time
from copy import deepcopy
from datetime import timedelta, timezone

import pytest

from trellis_process import Process
from trellis_process.domain.time import from_ms, to_ms, to_text
from trellis_process.testing import START, a_process, a_step, a_stored_process


def a_process_full_of_containers() -> Process:
    process = a_process(
        a_step("pay"), a_step("send"), a_step("file"), a_step("wait"), metadata={"tags": [{}]}
    )
    process.complete_step("pay", {"lines": [1]}, now=START)
    process.complete_step("send", {}, now=START)
    process.complete_step("file", [], now=START)
    process.start_step("wait", now=START)
    process.resume_step("wait", {"answers": [1]}, now=START)
    return process


def spoil(process: Process) -> None:
    process.metadata["tags"][0]["spoiled"] = True
    process.metadata["spoiled"] = True
    process.steps["pay"].output["lines"].append("spoiled")
    process.steps["send"].output["spoiled"] = True
    process.steps["file"].output.append("spoiled")
    process.steps["wait"].resume_data["answers"].append("spoiled")
    del process.steps["wait"]


def test_a_saved_process_is_one_version_on_with_nothing_left_to_save():
    process = a_process()

    process.saved()

    assert (process.version, process.has_changed, process.brings_payload) == (1, False, False)
    assert [event.type for event in process.events] == ["ProcessStarted"]


def test_a_change_brings_a_payload_or_does_not():
    process = a_process(a_step("pay"), a_step("wait"))

    def brings(change: str, *details: object, **said: int) -> bool:
        getattr(process, change)("wait", *details, now=START, **said)
        brought = process.has_changed and process.brings_payload
        process.saved()
        return brought

    assert process.brings_payload, "its metadata"
    process.saved()
    assert not brings("start_step")
    assert brings("resume_step", {"comes": "early"})
    assert not brings("suspend_step"), "what it takes was brought before"
    assert not brings("resume_step", resumption=2)
    assert not brings("suspend_step", resumption=1)
    assert not brings("suspend_step", resumption=2)
    assert brings("resume_step", "an answer", resumption=3)
    assert brings("complete_step", "an output")
    process.complete_step("pay", now=START)
    assert not process.brings_payload


def test_changes_saved_at_once_bring_what_any_of_them_brings():
    process = a_stored_process(a_step("pay"), a_step("send"))

    process.complete_step("pay", "an output", now=START)
    process.complete_step("send", now=START)

    assert process.brings_payload


def test_a_copy_is_equal():
    process = a_process_full_of_containers()

    assert process.copy() == process
    assert list(process.copy().steps) == list(process.steps)


@pytest.mark.parametrize("spoiled", ["copy", "original"])
def test_a_copy_shares_nothing_that_can_be_changed(spoiled):
    process = a_process_full_of_containers()
    copy = process.copy()
    before = deepcopy(process)

    spoil(copy if spoiled == "copy" else process)

    assert (process if spoiled == "copy" else copy) == before


def test_a_command_on_a_copy_leaves_the_original():
    process = a_process_full_of_containers()
    before = deepcopy(process)

    process.copy().complete_step("wait", now=START)

    assert process == before


def test_a_snapshot_stays_as_the_process_stood():
    process = a_process_full_of_containers()
    snapshot, before = process.snapshot(), deepcopy(process)

    process.complete_step("wait", {"paid": True}, now=START)

    assert snapshot == before != process


def test_becoming_another_is_being_equal_and_sharing_nothing():
    process, other = a_process(), a_process_full_of_containers()
    other.saved()
    before = deepcopy(other)

    process.become(other)
    assert process == other
    spoil(process)

    assert other == before


def test_a_moment_survives_its_way_through_milliseconds():
    assert from_ms(to_ms(START)) == START
    milliseconds = to_ms(from_ms(1_767_258_000_001))
    assert milliseconds == 1_767_258_000_001
    assert type(milliseconds) is int, "a float would round far ahead, and is no number of a key"


def test_a_moment_reads_as_iso_8601_with_milliseconds():
    assert to_text(START) == "2026-01-01T09:00:00.000Z"
    assert to_text(None) is None


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the machine's zone cannot be changed here")
def test_a_moment_reads_as_utc_wherever_the_machine_is(monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        there = to_text(START.astimezone(timezone(timedelta(hours=2))))
    time.tzset()

    assert there == "2026-01-01T09:00:00.000Z"
