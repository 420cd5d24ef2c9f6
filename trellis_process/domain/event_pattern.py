"""Event patterns as Amazon EventBridge writes them: which events are meant.

::

    {"detail-type": ["Order placed"], "detail": {"total": [{"numeric": [">=", 100]}]}}

A pattern has the structure of the events. All of its fields have to be met, each by any member
of its list; ``$or`` takes any of its patterns in place of all. The rules are those of the page
"Comparison operators for use in event patterns" of the EventBridge User Guide, and where it says
nothing, those of Event Ruler, the library that EventBridge matches with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeAlias

from trellis_process.domain.event_matchers import MATCHERS, Flaw, Path, check_matcher, is_met
from trellis_process.domain.limits import MAX_JSON_DEPTH, JsonValue
from trellis_process.errors import shown

EventPattern: TypeAlias = dict[str, JsonValue]

OR = "$or"
MAX_PATTERN_CHARACTERS = 4_096  # of JSON; what PutRule takes, once the quota of 2,048 is raised
MAX_COMBINATIONS = 1_000  # EventBridge takes no $or that would make more of them


def check_pattern(pattern: JsonValue) -> Iterator[Flaw]:
    """Everything that is wrong with a pattern: where, what was given, and what is allowed.

    Allowed are MAX_PATTERN_CHARACTERS characters of JSON, MAX_JSON_DEPTH levels of nesting, and
    MAX_COMBINATIONS ways to choose one pattern of each ``$or``. What stands beside an ``$or`` is
    not asked for again in it, for Event Ruler takes only the last of the two.
    """
    if not isinstance(pattern, dict):
        yield (), f"got {shown(pattern)}; allowed is an object of fields"
        return
    too_deep = next(_too_deep(pattern, ()), None)
    if too_deep is not None:  # all that follows goes down as far as there is something
        yield too_deep, f"got deeper nesting; allowed are {MAX_JSON_DEPTH} levels"
        return
    with suppress(ValueError, RecursionError):  # what has no size is no JSON, and named below
        text = json.dumps(
            pattern, ensure_ascii=False, separators=(",", ":"), default=str, skipkeys=True
        )
        if len(text) > MAX_PATTERN_CHARACTERS:
            allowed = f"allowed are {MAX_PATTERN_CHARACTERS:,}"
            yield (), f"got {len(text):,} characters of JSON; {allowed}"
    yield from _check_fields(pattern, (), in_or=False)
    twice: list[Flaw] = []
    _asked(pattern, (), (), twice)
    yield from twice
    if _combinations(pattern) > MAX_COMBINATIONS:
        message = f"got more than {MAX_COMBINATIONS:,} ways to choose one pattern of each {OR}"
        yield (), f"{message}; allowed are so many"


def matches(pattern: EventPattern, event: JsonValue) -> bool:
    """Whether a pattern, found sound by check_pattern, describes an event. Raises nothing.

    - Values are equal if their types are: ``300`` is ``300.0``, but neither ``"300"`` nor true.
    - Lists of the event are opened, also lists in lists: any of their values may meet a field.
      So ``anything-but`` is met by a list with any other value, and never by a field that is not
      there. Every value of another type meets it: 5, true and null are anything but ``"open"``.
    - Of a list of objects, one and the same object has to meet all that is asked below it.
    - ``exists`` asks for values. An empty list and an object are none, null is one. Where other
      fields are met by one object of a list, only that object has to be without the field;
      where none is, each has to be.
    - Without regard to case means Unicode's case folding.
    """
    if not isinstance(event, dict):
        return False
    return any(
        _is_found(branch, [event]) or _is_absent(branch, [event]) for branch in _branches(pattern)
    )


# -- Checking ------------------------------------------------------------------------------------


def _too_deep(value: JsonValue, path: Path) -> Iterator[Path]:
    if not isinstance(value, dict | list):
        return
    if len(path) >= MAX_JSON_DEPTH:
        yield path
        return
    for at, member in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _too_deep(member, (*path, at))


def _check_fields(pattern: dict[Any, JsonValue], path: Path, *, in_or: bool) -> Iterator[Flaw]:
    if not pattern:
        yield path, "got {}; allowed is an object of one or more fields"
    for name, wanted in pattern.items():
        at = (*path, name)
        if not isinstance(name, str):
            yield path, f"got the field {shown(name)}; allowed is text"
        elif name == OR:
            yield from _check_or(wanted, at)
        elif in_or and name in MATCHERS:  # most likely a field is missing around it
            yield at, f"got the field {name!r}; allowed in {OR} are fields not named as matchers"
        elif isinstance(wanted, dict):
            yield from _check_fields(wanted, at, in_or=in_or)
        elif isinstance(wanted, list) and wanted:
            for place, matcher in enumerate(wanted):
                for below, message in check_matcher(matcher):
                    yield (*at, place, *below), message
        else:
            allowed = "allowed is a list of one or more values and matchers, or an object of fields"
            yield at, f"got {shown(wanted)}; {allowed}"


def _check_or(patterns: JsonValue, path: Path) -> Iterator[Flaw]:
    if not isinstance(patterns, list) or len(patterns) < 2:
        yield path, f"got {shown(patterns)}; allowed is a list of two or more patterns"
    for place, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        if isinstance(pattern, dict):
            yield from _check_fields(pattern, (*path, place), in_or=True)
        else:
            yield (*path, place), f"got {shown(pattern)}; allowed is an object of fields"


def _asked(
    pattern: EventPattern, field: Path, path: Path, twice: list[Flaw]
) -> list[tuple[Path, Path, bool]]:
    """Each field asked for, where that stands, and whether it is by a list or by an object.

    Adds to ``twice`` what is asked for both beside an ``$or`` and in it. By objects it may be, for
    these ask for fields of one and the same.
    """
    beside: list[tuple[Path, Path, bool]] = []
    for name, wanted in pattern.items():
        if name != OR:
            beside.append(((*field, name), (*path, name), not isinstance(wanted, dict)))
            if isinstance(wanted, dict):
                beside += _asked(wanted, (*field, name), (*path, name), twice)
    inside = [
        each
        for place, chosen in _alternatives(pattern)
        for each in _asked(chosen, field, (*path, OR, place), twice)
    ]
    fields = {name for name, _, _ in beside}
    lists = {name for name, _, is_list in beside if is_list}
    message = f"got a field that is asked for beside the {OR} as well; allowed is one of the two"
    twice += [
        (at, message) for name, at, is_list in inside if name in (fields if is_list else lists)
    ]
    return beside + inside


def _combinations(pattern: EventPattern) -> int:
    """In how many ways one pattern of each $or can be chosen."""
    ways = 1
    for name, wanted in pattern.items():
        if name != OR and isinstance(wanted, dict):
            ways *= _combinations(wanted)
    return ways * (sum(_combinations(chosen) for _, chosen in _alternatives(pattern)) or 1)


def _alternatives(pattern: EventPattern) -> Iterator[tuple[int, EventPattern]]:
    patterns = pattern.get(OR)
    for place, each in enumerate(patterns if isinstance(patterns, list) else []):
        if isinstance(each, dict):
            yield place, each


# -- Matching ------------------------------------------------------------------------------------


def _branches(pattern: EventPattern) -> list[EventPattern]:
    """The pattern without any $or: once for each way to choose of them."""
    if not _has_or(pattern):
        return [pattern]
    branches: list[EventPattern] = [{}]
    for name, wanted in pattern.items():
        if name == OR:
            choices = [branch for chosen in wanted for branch in _branches(chosen)]
        elif isinstance(wanted, dict):
            choices = [{name: inside} for inside in _branches(wanted)]
        else:
            choices = [{name: wanted}]
        branches = [_merged(branch, choice) for branch in branches for choice in choices]
    return branches


def _has_or(pattern: EventPattern) -> bool:
    return OR in pattern or any(
        _has_or(wanted) for wanted in pattern.values() if isinstance(wanted, dict)
    )


def _merged(one: EventPattern, other: EventPattern) -> EventPattern:
    merged = dict(one)
    for name, wanted in other.items():
        merged[name] = _merged(one[name], wanted) if name in one else wanted
    return merged


def _is_found(wanted: JsonValue, there: list[JsonValue]) -> bool:
    """Whether a value meets the list of a field, or an object what is asked for below it."""
    if isinstance(wanted, dict):
        return any(isinstance(each, dict) and _is_found_in(wanted, each) for each in there)
    for each in there:
        if not isinstance(each, dict) and any(is_met(matcher, each) for matcher in wanted):
            return True
    return False


def _is_found_in(wanted: EventPattern, members: dict[str, JsonValue]) -> bool:
    """Whether an object meets all its fields, at least one of them by a value."""
    is_found = False
    for name, inside in wanted.items():
        there = _opened(members, name)
        if _is_found(inside, there):
            is_found = True
        elif not _is_absent(inside, there):
            return False
    return is_found


def _is_absent(wanted: JsonValue, there: list[JsonValue]) -> bool:
    """Whether all that is asked for may be absent, and is so in every object."""
    if not isinstance(wanted, dict):
        return {"exists": False} in wanted and all(isinstance(each, dict) for each in there)
    objects = [each for each in there if isinstance(each, dict)] or [{}]
    return all(
        _is_absent(inside, _opened(members, name))
        for members in objects
        for name, inside in wanted.items()
    )


def _opened(members: dict[str, JsonValue], name: str) -> list[JsonValue]:
    """What there is of that name, lists and lists in lists opened; nothing where it is missing."""
    if name not in members:
        return []
    value = members[name]
    if not isinstance(value, list):
        return [value]
    opened: list[JsonValue] = []
    left = [value]  # in place of recursion, for lists may be nested deeper than calls
    while left:
        for each in left.pop():
            (left if isinstance(each, list) else opened).append(each)
    return opened
