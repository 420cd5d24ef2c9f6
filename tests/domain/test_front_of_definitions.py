"""The front door to documents of definitions: three ways in, with the same two checks each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trellis_process.domain.definition.expressions import expressions_of, texts_in
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    ConditionStep,
    Effect,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    Query,
    QueryStep,
    SendStep,
    ServiceStep,
    SideEffectStep,
    Transition,
    WaitStep,
    walk,
)
from trellis_process.errors import InvalidDefinition

DOUBTFUL: dict[str, Any] = {
    "process": "journey",
    "version": 1,
    "steps": [{"name": "a", "kind": "service", "service": "Services.a"}],
}
"""Sound, but for the doubt that nothing in it has a time limit."""

WAYS_IN = {
    "yaml": lambda value, **more: ProcessDefinition.from_yaml(json.dumps(value), **more),
    "json": lambda value, **more: ProcessDefinition.from_json(json.dumps(value), **more),
    "dict": ProcessDefinition.from_dict,
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_doubts_are_errors_only_where_that_is_asked(way):
    read = WAYS_IN[way]
    assert [step.name for step in read(DOUBTFUL).all_steps()] == ["a"]
    with pytest.raises(InvalidDefinition, match="no step has a timeout"):
        read(DOUBTFUL, strict=True)


@pytest.mark.parametrize("way", WAYS_IN)
def test_services_are_errors_only_where_it_is_said_which_there_are(way):
    read = WAYS_IN[way]
    assert read(DOUBTFUL, known_services=["Services.a"]).process == "journey"
    with pytest.raises(InvalidDefinition, match=r"no service 'Services\.a'"):
        read(DOUBTFUL, known_services=["Services.b"])


def test_a_definition_is_written_three_ways_that_read_as_the_same():
    definition = ProcessDefinition.from_dict(DOUBTFUL)
    assert definition.to_dict() == DOUBTFUL
    assert ProcessDefinition.from_yaml(definition.to_yaml()) == definition
    assert ProcessDefinition.from_json(definition.to_json()) == definition


def test_the_texts_of_inputs_are_expressions_however_deep_they_stand():
    inputs = {"a": "x", "b": ["y", 1, {"c": "z", "d": None}], "e": ("t",)}
    assert list(texts_in(inputs)) == ["x", "y", "z", "t"]
    assert list(texts_in(7)) == []


@pytest.mark.parametrize(
    ("step", "expressions"),
    [
        (ServiceStep("s", service="S", inputs={"a": "x"}), ["x"]),
        (SendStep("s", channel="c", message="m", inputs={"a": "x"}), ["x"]),
        (
            ServiceStep(
                "s",
                service="S",
                inputs={"a": "x"},
                transitions=(Transition(to="t", when="y"), Transition(to="u")),
            ),
            ["x", "y"],
        ),
        (ConditionStep("s", condition="x"), ["x"]),
        (WaitStep("s", until="x"), ["x"]),
        (WaitStep("s", wait="1h"), []),
        (HumanTaskStep("s", human_task=HumanTask(surface="f", assignee="x")), ["x"]),
        (HumanTaskStep("s", human_task=HumanTask(surface="f")), []),
        (QueryStep("s", query=Query(source="q", filters={"a": "x"})), ["x"]),
        (
            ForEachStep(
                "s",
                foreach=ForEach(
                    items="x", steps=(ServiceStep("t", service="T", inputs={"a": "y"}),)
                ),
            ),
            ["x"],
        ),
        (
            SideEffectStep(
                "s",
                effects=(
                    Effect(action="create", entity="E", set={"a": "x"}),
                    Effect(action="update", entity="E", id="y", set={"a": "z"}),
                ),
            ),
            ["x", "y", "z"],
        ),
    ],
)
def test_a_step_says_its_own_expressions_and_not_those_inside_of_it(step, expressions):
    assert list(expressions_of(step)) == expressions
    assert next(walk((step,))) is step
