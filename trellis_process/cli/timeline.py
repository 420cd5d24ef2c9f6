"""A timeline: what happened to a process, one line an event, as a person would like to read it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Envelope = Mapping[str, Any]
"""An event of Trellis, as its detail says it."""

#: How each event is marked, and in which colour.
LOOKS = {
    "ProcessStarted": ("●", "bold"),
    "StepStarted": ("▸", "cyan"),
    "StepAttemptFailed": ("✗", "yellow"),
    "StepSuspended": ("‖", "yellow"),
    "StepResumed": ("▸", "cyan"),
    "StepCompleted": ("✓", "green"),
    "StepFailed": ("✗", "red"),
    "ProcessStepTimedOut": ("◔", "yellow"),
    "ProcessCompleted": ("■", "bold green"),
    "ProcessFailed": ("■", "bold red"),
    "ProcessCancelled": ("■", "bold magenta"),
}
_LONGEST_DETAIL = 60


def timeline(events: Sequence[Envelope]) -> RenderableType:
    """The events of one process, with the time since it began."""
    if not events:
        return Text("nothing heard of it", style="dim")
    began = moment(events[0])
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", style="dim")
    for name in ("mark", "what", "detail"):
        lines.add_column(name, overflow="fold")
    for event in events:
        mark, style = LOOKS[event["type"]]
        lines.add_row(
            f"{(moment(event) - began).total_seconds():.2f} s",
            Text(mark, style),
            Text(_what(event), style),
            Text(_detail(event), "dim"),
        )
    return lines


def headed_timeline(events: Sequence[Envelope], story: str) -> RenderableType:
    """A timeline under a heading that says which process, and how it stands."""
    last = events[-1]
    lasted = (moment(last) - moment(events[0])).total_seconds()
    heading = Text.assemble(
        (last["process_type"], "bold"),
        f" of {last['aggregate_type']} {last['aggregate_id']}: ",
        (last["process_state"].replace("_", " "), LOOKS[last["type"]][1]),
        (f" after {lasted:.1f} s", "dim"),
    )
    return Group(heading, Text(story, "italic dim"), timeline(events), "")


def moment(event: Envelope) -> datetime:
    """When it happened."""
    return datetime.fromisoformat(event["time"])


def _what(event: Envelope) -> str:
    kind, step = event["type"], event.get("step_name", "")
    says = {
        "ProcessStarted": "process started",
        "StepStarted": f"{step} started",
        "StepAttemptFailed": f"{step} failed, tried again",
        "StepSuspended": f"{step} suspended",
        "StepResumed": f"{step} resumed",
        "StepCompleted": f"{step} completed",
        "StepFailed": f"{step} failed",
        "ProcessStepTimedOut": f"{step} timed out",
        "ProcessCompleted": "process completed",
        "ProcessFailed": "process failed",
        "ProcessCancelled": "process cancelled",
    }
    return says[kind]


def _detail(event: Envelope) -> str:
    kind = event["type"]
    if kind == "ProcessStarted":
        return "steps: " + ", ".join(step["name"] for step in event["steps"])
    if kind == "StepStarted":
        again = event["attempt"] > 1
        return f"attempt {event['attempt']}" + (", a retry" if again else "")
    if kind == "ProcessStepTimedOut":
        left = event["retries_permitted"] - event["retry_count"]
        return f"attempt {event['attempt']}, retries left: {left}"
    if kind == "StepCompleted":
        return _short(json.dumps(event["output"])) if "output" in event else ""
    if kind in ("StepFailed", "StepAttemptFailed"):
        return _short(event["error"])
    return str(event.get("reason", "")).replace("_", " ")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"
