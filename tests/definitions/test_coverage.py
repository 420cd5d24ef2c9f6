"""Coverage says which outcomes of stories are satisfied, by what, and what nobody asked for."""

from __future__ import annotations

import json

import pytest

from trellis_process.definitions.coverage import Coverage, Status, coverage_of
from trellis_process.definitions.story import Story, read_stories, with_status
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    ForEach,
    ForEachStep,
    Satisfies,
    ServiceStep,
)
from trellis_process.errors import InvalidInput


def step(name: str, *satisfied: tuple[str, str]) -> ServiceStep:
    told = tuple(Satisfies(story=story, outcome=outcome) for story, outcome in satisfied)
    return ServiceStep(name, service="A", satisfies=told)


def definition(*steps: ServiceStep | ForEachStep, **more: object) -> ProcessDefinition:
    given = {"process": "p", "version": 1, "steps": steps, **more}
    return ProcessDefinition(given.pop("process"), **given)  # type: ignore[arg-type]


def story(story_id: str, *outcomes: str, **more: str) -> Story:
    return Story(id=story_id, outcomes=outcomes, **more)


def statuses(coverage: Coverage) -> dict[str, Status]:
    return {each.story.id: each.status for each in coverage.stories}


def test_a_story_is_covered_where_each_of_its_outcomes_is_satisfied() -> None:
    found = coverage_of(
        [definition(step("a", ("S1", "paid"), ("S2", "told")), step("b", ("S1", "booked")))],
        [story("S1", "paid", "booked"), story("S2", "told", "heard"), story("S3", "gone")],
    )
    assert statuses(found) == {"S1": Status.COVERED, "S2": Status.PARTLY, "S3": Status.NOT}
    assert found.outcomes == (3, 5)
    assert [str(place) for place in found.stories[0].outcomes[1].by] == ["p 1, step b"]
    assert found.stories[1].missing == ("heard",)


def test_a_story_without_outcomes_is_covered_by_who_implements_it() -> None:
    found = coverage_of(
        [definition(step("a"), implements=("S1", "S2"))], [story("S1"), story("S2", "done")]
    )
    assert statuses(found) == {"S1": Status.COVERED, "S2": Status.PARTLY}


def test_steps_inside_of_others_satisfy_as_well() -> None:
    inside = ForEachStep("all", foreach=ForEach(items="input.l", steps=(step("a", ("S1", "x")),)))
    assert statuses(coverage_of([definition(inside)], [story("S1", "x")])) == {"S1": Status.COVERED}


def test_a_definition_satisfies_by_its_outputs_too() -> None:
    whole = definition(step("a"), satisfies=(Satisfies(story="S1", outcome="x"),))
    found = coverage_of([whole], [story("S1", "x")])
    assert statuses(found) == {"S1": Status.COVERED}
    assert [str(place) for place in found.stories[0].outcomes[0].by] == ["p 1"]


def test_outcomes_are_the_same_whatever_their_case_and_spaces() -> None:
    found = coverage_of(
        [definition(step("a", ("S1", "The  expense is paid.")))],
        [story("S1", "the expense is paid")],
    )
    assert statuses(found) == {"S1": Status.COVERED}
    assert found.unasked == ()


def test_what_no_story_asks_for_is_told_with_the_nearest_that_is() -> None:
    found = coverage_of(
        [definition(step("a", ("S1", "payed"), ("S9", "x")), implements=("S0-1",))],
        [story("S1", "paid"), story("S0-11")],
    )
    assert [str(each) for each in found.unasked] == [
        "S0-1, by p 1; did you mean 'S0-11'?",
        "S1: payed, by p 1, step a; did you mean 'paid'?",
        "S9: x, by p 1, step a",
    ]


def test_only_the_highest_version_counts() -> None:
    old = definition(step("a", ("S1", "x")), version=1)
    new = definition(step("a"), version=2)
    assert statuses(coverage_of([new, old], [story("S1", "x")])) == {"S1": Status.NOT}


def test_stories_that_are_not_looked_at_are_asked_for_all_the_same() -> None:
    every = [story("S1", "x", status="idea"), story("S2", "y", status="accepted")]
    chosen = with_status(every, ["accepted"])
    found = coverage_of([definition(step("a", ("S1", "x")))], chosen, known=every)
    assert statuses(found) == {"S2": Status.NOT}
    assert found.unasked == ()
    assert with_status(every, []) == every


def test_what_is_required_of_all_stories_is_met_or_not() -> None:
    found = coverage_of([definition(step("a", ("S1", "x")))], [story("S1", "x", "y")])
    assert found.meets(Status.PARTLY)
    assert not found.meets(Status.COVERED)


def test_programs_get_json() -> None:
    found = coverage_of([definition(step("a", ("S1", "x"), ("S1", "z")))], [story("S1", "x", "y")])
    told = json.loads(json.dumps(found.as_json()))
    assert told["summary"] == {
        "covered": 0,
        "partly": 1,
        "not_covered": 0,
        "stories": 1,
        "outcomes_satisfied": 1,
        "outcomes": 2,
    }
    assert told["stories"][0]["outcomes"][0] == {
        "outcome": "x",
        "by": [{"definition": "p", "version": 1, "step": "a"}],
    }
    assert told["unasked"][0]["outcome"] == "z"


def test_stories_are_read_from_a_list_with_or_without_a_name() -> None:
    listed = "- {id: S1, title: T, outcomes: [x], epic: E, actor: A, entity: N, status: idea}\n"
    (one,) = read_stories(listed)
    assert one == story("S1", "x", title="T", epic="E", actor="A", entity="N", status="idea")
    assert read_stories("stories:\n" + listed) == [one]
    assert read_stories('[{"id": "S1", "outcomes": "x"}]', is_json=True) == [story("S1", "x")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "allowed is a list of stories"),
        ("- {title: T}", r"stories\[0\].id: got nothing"),
        ("- {id: S, outcome: [x]}", "did you mean 'outcomes'"),
        ("- {id: S, outcomes: [1]}", "allowed is a list of texts"),
        ("- {id: S, outcomes: [a, A.]}", "one of them is there twice"),
        ("- {id: S}\n- {id: S}", "it is there already"),
        ("- 3", "allowed is a mapping"),
        ("- {id: 3}", "allowed is text"),
        (f"- {{id: {'S' * 257}}}", "allowed are 256 characters"),
        (f"- {{id: S, outcomes: [{'x' * 257}]}}", "allowed are 256 characters each"),
    ],
)
def test_stories_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_stories(text)


def test_everything_that_is_wrong_with_stories_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_stories("- {title: T}\n- {id: S, outcomes: 3}\n- {id: A, epik: E}")
    for field in ("stories[0].id", "stories[1].outcomes", "stories[2].epik"):
        assert field in str(refused.value)
