"""Proposals: drafts of definitions for what no definition covers yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from trellis_process.definitions.coverage import Coverage, CoveredStory, Status
from trellis_process.definitions.values import RESERVED
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    COMPLETE,
    FAIL,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Satisfies,
    ServiceStep,
)

TODO = "TODO"
TIMEOUT = "30d"
STEP_TIMEOUT = "1h"
MAX_STEPS = 50  # of one draft; a larger group becomes several
_LONGEST = 36  # characters of a step's name, as the format has it
#: Who is no person, so that a service does what is wanted.
_MACHINES = ("", "system", "service", "scheduler", "machine", "trellis")

_OUTCOMES = (Outcome(name="done"), Outcome(name="not_done", goto=FAIL))


class By(StrEnum):
    """What stories of one draft have in common."""

    EPIC = "epic"
    ENTITY = "entity"
    ACTOR = "actor"


def proposals_for(
    coverage: Coverage,
    *,
    by: Sequence[By] = (By.EPIC, By.ENTITY, By.ACTOR),
    taken: Iterable[str] = (),
) -> list[ProcessDefinition]:
    """Drafts for the stories that are not covered, or only partly, in the order of the stories.

    Stories that have the first of the fields ``by`` in common, of those that they have, become one
    draft; it has a step for each outcome that nothing satisfies, and what nobody but a person can
    say is marked TODO. ``taken`` are the names of definitions that there are. The same stories
    give the same drafts.
    """
    groups: dict[str, list[CoveredStory]] = {}
    for each in coverage.stories:
        if each.status is not Status.COVERED and (each.missing or not each.implemented_by):
            groups.setdefault(_group(each, by), []).append(each)
    names = set(taken)
    drafts = []
    for group, stories in groups.items():
        for part in _parts(stories):
            name = _unique(_slug(group, "process"), names)
            drafts.append(_draft(name, group, part))
    return drafts


def _parts(stories: list[CoveredStory]) -> list[list[CoveredStory]]:
    """A group in parts of so few outcomes that a person can read their draft."""
    parts: list[list[CoveredStory]] = [[]]
    steps = 0
    for each in stories:
        needed = len(each.missing) or 1
        if parts[-1] and steps + needed > MAX_STEPS:
            parts.append([])
            steps = 0
        parts[-1].append(each)
        steps += needed
    return parts


def _group(covered: CoveredStory, by: Sequence[By]) -> str:
    for field in by:
        value: str | None = getattr(covered.story, field.value)
        if value:
            return value
    return covered.story.title or covered.story.id


def _draft(name: str, group: str, stories: list[CoveredStory]) -> ProcessDefinition:
    taken: set[str] = set()
    steps = tuple(step for each in stories for step in _steps(each, taken))
    return ProcessDefinition(
        name,
        version=1,
        title=group,
        description=f"{TODO}: say what starts it and what it is given, and order the steps",
        implements=tuple(each.story.id for each in stories),
        stability="experimental",
        steps=steps,
        timeout=TIMEOUT,
    )


def _steps(covered: CoveredStory, taken: set[str]) -> Iterable[ServiceStep | HumanTaskStep]:
    story = covered.story
    actor = (story.actor or "").strip()
    # A story without outcomes is one step; which outcome it has, somebody has to say.
    for outcome in covered.missing or (None,):
        name = _unique(_slug(outcome or story.title or story.id, "step"), taken)
        about = outcome or story.title or story.id
        told = f"{TODO}: {story.id}: {about}"
        satisfies = () if outcome is None else (Satisfies(story=story.id, outcome=outcome),)
        if actor.casefold() in _MACHINES:
            service = f"{TODO}.{_slug(story.entity or story.epic or 'service', 'service')}.{name}"
            yield ServiceStep(
                name,
                description=told,
                service=service[:64],
                timeout=STEP_TIMEOUT,
                satisfies=satisfies,
            )
        else:
            yield HumanTaskStep(
                name,
                description=told,
                human_task=HumanTask(
                    surface=f"{TODO}_{name}",
                    assignee_role=_slug(actor, "somebody"),
                    outcomes=_OUTCOMES,
                ),
                satisfies=satisfies,
            )


def _slug(text: str, otherwise: str) -> str:
    """Words as a name that expressions may use."""
    name = re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")
    if name[:1].isdigit():
        name = f"{otherwise}_{name}"
    name = name[:_LONGEST].rstrip("_") or otherwise
    return f"{name}_" if name in RESERVED or name in (COMPLETE, FAIL) else name


def _unique(name: str, taken: set[str]) -> str:
    """The name, or one with a number behind it where it is there already."""
    found, number = name, 2
    while found in taken:
        found = f"{name[: _LONGEST - len(str(number)) - 1]}_{number}"
        number += 1
    taken.add(found)
    return found
