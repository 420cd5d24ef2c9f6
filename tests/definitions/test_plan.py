"""A plan says in words what a new version changes, and what to mind before."""

from __future__ import annotations

import pytest

from trellis_process.definitions.plan import Plan, plan_of
from trellis_process.definitions.planned_changes import Subject
from trellis_process.definitions.risks import RiskCode
from trellis_process.domain.definition.process_definition import ProcessDefinition


def definition(text: str, version: int = 1) -> ProcessDefinition:
    return ProcessDefinition.from_yaml(f"process: p\nversion: {version}\ntimeout: 1d\n{text}")


def planned(before: str, after: str) -> Plan:
    return plan_of(definition(before), definition(after, 2))


def said(plan: Plan, subject: Subject) -> list[str]:
    return [str(each) for each in plan.of(subject)]


def risks(plan: Plan) -> list[tuple[RiskCode, str]]:
    return [(each.code, each.about) for each in plan.risks]


THREE = """steps:
  - {name: a, service: A, timeout: 30s}
  - {name: b, service: B}
  - {name: c, channel: mail, message: Done}
"""


def test_the_same_again_is_no_change() -> None:
    plan = planned(THREE, THREE)
    assert plan.is_empty
    assert plan.risks == ()


def test_steps_that_come_and_go_and_what_they_lead_to() -> None:
    plan = planned(THREE, THREE.replace("{name: b, service: B}", "{name: x, wait: 1d}"))
    assert said(plan, Subject.STEPS) == [
        "step x: new, a wait",
        "step b: removed; it was a service of B",
    ]
    assert said(plan, Subject.ROUTES) == ["after a: leads to x now; it was b"]
    assert risks(plan) == [(RiskCode.STEP_REMOVED, "step b")]


def test_a_step_that_stands_elsewhere_changes_only_routes() -> None:
    moved = """steps:
  - {name: b, service: B}
  - {name: a, service: A, timeout: 30s}
  - {name: c, channel: mail, message: Done}
"""
    plan = planned(THREE, moved)
    assert said(plan, Subject.STEPS) == []
    assert said(plan, Subject.ROUTES) == [
        "start: it begins with b now; it was a",
        "after b: leads to a now; it was c",
        "after a: leads to c now; it was b",
    ]


def test_each_field_of_a_step_that_differs_is_told() -> None:
    plan = planned(
        THREE,
        THREE.replace("timeout: 30s", "retry: {max_attempts: 3}").replace(
            "service: B", "service: B2"
        ),
    )
    assert said(plan, Subject.STEPS) == [
        "step a: timeout is not said any more; it was '30s'",
        "step a: retry is {'max_attempts': 3} now, and was not said",
        "step b: service is 'B2' now; it was 'B'",
    ]
    assert risks(plan) == [(RiskCode.SERVICE_NEW, "service B2")]


def test_steps_inside_of_others_are_told_by_themselves() -> None:
    before = """steps:
  - name: both
    parallel:
      branches:
        - {name: l, steps: [{name: a, service: A}]}
        - {name: r, steps: [{name: b, service: B}]}
"""
    after = before.replace("{name: a, service: A}", "{name: a, service: A, timeout: 1h}").replace(
        "{name: b, service: B}", "{name: b, service: B}, {name: c, service: B}"
    )
    plan = planned(before, after)
    assert [str(each) for each in plan.changes] == [
        "step c: new, a service of B, in branch r of both",
        "step a: timeout is '1h' now, and was not said",
        "after b: leads to c now; it was the end of branch r",
    ]


def test_conditions_tell_their_ways_and_their_expression_apart() -> None:
    before = """inputs: {n: number}
steps:
  - {name: a, condition: input.n > 1, on_true: b, on_false: c}
  - {name: b, service: B}
  - {name: c, service: C}
"""
    turned = before.replace("n > 1", "n > 2").replace("b, on_false: c", "c, on_false: b")
    plan = planned(before, turned)
    assert said(plan, Subject.STEPS) == [
        "step a: condition is 'input.n > 2' now; it was 'input.n > 1'"
    ]
    assert said(plan, Subject.ROUTES) == [
        "after a: leads to c if its condition holds now; it was b",
        "after a: leads to b otherwise now; it was c",
    ]


@pytest.mark.parametrize(
    ("before", "after", "code", "words"),
    [
        ("a: string", "a: string, b: string", RiskCode.INPUT_NEEDED, "input b: it has to be given"),
        ("a: string", "a: string, b: string?", None, ""),
        ("a: string, b: string", "a: string", RiskCode.INPUT_REFUSED, "input b: it is refused now"),
        ("a: number", "a: integer", RiskCode.INPUT_NARROWER, "only integer is taken now"),
        ("a: integer", "a: number", None, ""),
        ("a: string?", "a: string", RiskCode.INPUT_NEEDED, "input a"),
        (
            "a: {enum: [x, y]}",
            "a: {enum: [x]}",
            RiskCode.INPUT_NARROWER,
            "'y' is not taken any more",
        ),
        (
            "a: {type: integer, maximum: 9}",
            "a: {type: integer, maximum: 5}",
            RiskCode.INPUT_NARROWER,
            "maximum is 5 now",
        ),
        ("a: {type: integer, maximum: 5}", "a: {type: integer, maximum: 9}", None, ""),
    ],
)
def test_an_input_that_is_taken_no_more_is_to_mind(
    before: str, after: str, code: RiskCode | None, words: str
) -> None:
    steps = "steps: [{name: a, service: A}]\n"
    plan = planned(f"inputs: {{{before}}}\n{steps}", f"inputs: {{{after}}}\n{steps}")
    assert [each.code for each in plan.risks] == ([] if code is None else [code])
    assert all(words in str(each) for each in plan.risks)
    assert plan.of(Subject.INPUTS)


def test_a_compensation_that_is_gone_is_to_mind() -> None:
    with_undo = """steps:
  - {name: a, service: A, compensate_with: undo_a}
compensations: [{name: undo_a, service: U}]
"""
    plan = planned(with_undo, "steps: [{name: a, service: A}]\n")
    assert said(plan, Subject.COMPENSATIONS) == ["compensation undo_a: removed"]
    assert risks(plan) == [(RiskCode.COMPENSATION_REMOVED, "step a")]


def test_outcomes_signals_outputs_and_search_attributes_that_are_gone_are_to_mind() -> None:
    before = """inputs: {n: number}
outputs: {x: input.n}
search_attributes: {n: input.n}
steps:
  - name: ask
    human_task: {surface: s, outcomes: [{name: yes_}, {name: no_}]}
  - {name: w, wait_for_signal: go}
"""
    after = """inputs: {n: number}
steps:
  - name: ask
    human_task: {surface: s, outcomes: [{name: yes_}]}
  - {name: w, wait_for_signal: went}
"""
    plan = planned(before, after)
    assert {code for code, _ in risks(plan)} == {
        RiskCode.OUTCOME_REMOVED,
        RiskCode.SIGNAL_CHANGED,
        RiskCode.OUTPUT_REMOVED,
        RiskCode.SEARCH_ATTRIBUTE_REMOVED,
    }
    assert "step ask: outcome no_ is removed" in said(plan, Subject.STEPS)


def test_a_step_of_another_kind_is_to_mind() -> None:
    plan = planned(THREE, THREE.replace("{name: b, service: B}", "{name: b, wait: 1d}"))
    assert risks(plan) == [(RiskCode.KIND_CHANGED, "step b")]


def test_a_version_that_is_not_higher_is_to_mind() -> None:
    other = THREE.replace("service: B", "service: A")
    assert [each.code for each in plan_of(definition(THREE), definition(other)).risks] == [
        RiskCode.VERSION
    ]
    assert plan_of(definition(THREE), definition(THREE)).risks == ()


def test_programs_get_changes_risks_and_each_field_that_differs() -> None:
    told = planned(THREE, THREE.replace("30s", "1m")).as_json()
    assert told == {
        "process": "p",
        "from": 1,
        "to": 2,
        "changes": [
            {"subject": "steps", "about": "step a", "text": "timeout is '1m' now; it was '30s'"}
        ],
        "risks": [],
        "differences": [
            {"path": "steps.a.timeout", "change": "changed", "before": "30s", "after": "1m"}
        ],
    }


REACTIONS = """events: [{name: paid, completed: billing}, {name: gone, completed: q}]
triggers: [{event: paid}]
reactions:
  - {event: paid, set: {a: '1'}, set_timers: [{name: t, after: 1d}]}
  - {event: paid, send: [{channel: c, message: M}]}
  - {timer: t, set: {b: '1'}}
"""


def test_reactions_are_called_by_what_they_are_to_and_change_field_by_field() -> None:
    after = (
        REACTIONS.replace(", {name: gone, completed: q}", "")
        .replace("triggers: [{event: paid}]", "triggers: [{event: paid}, {signal: go}]")
        .replace("after: 1d", "after: 2d")
        .replace("channel: c", "channel: d")
        .replace("  - {timer: t, set: {b: '1'}}\n", "")
    )
    assert said(planned(REACTIONS, after), Subject.REACTIONS) == [
        "event gone: removed",
        "trigger go: new",
        "reaction to paid: set_timers.t.after is '2d' now; it was '1d'",
        "reaction to paid 2: send is [{'channel': 'd', 'message': 'M'}] now; "
        "it was [{'channel': 'c', 'message': 'M'}]",
        "reaction to t: removed",
    ]


def test_a_definition_may_come_to_have_steps_or_lose_them_all() -> None:
    plan = planned(REACTIONS, THREE)
    assert said(plan, Subject.ROUTES) == ["start: it begins with a now; it was no step"]
    assert "event paid: removed" in said(plan, Subject.REACTIONS)
    assert said(planned(THREE, REACTIONS), Subject.ROUTES) == [
        "start: it begins with no step now; it was a"
    ]
