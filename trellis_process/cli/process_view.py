"""How processes look in a terminal: a table of many, and one with its steps drawn to scale."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep

STYLES = {
    "pending": "dim",
    "in_progress": "cyan",
    "waiting": "yellow",
    "suspended": "yellow",
    "compensating": "yellow",
    "completed": "green",
    "failed": "red",
    "skipped": "dim",
    "cancelled": "magenta",
}
_BAR = 20  # characters for the whole time of a process
_NARROW_BAR = 10
_NARROW = 100  # in a terminal of less, the short bar leaves room for words


def processes_table(processes: Iterable[Process], now: datetime, width: int) -> Table:
    """Processes, one a line; in a narrow terminal without what each is about."""
    is_narrow = width < _NARROW
    about = () if is_narrow else ("about",)
    table = _table("process", "type", *about, "state", "done", "age")
    for process in processes:
        done = sum(step.state.is_done for step in process.steps.values())
        table.add_row(
            process.process_id,
            process.process_type,
            *([] if is_narrow else [f"{process.aggregate_type} {process.aggregate_id}"]),
            _state(process.state.value),
            f"{done} of {len(process.steps)}",
            span((now - process.started_at).total_seconds()),
        )
    return table


def process_view(process: Process, now: datetime, width: int) -> RenderableType:
    """One process: what it is about, how it stands, and each step with its time to scale.

    ``width`` is that of the terminal, in characters.
    """
    bar = _BAR if width >= _NARROW else _NARROW_BAR
    heading = Text.assemble(
        (process.process_type, "bold"),
        f" of {process.aggregate_type} {process.aggregate_id}: ",
        _state(process.state.value),
        (f", {process.reason.replace('_', ' ')}" if process.reason else "", "dim"),
    )
    facts = Text(
        f"{process.process_id} of {process.tenant_id}, version {process.version}, "
        f"started {_clock(process.started_at)}"
        + (f", ended {_clock(process.ended_at)}" if process.ended_at else "")
        + (f", due {_clock(process.due_at)}" if process.due_at else ""),
        "dim",
    )
    steps = _table("step", "state", "attempt", "time", "", "reported by")
    for step in process.steps.values():
        steps.add_row(
            step.name,
            _state(step.state.value),
            str(step.attempt) if step.attempt else "",
            _bar(step, process, now, bar),
            _said(step, now),
            (step.reported_by or "").rsplit("/", 1)[-1],
        )
    lines: list[RenderableType] = [heading, facts]
    if process.metadata:
        lines.append(Text(f"metadata {json.dumps(process.metadata)}", "dim"))
    return Group(*lines, "", steps)


def _bar(step: ProcessStep, process: Process, now: datetime, size: int) -> Text:
    whole = ((process.ended_at or now) - process.started_at).total_seconds() or 1.0
    begin, end = step.started_at or step.ended_at, step.ended_at or now
    if begin is None:
        return Text("·" * size, "dim")
    first = int(size * (begin - process.started_at).total_seconds() / whole)
    last = int(size * (end - process.started_at).total_seconds() / whole)
    first, last = min(first, size - 1), min(max(last, first + 1), size)
    return Text.assemble(
        ("·" * first, "dim"),
        ("━" * (last - first), STYLES[step.state.value]),
        ("·" * (size - last), "dim"),
    )


def _said(step: ProcessStep, now: datetime) -> Text:
    if step.error is not None and not step.waits_for_retry:
        return Text(step.error, "red")
    if step.is_open and (step.due_at is not None or step.is_suspended):
        return _waits(step, now)
    return Text("" if step.output is None else json.dumps(step.output), "dim")


def _waits(step: ProcessStep, now: datetime) -> Text:
    """Until when something under way, or waiting, has time."""
    if step.due_at is None:
        return Text("suspended")
    left = (step.due_at - now).total_seconds()
    if left < 0:
        said = Text(f"overdue for {span(-left)}", "yellow")
    elif step.is_suspended:
        said = Text(f"suspended, for {span(left)} at most")
    else:
        said = Text(f"{'tried again' if step.waits_for_retry else 'due'} in {span(left)}")
    if step.waits_for_retry:
        said.append(f", after: {step.error}", "red")
    return said


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        # An id or a bar is of no use in pieces; a narrow terminal folds the words instead.
        is_whole = name in ("process", "step", "time", "state", "done", "age", "attempt")
        table.add_column(name, no_wrap=is_whole, overflow="fold")
    return table


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), STYLES[state])


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """A time as people say it, in the largest unit of which there are two."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
