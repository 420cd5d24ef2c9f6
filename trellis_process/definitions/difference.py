"""Where two definitions differ, field by field; what has a name is found by it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trellis_process.definitions.writing import to_dict
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.limits import JsonValue


class ChangeKind(StrEnum):
    """What became of a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # of a named part: it stands elsewhere among those that both have


@dataclass(frozen=True)
class Difference:
    """One field that is not as it was."""

    #: Where: ``steps.pay.timeout``; a part that has a name is called by it.
    path: str
    change: ChangeKind
    before: JsonValue = None
    after: JsonValue = None

    def as_json(self) -> dict[str, JsonValue]:
        """As an answer tells it; what is not there is left out."""
        said: dict[str, JsonValue] = {"path": self.path, "change": self.change.value}
        if self.change is not ChangeKind.ADDED and self.change is not ChangeKind.MOVED:
            said["before"] = self.before
        if self.change in (ChangeKind.ADDED, ChangeKind.CHANGED):
            said["after"] = self.after
        return said


def differences(before: ProcessDefinition, after: ProcessDefinition) -> list[Difference]:
    """What the second changes in the first, in the order of reading; not the version itself."""
    written = [to_dict(each) for each in (before, after)]
    for each in written:
        each.pop("version")
    return list(_of_values("", *written))


def _of_values(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_mappings(path, before, after)
    elif (one := by_name(before)) is not None and (other := by_name(after)) is not None:
        yield from _of_mappings(path, one, other)
        stayed = [name for name in one if name in other]
        now = [name for name in other if name in one]
        for name in _moved(stayed, now):
            yield Difference(_joined(path, name), ChangeKind.MOVED)
    elif _text(before) != _text(after):
        yield Difference(path, ChangeKind.CHANGED, before, after)


def _of_mappings(path: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        here = _joined(path, name)
        if name not in after:
            yield Difference(here, ChangeKind.REMOVED, before=before[name])
        elif name not in before:
            yield Difference(here, ChangeKind.ADDED, after=after[name])
        else:
            yield from _of_values(here, before[name], after[name])


def by_name(value: Any) -> dict[str, Any] | None:
    """The parts of a list by their names, such as steps or outcomes; None where some have none.

    A trigger or a reaction is called by what it is to, the second to the same ``paid 2``.
    """
    if not isinstance(value, list) or not value:
        return None
    found: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for each in value:
        name = _name_of(each)
        if name is None:
            return None
        counts[name] += 1
        found[name if counts[name] == 1 else f"{name} {counts[name]}"] = each
    return found


def _name_of(part: Any) -> str | None:
    if not isinstance(part, dict):
        return None
    schedule = part.get("schedule")
    within = schedule.get("name") if isinstance(schedule, dict) else None
    names = (part.get("name"), part.get("event"), part.get("timer"), part.get("signal"), within)
    return next((each for each in names if isinstance(each, str)), None)


def _moved(before: list[str], after: list[str]) -> list[str]:
    """The names that follow another one than before."""
    followed = dict(zip(before, [None, *before], strict=False))
    return [
        name
        for name, previous in zip(after, [None, *after], strict=False)
        if followed[name] != previous
    ]


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _text(value: Any) -> str:
    """A value in a form that tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)
