"""The events in an item: those of its latest change, as text, without what the item says itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from trellis_process.domain.events import EVENT_TYPES, ProcessEvent, ProcessStepTimedOut, StepEvent
from trellis_process.domain.process import Process
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.dynamodb.item_json import to_json

#: The short names of what an event says beside its type and its step.
SHORT_NAMES: dict[str, str] = {
    "attempt": "a",
    "actor": "w",
    "reason": "y",
    "occurred_at": "t",
}


def events_text(process: Process, actors: Mapping[str, int]) -> str:
    """The events of a process's latest change; ``actors`` says where who caused it is named."""
    before: ProcessEvent | None = None
    told = []
    for event in process.events:
        told.append(_told(event, before, process, actors))
        before = event
    return to_json(told)


def events_of(text: str, process: Process, actors: list[str]) -> tuple[ProcessEvent, ...]:
    """The events that a text tells of, completed from the process as the change left it.

    Raises for what ``events_text`` cannot have given.
    """
    events: list[ProcessEvent] = []
    for each in json.loads(text):
        events.append(_event(each, events[-1] if events else None, process, actors))
    return tuple(events)


def _told(
    event: ProcessEvent, before: ProcessEvent | None, process: Process, actors: Mapping[str, int]
) -> list[Any]:
    row: list[Any] = [event.type]
    usual = _usual(type(event), before, process, actors)
    if isinstance(event, StepEvent):
        row.append(event.step_name)
        usual |= _of_step(type(event), process, event.step_name)
    more: dict[str, Any] = {}
    for name, as_usual in usual.items():
        value = getattr(event, name)
        if value == as_usual:
            continue
        if name == "occurred_at":
            value = to_ms(value) - to_ms(process.started_at)
        elif name == "actor" and value is not None:
            value = actors[value]
        more[SHORT_NAMES.get(name, name)] = value
    return [*row, more] if more else row


def _event(
    told: list[Any], before: ProcessEvent | None, process: Process, actors: list[str]
) -> ProcessEvent:
    event_type = EVENT_TYPES[told[0]]
    rest = told[1:]
    usual = _usual(event_type, before, process, actors)
    about: dict[str, Any] = {}
    if issubclass(event_type, StepEvent):
        about = {"step_name": rest.pop(0)}
        usual |= _of_step(event_type, process, about["step_name"])
    (more,) = rest or [{}]
    names = {SHORT_NAMES.get(name, name): name for name in usual}
    said = {names[short]: value for short, value in more.items()}
    if "occurred_at" in said:
        said["occurred_at"] = from_ms(to_ms(process.started_at) + said["occurred_at"])
    if said.get("actor") is not None:
        said["actor"] = actors[said["actor"]]
    says = about | usual | said
    if missing := [name for name, value in says.items() if value is MISSING]:
        raise ValueError(f"{told[0]} does not say its {missing[0]}")
    return event_type(tenant_id=process.tenant_id, process_id=process.process_id, **says)


def _usual(
    event_type: type[ProcessEvent],
    before: ProcessEvent | None,
    process: Process,
    actors: Iterable[str],
) -> dict[str, Any]:
    """What an event of this type says unless the text has it otherwise."""
    return _own(event_type.__name__) | {
        "actor": next(iter(actors), None) if before is None else before.actor,
        "reason": None if before is None else before.reason,
        "occurred_at": process.changed_at,
    }


def _of_step(event_type: type[ProcessEvent], process: Process, step_name: str) -> dict[str, Any]:
    """What an event about a step says as the step itself does, mostly."""
    step = process.steps.get(step_name)
    if step is None:
        return {"attempt": MISSING}
    of_attempt = {"attempt": step.attempt}
    if issubclass(event_type, ProcessStepTimedOut):
        of_attempt["retries_permitted"] = step.retries_permitted
        of_attempt["first_attempt"] = step.first_attempt
    return of_attempt


@cache
def _own(name: str) -> dict[str, Any]:
    """The fields that only events of this type have, with what each is unless said."""
    event_type = EVENT_TYPES[name]
    of_all = fields(StepEvent if issubclass(event_type, StepEvent) else ProcessEvent)
    common = {each.name for each in of_all}
    return {each.name: each.default for each in fields(event_type) if each.name not in common}
