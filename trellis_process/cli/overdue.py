"""``trellis overdue``: what waits past its deadline, in all tenants, the oldest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from trellis_process.application.repositories import StepTrackerRepository, WakeUp
from trellis_process.cli.event_line import WIDE
from trellis_process.cli.process_view import span
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.time import to_text
from trellis_process.domain.tracker import StepTracker, Tracker

MAX_LOOKED_AT = 10_000  # entries of the index: where few are overdue, it moves forward by itself

#: What a step waits for until its deadline, as people say it.
_WAITS = {
    None: "to be done",
    WaitingFor.RETRY: "to be tried again",
    WaitingFor.RESUMPTION: "to be resumed",
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
    def step(self) -> StepTracker | None:
        """The step whose deadline it is; None where it is the whole process's."""
        return self.tracker if isinstance(self.tracker, StepTracker) else None

    def as_json(self, now: datetime) -> dict[str, Any]:
        """For programs; what is not known is left out."""
        said = {
            "tenant_id": self.key.tenant_id,
            "process_id": self.key.process_id,
            "process_type": self.process.process_type if self.process else None,
            "step_name": self.step.step_name if self.step else None,
            "attempt": self.step.attempt if self.step else None,
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
    console = Console(highlight=False)
    console.print(_table(shown, now, is_wide=console.width >= WIDE))
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


def _table(found: list[Overdue], now: datetime, *, is_wide: bool) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("late", no_wrap=True, justify="right", style="yellow")
    table.add_column("process", no_wrap=True)
    table.add_column("tenant", overflow="fold")
    if is_wide:
        table.add_column("type", overflow="fold")
        table.add_column("about", overflow="fold")
    table.add_column("what", overflow="fold")
    for each in found:
        process = each.process
        about = (
            [process.process_type, f"{process.aggregate_type} {process.aggregate_id}"]
            if process
            else ["", ""]
        )
        table.add_row(
            span((now - each.due_at).total_seconds()),
            each.key.process_id,
            each.key.tenant_id,
            *(about if is_wide else []),
            _what(each),
        )
    return table


def _what(overdue: Overdue) -> str:
    if overdue.process is None:
        return "cannot be read"
    if overdue.step is None:
        return "the whole process"
    return f"{overdue.step.step_name} #{overdue.step.attempt} {_WAITS[overdue.step.waits_for]}"
