"""The item: a process as DynamoDB keeps it, compact, because a change costs a unit a started KB.

What a process does not have takes no byte. Its steps and the events of its latest change are a text
each. ``docs/data-model.md`` shows an item.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from trellis_process.application.paging import definition_version_at
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.domain.tracker import Timer, TimerKind
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.item_events import events_of, events_text
from trellis_process.dynamodb.item_json import to_json, with_tail, without_tail
from trellis_process.dynamodb.item_steps import steps_of, steps_text
from trellis_process.dynamodb.schema import Item

_USUAL_OF_TIMERS = [0, None, True]  # since the start, of the process, told by an event


class UnreadableItem(ValueError):
    """An item in the place of a process is none that this version can read."""

    def __init__(self, item: Item, cause: Exception) -> None:
        key = item.get(schema.HASH_KEY)
        super().__init__(f"the item {key} cannot be read as a process: {cause!r}")


def to_item(process: Process, retention: timedelta | None = None) -> Item:
    """The item of a process as the version that saving it makes.

    With a ``retention`` DynamoDB removes it that long after the process ended, or soon afterwards.
    """
    actors = _actors(process)
    values: dict[str, str | int | None] = {
        "pk": schema.hash_key(process.key),
        "sk": schema.PROCESS,
        "v": process.version + 1,
        "state": process.state.value,
        "aggregate": schema.aggregate_key(
            process.tenant_id, process.aggregate_type, process.aggregate_id
        ),
        "started_at": to_ms(process.started_at),
        "changed_at": to_ms(process.changed_at),
        "listing": schema.listing_key(process),
        "listed": schema.listed_at(process),  # with the version of its definition
        "metadata": _json_of(process.metadata),
        "input": _json_of(process.input),
        "output": None if process.output is None else to_json(process.output),
        "data": _json_of(process.data),
        "scheduled_at": None if process.scheduled_at is None else to_ms(process.scheduled_at),
        "search": _json_of(process.search_attributes),
        "parent": None if process.parent is None else to_json(_parent_row(process.parent)),
        "timeout_ms": process.timeout_ms,
        "deadline": None if process.due_at is None else to_ms(process.due_at),
        "reason": process.reason,
        "ends_as": None if process.ends_as is None else process.ends_as.value,
        "compensation": process.compensation,
        "to_undo": _json_of(_places(process)),
        "signals": _json_of(process.signals),
        "signal_ids": _json_of(process.signal_ids),
        "event_ids": _json_of(process.event_ids),
        "kept_events": _json_of(process.kept_events),
        "timers": _json_of([_timer_row(each, process) for each in process.timers]),
        "breaches": _json_of(process.breaches),
        "unrouted": _json_of(process.unrouted),
        "generation": process.generation or None,
        "fingerprint": process.start_fingerprint,
        "events_before": process.previous_event_version
        if process.previous_event_version != process.version
        else None,
        "actors": _json_of(list(actors)),
        "steps": steps_text(process, actors),
        "events": events_text(process, actors) if process.events else None,
    }
    if process.wake_up_at is not None:
        values["due_shard"] = schema.due_shard(process.process_id)
        values["due_at"] = to_ms(process.wake_up_at)
    # One that counts others of its key stays, or they would be counted anew.
    if retention is not None and process.ended_at is not None and not process.generation:
        values["expires_at"] = to_ms(process.ended_at + retention) // 1000  # TTL counts seconds
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Item) -> Process:
    """The process that an item, or an image of one in the table's stream, holds.

    Raises UnreadableItem for one that ``to_item`` cannot have given.
    """
    try:
        return _process(item)
    except Exception as error:  # whatever is wrong with it
        raise UnreadableItem(item, error) from error


def _process(item: Item) -> Process:
    values = {name: _value(attribute) for name, attribute in item.items()}

    def moment(name: str) -> Any:
        return from_ms(values[name]) if name in values else None

    def from_json(name: str, usual: Any) -> Any:
        return json.loads(values[name]) if name in values else usual

    key = schema.process_key(values["pk"])
    aggregate_type, aggregate_id = schema.aggregate_of(values["aggregate"])
    started_at = from_ms(values["started_at"])
    actors = from_json("actors", [])
    steps = steps_of(values["steps"], started_at, actors)
    parent = from_json("parent", None)
    names = list(steps)
    process = Process(
        tenant_id=key.tenant_id,
        process_id=key.process_id,
        process_type=schema.process_type_at(values["listed"]),
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        steps=steps,
        started_at=started_at,
        changed_at=from_ms(values["changed_at"]),
        state=ProcessState(values["state"]),
        metadata=from_json("metadata", {}),
        timeout_ms=values.get("timeout_ms"),
        due_at=moment("deadline"),
        reason=values.get("reason"),
        definition_version=definition_version_at(values["listed"]),
        input=from_json("input", {}),
        output=from_json("output", None),
        data=from_json("data", {}),
        scheduled_at=moment("scheduled_at"),
        search_attributes=from_json("search", {}),
        parent=None if parent is None else _parent(parent),
        to_undo=tuple(names[place] for place in from_json("to_undo", [])),
        compensation=values.get("compensation"),
        ends_as=ProcessState(values["ends_as"]) if "ends_as" in values else None,
        signals={name: tuple(kept) for name, kept in from_json("signals", {}).items()},
        signal_ids=tuple(from_json("signal_ids", [])),
        event_ids=tuple(from_json("event_ids", [])),
        kept_events=tuple(from_json("kept_events", [])),
        breaches=from_json("breaches", {}),
        unrouted=tuple(from_json("unrouted", [])),
        version=values["v"],
        previous_event_version=values.get("events_before", values["v"] - 1),
        wake_up_at=moment("due_at"),
        generation=values.get("generation", 0),
        start_fingerprint=values.get("fingerprint"),
    )
    process.timers = tuple(_timer(row, process) for row in from_json("timers", []))
    if "events" in values:
        process.events = events_of(values["events"], process, actors)
    return process


def _actors(process: Process) -> dict[str, int]:
    """Everybody that the item names, each once, with their place in the list."""
    named = [step.reported_by for step in process.steps.values()]
    named += [event.actor for event in process.events]
    unique = dict.fromkeys(name for name in named if name is not None)
    return {name: place for place, name in enumerate(unique)}


def _places(process: Process) -> list[int]:
    """Where the steps to undo stand among the steps."""
    if not process.to_undo:
        return []
    places = {name: place for place, name in enumerate(process.steps)}
    return [places[name] for name in process.to_undo]


def _parent_row(parent: Parent) -> list[Any]:
    row = [parent.process_id, parent.step_name, parent.attempt, parent.part, parent.depth]
    return without_tail(row, [None, 1])


def _parent(row: list[Any]) -> Parent:
    process_id, step_name, attempt, part, depth = with_tail(row, 5, [None, 1])
    return Parent(
        process_id=process_id, step_name=step_name, attempt=attempt, part=part, depth=depth
    )


def _timer_row(timer: Timer, process: Process) -> list[Any]:
    due, since = (to_ms(at) - to_ms(process.started_at) for at in (timer.due_at, timer.since))
    row = [timer.kind.value, timer.name, due, since, timer.step_name, timer.sends_event]
    return without_tail(row, _USUAL_OF_TIMERS)


def _timer(row: list[Any], process: Process) -> Timer:
    kind, name, due, since, step_name, sends_event = with_tail(row, 6, _USUAL_OF_TIMERS)
    started_at = to_ms(process.started_at)
    return Timer(
        tenant_id=process.tenant_id,
        process_id=process.process_id,
        kind=TimerKind(kind),
        name=name,
        due_at=from_ms(started_at + due),
        since=from_ms(started_at + since),
        step_name=step_name,
        sends_event=sends_event,
    )


def _json_of(value: Any) -> str | None:
    """An object or list as text; None for an empty one."""
    return to_json(value) if value else None


def _attribute(value: str | int) -> dict[str, str]:
    """A value in DynamoDB's wire format. An item is made of text and whole numbers alone."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def _value(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    return {"S": str, "N": int}[kind](value)
