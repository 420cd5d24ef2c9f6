"""How far one write goes, what it leaves waiting, and what it brings along."""

from __future__ import annotations

import pytest

from tests.engine.driving import START, Drive, seconds, service, undo
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    Branch,
    ConditionStep,
    HumanTask,
    HumanTaskStep,
    Parallel,
    ParallelStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.domain.engine import commands
from trellis_process.domain.process import Process


def both(*lists) -> ParallelStep:
    branches = tuple(Branch(name=f"b{n}", steps=steps) for n, steps in enumerate(lists))
    return ParallelStep("both", parallel=Parallel(branches=branches))


def begun(drive: Drive, process_id: str = "p1", **given) -> Process:
    return commands.start(
        drive.compiled, process_id=process_id, tenant_id="t1", input=given, now=START
    )


def test_a_wait_until_this_very_moment_is_over_at_once():
    drive = Drive(WaitStep("pause", until="input.at")).start(at="2026-11-20T09:00:00Z")
    assert (drive.state, drive.told("WaitStarted")) == ("completed", [])


def test_a_signal_that_did_not_come_in_time_says_so():
    drive = Drive(WaitStep("go", wait_for_signal="s", timeout="1h")).start().sweep("1h")
    assert drive.process.step("go").error == "timed out"


def test_a_task_that_nobody_completed_in_time_says_so():
    drive = Drive(HumanTaskStep("ask", human_task=HumanTask(surface="f", due="1h"))).start()
    assert drive.sweep("1h").process.step("ask").error == "timed out"


def test_somebody_is_told_of_a_task_when_that_is_due_and_not_before():
    task = HumanTask(surface="f", escalate_after="1h")
    drive = Drive(HumanTaskStep("ask", human_task=task)).start().sweep("59m")
    assert drive.told("TaskEscalated") == []
    assert drive.sweep("1m").told("TaskEscalated") == ["TaskEscalated ask"]


def test_a_process_without_outputs_results_in_nothing():
    assert Drive(service("a")).start().complete("a").process.output is None


def test_a_failure_that_leads_to_fail_gives_the_process_its_own_reason():
    broken = service("a", inputs={"x": "input.none"}, on_failure="fail")
    assert Drive(broken).start().reason == "expression_error"
    assert Drive(service("a", on_failure="fail")).start().fail("a").reason == "step_failed"


def test_a_way_to_fail_inside_of_a_branch_says_which_step_led_there():
    drive = Drive(both((service("a", on_success="fail"),), (service("b"),))).start().complete("a")
    assert (drive.state, drive.reason) == ("failed", "step_failed")
    assert drive.process.step("both").error == "step 'a' led to fail"


def test_a_step_that_is_entered_too_often_inside_of_a_branch_ends_everything():
    loop = ConditionStep("loop", condition="true", on_true="loop", max_visits=3)
    drive = Drive(both((service("b"),), (loop,), (service("c"),)), service("after")).start()
    assert (drive.state, drive.reason) == ("failed", "max_visits")
    assert drive.states() == {"both": "cancelled", "loop": "completed", "b": "cancelled"}


def test_what_starts_a_process_and_what_a_signal_brings_may_be_too_large_for_a_store():
    drive = Drive(service("a"))
    assert begun(drive, n=1).brings_payload
    process = drive.start().process.copy()
    commands.send_signal(process, "s", now=START)
    assert not process.brings_payload
    commands.send_signal(process, "s", 1, now=START)
    assert process.brings_payload


def test_the_start_of_a_process_is_the_moment_at_which_it_was_asked_for():
    process = begun(Drive(service("a")))
    assert (process.started_at, process.changed_at) == (START, START)
    assert process.version == 0


def test_of_two_waits_for_a_signal_the_first_takes_it_alone():
    waits = [(WaitStep(name, wait_for_signal="s"),) for name in ("w1", "w2")]
    drive = Drive(both(*waits)).start().signal("s", 1)
    assert drive.open() == ["both", "w2"]
    assert drive.process.signals == {}
    assert drive.signal("s", 2).state == "completed"


def test_signals_that_came_while_suspended_are_taken_in_their_order_by_who_waits():
    waits = [(WaitStep(name, wait_for_signal="s"),) for name in ("w1", "w2")]
    drive = Drive(both(*waits), service("after")).start()
    drive.do(lambda process, now: process.suspend(now=now))
    for n in (1, 2, 3):
        drive.signal("s", n)
    drive.do(lambda process, now: process.resume(now=now))
    assert [drive.process.step(name).output for name in ("w1", "w2")] == [1, 2]
    assert drive.process.signals == {"s": (3,)}
    assert drive.open() == ["after"]


def test_the_latest_twenty_signals_are_known_by_their_ids():
    drive = Drive(service("a")).start()
    for n in range(21):
        drive.signal("s", n, signal_id=f"x{n}")
    writes = drive.writes
    assert drive.signal("s", 1, signal_id="x1").writes == writes
    assert drive.signal("s", 0, signal_id="x0").writes == writes + 1


def test_a_repeated_signal_is_known_also_once_the_process_has_ended():
    drive = Drive(WaitStep("go", wait_for_signal="s")).start().signal("s", 1, signal_id="x")
    assert drive.state == "completed"
    writes = drive.writes
    assert drive.signal("s", 1, signal_id="x").writes == writes


def test_the_end_of_a_child_is_told_with_what_it_resulted_in_and_its_own_attempt():
    child = SubprocessStep("child", subprocess="other")
    drive = Drive(child, service("a", on_success="child")).start()
    drive.child_ended("child", output=1).complete("a")
    assert drive.process.step("child").attempt == 2
    writes = drive.writes
    assert drive.child_ended("child", attempt=1, output="late").writes == writes
    drive.child_ended("child", output=2)
    told = [event.attempt for event in drive.events if event.type == "StepCompleted"]
    assert told == [1, 1, 2]
    assert drive.process.step("child").output == 2


# -- Retries -------------------------------------------------------------------------------------

JITTER = Retry(max_attempts=5, backoff="fixed", interval="60s", jitter=True)


def paused(drive: Drive, name: str) -> float:
    """How many seconds a failed step waits for its next attempt."""
    return (drive.fail(name).process.step(name).due_at - drive.now).total_seconds()


def test_pauses_with_jitter_differ_between_steps_visits_and_attempts_and_are_the_same_again():
    def pauses() -> list[float]:
        a = service("a", retry=JITTER, on_success="b")
        drive = Drive(a, service("b", retry=JITTER, on_success="a")).start()
        first = paused(drive, "a")
        second = paused(drive.sweep("60s"), "a")
        other = paused(drive.sweep("60s").complete("a"), "b")
        drive.sweep("60s").complete("b")
        assert drive.process.step("a").visits == 2
        return [first, second, other, paused(drive, "a")]

    assert len(set(pauses())) == 4
    assert all(0 <= pause <= 60 for pause in pauses())
    assert pauses() == pauses()


def test_pauses_with_jitter_differ_between_processes():
    found = set()
    for process_id in ("p1", "p2"):
        drive = Drive(service("a", retry=JITTER))
        drive.process = begun(drive, process_id)
        found.add(paused(drive, "a"))
    assert len(found) == 2


def test_the_attempts_of_a_visit_are_counted_from_its_own_first():
    retry = Retry(max_attempts=3, backoff="linear", interval="5s")
    drive = Drive(service("a", retry=retry), service("b", on_success="a")).start()
    assert paused(drive, "a") == 5
    drive.sweep("5s").complete("a").complete("b")
    assert paused(drive, "a") == 5
    drive.sweep("5s")
    assert paused(drive, "a") == 10
    drive.sweep("10s").fail("a")
    assert drive.state == "failed"


def test_an_attempt_that_timed_out_is_retried_or_not_by_its_code():
    retried = Retry(max_attempts=2, interval="5s", retry_on=("timeout",))
    drive = Drive(service("a", timeout="1m", retry=retried)).start().sweep("1m")
    assert drive.process.step("a").due_at == START + seconds(65)
    final = Retry(max_attempts=2, fatal_on=("timeout",))
    drive = Drive(service("a", timeout="1m", retry=final)).start().sweep("1m")
    assert (drive.state, drive.process.step("a").error) == ("failed", "timed out")


@pytest.mark.parametrize("ends", ["completed", "timed out"])
def test_a_compensation_has_the_time_that_it_says(ends):
    undoing = (undo("undo_a", timeout="1m"),)
    drive = Drive(service("a", compensate_with="undo_a"), service("f"), compensations=undoing)
    drive.start().complete("a").fail("f").sweep("59s")
    assert drive.state == "compensating"
    if ends == "completed":
        assert drive.complete("undo:a").compensation == "done"
    else:
        assert drive.sweep("1s").compensation == "partial"
