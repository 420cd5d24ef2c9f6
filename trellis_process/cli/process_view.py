"""How processes look in a terminal: a table of many, and one with its steps drawn to scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.event_meaning import short
from trellis_process.cli.listing import print_listing
from trellis_process.cli.outline import Document, Line, outline
from trellis_process.cli.span import span
from trellis_process.cli.waiting import until, waits_for
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState, StepState
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
_LONGEST = 120  # characters of an output; trellis show --json has all of it
_SHORT = 40  # the same in a narrow terminal
_LEAST = 60  # characters of what a process was given, however narrow the terminal


def print_processes(console: Console, processes: Iterable[Process], now: datetime) -> None:
    """Prints processes, one a line, and where there is no room what each is about below it."""
    rows = [
        (
            process.process_id,
            _type(process),
            _part(process) or _about(process),
            _state(process.state.value),
            _done(process),
            span((now - process.started_at).total_seconds()),
        )
        for process in processes
    ]
    columns = ("process", "type", "about", "state", "done", "age")
    print_listing(console, columns, rows, below=("about", "type"))


def process_view(
    process: Process, now: datetime, width: int, document: Document | None = None
) -> RenderableType:
    """One process: what it is about, how it stands, and each step with its time to scale.

    ``width`` is that of the terminal, in characters. With the ``document`` of its definition also
    the steps that have not been entered are shown, and each where it belongs.
    """
    about = _about(process)
    heading = Text.assemble(
        (_type(process), "bold"),
        f" of {about}: " if about else ": ",
        _state(process.state.value),
        (f", {_reason(process)}" if process.reason else "", "dim"),
    )
    facts = Text(
        f"{process.process_id} of {process.tenant_id}, version {process.version}, "
        f"started {_clock(process.started_at)}"
        + (f", ended {_clock(process.ended_at)}" if process.ended_at else "")
        + (f", due {_clock(process.due_at)}" if process.due_at else ""),
        "dim",
    )
    is_narrow = width < _NARROW
    # Services report most of what a definition orders; there the words need the room more.
    has_reporters = not is_narrow or process.definition_version is None
    steps = _table("step", "state", "attempt", "time", "", *["reported by"] * has_reporters)
    for line in outline(process, document):
        row = _row(line, process, now, is_narrow=is_narrow)
        steps.add_row(*row[: None if has_reporters else -1])
    return Group(heading, facts, *_more(process, width), "", steps)


def _more(process: Process, width: int) -> Iterator[Text]:
    """What not every process has to say, a line each."""
    if process.scheduled_at is not None:
        yield Text(f"run of a schedule for {_clock(process.scheduled_at)}", "dim")
    if process.parent is not None:
        parent = process.parent
        part = "" if parent.part is None else f", part {parent.part} of its items"
        yield Text(f"child of {parent.process_id}, for its step {parent.step_name}{part}", "dim")
    # What a part is given is the engine's own affair: its parent's input and data.
    is_part = process.parent is not None and process.parent.part is not None
    told = {
        "metadata": process.metadata,
        "search attributes": process.search_attributes,
        "input": {} if is_part else process.input,
        "data": {} if is_part or process.definition_version is None else process.data,
        "output": process.output,
    }
    for name, value in told.items():
        if value or (name == "output" and value is not None):
            yield Text(f"{name} {short(value, max(width - len(name) - 1, _LEAST))}", "dim")
    for scope, took_ms in process.breaches.items():
        step, _, tier = scope.rpartition("/")
        whose = f"step {step}" if step else "the process"
        yield Text(f"{whose} took {span(took_ms / 1000)}, more than agreed ({tier})", "yellow")
    if process.state is ProcessState.SUSPENDED:
        yield Text("nothing moves or times out until it is resumed", "yellow")
    if process.state is ProcessState.COMPENSATING and process.ends_as is not None:
        yield Text(f"undoes what was completed, then ends as {process.ends_as}", "yellow")
    if process.compensation == "done":
        yield Text("what had been completed is undone", "dim")
    elif process.compensation is not None:
        yield Text("not all that had been completed could be undone", "red")


def _row(line: Line, process: Process, now: datetime, *, is_narrow: bool) -> tuple[str | Text, ...]:
    name = Text("  " * line.depth + line.name)
    step = line.step
    if step is None:
        name.stylize("dim italic" if line.is_note else "dim")
        return name, Text("" if line.is_note else "not entered", "dim"), "", "", line.says, ""
    visits = f" in {step.visits} visits" if step.visits > 1 else ""
    return (
        name,
        _state(step.state.value),
        f"{step.attempt}{visits}" if step.attempt else "",
        _bar(step, process, now, _NARROW_BAR if is_narrow else _BAR),
        _said(step, now, _SHORT if is_narrow else _LONGEST),
        Text((step.reported_by or "").rsplit("/", 1)[-1]),
    )


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


def _said(step: ProcessStep, now: datetime, longest: int) -> Text:
    if step.is_open and step.state is not StepState.PENDING:
        return _waits(step, now)
    if step.error is not None:
        return Text(step.error, "red")
    told = (step.outcome or "", short(step.output, longest))
    return Text(" ".join(filter(None, told)), "dim")


def _waits(step: ProcessStep, now: datetime) -> Text:
    """Whom or what something under way waits for, and how much time that has."""
    limit = until(step, now)
    said = Text(waits_for(step))
    if limit:
        is_late = step.due_at is not None and step.due_at < now
        said.append(", " if said else "").append(limit, "yellow" if is_late else "")
    if step.waits_for_retry:
        said.append(f", after: {step.error}", "red")
    return said


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        # A bar is of no use in pieces; a narrow terminal folds the words instead.
        is_whole = name in ("time", "state", "attempt")
        table.add_column(name, no_wrap=is_whole, overflow="fold")
    return table


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), STYLES[state])


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _type(process: Process) -> str:
    """Its type, and the version of the definition that orders it."""
    version = process.definition_version
    return process.process_type if version is None else f"{process.process_type} {version}"


def _about(process: Process) -> str:
    """What a process is about; empty where that is nothing but itself."""
    if process.aggregate_id == process.process_id:
        return ""
    return f"{process.aggregate_type} {process.aggregate_id}"


def _part(process: Process) -> str:
    """Of whose long list it deals with a part; such a process is no journey of its own."""
    if process.parent is None or process.parent.part is None:
        return ""
    return f"part {process.parent.part} of {process.parent.process_id}"


def _reason(process: Process) -> str:
    """Why it ended: of a failure a code, of a cancellation somebody's words."""
    reason = process.reason or ""
    return reason.replace("_", " ") if process.state is ProcessState.FAILED else reason


def _done(process: Process) -> str:
    if process.definition_version is None:
        done = sum(step.state.is_done for step in process.steps.values())
        return f"{done} of {len(process.steps)}"
    # How many are to come, only the definition could say, if anybody.
    own = [step for step in process.steps.values() if step.undoes is None]
    return str(sum(step.state.is_done for step in own))
