"""What the expressions of a step see of its process, and what is made of their values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import START, Drive, parent, seconds, service, undo
from trellis_process.domain.definition.steps import (
    AnyStep,
    Branch,
    ConditionStep,
    Effect,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    LlmIntent,
    LlmIntentStep,
    Outcome,
    Parallel,
    ParallelStep,
    Query,
    QueryStep,
    SendStep,
    SideEffectStep,
    SubprocessStep,
    Transition,
    WaitStep,
)
from trellis_process.domain.engine import commands


def every(*steps: AnyStep, name: str = "all", items: str = "input.items") -> ForEachStep:
    return ForEachStep(name, foreach=ForEach(items=items, steps=steps, max_concurrency=9))


def seen(drive: Drive, name: str) -> Any:
    """What the service of that step was given as ``x``."""
    return drive.process.step(name).input["x"]


def look(expression: str, name: str = "look", **more: Any) -> AnyStep:
    return service(name, inputs={"x": expression}, **more)


def test_data_and_an_event_are_there_and_empty_where_nothing_brings_any():
    assert seen(Drive(look("[data, event]")).start(), "look") == [{}, {}]


def test_the_process_itself_is_seen():
    drive = Drive(look("process"))
    process = commands.start(
        drive.compiled,
        process_id="p1",
        tenant_id="t1",
        input={},
        now=START,
        aggregate_type="Order",
        aggregate_id="o 1",
    )
    assert process.step("look").input == {
        "x": {
            "id": "p1",
            "tenant_id": "t1",
            "name": "journey",
            "version": 1,
            "started_at": "2026-11-20T09:00:00.000Z",
            "aggregate_type": "Order",
            "aggregate_id": "o 1",
        }
    }


def test_a_process_is_about_itself_unless_said_and_keeps_what_it_was_started_with():
    drive = Drive(service("a"), timeout="1h")
    of = parent("child")
    process = commands.start(
        drive.compiled,
        process_id="p1",
        tenant_id="t1",
        input={"n": 1},
        now=START,
        metadata={"m": 2},
        parent=of,
    )
    assert (process.aggregate_type, process.aggregate_id) == ("journey", "p1")
    assert (process.input, process.metadata, process.parent) == ({"n": 1}, {"m": 2}, of)
    assert (process.started_at, process.changed_at) == (START, START)
    assert process.due_at == START + seconds(3600)
    assert process.definition_version == 1


def test_values_to_find_a_process_by_are_worked_out_at_its_start():
    drive = Drive(service("a"), search_attributes={"n": "input.n + 1", "of": "process.id"})
    assert drive.start(n=1).process.search_attributes == {"n": 2, "of": "p1"}


def test_a_value_to_find_a_process_by_that_is_missing_fails_it_and_no_step_begins():
    drive = Drive(service("a"), search_attributes={"n": "input.none"}).start()
    assert (drive.state, drive.process.steps) == ("failed", {})
    assert drive.reason.startswith("expression_error: expression 'input.none': ")


def test_a_reason_is_no_longer_than_a_thousand_characters_and_some():
    long = f"input.{'n' * 2000}"
    for drive in (
        Drive(service("a"), search_attributes={"n": long}).start(),
        Drive(service("a"), outputs={"n": f"steps.a.output.{'n' * 2000}"})
        .start()
        .complete("a", {}),
    ):
        assert drive.state == "failed"
        assert drive.reason.startswith("expression_error: ")
        assert len(drive.reason) <= 1024


def test_all_input_and_all_steps_are_seen_by_their_names():
    drive = Drive(service("a"), look("input"), look("steps", "more")).start(n=1, m=2)
    assert seen(drive.complete("a", 7), "look") == {"n": 1, "m": 2}
    assert seen(drive.complete("look"), "more") == {
        "a": {"output": 7},
        "look": {"output": None},
        "more": {},
    }


def test_the_outcome_of_a_task_and_the_error_of_a_step_are_seen():
    task = HumanTask(surface="form", outcomes=(Outcome(name="yes"), Outcome(name="no")))
    drive = Drive(
        HumanTaskStep("ask", human_task=task),
        service("a", on_failure="look"),
        look("[steps.ask.outcome, steps.a.error]"),
    ).start()
    drive.complete("ask", outcome="no").fail("a", "torn")
    assert seen(drive, "look") == ["no", "torn"]


def test_what_a_step_resulted_in_is_not_seen_while_it_is_done_again():
    more = Transition(to="a", when="has(steps.a.output) && steps.a.output.more")
    branches = (
        Branch(name="l", steps=(service("a", transitions=(more, Transition(to="complete"))),)),
        Branch(name="r", steps=(WaitStep("go", wait_for_signal="s"), look("has(steps.a.output)"))),
    )
    drive = Drive(ParallelStep("both", parallel=Parallel(branches=branches))).start()
    drive.complete("a", {"more": True}).signal("s")
    assert seen(drive, "look") is False


def test_what_failed_has_no_output_to_see():
    drive = Drive(
        service("a", on_failure="look"), look("has(steps.a.output)"), service("never")
    ).start()
    assert seen(drive.fail("a"), "look") is False


# -- Items ---------------------------------------------------------------------------------------


def test_inside_of_items_of_items_the_steps_of_the_same_items_are_seen_and_those_around():
    inner = every(look("[item, item_index, steps.a.output]"), name="inner", items="item")
    drive = Drive(every(service("a"), inner)).start(items=[["p"], ["q", "r"]])
    drive.complete("a:1", "second").complete("a:0", "first")
    assert seen(drive, "look:0:0") == ["p", 0, "first"]
    assert seen(drive, "look:1:0") == ["q", 0, "second"]
    assert seen(drive, "look:1:1") == ["r", 1, "second"]


def test_in_a_branch_inside_of_an_item_the_item_is_seen():
    branch = Branch(name="b", steps=(look("[item, item_index]"),))
    block = ParallelStep("block", parallel=Parallel(branches=(branch,)))
    drive = Drive(every(block)).start(items=["p", "q"])
    assert [seen(drive, name) for name in ("look:0", "look:1")] == [["p", 0], ["q", 1]]


def test_steps_of_every_kind_see_the_item_that_they_are_for():
    steps = [
        QueryStep("ask", query=Query(source="rows", filters={"id": "item"})),
        LlmIntentStep("sum", llm_intent=LlmIntent(intent="sum_up"), inputs={"x": "item"}),
        SideEffectStep("set", effects=(Effect(action="update", entity="Row", id="item"),)),
        WaitStep("pause", until="item"),
    ]
    moment = "2026-11-20T10:00:00Z"  # an hour from the start, and as good a text as any
    drive = Drive(every(*steps)).start(items=[moment])

    assert drive.process.step("ask:0").input["filters"] == {"id": moment}
    drive.complete("ask:0")
    assert drive.process.step("sum:0").input["inputs"] == {"x": moment}
    drive.complete("sum:0")
    (asked,) = [each for each in drive.events if each.type == "EffectsRequested"]
    assert asked.effects[0]["id"] == moment
    assert drive.process.wake_up_at == START + seconds(3600)


def test_outside_of_items_there_is_none():
    drive = Drive(every(service("a")), look("item")).start(items=[1]).complete("a:0")
    assert (drive.state, drive.reason) == ("failed", "expression_error")


def test_a_part_sees_all_input_where_its_steps_ask_for_it_and_keeps_what_it_was_given():
    steps = (service("first"), every(service("a"), look("[input, steps.first.output]")))
    whole = Drive(*steps).start(items=list(range(30)), y=5).complete("first", 7)
    part = Drive(*steps).start_part(whole, 1, [25], 25)
    given = {
        "input": {"items": list(range(30)), "y": 5},
        "steps": {"first": {"output": 7}},
    }
    assert part.process.input == given
    part.complete("a:25", "done")
    assert seen(part, "look:25") == [{"items": list(range(30)), "y": 5}, 7]
    assert part.process.input == given


def test_a_part_sees_the_steps_of_its_own_items_by_their_names():
    steps = (every(service("a"), look("steps.a.output")),)
    part = Drive(*steps).start_part(Drive(*steps).start(items=list(range(30))), 1, [25, 26], 25)
    part.complete("a:25", "p").complete("a:26", "q")
    assert [seen(part, name) for name in ("look:25", "look:26")] == ["p", "q"]


def test_a_part_is_a_child_of_the_step_that_asked_for_it():
    steps = (every(service("a")),)
    whole = Drive(*steps).start(items=list(range(30)))
    (asked,) = (each for each in whole.events if each.type == "ChildRequested")
    part = Drive(*steps).start_part(whole, 0, [0], 0).process
    assert part.process_id == asked.child_id
    assert (part.tenant_id, part.aggregate_id) == ("t1", "p1")
    assert (part.aggregate_type, part.process_type) == ("journey", "journey")
    assert (part.parent.process_id, part.parent.step_name) == ("p1", "all")
    assert (part.parent.attempt, part.parent.part, part.parent.depth) == (1, 0, 1)
    assert (part.started_at, part.step("all").started_at) == (START, START)


def test_an_item_is_seen_by_what_undoes_a_step_for_it():
    drive = Drive(
        every(service("a", compensate_with="undo_a")),
        service("f"),
        compensations=(undo("undo_a", inputs={"x": "[item, item_index]"}),),
    ).start(items=["p", "q"])
    drive.complete("a:0").complete("a:1").fail("f")
    assert seen(drive, "undo:a:1") == ["q", 1]
    assert seen(drive.complete("undo:a:1"), "undo:a:0") == ["p", 0]


def test_an_item_of_an_item_is_seen_by_what_undoes_a_step_for_it():
    inner = every(service("a", compensate_with="undo_a"), name="inner", items="item")
    undoing = (undo("undo_a", inputs={"x": "[item, item_index]"}),)
    drive = Drive(every(inner), service("f"), compensations=undoing).start(
        items=[["p"], ["q", "r"]]
    )
    drive.complete("a:0:0").complete("a:1:0").complete("a:1:1").fail("f")
    assert seen(drive, "undo:a:1:1") == ["r", 1]
    assert seen(drive.complete("undo:a:1:1"), "undo:a:1:0") == ["q", 0]
    assert seen(drive.complete("undo:a:1:0"), "undo:a:0:0") == ["p", 0]


def test_an_item_is_seen_by_what_undoes_it_while_the_list_is_not_done():
    drive = Drive(
        every(service("a", compensate_with="undo_a")),
        compensations=(undo("undo_a", inputs={"x": "[item, item_index]"}),),
    ).start(items=["p", "q"])
    drive.complete("a:1")
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    assert seen(drive, "undo:a:1") == ["q", 1]


def test_items_that_are_gone_are_said_to_be_when_one_is_to_be_undone():
    drive = Drive(
        service("list"),
        every(service("a", compensate_with="undo_a"), items="steps.list.output"),
        service("f", on_failure="list", max_visits=1),
        compensations=(undo("undo_a", inputs={"x": "item"}),),
    ).start()
    drive.complete("list", [1, 2]).complete("a:0").complete("a:1").fail("f")
    drive.complete("list", [1])
    drive.do(lambda process, now: process.cancel(now=now, compensate=True))
    said = drive.process.step("undo:a:1").error
    assert said == "expression 'item': the list has no item 1 any more"


# -- Values of the wrong kind --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (
            ConditionStep("bad", condition="input.n"),
            "expression 'input.n': a condition is true or false, and this is 7",
        ),
        (
            HumanTaskStep("bad", human_task=HumanTask(surface="form", assignee="input.n")),
            "expression 'input.n': text is needed here, and this is 7",
        ),
        (
            WaitStep("bad", until="input.text"),
            "expression 'input.text': 'soon' is no moment (",
        ),
        (
            WaitStep("bad", until="input.local"),
            "'2026-11-20T10:00:00' is no moment (it needs a time zone, such as Z at its end)",
        ),
        (
            WaitStep("bad", until="input.no"),
            "expression 'input.no': a moment is text such as 2027-01-31T09:00:00Z, "
            "and this is False",
        ),
        (every(service("a"), name="bad", items="input.n"), "a list is needed here, and this is a"),
    ],
)
def test_a_value_that_is_not_as_needed_fails_its_step_and_says_so(step, said):
    drive = Drive(step).start(n=7, text="soon", no=False, local="2026-11-20T10:00:00")
    assert (drive.state, drive.reason) == ("failed", "expression_error")
    assert said in drive.process.step("bad").error


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (service("bad", inputs={"x": "input.a + input.a"}), "expression 'inputs': inputs: got 4"),
        (every(service("a"), name="bad", items="input.a + input.a"), "'items': items: got 4"),
    ],
)
def test_a_value_that_is_too_large_fails_its_step_and_says_so(step, said):
    drive = Drive(step).start(a=["x" * 1000] * 20)
    assert (drive.state, drive.reason) == ("failed", "expression_error")
    assert said in drive.process.step("bad").error


def test_a_condition_without_a_value_at_a_transition_fails_its_step_and_takes_its_route():
    bad = (Transition(to="b", when="input.n"),)
    drive = Drive(service("a", transitions=bad, on_failure="c"), service("b"), service("c"))
    drive.start(n=7).complete("a")
    assert drive.open() == ["c"]
    assert drive.process.step("a").error == (
        "expression 'input.n': a condition is true or false, and this is 7"
    )


def test_inputs_that_are_no_text_stand_for_themselves():
    drive = Drive(service("a", inputs={"n": 1, "no": None, "list": [True, {"x": "input.n"}]}))
    assert drive.start(n=7).process.step("a").input == {
        "n": 1,
        "no": None,
        "list": [True, {"x": 7}],
    }


@pytest.mark.parametrize(
    "step",
    [
        SendStep("bad", channel="c", message="m", inputs={"x": "input.none"}),
        SideEffectStep("bad", effects=(Effect(action="create", entity="E", id="input.none"),)),
        SubprocessStep("bad", subprocess="other", inputs={"x": "input.none"}),
        HumanTaskStep("bad", human_task=HumanTask(surface="f"), inputs={"x": "input.none"}),
    ],
    ids=lambda step: step.kind,
)
def test_a_step_whose_inputs_have_no_value_fails_before_anything_is_told_of_it(step):
    drive = Drive(step).start()
    assert drive.told() == ["ProcessStarted", "StepFailed bad", "ProcessFailed"]
    assert "input.none" in drive.process.step("bad").error


def test_no_more_of_an_error_is_told_than_one_step_keeps():
    branches = tuple(Branch(name=f"b{n}", steps=(service(n),)) for n in "xyz")
    block = ParallelStep("both", parallel=Parallel(branches=branches, on_any_failure="wait_all"))
    drive = Drive(block).start()
    for n in "xyz":
        drive.fail(n, n * 2000)
    assert drive.process.step("both").error == f"{'x' * 2000}; {'y' * 2000}; {'z' * 92}"
