"""``trellis overdue``: what waits past its deadline, in all tenants, the oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import click
from rich.text import Text

from trellis_process.application.repositories import StepTrackerRepository, WakeUp
from trellis_process.cli.console import Console
from trellis_process.cli.listing import print_listing
from trellis_process.cli.span import span
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.time import to_text
from trellis_process.domain.tracker import StepTracker, Timer, TimerKind, Tracker

MAX_LOOKED_AT = 10_000  # entries of the index: where few are overdue, it moves forward by itself

#: What a step waits for until its deadline, as people say it.
_WAITS = {
    None: "to be done",
    WaitingFor.RETRY: "to be tried again",
    WaitingFor.RESUMPTION: "to be resumed",
    WaitingFor.TIME: "to go on",
    WaitingFor.SIGNAL: "for a signal",
    WaitingFor.PERSON: "for a person",
    WaitingFor.CHILDREN: "for its child",
}


@dataclass(frozen=True)
class Overdue:
    """A deadline that has passed, and whose it is."""

    key: ProcessKey
    due_at: datetime
    #: None where the process cannot be read.
    process: Process | None = None
    tracker: Tracker | None = None

    @property
    def step_name(self) -> str | None:
        """The step that it is about; None where it is the whole process."""
        return self.tracker.step_name if isinstance(self.tracker, StepTracker | Timer) else None

    def as_json(self, now: datetime) -> dict[str, Any]:
        """For programs; what is not known is left out."""
        said = {
            "tenant_id": self.key.tenant_id,
            "process_id": self.key.process_id,
            "process_type": self.process.process_type if self.process else None,
            "step_name": self.step_name,
            "attempt": self.tracker.attempt if isinstance(self.tracker, StepTracker) else None,
            "timer": self.tracker.kind.value if isinstance(self.tracker, Timer) else None,
            "due_at": to_text(self.due_at),
            "overdue_seconds": (now - self.due_at).total_seconds(),
        }
        return {name: value for name, value in said.items() if value is not None}


def overdue_at(trackers: StepTrackerRepository, now: datetime) -> Iterator[Overdue]:
    """What is overdue, in the order of the index: nearly the oldest first.

    Reads as far as it is asked for, and no more than 10,000 entries.
    """
    for wake_up in islice(trackers.due(now), MAX_LOOKED_AT):
        yield from _of(wake_up, now)


def print_overdue(
    trackers: StepTrackerRepository, now: datetime, *, limit: int, as_json: bool
) -> bool:
    """Prints up to ``limit`` overdue deadlines; whether there are any."""
    with Console(stderr=True).status("Reading what is due"):
        found = list(islice(overdue_at(trackers, now), limit + 1))
    shown = sorted(found[:limit], key=lambda each: each.due_at)
    if as_json:
        click.echo(json.dumps([each.as_json(now) for each in shown]))
        return bool(shown)
    if not shown:
        click.echo("Nothing is overdue.")
        return False
    console = Console()
    _print(console, shown, now)
    if len(found) > limit:
        console.print(f"There is more; --limit shows more than {limit}.", style="dim")
    return True


def _of(wake_up: WakeUp, now: datetime) -> Iterator[Overdue]:
    try:
        process = wake_up.read()
    except (KeyError, TypeError, ValueError):  # no process any more: no sweep can deal with it
        yield Overdue(wake_up.key, wake_up.due_at)
        return
    if process is not None:  # None is an entry that lags behind
        for tracker in process.due_trackers(now):
            yield Overdue(wake_up.key, tracker.due_at, process, tracker)


def _print(console: Console, found: list[Overdue], now: datetime) -> None:
    rows = []
    for each in found:
        process = each.process
        rows.append(
            (
                Text(span((now - each.due_at).total_seconds()), "yellow"),
                each.key.process_id,
                each.key.tenant_id,
                _what(each),
                process.process_type if process else "",
                f"{process.aggregate_type} {process.aggregate_id}" if process else "",
            )
        )
    columns = ("late", "process", "tenant", "what", "type", "about")
    print_listing(console, columns, rows, below=("about", "type", "what", "tenant"))


def _what(overdue: Overdue) -> str:
    tracker = overdue.tracker
    if overdue.process is None or tracker is None:
        return "cannot be read"
    if isinstance(tracker, Timer):
        whose = tracker.step_name or "the process"
        if tracker.kind is TimerKind.ESCALATION:
            return f"{whose} to be escalated"
        return f"{whose} late by {tracker.name}, to be told"
    if overdue.process.process_type == SCHEDULE:
        return "the next run"
    if isinstance(tracker, StepTracker):
        return f"{tracker.step_name} #{tracker.attempt} {_WAITS[tracker.waits_for]}"
    return "the whole process"
