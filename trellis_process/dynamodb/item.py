"""The item: a process as DynamoDB keeps it, compact, because a change costs a unit a started KB.

Defaults are left out. A step's times are milliseconds since the process started, its state is a
letter, and who reported is an index into one list of names. ``docs/data-model.md`` shows an item.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from trellis_process.domain.events import EVENT_TYPES, ProcessEvent, ProcessStepTimedOut, StepEvent
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.schema import Item

STATE_LETTERS: dict[tuple[StepState, WaitingFor | None], str] = {
    (StepState.IN_PROGRESS, None): "i",
    (StepState.WAITING, WaitingFor.RETRY): "r",
    (StepState.WAITING, WaitingFor.RESUMPTION): "w",
    (StepState.COMPLETED, None): "c",
    (StepState.FAILED, None): "f",
    (StepState.SKIPPED, None): "s",
    (StepState.CANCELLED, None): "x",
}
STATES_BY_LETTER = {letter: state for state, letter in STATE_LETTERS.items()}


def to_item(process: Process, retention: timedelta | None = None) -> Item:
    """The item of a process as the version that saving it makes.

    With a ``retention`` DynamoDB removes it that long after the process ended, or soon afterwards.
    """
    actors = _actors(process)
    started_at = to_ms(process.started_at)
    values: dict[str, Any] = {
        "pk": schema.hash_key(process.key),
        "sk": schema.PROCESS,
        "v": process.version + 1,
        "state": process.state.value,
        "aggregate": schema.aggregate_key(
            process.tenant_id, process.aggregate_type, process.aggregate_id
        ),
        "started_at": started_at,
        "changed_at": to_ms(process.changed_at),
        "listing": schema.listing_key(process),
        "listed": schema.listed_at(process),
        "metadata": _to_json(process.metadata) if process.metadata else None,
        "timeout_ms": process.timeout_ms,
        "deadline": None if process.due_at is None else to_ms(process.due_at),
        "reason": process.reason,
        "fingerprint": process.start_fingerprint,
        "events_before": process.previous_event_version or None,
        "actors": list(actors),
        "steps": [_step_values(step, started_at, actors) for step in process.steps.values()],
        # Text, not a list: the stream's filter can tell whether there is any only of a plain value.
        "events": _to_json([_event_values(event, process, actors) for event in process.events])
        if process.events
        else None,
    }
    if process.wake_up_at is not None:
        values["due_shard"] = schema.due_shard(process.process_id)
        values["due_at"] = to_ms(process.wake_up_at)
    if retention is not None and process.ended_at is not None:
        values["expires_at"] = to_ms(process.ended_at + retention) // 1000  # TTL counts seconds
    return {name: _attribute(value) for name, value in values.items() if value not in (None, [])}


def from_item(item: Item) -> Process:
    """The process that an item, or an image of one in the table's stream, holds."""
    values = {name: _value(attribute) for name, attribute in item.items()}
    key = schema.process_key(values["pk"])
    aggregate_type, aggregate_id = schema.aggregate_of(values["aggregate"])
    started_at = values["started_at"]
    actors: list[str] = values.get("actors", [])
    steps = [_step(each, started_at, actors) for each in values["steps"]]
    deadline, wake_up_at = values.get("deadline"), values.get("due_at")
    process = Process(
        tenant_id=key.tenant_id,
        process_id=key.process_id,
        process_type=values["listed"].split("#", 1)[0],
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        steps={step.name: step for step in steps},
        started_at=from_ms(started_at),
        changed_at=from_ms(values["changed_at"]),
        state=ProcessState(values["state"]),
        metadata=json.loads(values["metadata"]) if "metadata" in values else {},
        timeout_ms=values.get("timeout_ms"),
        due_at=None if deadline is None else from_ms(deadline),
        reason=values.get("reason"),
        version=values["v"],
        previous_event_version=values.get("events_before", 0),
        wake_up_at=None if wake_up_at is None else from_ms(wake_up_at),
        start_fingerprint=values.get("fingerprint"),
    )
    told = json.loads(values.get("events", "[]"))
    process.events = tuple(_event(each, process, actors) for each in told)
    return process


def _actors(process: Process) -> dict[str, int]:
    """Everybody that the item names, each once, with their place in the list."""
    named = [step.reported_by for step in process.steps.values()]
    named += [event.actor for event in process.events]
    unique = dict.fromkeys(name for name in named if name is not None)
    return {name: place for place, name in enumerate(unique)}


def _step_values(step: ProcessStep, started_at: int, actors: dict[str, int]) -> dict[str, Any]:
    usual_attempt = 0 if step.state is StepState.PENDING else 1
    values = {
        "n": step.name,
        "s": STATE_LETTERS.get((step.state, step.waits_for)),
        "a": step.attempt if step.attempt != usual_attempt else None,
        "t": step.timeout_ms,
        "r": step.retries_permitted or None,
        "b": None if step.started_at is None else to_ms(step.started_at) - started_at,
        "d": None if step.due_at is None else to_ms(step.due_at) - started_at,
        "e": None if step.ended_at is None else to_ms(step.ended_at) - started_at,
        "o": None if step.output is None else _to_json(step.output),
        "x": step.error,
        "w": None if step.reported_by is None else actors[step.reported_by],
        "u": step.resumption or None,
        "g": None if step.resume_data is None else _to_json(step.resume_data),
        "k": 1 if step.resumed_early else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _step(values: dict[str, Any], started_at: int, actors: list[str]) -> ProcessStep:
    pending = (StepState.PENDING, None)
    state, waits_for = STATES_BY_LETTER[values["s"]] if "s" in values else pending

    def moment(name: str) -> Any:
        return from_ms(started_at + values[name]) if name in values else None

    return ProcessStep(
        name=values["n"],
        timeout_ms=values.get("t"),
        retries_permitted=values.get("r", 0),
        state=state,
        attempt=values.get("a", 0 if state is StepState.PENDING else 1),
        started_at=moment("b"),
        due_at=moment("d"),
        ended_at=moment("e"),
        output=json.loads(values["o"]) if "o" in values else None,
        error=values.get("x"),
        reported_by=actors[values["w"]] if "w" in values else None,
        waits_for=waits_for,
        resumption=values.get("u", 0),
        resume_data=json.loads(values["g"]) if "g" in values else None,
        resumed_early="k" in values,
    )


def _event_values(event: ProcessEvent, process: Process, actors: dict[str, int]) -> dict[str, Any]:
    is_usual_time = event.occurred_at == process.changed_at
    values = {
        "n": event.type,
        "s": event.step_name if isinstance(event, StepEvent) else None,
        "a": event.attempt if isinstance(event, StepEvent) else None,
        "w": None if event.actor is None else actors[event.actor],
        "y": event.reason,
        "t": None if is_usual_time else to_ms(event.occurred_at),
    }
    return {name: value for name, value in values.items() if value is not None}


def _event(values: dict[str, Any], process: Process, actors: list[str]) -> ProcessEvent:
    event_type = EVENT_TYPES[values["n"]]
    details: dict[str, Any] = {}
    if issubclass(event_type, StepEvent):
        details = {"step_name": values["s"], "attempt": values["a"]}
    if issubclass(event_type, ProcessStepTimedOut):
        details["retries_permitted"] = process.step(values["s"]).retries_permitted
    return event_type(
        tenant_id=process.tenant_id,
        process_id=process.process_id,
        occurred_at=from_ms(values["t"]) if "t" in values else process.changed_at,
        actor=actors[values["w"]] if "w" in values else None,
        reason=values.get("y"),
        **details,
    )


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _attribute(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's wire format; only the types that an item is made of."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [_attribute(each) for each in value]}
    return {"M": {name: _attribute(each) for name, each in value.items()}}


def _value(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "S":
        return value
    if kind == "N":
        return int(value)
    if kind == "L":
        return [_value(each) for each in value]
    return {name: _value(each) for name, each in value.items()}
