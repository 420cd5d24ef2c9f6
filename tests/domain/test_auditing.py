"""Whether a process will be woken in time, and how its wake-up is planned anew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trellis_process import Process
from trellis_process.testing import START, a_step, a_stored_process

SECOND = timedelta(seconds=1)


def waiting() -> Process:
    return a_stored_process(a_step(timeout_ms=1_000), auto_start_steps=True)


def test_a_process_with_a_deadline_waits_until_it_is_final():
    process = waiting()
    assert process.waits()

    process.complete_step("pay", now=START)

    assert not process.waits()


def test_a_process_without_a_deadline_does_not_wait():
    assert not a_stored_process(a_step()).waits()


@pytest.mark.parametrize(
    ("wake_up_after", "in_time"), [(0 * SECOND, True), (SECOND, True), (SECOND * 2, False)]
)
def test_a_wake_up_may_be_early_but_not_late(wake_up_after: timedelta, in_time: bool):
    process = waiting()
    process.wake_up_at = START + wake_up_after

    assert process.wakes_in_time() is in_time


def test_a_process_that_waits_without_a_wake_up_is_not_woken_in_time():
    process = waiting()
    process.wake_up_at = None

    assert not process.wakes_in_time()


def test_a_final_process_is_to_have_no_wake_up():
    process = waiting()
    process.complete_step("pay", now=START)
    assert process.wakes_in_time()

    process.wake_up_at = START

    assert not process.wakes_in_time()


@pytest.mark.parametrize("wrong", [None, START + 2 * SECOND])
def test_a_renewed_wake_up_is_that_of_the_earliest_deadline(wrong):
    process = waiting()
    process.wake_up_at = wrong

    process.renew_wake_up(now=START)

    assert process.has_changed
    assert process.wake_up_at == START + SECOND


def test_a_renewed_wake_up_moves_even_where_it_was_right():
    process = waiting()

    process.renew_wake_up(now=START)

    assert process.wakes_in_time()
    assert process.wake_up_at == START + SECOND - timedelta(milliseconds=1)


def test_a_renewed_wake_up_of_a_final_process_is_none():
    process = waiting()
    process.complete_step("pay", now=START)
    process.saved()
    process.wake_up_at = START

    process.renew_wake_up(now=START)

    assert process.wake_up_at is None


def test_renewing_a_wake_up_is_no_event_and_no_change_of_the_process():
    process = waiting()
    version = process.version

    process.renew_wake_up(now=START + SECOND)

    assert process.events == ()
    assert process.previous_event_version == version
    assert process.changed_at == START
