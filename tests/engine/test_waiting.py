"""Waits, signals and human tasks."""

from __future__ import annotations

import pytest

from tests.engine.driving import START, Drive, seconds, service
from trellis_process.domain.definition.steps import HumanTask, HumanTaskStep, Outcome, WaitStep
from trellis_process.domain.engine import commands
from trellis_process.errors import (
    NotReported,
    OutcomeUnknown,
    ProcessFinished,
    StepFinished,
    TaskTaken,
    TooManySignals,
)


def test_a_wait_is_over_when_its_span_is():
    drive = Drive(WaitStep("pause", wait="3d"), service("a")).start()
    drive.later("71h59m").sweep()
    assert drive.states() == {"pause": "waiting"}
    drive.sweep("1m")
    assert drive.open() == ["a"]


def test_a_wait_may_be_said_in_seconds():
    drive = Drive(WaitStep("pause", wait_duration_seconds=90)).start()
    drive.sweep("89s")
    assert drive.state == "in_progress"
    drive.sweep("1s")
    assert drive.state == "completed"


@pytest.mark.parametrize("until", ["2026-11-20T10:00:00Z", "2026-11-20T11:00:00+01:00", 1795168800])
def test_a_wait_may_last_until_a_moment_from_the_data(until):
    drive = Drive(WaitStep("pause", until="input.at")).start(at=until)
    assert drive.process.wake_up_at == START + seconds(3600)


def test_a_wait_until_a_moment_that_is_past_is_over_at_once():
    drive = Drive(WaitStep("pause", until="input.at")).start(at="2026-01-01T00:00:00Z")
    assert drive.state == "completed"
    assert drive.writes == 1


@pytest.mark.parametrize("until", ["tomorrow", "2026-11-20T10:00:00", True, None, 1e300])
def test_what_is_no_moment_fails_the_wait(until):
    drive = Drive(WaitStep("pause", until="input.at")).start(at=until)
    assert (drive.state, drive.reason) == ("failed", "expression_error")


def test_a_signal_wakes_the_wait_for_it_and_its_payload_is_the_output():
    drive = Drive(WaitStep("go", wait_for_signal="approved")).start()
    assert drive.process.wake_up_at is None
    drive.signal("approved", {"by": "ann"})
    assert drive.state == "completed"
    assert drive.process.step("go").output == {"by": "ann"}


def test_an_empty_payload_is_a_signal():
    assert Drive(WaitStep("go", wait_for_signal="s")).start().signal("s").state == "completed"


def test_a_signal_wakes_only_its_own_wait():
    drive = Drive(WaitStep("go", wait_for_signal="approved")).start().signal("other")
    assert drive.open() == ["go"]


def test_a_signal_that_comes_early_is_kept_until_a_wait_takes_it():
    drive = Drive(service("a"), WaitStep("go", wait_for_signal="s")).start().signal("s", 1)
    drive.complete("a")
    assert drive.state == "completed"
    assert drive.process.step("go").output == 1
    assert drive.process.signals == {}


def test_signals_are_taken_first_in_first_out():
    waits = [WaitStep(name, wait_for_signal="s") for name in ("w1", "w2", "w3")]
    drive = Drive(service("a"), *waits).start().signal("s", 1).signal("s", 2).complete("a")
    assert drive.open() == ["w3"]
    assert [drive.process.step(name).output for name in ("w1", "w2")] == [1, 2]


def test_a_wait_for_a_signal_fails_when_none_came_in_time():
    drive = Drive(
        WaitStep("go", wait_for_signal="s", timeout="1h", on_failure="late"), service("late")
    ).start()
    drive.sweep("59m")
    assert drive.open() == ["go"]
    drive.sweep("1m")
    assert drive.open() == ["late"]


def test_a_repeated_signal_is_known_by_its_id():
    drive = Drive(service("a")).start().signal("s", 1, signal_id="x").signal("s", 1, signal_id="x")
    assert drive.process.signals == {"s": (1,)}
    assert drive.writes == 2


def test_a_process_keeps_so_many_signals_and_no_more():
    drive = Drive(service("a")).start()
    for n in range(commands.MAX_SIGNALS):
        drive.signal("s", n)
    with pytest.raises(TooManySignals):
        drive.signal("other")


def test_a_finished_process_takes_no_signal():
    drive = Drive(service("a")).start().complete("a")
    with pytest.raises(ProcessFinished):
        drive.signal("s")


# -- Human tasks ---------------------------------------------------------------------------------


def review(**more) -> HumanTaskStep:
    task = {
        "surface": "expense_review",
        "assignee_role": "manager",
        "outcomes": (
            Outcome(name="approve", label="Approve expense", goto="complete"),
            Outcome(name="reject", label="Reject", goto="fail"),
            Outcome(name="later"),
        ),
    }
    step = {key: more.pop(key) for key in ("on_failure", "inputs", "priority") if key in more}
    return HumanTaskStep("review", human_task=HumanTask(**(task | more)), **step)


def test_an_outcome_leads_where_it_says():
    for outcome, state in (("approve", "completed"), ("reject", "failed")):
        drive = Drive(review(), service("pay")).start().complete("review", outcome=outcome)
        assert drive.state == state
        assert "pay" not in drive.process.steps
        assert drive.process.step("review").outcome == outcome
    assert Drive(review(), service("pay")).start().complete("review", outcome="later").open() == [
        "pay"
    ]


def test_the_first_completion_wins_and_the_second_gets_its_result():
    drive = Drive(review(), service("pay")).start()
    drive.complete("review", {"n": 1}, outcome="later").complete("review", outcome="reject")
    assert drive.process.step("review").outcome == "later"
    assert drive.process.step("review").output == {"n": 1}
    assert drive.open() == ["pay"]


@pytest.mark.parametrize("outcome", ["aprove", None, ""])
def test_an_unknown_outcome_is_refused_with_those_that_are_known(outcome):
    drive = Drive(review()).start()
    with pytest.raises(OutcomeUnknown, match="approve, reject, later"):
        drive.complete("review", outcome=outcome)


def test_a_task_without_outcomes_is_simply_completed():
    drive = Drive(review(outcomes=())).start().complete("review")
    assert drive.state == "completed"
    assert drive.process.step("review").outcome == "completed"


def test_a_task_says_what_is_asked_of_whom():
    drive = Drive(review(assignee="input.boss", due="2d"), service("x")).start(boss="ann")
    step = drive.process.step("review")
    assert step.task.surface == "expense_review"
    assert step.task.assignee == "ann"
    assert step.task.outcomes[0] == ("approve", "Approve expense")
    assert drive.told() == ["ProcessStarted", "TaskOpened review"]


def test_a_task_is_due_after_seven_days_unless_said():
    drive = Drive(review()).start()
    assert drive.process.wake_up_at == START + seconds(7 * 86400)


def test_a_task_past_its_due_date_has_timed_out():
    drive = Drive(review(on_failure="pay"), service("pay")).start().sweep("7d")
    assert drive.open() == ["pay"]
    assert drive.process.step("review").outcome == "timed_out"


def test_timed_out_may_be_an_outcome_with_a_way_of_its_own():
    outcomes = (Outcome(name="ok"), Outcome(name="timed_out", goto="remind"))
    drive = Drive(review(outcomes=outcomes), service("never"), service("remind")).start()
    with pytest.raises(OutcomeUnknown, match="allowed is one of ok"):
        drive.complete("review", outcome="timed_out")
    assert drive.sweep("7d").open() == ["remind"]


def test_escalation_is_told_once_and_leaves_the_task_open():
    drive = Drive(review(escalate_after="2d")).start().sweep("2d").sweep("1d")
    assert drive.told("TaskEscalated") == ["TaskEscalated review"]
    assert drive.open() == ["review"]
    drive.complete("review", outcome="approve")
    assert drive.state == "completed"


def test_a_task_is_claimed_released_and_reassigned():
    drive = Drive(review()).start()

    def claim(by):
        return lambda process, now: commands.claim_task(process, "review", by=by, now=now)

    drive.do(claim("ann")).do(claim("ann"))
    assert drive.process.step("review").task.assignee == "ann"
    assert drive.writes == 2
    with pytest.raises(TaskTaken, match="ann"):
        drive.do(claim("bob"))
    drive.do(lambda process, now: commands.release_task(process, "review", now=now))
    drive.do(claim("bob"))
    drive.do(lambda process, now: commands.reassign_task(process, "review", to="cleo", now=now))
    assert drive.process.step("review").task.assignee == "cleo"
    assert drive.told("TaskClaimed", "TaskReleased") == [
        "TaskClaimed review",
        "TaskReleased review",
        "TaskClaimed review",
        "TaskClaimed review",
    ]


def test_only_an_open_task_is_claimed():
    drive = Drive(service("a"), review()).start()
    with pytest.raises(NotReported):
        drive.do(lambda process, now: commands.claim_task(process, "a", by="ann", now=now))
    drive.complete("a").complete("review", outcome="approve")
    with pytest.raises((StepFinished, ProcessFinished)):
        drive.do(lambda process, now: commands.claim_task(process, "review", by="ann", now=now))


def test_a_task_is_not_failed_by_a_report():
    drive = Drive(review()).start()
    with pytest.raises(NotReported, match="outcome"):
        drive.fail("review")
