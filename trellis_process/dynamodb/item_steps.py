"""The steps in an item: one text, in which a step is a few words such as ``"pay c0>2480"``.

They are most of an item, and a change costs a unit a started KB of it. So a step is its name, a
letter for its state, and its times in milliseconds since the step before it ended: begin, due after
``<``, end after ``>``. What more it has follows in a list: its output, then the rest under short
names, without what is as usual or as in the step before. ``docs/data-model.md`` says it all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.time import MILLISECOND
from trellis_process.dynamodb.item_json import to_json, with_tail, without_tail

STATE_LETTERS: dict[tuple[StepState, WaitingFor | None], str] = {
    (StepState.PENDING, None): "",
    (StepState.IN_PROGRESS, None): "i",
    (StepState.WAITING, WaitingFor.RETRY): "r",
    (StepState.WAITING, WaitingFor.RESUMPTION): "w",
    (StepState.WAITING, WaitingFor.TIME): "t",
    (StepState.WAITING, WaitingFor.SIGNAL): "g",
    (StepState.WAITING, WaitingFor.PERSON): "p",
    (StepState.WAITING, WaitingFor.CHILDREN): "k",
    (StepState.COMPLETED, None): "c",
    (StepState.FAILED, None): "f",
    (StepState.SKIPPED, None): "s",
    (StepState.CANCELLED, None): "x",
}
STATES_BY_LETTER = {letter: state for state, letter in STATE_LETTERS.items()}

#: The short names of what a step has beside its name, state, times and output.
SHORT_NAMES: dict[str, str] = {
    "attempt": "a",
    "timeout_ms": "t",
    "retries_permitted": "r",
    "reported_by": "w",
    "error": "x",
    "resumption": "u",
    "resume_data": "g",
    "resumed_early": "k",
    "visits": "v",
    "first_attempt": "f",
    "service": "p",
    "input": "i",
    "task": "h",
    "outcome": "c",
    "progress": "j",
    "priority": "o",
}
_LONG_NAMES = {short: name for name, short in SHORT_NAMES.items()}
_USUAL: dict[str, Any] = {
    **dict.fromkeys(SHORT_NAMES),
    "resumption": 0,
    "resumed_early": False,
    "visits": 1,
    "first_attempt": 1,
}
_USUAL_OF_STEPS: list[Any] = [None, {}]  # its output, and the rest
_USUAL_OF_TASKS: list[Any] = [(), None, None, 5]  # outcomes, role, assignee, priority
_IN_WORDS = re.compile(r"(\S+)(?: ([a-z]?)(-?\d+)?(?:<(-?\d+))?(?:>(-?\d+))?)?")


class _Before(NamedTuple):
    """What a step is told from: the one before it, as far as the two are mostly alike.

    Before the first there are the start of the process and the first of those who reported.
    """

    ended_at: datetime
    reported_by: str | None
    timeout_ms: int | None = None
    retries_permitted: int = 0

    def usual(self, state: StepState) -> Mapping[str, Any]:
        """What a step in this state has unless it says otherwise."""
        is_pending = state is StepState.PENDING
        reported_by = None if is_pending else self.reported_by
        return _usual(0 if is_pending else 1, self.timeout_ms, self.retries_permitted, reported_by)

    def then(self, step: ProcessStep) -> _Before:
        """What the step after this one is told from."""
        return _Before(
            self.ended_at if step.ended_at is None else step.ended_at,
            self.reported_by if step.state is StepState.PENDING else step.reported_by,
            step.timeout_ms,
            step.retries_permitted,
        )


@lru_cache(maxsize=1_000)
def _usual(
    attempt: int, timeout_ms: int | None, retries_permitted: int, reported_by: str | None
) -> Mapping[str, Any]:
    return _USUAL | {
        "attempt": attempt,
        "timeout_ms": timeout_ms,
        "retries_permitted": retries_permitted,
        "reported_by": reported_by,
    }


def steps_text(process: Process, actors: Mapping[str, int]) -> str:
    """The steps of a process, in their order; ``actors`` says where who reported is named."""
    before = _Before(process.started_at, next(iter(actors), None))
    told = []
    for step in process.steps.values():
        told.append(_told(step, before, actors))
        before = before.then(step)
    return to_json(told)


def steps_of(text: str, started_at: datetime, actors: list[str]) -> dict[str, ProcessStep]:
    """The steps that a text tells of, by name. Raises for what ``steps_text`` cannot have given."""
    before = _Before(started_at, next(iter(actors), None))
    told = json.loads(text)
    steps: dict[str, ProcessStep] = {}
    for each in told:
        step = _step(each, before, actors)
        before = before.then(step)
        steps[step.name] = step
    if len(steps) != len(told):
        raise ValueError("two steps have one name")
    return steps


def _told(step: ProcessStep, before: _Before, actors: Mapping[str, int]) -> str | list[Any]:
    has, usual = vars(step), before.usual(step.state)
    in_words = f"{step.name} {STATE_LETTERS[step.state, step.waits_for]}"
    for sign, moment in (("", step.started_at), ("<", step.due_at), (">", step.ended_at)):
        if moment is not None:
            in_words += f"{sign}{(moment - before.ended_at) // MILLISECOND}"
    in_words = in_words.rstrip()
    more: dict[str, Any] = {}
    if not usual.items() <= has.items():
        more = {
            SHORT_NAMES[name]: _stored(name, has[name], actors)
            for name in usual
            if has[name] != usual[name]
        }
    elif step.output is None:
        return in_words
    return without_tail([in_words, step.output, more], _USUAL_OF_STEPS)


def _step(told: str | list[Any], before: _Before, actors: list[str]) -> ProcessStep:
    in_words: Any = told
    output, more = None, {}
    if not isinstance(told, str):
        in_words, output, more = with_tail(told, 3, _USUAL_OF_STEPS)
    elif " " not in told:
        return _not_begun(told, before.timeout_ms, before.retries_permitted)
    found = _IN_WORDS.fullmatch(in_words)
    if found is None:
        raise ValueError("a step is not told as steps are")
    name, letter, *times = found.groups()
    state, waits_for = STATES_BY_LETTER[letter or ""]
    started_at, due_at, ended_at = [
        None if each is None else before.ended_at + int(each) * MILLISECOND for each in times
    ]
    said = {_LONG_NAMES[short]: _loaded(short, value, actors) for short, value in more.items()}
    kept = {
        "name": name,
        "state": state,
        "waits_for": waits_for,
        "started_at": started_at,
        "due_at": due_at,
        "ended_at": ended_at,
        "output": output,
    }
    return ProcessStep.stored({**before.usual(state), **kept, **said})


@lru_cache(maxsize=1_000)
def _not_begun(name: str, timeout_ms: int | None, retries_permitted: int) -> ProcessStep:
    """One object for all processes of a kind, as nobody can change it."""
    return ProcessStep(name=name, timeout_ms=timeout_ms, retries_permitted=retries_permitted)


def _stored(name: str, value: Any, actors: Mapping[str, int]) -> Any:
    if name == "reported_by":
        return None if value is None else actors[value]
    if isinstance(value, HumanTaskTerms):
        row = [value.surface, value.outcomes, value.assignee_role, value.assignee, value.priority]
        return without_tail(row, _USUAL_OF_TASKS)
    return value


def _loaded(short: str, value: Any, actors: list[str]) -> Any:
    if short == SHORT_NAMES["reported_by"]:
        return None if value is None else actors[value]
    if short == SHORT_NAMES["task"]:
        surface, outcomes, role, assignee, priority = with_tail(value, 5, _USUAL_OF_TASKS)
        return HumanTaskTerms(
            surface=surface,
            assignee_role=role,
            assignee=assignee,
            outcomes=tuple((name, label) for name, label in outcomes),
            priority=priority,
        )
    return value
