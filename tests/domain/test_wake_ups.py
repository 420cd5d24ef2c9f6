"""When the checker is to look at a process: maybe early, never late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.domain.unchanged import nothing_changes
from trellis_process.testing import START, a_step, a_stored_process

SECOND = timedelta(seconds=1)


def test_the_wake_up_is_that_of_the_earliest_deadline():
    process = a_stored_process(
        a_step("slow", timeout_ms=9_000),
        a_step("quick", timeout_ms=1_000),
        timeout_ms=60_000,
        auto_start_steps=True,
    )

    assert process.wake_up_at == START + SECOND


def test_an_earlier_deadline_brings_the_wake_up_forward():
    process = a_stored_process(a_step("quick", timeout_ms=1_000), timeout_ms=60_000)
    assert process.wake_up_at == START + 60 * SECOND

    process.start_step("quick", now=START)

    assert process.wake_up_at == START + SECOND


def test_a_wake_up_that_is_early_enough_is_kept():
    process = a_stored_process(
        a_step("quick", timeout_ms=1_000), a_step("slow", timeout_ms=9_000), auto_start_steps=True
    )

    process.complete_step("quick", now=START)

    assert process.wake_up_at == START + SECOND


def test_a_heartbeat_leaves_the_wake_up_where_it_is():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)

    process.heartbeat("pay", now=START + SECOND / 2)

    assert process.wake_up_at == START + SECOND


def test_a_sweep_that_finds_nothing_due_moves_the_wake_up_forward():
    process = a_stored_process(
        a_step("quick", timeout_ms=1_000), a_step("slow", timeout_ms=9_000), auto_start_steps=True
    )
    process.complete_step("quick", now=START)
    process.saved()

    assert process.time_out([], now=START + SECOND) == []

    assert process.has_changed
    assert process.wake_up_at == START + 9 * SECOND
    assert process.events == ()
    assert process.changed_at == START


def test_a_sweep_removes_a_wake_up_for_nothing():
    process = a_stored_process(
        a_step("quick", timeout_ms=1_000), a_step("other"), auto_start_steps=True
    )
    process.complete_step("quick", now=START)
    process.saved()
    assert process.wake_up_at == START + SECOND

    process.time_out([], now=START + SECOND)

    assert process.wake_up_at is None


def test_a_sweep_that_finds_the_wake_up_right_changes_nothing():
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)

    with nothing_changes(process):
        process.time_out([], now=START)


def test_a_timeout_plans_the_next_wake_up_exactly():
    process = a_stored_process(a_step(timeout_ms=1_000, retries_permitted=1), auto_start_steps=True)

    process.time_out(process.trackers(), now=START + 5 * SECOND)

    assert process.wake_up_at == START + 6 * SECOND


@pytest.mark.parametrize("end", ["complete", "fail", "cancel", "time out"])
def test_a_finished_process_has_no_wake_up(end):
    process = a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)

    if end == "complete":
        process.complete_step("pay", now=START)
    elif end == "fail":
        process.fail_step("pay", "no", now=START)
    elif end == "cancel":
        process.cancel(now=START)
    else:
        process.time_out(process.trackers(), now=START + SECOND)

    assert process.state.is_final
    assert process.wake_up_at is None
