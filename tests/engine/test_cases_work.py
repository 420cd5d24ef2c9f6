"""Queries, models and what steps result in, as they are written."""

from __future__ import annotations

import pytest

from trellis_process.errors import InvalidDefinition, InvalidInput, TooLarge
from trellis_process.intents import Intents, ScriptedModel
from trellis_process.queries import Sources

from .written import Journey, Written, journey

PEOPLE = [
    {"name": "Ann", "age": 30, "city": "Lyon", "left": None},
    {"name": "bob", "age": 40, "city": "Ghent", "left": "2025"},
    {"name": "Cleo", "age": 50, "city": "Lyon"},
]
FILTERS = {
    "age__gt: 40": ["Cleo"],
    "age__gte: 40": ["bob", "Cleo"],
    "age__lt: 40": ["Ann"],
    "age__lte: 40": ["Ann", "bob"],
    "age__ne: 40": ["Ann", "Cleo"],
    "age__in: [30, 50]": ["Ann", "Cleo"],
    "age__not_in: [30, 50]": ["bob"],
    "name__contains: \"'b'\"": ["bob"],
    "name__icontains: \"'B'\"": ["bob"],
    "name__icontains: \"'a'\"": ["Ann"],
    "left__isnull: true": ["Ann", "Cleo"],
    "left__isnull: false": ["bob"],
    "city: input.city": ["Ann", "Cleo"],
    "city: input.city, age__gt: 30": ["Cleo"],
}


def asked(filters: str, more: str = "") -> Journey:
    text = f"steps: [{{name: ask, query: {{source: people, filters: {{{filters}}}{more}}}}}]"
    world = Written(journey(text))
    sources = Sources()
    sources.source("people")(lambda query, process: PEOPLE)
    world.runner.queries(sources)
    return world.start(city="Lyon")


def names(started: Journey) -> list[str]:
    assert started.state == "completed"
    return [row["name"] for row in started.step("ask").output]


@pytest.mark.parametrize(("filters", "found"), FILTERS.items(), ids=FILTERS)
def test_the_rows_that_pass_the_filters_are_the_output(filters, found):
    assert names(asked(filters)) == found


def test_rows_come_in_the_order_that_is_asked_for_and_no_more_than_that():
    assert names(asked("", ", order_by: -age")) == ["Cleo", "bob", "Ann"]
    assert names(asked("", ", order_by: age, limit: 2")) == ["Ann", "bob"]


def test_a_query_is_given_its_filters_and_no_other_inputs():
    with pytest.raises(InvalidDefinition, match="a step of kind query has no 'inputs'"):
        Written(journey("steps: [{name: ask, query: {source: people}, inputs: {a: input.b}}]"))


CLASSIFY = """\
steps:
  - name: classify
    llm_intent:
      intent: classify_claim
      output_schema: {type: object, properties: {kind: {enum: [theft, fire]}}, required: [kind]}
    inputs: {text: input.text}
    retry: {max_attempts: 2, interval: 5s}
  - {name: handle, service: A, inputs: {kind: steps.classify.output.kind}}
"""


def classified(*replies: object) -> tuple[Journey, ScriptedModel]:
    model = ScriptedModel()
    model.replies("classify_claim", *replies)
    intents = Intents(model)
    intents.add("classify_claim", "Say what kind of claim this is.")
    world = Written(journey(CLASSIFY))
    world.runner.intents(intents)
    return world.start(text="my bike is gone"), model


def test_a_reply_that_fits_the_schema_is_the_output():
    started, _ = classified({"kind": "theft"})
    assert started.step("classify").output == {"kind": "theft"}
    assert started.step("handle").input == {"kind": "theft"}


def test_a_reply_that_does_not_fit_the_schema_is_a_failure_that_is_tried_again():
    started, _ = classified({"kind": "flood"}, {"kind": "fire"})
    assert started.step("classify").waits_for_retry
    started.advance(seconds=5)
    assert started.step("handle").input == {"kind": "fire"}


def test_a_reply_that_never_fits_the_schema_fails_the_step():
    started, _ = classified({"kind": "flood"}, {"sort": "fire"})
    started.advance(seconds=5)
    assert (started.state, started.states()["classify"]) == ("failed", "failed")


def test_an_output_of_a_megabyte_is_refused_with_advice_and_the_process_is_untouched():
    started = Written(journey("steps: [{name: load, service: A}]")).start()
    before = (started.process.version, started.states(), started.told())
    with pytest.raises(TooLarge, match="store it elsewhere and pass a reference"):
        started.complete("load", output="x" * 1_000_000)
    assert (started.process.version, started.states(), started.told()) == before
    assert started.complete("load", output="x" * (32 * 1024 - 2)).state == "completed"


def test_a_function_that_returns_a_megabyte_fails_its_step_and_the_error_says_what_to_do():
    world = Written(journey("steps: [{name: load, service: Data.load}]"))
    world.runner.service("Data.load")(lambda ctx: "x" * 1_000_000)
    started = world.start()
    assert started.state == "failed"
    assert "store it elsewhere and pass a reference" in started.step("load").error


@pytest.mark.parametrize("output", [{1, 2}, object(), float("nan"), b"x", {1: "x"}])
def test_what_is_no_json_is_refused(output):
    started = Written(journey("steps: [{name: load, service: A}]")).start()
    with pytest.raises(InvalidInput, match="output"):
        started.complete("load", output=output)
    assert started.open() == ["load"]
