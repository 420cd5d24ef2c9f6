"""Where written definitions lead, and what each kind of step does that needs nobody to report."""

from __future__ import annotations

import pytest

from trellis_process.errors import NotReported

from .written import Journey, Written, journey


def test_what_the_first_of_four_leads_to_is_next_and_what_stands_between_is_not_run():
    started = Written(
        journey(
            """\
            steps:
              - {name: s1, service: A, on_success: s3, on_failure: s2}
              - {name: s2, service: A}
              - {name: s3, service: A}
              - {name: s4, service: A}
            """
        )
    ).start()
    assert started.complete("s1", "s3", "s4").state == "completed"
    assert started.begun() == ["s1", "s3", "s4"]


WAYS = {
    "on_success: b": "b",
    "on_success: complete": "completed",
    "on_success: fail": "failed",
    "transitions: [{to: b, when: steps.s.output.n > 1}, {to: c, when: steps.s.output.n > 0}]": "c",
    "transitions: [{to: complete, when: steps.s.output.n == 1}, {to: b}]": "completed",
    "transitions: [{to: fail, when: steps.s.output.n == 1}, {to: b}]": "failed",
    "transitions: [{to: b, when: steps.s.output.n == 1}, {to: c, when: 'true'}]": "b",
}


@pytest.mark.parametrize(("written", "leads_to"), WAYS.items(), ids=WAYS)
def test_a_success_leads_where_it_is_said(written, leads_to):
    text = f"""\
steps:
  - {{name: s, service: A, on_failure: other, {written}}}
  - {{name: other, service: A}}
  - {{name: b, service: A}}
  - {{name: c, service: A}}
"""
    started = Written(journey(text)).start().complete("s", output={"n": 1})
    assert (started.open() or [started.state]) == [leads_to]


@pytest.mark.parametrize(
    ("target", "leads_to"), [("b", "b"), ("complete", "completed"), ("fail", "failed")]
)
@pytest.mark.parametrize(
    ("kind", "move"),
    [
        ("service: A, on_failure: {target}", lambda journey: journey.fail("s")),
        ("condition: input.yes, on_true: {target}, on_false: a", lambda journey: journey),
        ("condition: '!input.yes', on_true: a, on_false: {target}", lambda journey: journey),
        (
            "human_task: {{surface: s, outcomes: [{{name: ok, goto: {target}}}, {{name: no}}]}}",
            lambda journey: journey.complete("s", outcome="ok"),
        ),
    ],
    ids=["on_failure", "on_true", "on_false", "goto"],
)
def test_every_way_out_of_a_step_names_a_step_or_an_end(kind, move, target, leads_to):
    written = kind.format(target=target)
    steps = f"steps: [{{name: s, {written}}}, {{name: a, service: A}}, {{name: b, service: A}}]"
    started = move(Written(journey(steps)).start(yes=True))
    assert (started.open() or [started.state]) == [leads_to]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("", ("failed", "no_transition")),
        ("on_no_transition: fail", ("failed", "no_transition")),
        ("on_no_transition: complete", ("completed", None)),
    ],
)
def test_where_no_transition_holds_the_process_fails_unless_it_is_to_complete(said, ends):
    text = f"""\
steps:
  - {{name: s, service: A, transitions: [{{to: b, when: steps.s.output.n > 1}}]}}
  - {{name: b, service: A}}
{said}
"""
    started = Written(journey(text)).start().complete("s", output={"n": 1})
    assert (started.state, started.reason) == ends


def test_a_loop_of_two_steps_ends_after_a_hundred_visits_with_that_reason():
    started = Written(
        journey(
            """\
            steps:
              - {name: ask, service: A}
              - {name: again, condition: input.again, on_true: ask, on_false: complete}
            """
        )
    ).start(again=True)
    for _ in range(100):
        assert started.state == "in_progress"
        started.complete("ask")
    assert (started.state, started.reason) == ("failed", "max_visits")
    assert len(started.begun()) == 100


def test_a_step_may_be_entered_as_often_as_it_says():
    started = Written(
        journey(
            """\
            steps:
              - {name: ask, service: A, max_visits: 3}
              - {name: again, condition: "true", on_true: ask, on_false: complete}
            """
        )
    ).start()
    started.complete("ask", "ask", "ask")
    assert (started.state, started.reason) == ("failed", "max_visits")
    assert started.begun() == ["ask"] * 3


def work() -> Journey:
    return Written(
        journey(
            """\
            steps:
              - name: pay
                service: Payments.pay
                inputs: {amount: input.amount, currency: "'EUR'"}
                timeout: 30s
                retry: {max_attempts: 2, interval: 10s}
            """
        )
    ).start(amount=7)


def test_a_service_is_told_who_it_is_for_with_what_which_attempt_and_until_when():
    started = work().fail("pay").advance(seconds=10)
    first, second = started.events("StepStarted")
    assert (first["service"], first["attempt"]) == ("Payments.pay", 1)
    assert first["input"] == second["input"] == {"amount": 7, "currency": "EUR"}
    assert first["due_at"] == "2026-01-01T09:00:30.000Z"
    assert (second["attempt"], second["due_at"]) == (2, "2026-01-01T09:00:40.000Z")


def test_a_service_that_says_it_is_still_alive_has_its_time_anew():
    started = work().late(seconds=20)
    started.engine.heartbeat(started.key, "pay", attempt=1)
    assert started.advance(seconds=29).step("pay").attempt == 1
    assert started.advance(seconds=1).step("pay").waits_for_retry


def test_a_success_counts_from_any_attempt_and_a_failure_only_from_the_one_under_way():
    started = work().fail("pay").advance(seconds=10)
    started.fail("pay", attempt=1)
    assert (started.step("pay").attempt, started.open()) == (2, ["pay"])
    assert started.complete("pay", output="paid", attempt=1).state == "completed"


def test_a_message_goes_out_with_the_write_that_completes_its_step_and_keeps_its_id():
    world = Written(
        journey(
            """\
            steps:
              - {name: pay, service: A}
              - {name: tell, channel: news, message: Paid, inputs: {to: input.who}}
            """
        )
    )
    started = world.start(who="ann")
    version = started.process.version
    started.complete("pay")
    assert started.state == "completed"
    assert started.process.version == version + 1
    (sent,) = started.events("MessageSent")
    assert (sent["channel"], sent["message"], sent["payload"]) == ("news", "Paid", {"to": "ann"})
    seen: list[str] = []
    world.runner.on("MessageSent")(lambda event: seen.append(event["id"]))
    world.runner.deliver_again()
    world.runner.deliver_again()
    assert seen == [sent["id"], sent["id"]]


def test_a_condition_and_a_side_effect_are_done_in_the_write_that_leads_to_them():
    started = Written(
        journey(
            """\
            steps:
              - {name: pay, service: A}
              - {name: large, condition: input.amount > 1000, on_false: complete}
              - name: book
                effects:
                  - {action: create, entity: Invoice, set: {amount: input.amount}}
                  - {action: update, entity: Order, id: input.order, set: {status: "'paid'"}}
                  - {action: delete, entity: Cart, id: input.order}
            """
        )
    ).start(amount=1001, order="o-1")
    started.complete("pay")
    assert (started.state, started.process.version) == ("completed", 2)
    (asked,) = started.events("EffectsRequested")
    assert asked["effects"] == [
        {"action": "create", "entity": "Invoice", "set": {"amount": 1001}},
        {"action": "update", "entity": "Order", "id": "o-1", "set": {"status": "paid"}},
        {"action": "delete", "entity": "Cart", "id": "o-1", "set": {}},
    ]
    assert {event["version"] for event in started.events("EffectsRequested", "StepCompleted")} == {
        2
    }


def test_a_small_amount_leaves_out_what_a_large_one_needs():
    text = "steps: [{name: large, condition: input.amount > 1000, on_false: complete}, "
    text += "{name: review, service: A}]"
    world = Written(journey(text))
    assert world.start(amount=1000).state == "completed"
    assert world.start(amount=1001).open() == ["review"]


def test_nobody_reports_on_a_step_that_no_service_does():
    started = Written(journey("steps: [{name: pause, wait: 1h}]")).start()
    with pytest.raises(NotReported):
        started.complete("pause")
