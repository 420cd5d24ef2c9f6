"""Where a process goes from step to step."""

from __future__ import annotations

import pytest

from tests.engine.driving import Drive, service
from trellis_process.domain.definition.steps import (
    ConditionStep,
    Effect,
    HumanTask,
    HumanTaskStep,
    Outcome,
    SendStep,
    SideEffectStep,
    Transition,
)
from trellis_process.errors import NotReported, OutcomeUnknown, StepFinished


def test_steps_follow_one_another_in_the_order_of_the_list():
    drive = Drive(service("a"), service("b")).start()
    assert drive.open() == ["a"]
    drive.complete("a")
    assert drive.open() == ["b"]
    drive.complete("b")
    assert drive.state == "completed"


def test_completing_a_step_starts_the_next_in_the_same_write():
    drive = Drive(*(service(name) for name in "abcde")).start()
    for name in "abcde":
        drive.complete(name)
    assert drive.state == "completed"
    assert drive.writes == 6


def test_on_success_leads_past_what_stands_between():
    drive = Drive(
        service("s1", on_success="s3"), service("s2"), service("s3"), service("s4")
    ).start()
    for name in ("s1", "s3", "s4"):
        drive.complete(name)
    assert drive.state == "completed"
    assert drive.started() == ["s1", "s3", "s4"]


def test_complete_ends_the_process_before_its_last_step():
    drive = Drive(service("a", on_success="complete"), service("b")).start().complete("a")
    assert drive.state == "completed"
    assert "b" not in drive.process.steps


def test_fail_ends_the_process_without_success():
    drive = Drive(service("a", on_success="fail")).start().complete("a")
    assert (drive.state, drive.reason) == ("failed", "routed_to_fail")


def test_on_failure_leads_on_and_the_process_is_not_failed():
    drive = Drive(
        service("a", on_failure="mend"), service("b", on_success="complete"), service("mend")
    ).start()
    drive.fail("a")
    assert drive.open() == ["mend"]
    drive.complete("mend")
    assert drive.state == "completed"


def test_a_failure_without_a_route_fails_the_process():
    drive = Drive(service("a"), service("b")).start().fail("a", "no money")
    assert (drive.state, drive.reason) == ("failed", "step_failed")
    assert drive.process.last_failed_step().error == "no money"


@pytest.mark.parametrize(
    ("amount", "follows"), [(100, "pay"), (1001, "review"), (1000.5, "review")]
)
def test_a_condition_routes_and_completes_in_the_same_write(amount, follows):
    drive = Drive(
        ConditionStep("big", condition="input.amount > 1000", on_true="review", on_false="pay"),
        service("review"),
        service("pay"),
    ).start(amount=amount)
    assert drive.open() == [follows]
    assert drive.writes == 1


def test_a_condition_without_routes_goes_on_either_way():
    drive = Drive(ConditionStep("any", condition="false"), service("a")).start()
    assert drive.open() == ["a"]
    assert drive.process.step("any").outcome == "false"


def test_a_condition_whose_data_are_absent_fails_and_picks_no_branch():
    condition = ConditionStep(
        "big", condition="input.amount > 100", on_true="a", on_false="b", on_failure="c"
    )
    steps = (condition, service("a"), service("b"), service("c"))
    assert Drive(*steps).start(amount=100).open() == ["b"]
    assert Drive(*steps).start().open() == ["c"]


def test_an_expression_error_without_a_route_fails_the_process_with_that_reason():
    drive = Drive(ConditionStep("big", condition="input.amount > 100")).start()
    assert (drive.state, drive.reason) == ("failed", "expression_error")
    assert "input.amount > 100" in drive.process.step("big").error


def test_a_condition_has_to_be_true_or_false():
    drive = Drive(ConditionStep("big", condition="input.amount")).start(amount=7)
    assert (drive.state, drive.reason) == ("failed", "expression_error")


def test_has_is_there_for_what_may_be_missing():
    condition = ConditionStep(
        "big", condition="has(input.amount) && input.amount > 1", on_true="a", on_false="b"
    )
    assert Drive(condition, service("a"), service("b")).start().open() == ["b"]


def test_has_may_ask_about_a_step_that_was_not_entered():
    condition = ConditionStep("c", condition="has(steps.b.output)", on_true="b", on_false="d")
    drive = Drive(service("a", on_success="c"), service("b"), condition, service("d")).start()
    assert drive.complete("a").open() == ["d"]


def test_the_first_transition_that_holds_is_taken():
    step = service(
        "a",
        transitions=(
            Transition(to="b", when="steps.a.output.size > 10"),
            Transition(to="c", when="steps.a.output.size > 5"),
            Transition(to="d"),
        ),
    )
    rest = tuple(service(name) for name in "bcd")
    for size, follows in ((11, "b"), (7, "c"), (1, "d")):
        assert Drive(step, *rest).start().complete("a", {"size": size}).open() == [follows]


def test_without_a_transition_that_holds_the_process_fails():
    step = service("a", transitions=(Transition(to="b", when="false"),))
    drive = Drive(step, service("b")).start().complete("a")
    assert (drive.state, drive.reason) == ("failed", "no_transition")


def test_without_a_transition_that_holds_the_process_completes_if_its_definition_says_so():
    step = service("a", transitions=(Transition(to="b", when="false"),))
    drive = Drive(step, service("b"), on_no_transition="complete").start().complete("a")
    assert drive.state == "completed"


def test_a_transition_that_cannot_be_evaluated_fails_the_step():
    step = service("a", transitions=(Transition(to="b", when="steps.a.output.no > 1"),))
    drive = Drive(step, service("b")).start().complete("a", {})
    assert (drive.state, drive.reason) == ("failed", "expression_error")
    assert drive.states()["a"] == "failed"


def test_going_back_enters_a_step_again():
    again = Transition(to="a", when="steps.b.output.more")
    drive = Drive(
        service("a"), service("b", transitions=(again, Transition(to="complete")))
    ).start()
    drive.complete("a").complete("b", {"more": True})
    assert drive.open() == ["a"]
    assert drive.process.step("a").visits == 2
    drive.complete("a").complete("b", {"more": False})
    assert drive.state == "completed"


def test_a_step_that_is_entered_too_often_fails_the_process():
    drive = Drive(
        ConditionStep("a", condition="true", max_visits=5), service("never"), service("x")
    )
    drive = Drive(
        ConditionStep("a", condition="true", on_true="b"),
        ConditionStep("b", condition="true", on_true="a", max_visits=7),
    ).start()
    assert (drive.state, drive.reason) == ("failed", "max_visits")
    assert drive.process.step("b").visits == 7
    assert drive.writes == 1


def test_a_report_about_an_earlier_visit_changes_nothing():
    again = Transition(to="a", when="steps.b.output.more")
    drive = Drive(
        service("a"), service("b", transitions=(again, Transition(to="complete")))
    ).start()
    drive.complete("a", 1).complete("b", {"more": True})
    drive.complete("a", "late", attempt=1)
    assert drive.open() == ["a"]
    assert drive.process.step("a").attempt == 2


def test_what_a_step_resulted_in_is_told_also_where_it_is_entered_again_at_once():
    again = Transition(to="a", when="steps.a.output.more")
    drive = Drive(service("a", transitions=(again, Transition(to="complete")))).start()
    drive.complete("a", {"more": True})
    assert drive.open() == ["a"]
    assert drive.process.step("a").output == {"more": True}
    drive.complete("a", {"more": False})
    assert drive.state == "completed"


def test_a_thousand_steps_that_pass_at_once_are_one_write():
    steps = [ConditionStep(f"c{n}", condition="true") for n in range(999)]
    drive = Drive(*steps, service("last")).start()
    assert drive.open() == ["last"]
    assert drive.writes == 1


def test_a_message_is_sent_with_the_write_that_completes_its_step():
    step = SendStep(
        "notify", channel="news", message="Paid", inputs={"amount": "input.amount", "n": 3}
    )
    drive = Drive(service("a"), step).start(amount=7).complete("a")
    assert drive.state == "completed"
    sent = next(event for event in drive.events if event.type == "MessageSent")
    assert (sent.channel, sent.message, sent.payload) == ("news", "Paid", {"amount": 7, "n": 3})
    assert drive.writes == 2


def test_effects_are_requested_with_the_write_that_completes_their_step():
    effect = Effect(action="update", entity="Order", id="input.id", set={"status": "'paid'"})
    drive = Drive(SideEffectStep("mark", effects=(effect,))).start(id="o1")
    assert drive.state == "completed"
    asked = next(event for event in drive.events if event.type == "EffectsRequested")
    assert asked.effects == [
        {"action": "update", "entity": "Order", "id": "o1", "set": {"status": "paid"}}
    ]


def test_a_service_is_told_its_name_and_its_input():
    step = service("pay", inputs={"report": "input.id", "lines": ["input.id", 2]})
    drive = Drive(step).start(id="r1")
    started = drive.process.step("pay")
    assert started.service == "Services.pay"
    assert started.input == {"report": "r1", "lines": ["r1", 2]}


def test_inputs_without_a_value_fail_the_step():
    drive = Drive(service("pay", inputs={"x": "input.nothing"})).start()
    assert (drive.state, drive.reason) == ("failed", "expression_error")


def test_outputs_are_worked_out_at_the_end():
    drive = Drive(service("pay"), outputs={"payment": "steps.pay.output.id", "ok": True})
    drive.start().complete("pay", {"id": "pay-1"})
    assert drive.process.output == {"payment": "pay-1", "ok": True}


def test_outputs_without_a_value_fail_the_process():
    drive = Drive(service("pay"), outputs={"payment": "steps.pay.output.id"})
    drive.start().complete("pay", {})
    assert drive.state == "failed"
    assert drive.reason.startswith("expression_error")


def test_work_has_no_outcomes_to_choose_from():
    drive = Drive(service("a")).start()
    with pytest.raises(OutcomeUnknown, match="no human task"):
        drive.complete("a", outcome="approve")


def test_nobody_reports_on_what_ends_by_itself():
    from trellis_process.domain.definition.steps import WaitStep

    drive = Drive(WaitStep("pause", wait="1h")).start()
    with pytest.raises(NotReported, match="wait"):
        drive.complete("pause")
    with pytest.raises(NotReported, match="wait"):
        drive.fail("pause")


def test_a_step_that_failed_and_was_handled_is_not_started_again():
    drive = Drive(service("a", on_failure="b"), service("b")).start().fail("a")
    with pytest.raises(StepFinished):
        drive.do(lambda process, now: process.start_step("a", now=now))


def test_a_step_entered_again_keeps_what_its_last_visit_came_to_until_it_ends():
    outcomes = (Outcome(name="again", goto="review"), Outcome(name="approve"))
    review = HumanTaskStep("review", human_task=HumanTask(surface="form", outcomes=outcomes))
    drive = Drive(review, service("pay")).start()

    drive.complete("review", {"note": 1}, outcome="again")

    step = drive.process.step("review")
    assert (step.visits, step.state) == (2, "waiting")
    assert (step.outcome, step.output) == ("again", {"note": 1})
    drive.complete("review", outcome="approve")
    assert (drive.process.step("review").outcome, drive.open()) == ("approve", ["pay"])


@pytest.mark.parametrize(("priority", "kept"), [(0, 0), (1, 1), (5, None), (9, 9)])
def test_work_keeps_its_priority_where_it_is_not_the_usual_one(priority, kept):
    step = Drive(service("pay", priority=priority)).start().process.step("pay")
    assert step.priority == kept
