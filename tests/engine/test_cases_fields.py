"""What is written beside the steps' ways does what its name says."""

from __future__ import annotations

import pytest

from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import InvalidDefinition
from trellis_process.memory import InMemoryViewStore
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder, by_process

from .written import Written, journey

FOR_PEOPLE = journey(
    """\
    title: Expense approval
    description: |
      Pays what somebody has spent.
      And says so.
    owners: [finance, ann@example.com]
    tags: [money, monthly]
    stability: STABILITY
    implements: [ST-010]
    steps:
      - {name: pay, service: A, title: Pay it, description: At last, tags: [money]}
    """
)


@pytest.mark.parametrize("stability", ["experimental", "stable", "deprecated"])
def test_what_is_for_people_comes_back_as_it_was_written(stability):
    written = FOR_PEOPLE.replace("STABILITY", stability)
    world = Written()
    world.define(written)
    kept = world.engine.definitions.registry.get("journey", 1)
    assert kept == ProcessDefinition.from_yaml(written)
    assert (kept.title, kept.description) == (
        "Expense approval",
        "Pays what somebody has spent.\nAnd says so.\n",
    )
    assert (kept.owners, kept.tags) == (("finance", "ann@example.com"), ("money", "monthly"))
    assert (kept.stability, kept.implements) == (stability, ("ST-010",))
    (step,) = kept.steps
    assert (step.title, step.description, step.tags) == ("Pay it", "At last", ("money",))
    assert ProcessDefinition.from_yaml(kept.to_yaml()) == kept
    assert ProcessDefinition.from_json(kept.to_json()) == kept


def test_stability_is_one_of_three_words_and_stable_unless_said():
    text = journey("steps: [{name: pay, service: A}]")
    assert ProcessDefinition.from_yaml(text).stability == "stable"
    with pytest.raises(InvalidDefinition, match="experimental, stable, deprecated"):
        ProcessDefinition.from_yaml(f"{text}\nstability: stabel")


def test_processes_are_listed_by_their_search_attributes():
    world = Written(
        journey(
            """\
            inputs: {amount: number, city: string}
            search_attributes: {city: input.city, large: input.amount > 1000}
            steps: [{name: pay, service: A}]
            """
        )
    )
    small = world.start(amount=10, city="Lyon")
    large = world.start(amount=5000, city="Lyon")
    assert large.process.search_attributes == {"city": "Lyon", "large": True}
    views = InMemoryViewStore()
    feeder = ViewFeeder(views, pause=lambda seconds: None)
    for events in by_process([read_event(event) for event in world.runner.events]):
        feeder.feed(events)

    def found(name: str, value: str) -> set:
        page = views.with_attribute("t", name, value, limit=100, cursor=None)
        return {row.key for row in page.rows}

    assert found("city", "Lyon") == {small.key, large.key}
    assert found("large", "true") == {large.key}
    assert found("city", "Ghent") == set()


def test_the_priority_of_a_task_is_told_to_whoever_lists_it():
    world = Written(journey("steps: [{name: s, priority: 1, human_task: {surface: form}}]"))
    (opened,) = world.start().events("TaskOpened")
    assert opened["priority"] == 1


KINDS = {
    "service: A": "service",
    "channel: c, message: m": "send",
    "wait: 3d": "wait",
    "wait_duration_seconds: 30": "wait",
    "until: input.on": "wait",
    "wait_for_signal: s": "wait",
    "human_task: {surface: s}": "human_task",
    "subprocess: other": "subprocess",
    "parallel: {branches: [{name: x, steps: [{name: i, service: A}]}]}": "parallel",
    "condition: input.yes": "condition",
    "effects: [{action: create, entity: Order}]": "side_effect",
    "query: {source: s}": "query",
    "foreach: {items: input.list, steps: [{name: i, service: A}]}": "foreach",
    "llm_intent: {intent: i}": "llm_intent",
}


@pytest.mark.parametrize(("written", "kind"), KINDS.items(), ids=KINDS)
def test_a_kind_may_be_left_out_where_a_field_makes_it_plain(written, kind):
    for said in ("", f"kind: {kind}, "):
        text = journey(f"steps: [{{name: s, {said}{written}}}]")
        (step,) = ProcessDefinition.from_yaml(text).steps
        assert step.kind == kind
