"""The demo: a referral's journey through the whole stack on this machine, told by its events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from trellis_process.cli.journeys import JOURNEYS, Journey, StepApi
from trellis_process.cli.timeline import headed_timeline
from trellis_process.local.events import EventTap
from trellis_process.local.ministack import LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

LONGEST_WAIT_SECONDS = 90.0  # for the schedule, which first fires a minute after it is made
_ENDINGS = {"ProcessCompleted", "ProcessFailed", "ProcessCancelled"}

Envelope = Mapping[str, Any]


def run_demo(console: Console | None = None) -> int:
    """Runs the demo and leaves nothing running; returns 0 where every process ended as told."""
    console = console or Console(highlight=False)
    console.print("[bold]Trellis[/bold]: a referral's journey through the stack, on this machine\n")
    began = time.monotonic()
    with LocalCloud(auth=True, report=_noted(console)) as cloud:
        stack = deploy_trellis(cloud, report=_noted(console))
        tap = EventTap(stack, "demo")
        console.print(
            f"[green]✓[/green] the stack is up at {stack.api_url} "
            f"[dim]after {time.monotonic() - began:.1f} s[/dim]\n"
        )
        api = StepApi(stack.http())
        driven = _drive(api, stack, console)
        heard = _hear(tap, set(driven), console)
        states = {process_id: api.state(process_id) for process_id in driven}
    for process_id, journey in driven.items():
        console.print(headed_timeline(_of(heard, process_id), journey.story))
    console.print(_arrivals(heard))
    wrong = [
        f"{journey.story} It should have {journey.ends}, but is {states[process_id]}."
        for process_id, journey in driven.items()
        if states[process_id] != journey.ends
    ]
    for line in wrong:
        console.print(f"[red]✗[/red] {line}")
    console.print(
        f"\n[dim]Done in {time.monotonic() - began:.0f} s; nothing is left running. "
        "[/dim]trellis dev[dim] starts the same stack to play with.[/dim]"
    )
    return 1 if wrong else 0


def _drive(api: StepApi, stack: LocalStack, console: Console) -> dict[str, Journey]:
    """Plays the services' parts; returns the processes by id."""
    client = stack.cloud.client("lambda")

    def sweep() -> None:
        # On its schedule the checker runs each minute; the demo is less patient.
        client.invoke(FunctionName=stack.outputs["TimeoutCheckerFunctionName"])

    driven: dict[str, Journey] = {}
    for journey in JOURNEYS:
        with console.status(journey.story):
            driven[journey.drive(api, sweep)] = journey
    return driven


def _hear(tap: EventTap, process_ids: set[str], console: Console) -> list[Envelope]:
    """What reached the bus until every process has ended, in the order of its arrival."""

    def all_ended(events: Sequence[Mapping[str, Any]]) -> bool:
        ended = {
            event["detail"]["process_id"] for event in events if event["detail-type"] in _ENDINGS
        }
        return ended >= process_ids

    with console.status("Waiting for the checker's schedule, which runs each minute"):
        heard = tap.until(all_ended, LONGEST_WAIT_SECONDS)
    return [event["detail"] for event in heard]


def _of(heard: Sequence[Envelope], process_id: str) -> list[Envelope]:
    return [event for event in heard if event["process_id"] == process_id]


def _arrivals(heard: Sequence[Envelope]) -> Table:
    table = Table(
        title=f"{len(heard)} events reached the bus, in this order",
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 2, 0, 0),
    )
    for name in ("time", "event", "process", "id"):
        table.add_column(name, no_wrap=True)
    for event in heard:
        table.add_row(event["time"][11:23], event["type"], event["process_type"], event["id"])
    return table


def _noted(console: Console) -> Any:
    return lambda line: console.print(f"[dim]· {line}[/dim]")
