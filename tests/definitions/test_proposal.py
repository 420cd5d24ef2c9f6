"""Proposals are valid drafts for what no definition covers, the same each time."""

from __future__ import annotations

from trellis_process.definitions.coverage import coverage_of
from trellis_process.definitions.proposal import MAX_STEPS, By, proposals_for
from trellis_process.definitions.story import Story
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import HumanTaskStep, Satisfies, ServiceStep

STORIES = [
    Story(id="S1", title="Pay", epic="Expenses", entity="expense", outcomes=("paid", "told")),
    Story(id="S2", title="Approve", epic="Expenses", actor="Line manager", outcomes=("decided",)),
    Story(id="S3", title="Hire", epic="People", actor="system", outcomes=("hired",)),
    Story(id="S4", title="In"),
]


def proposed(*definitions: ProcessDefinition, **more: object) -> list[ProcessDefinition]:
    return proposals_for(coverage_of(definitions, STORIES), **more)  # type: ignore[arg-type]


def test_stories_of_one_epic_become_one_draft() -> None:
    drafts = proposed()
    assert [(each.process, each.implements) for each in drafts] == [
        ("expenses", ("S1", "S2")),
        ("people", ("S3",)),
        ("in_", ("S4",)),
    ]
    assert [step.name for step in drafts[0].steps] == ["paid", "told", "decided"]


def test_a_draft_is_valid_even_where_warnings_are_errors_and_covers_its_stories() -> None:
    drafts = proposed()
    for draft in drafts:
        assert ProcessDefinition.from_yaml(draft.to_yaml(), strict=True) == draft
        assert "TODO" in str(draft.description)
        assert all("TODO" in str(step.description) for step in draft.steps)
    covered = coverage_of(drafts, STORIES)
    assert proposals_for(covered) == []
    assert covered.unasked == ()


def test_what_a_person_wants_is_a_task_and_what_a_system_does_a_service() -> None:
    steps = {step.name: step for draft in proposed() for step in draft.steps}
    assert isinstance(steps["decided"], HumanTaskStep)
    assert steps["decided"].human_task.assignee_role == "line_manager"
    assert isinstance(steps["hired"], ServiceStep)


def test_only_what_is_missing_is_proposed() -> None:
    there = ProcessDefinition(
        "expenses",
        version=1,
        steps=(
            ServiceStep("a", service="A", satisfies=(Satisfies(story="S1", outcome="paid"),)),
            ServiceStep("b", service="A", satisfies=(Satisfies(story="S2", outcome="decided"),)),
        ),
    )
    (draft, *_) = proposed(there, taken=["expenses"])
    assert (draft.process, [step.name for step in draft.steps]) == ("expenses_2", ["told"])


def test_stories_are_grouped_by_what_is_asked() -> None:
    assert [each.process for each in proposed(by=[By.ACTOR])] == [
        "pay",
        "line_manager",
        "system",
        "in_",
    ]


def test_a_large_group_becomes_several_drafts_and_names_stay_apart() -> None:
    many = [
        Story(id=f"S{n}", epic="Big", outcomes=("it is done and told to everybody " * 2,))
        for n in range(MAX_STEPS + 1)
    ]
    first, second = proposals_for(coverage_of([], many))
    assert (first.process, second.process) == ("big", "big_2")
    assert (len(first.steps), len(second.steps)) == (MAX_STEPS, 1)
    assert ProcessDefinition.from_yaml(first.to_yaml()) == first


def test_the_same_stories_give_the_same_drafts() -> None:
    assert [each.to_yaml() for each in proposed()] == [each.to_yaml() for each in proposed()]
