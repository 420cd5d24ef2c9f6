"""Stories: what people want, each with the outcomes by which it is seen to be there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from trellis_process.definitions.document import Document, read_json
from trellis_process.definitions.values import MAX_TITLE_CHARACTERS
from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.errors import Described, InvalidInput
from trellis_process.nearest import what_there_is


@dataclass(frozen=True, kw_only=True)
class Story:
    """One story."""

    id: str
    title: str = ""
    #: What is so once it is there; texts that definitions repeat in ``satisfies``.
    outcomes: tuple[str, ...] = ()
    #: How far it has come with people: ``accepted``, ``idea``; any word.
    status: str | None = None
    #: Who wants it.
    actor: str | None = None
    #: What it is about.
    entity: str | None = None
    #: What it is part of.
    epic: str | None = None
    description: str | None = None

    def outcome_like(self, text: str) -> str | None:
        """The outcome of these words, whatever their case and the space between them."""
        wanted = _plain(text)
        return next((each for each in self.outcomes if _plain(each) == wanted), None)


def read_stories(text: str | bytes, *, is_json: bool = False) -> list[Story]:
    """The stories of a document: ``stories``, a list of mappings with the fields of Story.

    Raises InvalidInput with everything that is wrong with it.
    """
    return stories_of(read_json(text) if is_json else read_yaml(text))


def stories_of(document: Document) -> list[Story]:
    """As read_stories, of a document."""
    value = document.value
    if isinstance(value, dict) and set(value) == {"stories"}:
        value = value["stories"]
    if not isinstance(value, list):
        raise InvalidInput("stories", value, "allowed is a list of stories, alone or as stories:")
    problems: list[InvalidInput] = []
    found: dict[str, Story] = {}
    for place, each in enumerate(value):
        story = _story(f"stories[{place}]", each, problems)
        if story is None:
            continue
        if story.id in found:
            problems.append(InvalidInput(f"stories[{place}].id", story.id, "it is there already"))
        found[story.id] = story
    if problems:
        first, *others = problems
        allowed = "; ".join([first.allowed, *map(str, others)])
        raise InvalidInput(first.field, Described(first.given), allowed)
    return list(found.values())


def with_status(stories: Collection[Story], statuses: Collection[str]) -> list[Story]:
    """Those with one of these statuses; all of them where none is named."""
    return [each for each in stories if not statuses or each.status in statuses]


def _story(field: str, value: Any, problems: list[InvalidInput]) -> Story | None:
    known = {each.name for each in fields(Story)}
    if not isinstance(value, Mapping):
        problems.append(InvalidInput(field, value, "allowed is a mapping with an id"))
        return None
    before = len(problems)
    for name, given in value.items():
        if name not in known:
            allowed = f"no such field{what_there_is(name, known)}"
            problems.append(InvalidInput(f"{field}.{name}", given, allowed))
        elif name == "outcomes":
            texts = given if isinstance(given, list) else [given]
            if not all(isinstance(each, str) and each.strip() for each in texts):
                problems.append(
                    InvalidInput(f"{field}.{name}", given, "allowed is a list of texts")
                )
            elif len({_plain(each) for each in texts}) < len(texts):
                problems.append(
                    InvalidInput(f"{field}.{name}", given, "one of them is there twice")
                )
            elif max(map(len, texts), default=0) > MAX_TITLE_CHARACTERS:
                allowed = f"allowed are {MAX_TITLE_CHARACTERS} characters each, as in satisfies"
                problems.append(InvalidInput(f"{field}.{name}", given, allowed))
        elif not isinstance(given, str) or not given.strip():
            problems.append(InvalidInput(f"{field}.{name}", given, "allowed is text"))
        elif name != "description" and len(given) > MAX_TITLE_CHARACTERS:
            allowed = f"allowed are {MAX_TITLE_CHARACTERS} characters"
            problems.append(InvalidInput(f"{field}.{name}", given, allowed))
    if "id" not in value:
        problems.append(InvalidInput(f"{field}.id", Described("nothing"), "it has to be given"))
    if len(problems) > before:
        return None
    outcomes = value.get("outcomes", ())
    told = tuple(outcomes) if isinstance(outcomes, list) else (outcomes,) if outcomes else ()
    return Story(**{**value, "outcomes": told})


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".")
