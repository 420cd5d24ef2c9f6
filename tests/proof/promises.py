"""The promises, checked on what a stack holds and on what arrived: nothing lost, nothing stuck."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.proof.stack import Stack
from trellis_process import Process, ProcessState
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb.stream import changed_process
from trellis_process.eventbridge import envelopes

Event = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How everything stands in the end."""

    processes: list[Process]
    #: Every event that arrived, once, by its id.
    events: dict[str, Event]
    #: What was put aside, each message once.
    put_aside: list[str]

    def check_like(self, other: Outcome, may_differ: frozenset[str]) -> None:
        """Raises AssertionError where this is not how the other stands."""
        assert _without(self.processes, may_differ) == _without(other.processes, may_differ), (
            f"the processes stand otherwise: {self.processes} instead of {other.processes}"
        )
        if "undelivered" not in may_differ:
            assert self.events == other.events, "the events say something else"
            assert self.put_aside == other.put_aside, "something else was put aside"


def outcome_of(stack: Stack) -> Outcome:
    """How everything stands now."""
    return Outcome(
        processes=sorted(stack.processes(), key=lambda process: process.process_id),
        events={event["id"]: event for event in stack.events},
        put_aside=sorted({message["MessageBody"] for message in stack.messages}),
    )


def check_promises(stack: Stack) -> None:
    """Raises AssertionError, saying which promise is broken, where one is."""
    told = [process for record in stack.records if (process := changed_process(record)) is not None]
    expected = {event["id"]: event for process in told for event in envelopes(process)}
    aside = "".join(message["MessageBody"] for message in stack.messages)
    arrived = {event["id"] for event in stack.events}
    for event_id in expected.keys() - arrived:
        assert event_id in aside, f"the event {event_id} is missing"
    for event in stack.events:
        assert event == expected.get(event["id"]), f"the event {event['id']} is not of a change"
    for process in stack.processes():
        of_it = [e for e in stack.events if e["process_id"] == process.process_id]
        put_aside = [e for i, e in expected.items() if i not in arrived]
        check_history(process, [*of_it, *(e for e in put_aside if _is_of(e, process))])
    check_wake_ups(stack.processes(), stack.wake_ups())


def check_history(process: Process, events: Iterable[Event]) -> None:
    """Raises AssertionError where a process's events have a gap, as a consumer would find it."""
    once = {event["id"]: event for event in events}
    order = [(event["version"], int(event["id"].rsplit("/")[-1])) for event in once.values()]
    by_version: dict[int, list[Event]] = {}
    for _, event in sorted(zip(order, once.values(), strict=True), key=lambda pair: pair[0]):
        by_version.setdefault(event["version"], []).append(event)
    before = 0
    for version, of_change in sorted(by_version.items()):
        numbers = [int(event["id"].rsplit("/")[-1]) for event in of_change]
        assert numbers == list(range(1, of_change[0]["event_count"] + 1)), (
            f"version {version} has events {numbers} of {of_change[0]['event_count']}"
        )
        assert {event["previous_version"] for event in of_change} == {before}, (
            f"version {version} does not follow {before}"
        )
        before = version
    latest = process.version if process.events else before
    assert before <= latest, "events of a version that is not stored"


def check_wake_ups(processes: Iterable[Process], entries: Iterable[Event]) -> None:
    """Raises AssertionError where something waits that the index would not wake in time."""
    found: dict[str, list[int]] = {}
    for entry in entries:
        found.setdefault(entry["pk"]["S"], []).append(int(entry["due_at"]["N"]))
    for process in processes:
        wake_ups = found.pop(f"{process.tenant_id}#{process.process_id}", [])
        needed = first_deadline(process)
        if process.state.is_final:
            assert not wake_ups, f"{process.process_id} is final and has a wake-up"
        elif needed is not None:
            assert len(wake_ups) == 1, f"{process.process_id} waits and has wake-ups {wake_ups}"
            assert wake_ups[0] <= needed, f"{process.process_id} wakes at {wake_ups[0]}, too late"
    assert not found, f"wake-ups of nothing: {sorted(found)}"


def first_deadline(process: Process) -> int | None:
    """When the first thing that waits in a process is due, in milliseconds."""
    if process.state is ProcessState.SUSPENDED:
        return None
    due = [process.due_at, *(step.due_at for step in process.steps.values())]
    due += [timer.due_at for timer in process.timers]
    return min((to_ms(each) for each in due if each is not None), default=None)


def _is_of(event: Event, process: Process) -> bool:
    return bool(event["process_id"] == process.process_id)


def _without(processes: list[Process], names: frozenset[str]) -> list[Process]:
    usual: dict[str, Any] = {"version": 0, "wake_up_at": None}
    changes = {name: value for name, value in usual.items() if name in names}
    return [replace(process, **changes) for process in processes]
