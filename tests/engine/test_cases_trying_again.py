"""Retries, time limits and agreed times as they are written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from trellis_process.errors import InvalidDefinition

from .written import Journey, Written, journey

RETRIES = {
    "": [0],
    "max_attempts: 3, backoff: exponential, interval: 1s": [0, 1, 3],
    "max_attempts: 3": [0, 1, 3],
    "max_attempts: 3, backoff: fixed, interval: 5s": [0, 5, 10],
    "max_attempts: 4, backoff: linear, interval: 5s": [0, 5, 15, 30],
    "max_attempts: 4, coefficient: 3": [0, 1, 4, 13],
    "max_attempts: 9": [0, 1, 3, 7, 15, 31, 63, 123, 183],
    "max_attempts: 4, interval: 20s, max_interval: 30s": [0, 20, 50, 80],
}


def always_failing(retry: str, key: str | None = None) -> Journey:
    """A step whose every attempt fails as it begins."""
    world = Written(journey(f"steps: [{{name: a, service: Work.a, retry: {{{retry}}}}}]"))

    @world.runner.service("Work.a")
    def a(ctx):
        raise ValueError("it broke")

    return world.start(key=key).advance(hours=2)


@pytest.mark.parametrize(("retry", "executions"), RETRIES.items(), ids=RETRIES)
def test_what_always_fails_is_executed_at_these_seconds_and_then_has_failed(retry, executions):
    started = always_failing(retry)
    assert started.seconds("StepStarted") == executions
    assert (started.state, started.reason) == ("failed", "step_failed")


def test_jitter_draws_each_pause_from_its_whole_length_and_the_same_each_time():
    said = "max_attempts: 6, backoff: fixed, interval: 40s, jitter: true"
    one, two = (always_failing(said, key="k").seconds("StepStarted") for _ in range(2))
    assert one == two
    pauses = [later - before for before, later in pairwise(one)]
    assert all(0 <= pause <= 40 for pause in pauses)
    assert len(set(pauses)) == 5


def working(retry: str, more: str = "") -> Journey:
    text = f"steps: [{{name: a, service: A, retry: {{max_attempts: 3{retry}}}{more}}}]"
    return Written(journey(text)).start()


def test_a_fatal_failure_is_not_tried_again():
    assert working("").fail("a", fatal=True).state == "failed"


def test_a_failure_that_says_when_is_tried_again_then():
    started = working("").fail("a", retry_after_ms=90_000).advance(seconds=89)
    assert started.seconds("StepStarted") == [0]
    assert started.advance(seconds=1).seconds("StepStarted") == [0, 90]


@pytest.mark.parametrize(
    ("retry", "code", "state"),
    [
        (", retry_on: [busy]", "busy", "in_progress"),
        (", retry_on: [busy]", "declined", "failed"),
        (", fatal_on: [declined]", "declined", "failed"),
        (", fatal_on: [declined]", "never_heard_of", "in_progress"),
        (", fatal_on: [declined]", None, "in_progress"),
        (", retry_on: [busy]", None, "in_progress"),
        (", retry_on: [busy], fatal_on: [declined]", "other", "failed"),
    ],
)
def test_error_codes_say_what_is_tried_again_and_unknown_ones_are(retry, code, state):
    assert working(retry).fail("a", code=code).state == state


def test_a_timeout_bounds_each_attempt():
    started = working(", interval: 10s", ", timeout: 30s").advance(minutes=10)
    assert started.seconds("StepStarted") == [0, 40, 90]
    assert started.seconds("ProcessStepTimedOut") == [30, 70, 120]
    assert (started.state, started.reason) == ("failed", "step_failed")


def test_a_definition_may_demand_a_timeout_for_each_step_of_work():
    text = "strict: true\nsteps: [{name: a, service: A}, {name: b, service: B, timeout: 5s}]"
    with pytest.raises(InvalidDefinition, match=r"steps\[0\]\.timeout"):
        Written(journey(text))
    Written(journey(text.replace("service: A}", "service: A, timeout: 5s}")))


def test_a_process_past_its_own_time_fails_with_that_reason_and_undoes():
    started = Written(
        journey(
            """\
            timeout: 1h
            steps:
              - {name: a, service: A, compensate_with: undo_a}
              - {name: pause, wait_for_signal: never, on_failure: b}
              - {name: b, service: B}
            compensations: [{name: undo_a, service: UndoA}]
            """
        )
    ).start()
    started.complete("a").advance(minutes=59, seconds=59)
    assert started.open() == ["pause"]
    started.advance(seconds=1)
    assert (started.state, started.reason, started.open()) == (
        "compensating",
        "timeout",
        ["undo:a"],
    )
    started.complete("undo:a")
    assert (started.state, started.reason, started.compensation) == ("failed", "timeout", "done")


def breaches(started: Journey) -> list[tuple]:
    return [
        (event.get("step_name"), event["tier"], event["expected_ms"], event["actual_ms"])
        for event in started.events("SlaBreached")
    ]


AGREED = "sla: {max_duration: 30s}\nsteps: [{name: a, service: A}, {name: b, service: B}]"


def test_done_at_forty_seconds_of_thirty_with_no_sweep_between_is_one_breach():
    started = Written(journey(AGREED)).start().late(seconds=40).complete("a", "b")
    assert breaches(started) == [(None, "sla", 30_000, 40_000)]
    assert started.state == "completed"


def test_a_breach_is_told_at_its_deadline_once_and_changes_nothing_else():
    started = Written(journey(AGREED)).start().advance(seconds=29)
    assert breaches(started) == []
    started.advance(days=1)
    assert breaches(started) == [(None, "sla", 30_000, 30_000)]
    assert (started.state, started.open()) == ("in_progress", ["a"])
    assert started.complete("a", "b").state == "completed"
    assert len(breaches(started)) == 1


def test_done_in_time_nothing_is_told():
    started = (
        Written(journey(AGREED)).start().advance(seconds=29).complete("a", "b").advance(days=1)
    )
    assert breaches(started) == []


def test_a_breach_is_told_for_each_scope_and_tier():
    started = Written(
        journey(
            """\
            sla: {max_duration: 60s, tiers: [{name: gold, max_duration: 20s}]}
            steps:
              - {name: a, service: A, sla: {max_duration: 30s}}
            """
        )
    ).start()
    started.advance(minutes=5).complete("a")
    assert breaches(started) == [
        (None, "gold", 20_000, 20_000),
        ("a", "sla", 30_000, 30_000),
        (None, "sla", 60_000, 60_000),
    ]


@pytest.mark.parametrize("swept", [True, False])
def test_without_an_alert_a_breach_is_recorded_and_no_event_says_so(swept):
    text = AGREED.replace("30s}", "30s, alert_on_breach: false}")
    started = Written(journey(text)).start()
    started = started.advance(seconds=40) if swept else started.late(seconds=40)
    started.complete("a", "b")
    assert breaches(started) == []
    assert started.process.breaches == {"sla": 30_000 if swept else 40_000}


def test_at_a_late_end_with_no_sweep_before_each_scope_and_tier_is_told_once():
    started = Written(
        journey(
            """\
            sla: {max_duration: 30s, tiers: [{name: gold, max_duration: 10s}]}
            steps:
              - name: a
                service: A
                sla: {max_duration: 20s, tiers: [{name: fast, max_duration: 50s}]}
            """
        )
    ).start()
    started.late(seconds=40).complete("a").advance(days=1)
    assert sorted(breaches(started), key=str) == [
        ("a", "sla", 20_000, 40_000),
        (None, "gold", 10_000, 40_000),
        (None, "sla", 30_000, 40_000),
    ]
