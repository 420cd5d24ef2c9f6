"""The builders for tests."""

from __future__ import annotations

from datetime import timedelta

from trellis_process import ProcessState, ProcessStep, testing
from trellis_process.testing import START, a_process, a_step, a_stored_process


def test_a_step_says_only_what_its_test_is_about():
    assert a_step() == ProcessStep(name="pay")
    assert a_step("send", timeout_ms=5, retries_permitted=1) == ProcessStep(
        name="send", timeout_ms=5, retries_permitted=1
    )


def test_a_process_has_a_step_unless_given_others():
    assert list(a_process().steps) == ["pay"]
    assert list(a_process(a_step("a"), a_step("b")).steps) == ["a", "b"]


def test_a_built_process_is_like_one_just_started():
    process = a_process(a_step(timeout_ms=1_000), tenant_id="t", auto_start_steps=True, now=START)

    assert (process.tenant_id, process.state) == ("t", ProcessState.IN_PROGRESS)
    assert process.wake_up_at == START + timedelta(seconds=1)
    assert (process.version, process.has_changed) == (0, True)


def test_a_stored_process_is_like_one_a_store_returns():
    process = a_stored_process(a_step(), timeout_ms=5)

    assert (process.version, process.has_changed, process.timeout_ms) == (1, False, 5)


def test_the_table_of_contents_is_true():
    assert all(hasattr(testing, name) for name in testing.__all__)
