"""A simulation walks a definition as the engine would, and tells what happened and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trellis_process import ManualClock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition, InvalidInput
from trellis_process.runner import Runner
from trellis_process.simulation import START, Answer, Command, Simulation, simulate
from trellis_process.simulation.scenario import read_scenario
from trellis_process.worker import Failed, StepContext

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Those that have steps; what only reacts is told by its cases.
WALKED = [path for path in sorted(EXAMPLES.glob("*/*.yaml")) if path.parent.name != "order_payment"]


def example(name: str) -> ProcessDefinition:
    return ProcessDefinition.from_yaml((EXAMPLES / name).read_text(encoding="utf-8"))


def definition(steps: str, more: str = "") -> ProcessDefinition:
    text = f"process: p\nversion: 1\ntimeout: 100d\n{more}\nsteps:\n{steps}"
    return ProcessDefinition.from_yaml(text)


def told(done: Simulation, *events: str) -> list[tuple[str, str]]:
    """When what happened to which step, of these types."""
    return [(each.elapsed_text, each.subject) for each in done.timeline if each.event in events]


EXPENSE = {"report_id": "r-1", "employee": "ann", "amount": 2500}


# -- What is not answered ----------------------------------------------------------------------


@pytest.mark.parametrize("path", WALKED, ids=lambda path: path.stem)
def test_every_example_comes_to_its_end_without_an_answer(path: Path) -> None:
    done = simulate(ProcessDefinition.from_yaml(path.read_text(encoding="utf-8")))
    assert done.state == "completed", str(done)
    assert done.waits_for == []


def test_what_is_made_up_has_what_expressions_look_at_and_is_marked() -> None:
    done = simulate(
        definition(
            """
  - {name: score, service: A, inputs: {who: input.who}}
  - {name: good, condition: "steps.score.output.points > 3 || steps.score.output.vip",
     on_true: yes_, on_false: no_}
  - {name: yes_, channel: c, message: Yes, on_success: complete}
  - {name: no_, channel: c, message: No}
""",
            "inputs: {who: string, kind: {enum: [a, b]}, born: {type: string, format: date}}",
        )
    )
    assert done.process.input == {"who": "example who", "kind": "a", "born": "2026-01-02"}
    assert done.outputs["score"] == {"points": 1, "vip": True}
    assert done.path == ["score", "good", "yes_"]
    assert done.assumed == ["input", "score"]
    assert [each.step for each in done.timeline if each.is_assumed] == ["score"]


def test_text_beside_an_equals_sign_is_taken_for_the_example() -> None:
    done = simulate(
        definition(
            """
  - {name: check, service: A, on_success: ok}
  - {name: ok, condition: steps.check.output.verdict == "clean", on_false: fail}
"""
        )
    )
    assert (done.state, done.outputs["check"]) == ("completed", {"verdict": "clean"})


def test_items_of_an_example_list_have_what_the_steps_inside_look_at() -> None:
    done = simulate(
        definition(
            """
  - name: all
    foreach:
      items: input.lines
      steps: [{name: pack, service: A, inputs: {sku: item.sku, n: item.count + 1}}]
""",
            "inputs: {lines: array}",
        )
    )
    assert done.process.input == {"lines": [{"sku": "example sku", "count": 1}] * 2}
    assert [each.input for each in done.asked] == [{"sku": "example sku", "n": 2}] * 2


def test_with_strict_answers_it_ends_where_one_is_missing_and_says_for_what_it_waits() -> None:
    done = simulate(example("expense_approval/definition.yaml"), input=EXPENSE, strict_answers=True)
    assert (done.state, done.stopped) == ("in_progress", "no answer was given")
    (waiting,) = done.waits_for
    assert str(waiting) == (
        "validate waits for service Expenses.validate to report attempt 1, "
        'given {"report": "r-1", "amount": 2500}'
    )


def test_with_strict_answers_an_input_that_is_not_given_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"input\.report_id: got nothing"):
        simulate(example("expense_approval/definition.yaml"), strict_answers=True)


def test_an_input_that_is_given_has_to_be_as_declared() -> None:
    with pytest.raises(InvalidInput, match=r"input\.amount: got 'many'"):
        simulate(example("expense_approval/definition.yaml"), input={**EXPENSE, "amount": "many"})


# -- Answers -----------------------------------------------------------------------------------


def test_a_condition_says_which_expression_with_which_values_chose() -> None:
    done = simulate(example("expense_approval/definition.yaml"), input=EXPENSE)
    (entry,) = [each for each in done.timeline if each.step == "is_large"]
    assert entry.why == "→ review, for input.amount > 1000 is true (input.amount = 2500)"


def test_every_route_that_is_told_is_the_one_that_was_taken() -> None:
    for path in WALKED:
        parsed = ProcessDefinition.from_yaml(path.read_text(encoding="utf-8"))
        done = simulate(parsed)
        own = [each for each in done.timeline if each.child is None and each.step]
        for place, entry in enumerate(own):
            target = entry.why.removeprefix("→ ").split(",")[0].split(" (")[0]
            if entry.why.startswith("→") and target not in ("complete", "fail"):
                assert target in [each.step for each in own[place + 1 :]], entry


def test_steps_see_the_defaults_of_data_and_it_is_told_that_no_event_came() -> None:
    done = simulate(
        definition(
            "  - {name: a, service: A, inputs: {x: data.n, y: input.m}}",
            "data: {n: {type: integer, default: 7}}\ninputs: {m: integer?}\n"
            "events: [{name: e, completed: q}]\n"
            "reactions: [{event: e, when: input.m > 1, set: {n: data.n + 1}}]",
        ),
        input={"m": 2},
    )
    assert done.state == "completed"
    assert done.asked[0].input == {"x": 7, "y": 2}
    assert any("no event came" in line for line in done.summary())


def test_a_transition_says_what_was_tried_before_it() -> None:
    done = simulate(
        definition(
            """
  - name: a
    service: A
    transitions:
      - {to: b, when: input.n > 5}
      - {to: c, when: input.n > 1}
      - {to: fail}
  - {name: b, service: B}
  - {name: c, service: C}
""",
            "inputs: {n: integer}",
        ),
        input={"n": 3},
    )
    (entry,) = [each for each in done.timeline if each.step == "a" and each.why]
    assert entry.why == (
        "→ c, for input.n > 5 is false (input.n = 3); input.n > 1 is true (input.n = 3)"
    )


def test_answers_are_taken_one_after_the_other_and_the_last_holds() -> None:
    done = simulate(
        definition(
            """
  - {name: a, service: A, retry: {max_attempts: 4, interval: 1s}}
  - {name: again, condition: steps.a.output.n < 2, on_true: a, on_false: complete}
"""
        ),
        answers={
            "a": [
                {"error": "busy", "after": "2s"},
                {"output": {"n": 1}},
                {"output": {"n": 2}},
            ]
        },
    )
    assert told(done, "StepStarted") == [("0s", "a"), ("3s", "a"), ("3s", "a")]
    assert done.outputs["a"] == {"n": 2}


def test_an_answer_may_be_for_one_visit_attempt_or_item() -> None:
    loop = definition(
        """
  - {name: a, service: A, retry: {max_attempts: 3, backoff: fixed, interval: 1s}, on_success: b}
  - {name: b, condition: steps.a.output.more, on_true: a, on_false: complete}
"""
    )
    done = simulate(
        loop,
        answers={
            "a": [
                {"output": {"more": True}},
                {"visit": 2, "attempt": 1, "error": "twice"},
                {"visit": 2, "attempt": 2, "output": {"more": False}},
            ]
        },
    )
    assert told(done, "StepAttemptFailed") == [("0s", "a")]
    assert done.process.step("a").attempt == 3

    each = definition(
        """
  - name: all
    foreach:
      items: input.lines
      max_concurrency: 3
      steps: [{name: pack, service: A}]
""",
        "inputs: {lines: array}",
    )
    done = simulate(
        each,
        input={"lines": [1, 2, 3]},
        answers={"pack": [{"item": 1, "error": "broken"}, {"output": "packed"}]},
    )
    assert done.outputs["all"]["results"] == ["packed", None, "packed"]
    assert (done.outputs["all"]["processed"], done.outputs["all"]["errors"]) == (3, 1)


def test_pauses_before_retries_are_those_of_the_definition() -> None:
    done = simulate(
        definition("  - {name: a, service: A, retry: {max_attempts: 3, interval: 1s}}"),
        answers={"a": {"error": "down"}},
    )
    assert told(done, "StepStarted") == [("0s", "a"), ("1s", "a"), ("3s", "a")]
    assert (done.state, done.reason) == ("failed", "step_failed")


def test_a_fatal_error_and_one_that_says_when_to_try_again() -> None:
    step = "  - {name: a, service: A, retry: {max_attempts: 3, interval: 1s}}"
    done = simulate(definition(step), answers={"a": {"error": "no", "fatal": True}})
    assert told(done, "StepStarted") == [("0s", "a")]
    done = simulate(definition(step), answers={"a": [{"error": "later", "retry_after": "1h"}, {}]})
    assert told(done, "StepStarted") == [("0s", "a"), ("1h", "a")]


def test_an_answer_that_never_comes_leaves_it_to_the_time_limit() -> None:
    done = simulate(
        definition("  - {name: a, service: A, timeout: 30s}"), answers={"a": {"never": True}}
    )
    assert (done.state, done.lasted) == ("failed", timedelta(seconds=30))


def test_an_answer_at_the_very_moment_of_the_deadline_is_in_time() -> None:
    done = simulate(
        definition("  - {name: a, service: A, timeout: 30s}"), answers={"a": {"after": "30s"}}
    )
    assert done.state == "completed"


def test_an_answer_that_comes_too_late_is_told_and_refused() -> None:
    done = simulate(
        definition(
            "  - {name: a, service: A, timeout: 10s, on_failure: b}\n"
            "  - {name: b, service: B, timeout: 1h}"
        ),
        answers={"a": {"after": "20s"}, "b": {"after": "1m"}},
    )
    (refused,) = [each for each in done.timeline if each.event == "Refused"]
    assert (refused.elapsed_text, refused.step) == ("20s", "a")
    assert "cannot complete the step: step 'a' is failed" in refused.text
    assert done.state == "completed"


def test_a_person_chooses_an_outcome_after_a_while() -> None:
    done = simulate(
        example("expense_approval/definition.yaml"),
        input=EXPENSE,
        answers={
            "review": {"outcome": "reject", "by": "mia", "after": "3d", "output": {"why": "no"}}
        },
    )
    assert done.path == ["validate", "is_large", "review", "tell_rejected"]
    assert told(done, "TaskEscalated") == [("2d", "review")]
    assert [each.message for each in done.messages] == ["ExpenseRejected"]
    assert done.lasted == timedelta(days=3)


def test_a_person_of_whom_nothing_is_said_takes_the_first_outcome() -> None:
    done = simulate(example("expense_approval/definition.yaml"), input=EXPENSE)
    assert done.process.step("review").outcome == "approve"
    assert done.assumed == ["validate", "review", "pay"]


def test_a_signal_is_an_answer_to_the_step_that_waits_for_it() -> None:
    waits = definition("  - {name: a, wait_for_signal: go, timeout: 2d}")
    done = simulate(waits, answers={"a": {"after": "1d", "output": {"by": "mail"}}})
    assert (done.lasted, done.outputs["a"]) == (timedelta(days=1), {"by": "mail"})
    done = simulate(waits, answers={"a": {"never": True}})
    assert (done.state, done.lasted) == ("failed", timedelta(days=2))


def test_compensations_are_answered_by_their_name_or_the_step_that_they_undo() -> None:
    saga = example("order_saga/definition.yaml")
    failing = {"ship": {"error": "no truck"}}
    done = simulate(saga, answers=failing)
    assert (done.state, done.compensation) == ("failed", "done")
    undone = [each.step for each in done.timeline if each.event == "CompensationStarted"]
    assert undone == ["undo:pack", "undo:reserve", "undo:pay"]
    for name in ("refund", "undo:pay"):
        done = simulate(saga, answers={**failing, name: {"error": "bank is closed"}})
        assert done.compensation == "partial"


# -- Children ----------------------------------------------------------------------------------


def test_a_child_is_answered_as_a_whole_or_walked_where_its_definition_is_given() -> None:
    onboarding = example("onboarding/definition.yaml")
    done = simulate(onboarding, answers={"accounts": {"output": {"user": "u-1"}, "after": "1h"}})
    assert done.outputs["accounts"] == {"user": "u-1"}
    setup = example("onboarding/account_setup.yaml")
    done = simulate(
        onboarding,
        definitions=[setup],
        answers={"account_setup.create_user": {"output": {"user": "u-2"}, "after": "5m"}},
    )
    assert done.outputs["accounts"] == {"user": "u-2"}
    assert ("5m", "accounts › create_user") in told(done, "StepCompleted")


def test_a_child_that_fails_fails_its_step_with_its_error() -> None:
    done = simulate(
        example("onboarding/definition.yaml"),
        definitions=[example("onboarding/account_setup.yaml")],
        answers={"account_setup.create_user": {"error": "name is taken", "fatal": True}},
    )
    assert done.process.step("accounts").error == "name is taken"


def test_a_long_list_is_dealt_with_in_parts() -> None:
    catalogue = [{"id": n, "price": 2, "is_sold": n % 2 == 0} for n in range(60)]
    done = simulate(
        example("fan_out/definition.yaml"),
        input={"percent": 10, "catalogue": {"$list": "l1", "count": 60, "page_size": 25}},
        lists={"l1": catalogue},
    )
    assert done.output == {"processed": 60, "errors": 0, "failures": []}
    asked = [each.input["article"] for each in done.asked]
    assert sorted(asked) == [n for n in range(60) if n % 2 == 0]


# -- Commands and time -------------------------------------------------------------------------


def test_commands_come_at_their_time() -> None:
    done = simulate(
        example("expense_approval/definition.yaml"),
        input=EXPENSE,
        answers={"review": {"outcome": "approve", "after": "4d", "by": "tom"}},
        commands=[
            {"at": "1d", "claim": "review", "by": "mia"},
            {"at": "2d", "reassign": "review", "to": "tom"},
            {"at": "3d", "suspend": True, "reason": "audit"},
            {"at": "6d", "resume": True},
        ],
    )
    assert told(done, "TaskClaimed") == [("1d", "review"), ("2d", "review")]
    assert told(done, "ProcessSuspended", "ProcessResumed") == [("3d", ""), ("6d", "")]
    assert (done.state, done.lasted) == ("completed", timedelta(days=6))


def test_a_signal_that_comes_before_it_is_waited_for_is_kept() -> None:
    done = simulate(
        definition("  - {name: a, wait: 1d}\n  - {name: b, wait_for_signal: go}"),
        commands=[Command(at="1h", signal="go", payload=7)],
    )
    assert (done.lasted, done.outputs["b"]) == (timedelta(days=1), 7)
    assert "kept until a step waits for it" in str(done)


def test_a_failed_step_is_retried_skipped_or_run_again() -> None:
    steps = "  - {name: a, service: A}\n  - {name: b, service: B}"
    failing: dict[str, Any] = {"b": [{"error": "down"}, {"output": "up"}]}
    done = simulate(definition(steps), answers=failing, commands=[{"at": "1h", "retry": "b"}])
    assert (done.state, done.outputs["b"]) == ("completed", "up")
    done = simulate(
        definition(steps), answers=failing, commands=[{"at": "1h", "skip": "b", "output": 1}]
    )
    assert (done.state, done.states["b"]) == ("completed", "skipped")
    done = simulate(definition(steps), answers=failing, commands=[{"at": "1h", "rerun": "a"}])
    assert done.path == ["a", "a", "b"]


def test_cancelling_undoes_only_where_it_is_asked() -> None:
    saga, slow = example("order_saga/definition.yaml"), {"ship": {"after": "4m"}}
    done = simulate(saga, answers=slow, commands=[{"at": "1m", "cancel": True}])
    assert (done.state, done.compensation) == ("cancelled", None)
    done = simulate(saga, answers=slow, commands=[{"at": "1m", "cancel": True, "compensate": True}])
    assert (done.state, done.compensation) == ("cancelled", "done")


def test_a_command_that_is_refused_is_told() -> None:
    done = simulate(
        definition("  - {name: a, service: A}"), commands=[{"at": "1h", "cancel": True}]
    )
    assert done.timeline[-1].text.startswith("cancel is refused: cannot cancel: the process is")


def test_it_ends_when_its_time_is_up() -> None:
    done = simulate(definition("  - {name: a, wait: 10d}"), until="3d")
    assert (done.state, done.stopped) == ("in_progress", "its time was up")
    assert [str(each) for each in done.waits_for] == ["a waits for its time"]


def test_it_begins_when_it_is_told_to() -> None:
    start = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)
    done = simulate(
        definition("  - {name: a, until: input.at}", "inputs: {at: string}"),
        input={"at": "2027-03-02T08:00:00Z"},
        start=start,
    )
    assert (done.started_at, done.lasted) == (start, timedelta(days=1))


def test_breaches_of_what_was_agreed_are_told() -> None:
    done = simulate(
        example("expense_approval/definition.yaml"),
        input=EXPENSE,
        answers={"review": {"never": True}},
    )
    assert told(done, "SlaBreached") == [("4d", "")]


def test_what_goes_round_in_circles_comes_to_its_end() -> None:
    done = simulate(definition("  - {name: a, service: A, on_success: a}"))
    assert (done.state, done.reason) == ("failed", "max_visits")


# -- What is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"vaildate": {}}, "there is no such step or compensation; did you mean 'validate'"),
        ({"is_large": {}}, "a condition asks nobody"),
        ({"review": {"outcome": "aprove"}}, "did you mean 'approve'"),
        ({"review": {"error": "no"}}, "a person does not fail"),
        ({"pay": {"outcome": "paid"}}, "only human tasks have outcomes"),
        ({"pay": {"outptu": 1}}, "answers.pay.outptu: got 1; there is no such field"),
        ({"pay": [{}, {"after": "soon"}]}, r"answers.pay\[1\].after: got 'soon'"),
        ({"pay": {"error": "no", "output": 1}}, "an answer with an error has none"),
        ({"pay": {"code": "busy"}}, "it belongs to an answer with an error"),
        ({"pay": {"never": True, "after": "1h"}}, "with never nothing comes"),
        ({"pay": 3}, "answers.pay: got 3; allowed is a mapping"),
        ({"undo:validate": {}}, "nothing undoes a step of that name"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(answers: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        simulate(example("expense_approval/definition.yaml"), input=EXPENSE, answers=answers)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ({"at": "1d"}, r"commands\[0\]: got nothing; allowed is one of signal, claim"),
        ({"retry": "a", "skip": "a"}, "got skip, retry"),
        ({"claim": "a"}, "claim needs it"),
        ({"retry": "a", "compensate": True}, "it belongs to cancel"),
        ({"cancle": True}, "did you mean 'cancel'"),
    ],
)
def test_a_command_that_cannot_be_is_refused(command: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        simulate(definition("  - {name: a, service: A}"), commands=[command])


def test_a_definition_that_is_wrong_is_refused() -> None:
    wrong = ProcessDefinition("p", version=1, steps=())
    with pytest.raises(InvalidDefinition):
        simulate(wrong)


def test_answers_that_nobody_asked_for_are_named() -> None:
    done = simulate(
        example("expense_approval/definition.yaml"),
        input={**EXPENSE, "amount": 5},
        answers={"review": Answer(outcome="approve")},
    )
    assert done.unused_answers == ("review",)
    assert "not asked for: the answers of review" in str(done)


def test_a_scenario_is_read_with_everything_that_is_wrong_with_it() -> None:
    scenario = read_scenario(
        "input: {a: 1}\nstart: 2027-01-01T00:00:00Z\nuntil: 3d\n"
        "answers: {pay: {after: 1h}, book: [{error: no}, {}]}\n"
        "commands: [{at: 1d, signal: go}]\nlists: {l: [1, 2]}\n"
    )
    assert scenario.answers["pay"] == (Answer(after="1h"),)
    assert len(scenario.answers["book"]) == 2
    assert scenario.commands == (Command(at="1d", signal="go"),)
    assert scenario.starts_at == datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput) as refused:
        read_scenario("answers: {pay: {afer: 1h}, book: [{error: 3}]}")
    assert "answers.pay.afer" in str(refused.value)
    assert "answers.book[0].error" in str(refused.value)
    for wrong in ("- a", "anwsers: {}", "start: tomorrow", "until: soon", "lists: {a: 1}"):
        with pytest.raises(InvalidInput):
            read_scenario(wrong)


def test_programs_get_all_of_it_as_json() -> None:
    done = simulate(example("order_saga/definition.yaml"))
    said = json.loads(json.dumps(done.as_json()))
    assert said["state"] == "completed"
    assert said["steps"]["pay"] == {"state": "completed", "attempts": 1, "visits": 1}
    assert said["timeline"][0]["event"] == "ProcessStarted"
    assert len(said["timeline"]) == len(done.timeline)


# -- As true as the engine ---------------------------------------------------------------------


def test_what_happens_is_what_happens_with_a_runner() -> None:
    saga = example("order_saga/definition.yaml")
    given = {"order_id": "o-1", "amount": 5, "items": ["a"]}
    done = simulate(
        saga, input=given, answers={"pay": [{"error": "busy"}, {}], "ship": {"error": "no truck"}}
    )
    runner = Runner(clock=ManualClock(START))

    @runner.service("Payments.pay")
    def pay(ctx: StepContext) -> None:
        if ctx.attempt == 1:
            raise Failed("busy")

    @runner.service("Shipping.ship")
    def ship(ctx: StepContext) -> None:
        raise Failed("no truck")

    outputs = {"Stock.reserve": {"reservation": "r"}, "Stock.pack": {"parcel": "p"}}
    for service in ("Stock.reserve", "Stock.pack", "Payments.refund", "Stock.release"):
        runner.service(service)(lambda ctx, service=service: outputs.get(service))
    runner.service("Stock.unpack")(lambda ctx: None)
    runner.register(saga)
    process = runner.start("order", tenant_id="t", input=given)
    runner.advance(hours=1)
    happened = [(each["type"], each.get("step_name")) for each in runner.history(process)]
    walked = [(each.event, each.step) for each in done.timeline]
    assert sorted(walked, key=str) == sorted(happened, key=str)
    assert [each for each in walked if "Compensation" in each[0]] == [
        each for each in happened if "Compensation" in each[0]
    ]
    assert done.states == {
        name: step.state.value
        for name, step in runner.engine.get_process("t", process.process_id).steps.items()
    }
