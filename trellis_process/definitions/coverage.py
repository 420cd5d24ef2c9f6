"""Coverage: which outcomes of stories definitions bring about, and what no story asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from trellis_process.definitions.story import Story
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import Satisfies
from trellis_process.domain.limits import JsonValue
from trellis_process.nearest import nearest


class Status(StrEnum):
    """How far a story is covered."""

    #: Every outcome is satisfied; or it has none, and a definition implements it.
    COVERED = "covered"
    #: Some outcomes are satisfied; or a definition implements it, and satisfies none.
    PARTLY = "partly"
    #: No definition says anything of it.
    NOT = "not covered"


@dataclass(frozen=True)
class Place:
    """Where a definition says something of a story."""

    definition: str
    version: int
    #: None where it is the definition as a whole.
    step: str | None = None

    def __str__(self) -> str:
        step = "" if self.step is None else f", step {self.step}"
        return f"{self.definition} {self.version}{step}"

    def as_json(self) -> dict[str, JsonValue]:
        """For programs."""
        told = {"definition": self.definition, "version": self.version, "step": self.step}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class CoveredOutcome:
    """An outcome of a story, and by what it is satisfied; by nothing where it is not."""

    text: str
    by: tuple[Place, ...]


@dataclass(frozen=True)
class CoveredStory:
    """A story, and how far it is covered."""

    story: Story
    outcomes: tuple[CoveredOutcome, ...]
    #: The definitions that say that they implement it.
    implemented_by: tuple[Place, ...]

    @property
    def status(self) -> Status:
        """How far."""
        satisfied = [each for each in self.outcomes if each.by]
        if satisfied or (self.implemented_by and not self.outcomes):
            whole = len(satisfied) == len(self.outcomes)
            return Status.COVERED if whole else Status.PARTLY
        return Status.PARTLY if self.implemented_by else Status.NOT

    @property
    def missing(self) -> tuple[str, ...]:
        """The outcomes that nothing satisfies."""
        return tuple(each.text for each in self.outcomes if not each.by)


@dataclass(frozen=True)
class Unasked:
    """What a definition says of a story that is not there, or of an outcome that it has not."""

    place: Place
    story: str
    #: None where it is the story that is not there, which the definition implements.
    outcome: str | None
    #: The nearest that there is.
    near: str | None = None

    def __str__(self) -> str:
        about = self.story if self.outcome is None else f"{self.story}: {self.outcome}"
        hint = "" if self.near is None else f"; did you mean {self.near!r}?"
        return f"{about}, by {self.place}{hint}"


@dataclass(frozen=True)
class Coverage:
    """What definitions do for stories."""

    stories: tuple[CoveredStory, ...]
    unasked: tuple[Unasked, ...]

    def of(self, status: Status) -> list[CoveredStory]:
        """The stories that are covered so far."""
        return [each for each in self.stories if each.status is status]

    def meets(self, status: Status) -> bool:
        """Whether each story is covered at least so far."""
        order = list(Status)
        return all(order.index(each.status) <= order.index(status) for each in self.stories)

    @property
    def outcomes(self) -> tuple[int, int]:
        """How many outcomes are satisfied, and how many there are."""
        every = [each for story in self.stories for each in story.outcomes]
        return sum(1 for each in every if each.by), len(every)

    def as_json(self) -> dict[str, JsonValue]:
        """For programs."""
        satisfied, outcomes = self.outcomes
        return {
            "summary": {
                **{status.value.replace(" ", "_"): len(self.of(status)) for status in Status},
                "stories": len(self.stories),
                "outcomes_satisfied": satisfied,
                "outcomes": outcomes,
            },
            "stories": [
                {
                    "id": each.story.id,
                    "title": each.story.title,
                    "status": each.status.value,
                    "implemented_by": [place.as_json() for place in each.implemented_by],
                    "outcomes": [
                        {"outcome": one.text, "by": [place.as_json() for place in one.by]}
                        for one in each.outcomes
                    ],
                }
                for each in self.stories
            ],
            "unasked": [
                {
                    "story": each.story,
                    "outcome": each.outcome,
                    "by": each.place.as_json(),
                    "near": each.near,
                }
                for each in self.unasked
            ],
        }


def coverage_of(
    definitions: Iterable[ProcessDefinition],
    stories: Collection[Story],
    *,
    known: Collection[Story] = (),
) -> Coverage:
    """What definitions do for these stories; of several versions only the highest counts.

    ``known`` are further stories that are asked for, and not looked at.
    """
    newest = newest_of(definitions)
    asked = {each.id: each for each in (*known, *stories)}
    satisfied: dict[tuple[str, str], list[Place]] = {}
    implemented: dict[str, list[Place]] = {}
    unasked: list[Unasked] = []
    for definition in newest:
        whole = Place(definition.process, definition.version)
        for story_id in definition.implements:
            implemented.setdefault(story_id, []).append(whole)
            if story_id not in asked:
                unasked.append(Unasked(whole, story_id, None, nearest(story_id, asked)))
        for step_name, satisfies in _satisfying(definition):
            place = Place(definition.process, definition.version, step_name)
            for each in satisfies:
                story = asked.get(each.story)
                outcome = None if story is None else story.outcome_like(each.outcome)
                if outcome is not None:
                    satisfied.setdefault((each.story, outcome), []).append(place)
                else:
                    near = (
                        nearest(each.story, asked)
                        if story is None
                        else nearest(each.outcome, story.outcomes)
                    )
                    unasked.append(Unasked(place, each.story, each.outcome, near))
    covered = tuple(
        CoveredStory(
            story,
            tuple(
                CoveredOutcome(text, tuple(satisfied.get((story.id, text), ())))
                for text in story.outcomes
            ),
            tuple(implemented.get(story.id, ())),
        )
        for story in stories
    )
    return Coverage(covered, tuple(unasked))


def newest_of(definitions: Iterable[ProcessDefinition]) -> list[ProcessDefinition]:
    """The highest version of each, by name."""
    newest: dict[str, ProcessDefinition] = {}
    for each in definitions:
        if each.process not in newest or each.version > newest[each.process].version:
            newest[each.process] = each
    return [newest[name] for name in sorted(newest)]


def _satisfying(
    definition: ProcessDefinition,
) -> Iterator[tuple[str | None, tuple[Satisfies, ...]]]:
    """What each step says that it satisfies, and what the definition does as a whole."""
    for step in definition.all_steps():
        yield step.name, step.satisfies
    yield None, definition.satisfies
