"""Retries, time limits and agreed times."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.engine.driving import START, Drive, seconds, service, undo
from tests.engine.test_reopening import rerun
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla, SlaTier
from trellis_process.domain.definition.steps import HumanTask, HumanTaskStep, WaitStep
from trellis_process.errors import InvalidInput


def executions(drive: Drive) -> list[float]:
    """When attempts began, in seconds after the start."""
    return [
        (event.occurred_at - START).total_seconds()
        for event in drive.events
        if event.type == "StepStarted"
    ]


def always_failing(**retry) -> Drive:
    drive = Drive(service("a", retry=Retry(**retry))).start()
    while drive.state == "in_progress":
        if drive.process.step("a").waits_for_retry:
            drive.now = drive.process.wake_up_at
            drive.sweep()
        else:
            drive.fail("a")
    return drive


def test_a_step_is_executed_once_unless_more_is_said():
    assert executions(always_failing()) == [0]


def test_three_attempts_with_an_exponential_backoff_of_a_second():
    drive = always_failing(max_attempts=3, backoff="exponential", interval="1s")
    assert executions(drive) == [0, 1, 3]
    assert drive.state == "failed"


def test_a_fixed_and_a_linear_backoff():
    assert executions(always_failing(max_attempts=4, backoff="fixed", interval="5s")) == [
        0,
        5,
        10,
        15,
    ]
    assert executions(always_failing(max_attempts=4, backoff="linear", interval="5s")) == [
        0,
        5,
        15,
        30,
    ]


def test_a_pause_is_no_longer_than_allowed():
    drive = always_failing(max_attempts=5, interval="20s", max_interval="30s")
    assert executions(drive) == [0, 20, 50, 80, 110]


def test_jitter_is_anything_up_to_the_pause_and_the_same_each_time():
    one = executions(always_failing(max_attempts=5, interval="40s", jitter=True))
    two = executions(always_failing(max_attempts=5, interval="40s", jitter=True))
    assert one == two
    pauses = [later - before for before, later in pairwise(one)]
    assert all(0 <= pause <= 60 for pause in pauses)
    assert len(set(pauses)) == 4


def test_a_fatal_failure_is_not_tried_again():
    drive = Drive(service("a", retry=Retry(max_attempts=3))).start().fail("a", fatal=True)
    assert drive.state == "failed"


def test_a_failure_may_say_when_to_try_again():
    drive = Drive(service("a", retry=Retry(max_attempts=3))).start()
    drive.fail("a", retry_after_ms=90_000)
    assert drive.process.wake_up_at == START + seconds(90)


def test_codes_say_what_is_tried_again():
    def failed_with(code, **retry) -> str:
        drive = Drive(service("a", retry=Retry(max_attempts=3, **retry))).start()
        return drive.fail("a", code=code).state

    assert failed_with("busy", retry_on=("busy",)) == "in_progress"
    assert failed_with("other", retry_on=("busy",)) == "failed"
    assert failed_with("declined", fatal_on=("declined",)) == "failed"
    assert failed_with("unknown", fatal_on=("declined",)) == "in_progress"
    assert failed_with(None, retry_on=("busy",)) == "in_progress"


def test_what_failed_is_told_with_the_code_that_was_reported():
    drive = Drive(service("a", retry=Retry(max_attempts=2), timeout="1m")).start()
    drive.fail("a", code="busy").sweep("1m").sweep("1m")
    codes = [(each.type, each.code) for each in drive.events if hasattr(each, "code")]
    assert codes == [("StepAttemptFailed", "busy"), ("StepFailed", "timeout")]


def test_of_a_step_that_is_done_again_the_retries_of_this_time_are_counted():
    step = service("a", timeout="1m", retry=Retry(max_attempts=2, interval="10s"))
    drive = Drive(step, service("b")).start().complete("a", attempt=1)
    rerun(drive, "a").sweep("1m")

    waiting = drive.process.step("a")
    assert (waiting.attempt, waiting.error) == (2, "timed out")
    (late,) = [each for each in drive.events if each.type == "ProcessStepTimedOut"]
    assert (late.retry_count, late.has_fully_timed_out()) == (0, False)


def test_what_took_too_long_has_that_for_a_code_whatever_it_waited_for():
    task = HumanTaskStep("ask", human_task=HumanTask(surface="form", due="1m"))
    for step in (WaitStep("go", wait_for_signal="paid", timeout="1m"), task):
        drive = Drive(step).start().sweep("1m")
        (failed,) = [each for each in drive.events if each.type == "StepFailed"]
        assert failed.code == "timeout"


def test_a_failure_names_its_attempt_while_another_may_follow():
    drive = Drive(service("a", retry=Retry(max_attempts=2))).start()
    with pytest.raises(InvalidInput, match="attempt"):
        drive.do(lambda process, now: process.fail_step("a", "no", now=now))


def test_a_repeated_failure_counts_once():
    drive = Drive(service("a", retry=Retry(max_attempts=3, interval="10s"))).start()
    drive.fail("a", attempt=1).fail("a", attempt=1).sweep("10s").fail("a", attempt=1)
    assert drive.process.step("a").attempt == 2
    assert drive.open() == ["a"]


def test_a_late_success_counts_while_the_step_waits_to_be_tried_again():
    drive = Drive(service("a", retry=Retry(max_attempts=3))).start().fail("a")
    assert drive.complete("a", attempt=1).state == "completed"


def test_a_timeout_bounds_one_attempt_and_its_retry_follows_the_rules():
    drive = Drive(service("a", timeout="30s", retry=Retry(max_attempts=2, interval="10s"))).start()
    drive.sweep("30s")
    assert drive.told("ProcessStepTimedOut") == ["ProcessStepTimedOut a"]
    assert drive.process.step("a").waits_for_retry
    drive.sweep("10s")
    assert executions(drive) == [0, 40]
    drive.sweep("30s")
    assert (drive.state, drive.reason) == ("failed", "step_failed")


def test_a_time_limit_counts_from_the_attempt_not_from_when_a_sweep_came():
    drive = Drive(service("a", timeout="30s", retry=Retry(max_attempts=3, interval="1s"))).start()
    drive.sweep("10h").sweep("1s")
    assert drive.process.step("a").attempt == 2
    assert drive.process.step("a").due_at == drive.now + seconds(30)


def test_timeouts_may_be_fatal():
    retry = Retry(max_attempts=3, fatal_on=("timeout",))
    assert Drive(service("a", timeout="30s", retry=retry)).start().sweep("30s").state == "failed"


def test_going_back_to_a_step_begins_its_retries_anew():
    drive = Drive(
        service("a", retry=Retry(max_attempts=2, interval="1s"), on_failure="b"),
        service("b", on_success="a"),
    ).start()
    drive.fail("a").sweep("1s").fail("a").complete("b")
    assert drive.process.step("a").visits == 2
    drive.fail("a")
    assert drive.process.step("a").waits_for_retry


def test_a_process_past_its_own_time_fails_and_undoes():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("b"),
        timeout="1h",
        compensations=(undo("undo_a"),),
    ).start()
    drive.complete("a").sweep("1h")
    assert (drive.state, drive.reason) == ("compensating", "timeout")
    drive.complete("undo:a")
    assert (drive.state, drive.reason, drive.compensation) == ("failed", "timeout", "done")


def test_an_attempt_limit_does_not_apply_to_a_wait():
    drive = Drive(WaitStep("pause", wait="3d"), service("a", timeout="30s")).start().sweep("2d")
    assert drive.open() == ["pause"]


# -- Agreed times --------------------------------------------------------------------------------


def breaches(drive: Drive) -> list[tuple]:
    late = [event for event in drive.events if event.type == "SlaBreached"]
    assert all(type(event.actual_ms) is type(event.expected_ms) is int for event in late)
    return [(event.step_name, event.tier, event.expected_ms, event.actual_ms) for event in late]


def test_a_breach_found_at_the_end_is_told_once_with_what_was_expected_and_what_it_took():
    drive = Drive(service("a"), sla=Sla(max_duration="30s")).start().later("40s").complete("a")
    assert breaches(drive) == [(None, "sla", 30_000, 40_000)]
    assert drive.state == "completed"


def test_a_breach_is_told_at_its_moment_and_not_again_at_the_end():
    drive = Drive(service("a"), sla=Sla(max_duration="30s")).start().sweep("30s")
    drive.sweep("10s").complete("a")
    assert breaches(drive) == [(None, "sla", 30_000, 30_000)]


def test_each_tier_and_each_scope_is_told_for_itself():
    sla = Sla(max_duration="1m", tiers=(SlaTier(name="gold", max_duration="30s"),))
    drive = Drive(service("a", sla=Sla(max_duration="45s")), sla=sla).start().sweep_until("5m")
    assert [each[:2] for each in breaches(drive)] == [(None, "gold"), ("a", "sla"), (None, "sla")]
    assert drive.open() == ["a"]


def test_in_time_nothing_is_told():
    drive = Drive(service("a", sla=Sla(max_duration="30s"))).start().sweep("29s").complete("a")
    assert breaches(drive) == []
    assert drive.process.breaches == {}


def test_without_an_alert_a_breach_is_only_on_record():
    sla = Sla(max_duration="30s", alert_on_breach=False)
    drive = Drive(service("a"), sla=sla).start().sweep("31s")
    assert breaches(drive) == []
    assert drive.process.breaches == {"sla": 31_000}
