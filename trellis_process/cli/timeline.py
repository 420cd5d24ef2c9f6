"""A timeline: what happened to a process, one line an event, as a person would like to read it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trellis_process.cli.event_meaning import Envelope, by_whom, details, look, moment, what
from trellis_process.cli.span import since


def timeline(events: Sequence[Envelope]) -> RenderableType:
    """The events of one process, with the time since it began."""
    if not events:
        return Text("nothing heard of it", style="dim")
    began = moment(events[0])
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", style="dim", no_wrap=True)
    for name in ("mark", "what", "detail"):
        lines.add_column(name, overflow="fold")
    for event in events:
        mark, style = look(event)
        lines.add_row(
            since((moment(event) - began).total_seconds()),
            Text(mark, style),
            Text(what(event), style),
            Text(", ".join(filter(None, (_attempt(event), details(event), by_whom(event)))), "dim"),
        )
    return lines


def headed_timeline(events: Sequence[Envelope], story: str) -> RenderableType:
    """A timeline under a heading that says which process, and how it stands."""
    last = events[-1]
    lasted = (moment(last) - moment(events[0])).total_seconds()
    heading = Text.assemble(
        (last["process_type"], "bold"),
        f" of {last['aggregate_type']} {last['aggregate_id']}: ",
        (last["process_state"].replace("_", " "), look(last)[1]),
        (f" after {since(lasted)}", "dim"),
    )
    return Group(heading, Text(story, "italic dim"), timeline(events), "")


def _attempt(event: Envelope) -> str:
    """Which attempt it is about, where that tells something."""
    attempt: int = event.get("attempt", 0)
    if event["type"] in ("StepStarted", "CompensationStarted"):
        again = attempt > event.get("first_attempt", 1)
        return f"attempt {attempt}" + (", a retry" if again else "")
    return f"attempt {attempt}" if event["type"] == "ProcessStepTimedOut" else ""
