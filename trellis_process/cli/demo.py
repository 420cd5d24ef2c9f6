"""The demo: a referral's journey through the whole stack on this machine, told by its events."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.session import Session
from rich.table import Table
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.journeys import JOURNEYS
from trellis_process.cli.timeline import headed_timeline
from trellis_process.client import SigV4, TrellisClient
from trellis_process.local.events import EventTap
from trellis_process.local.http import Credentials
from trellis_process.local.ministack import REGION, LocalCloud
from trellis_process.local.stack import LocalStack, deploy_trellis

LONGEST_WAIT_SECONDS = 90.0  # for the schedule, which first fires a minute after it is made
_ENDINGS = {"ProcessCompleted", "ProcessFailed", "ProcessCancelled"}

Envelope = Mapping[str, Any]


def run_demo() -> int:
    """Runs the demo and leaves nothing running; returns 0 where every process ended as told."""
    console = Console()
    story = ": a referral's journey through the stack, on this machine\n"
    console.print(Text.assemble(("Trellis", "bold"), story))
    began = time.monotonic()

    def note(line: str) -> None:
        console.print(f"· {line}", style="dim", soft_wrap=True)

    with LocalCloud(auth=True, report=note) as cloud:
        stack = deploy_trellis(cloud, report=note)
        console.print(
            Text.assemble(
                ("✓", "green"),
                f" the stack is up at {stack.api_url} ",
                (f"after {time.monotonic() - began:.1f} s\n", "dim"),
            ),
            soft_wrap=True,
        )
        heard, wrong = _travel(stack, console)
    console.print(_arrivals(heard))
    for line in wrong:
        console.print(Text.assemble(("✗", "red"), f" {line}"))
    console.print(
        Text.assemble(
            (f"\nDone in {time.monotonic() - began:.0f} s; nothing is left running. ", "dim"),
            ("To play with the same stack:", "dim"),
            " make dev",
        ),
        soft_wrap=True,
    )
    return 1 if wrong else 0


def _travel(stack: LocalStack, console: Console) -> tuple[list[Envelope], list[str]]:
    """Plays the services' parts and tells each process's timeline as soon as it has ended.

    Returns the events in the order of their arrival, and what did not end as it should have.
    """
    trellis = TrellisClient(stack.api_url, SigV4(_session_of(stack.caller), region=REGION))
    tap = EventTap(stack, "demo")
    client = stack.cloud.client("lambda")
    heard: list[Envelope] = []
    wrong: list[str] = []

    def sweep() -> None:
        # On its schedule the checker runs each minute; the demo is less patient.
        client.invoke(FunctionName=stack.outputs["TimeoutCheckerFunctionName"])

    for journey in JOURNEYS:
        with console.status(journey.story):
            process = journey.drive(trellis, sweep)
        if journey.waits_for:
            console.print(f"· {journey.waits_for} …\n", style="dim")
        with console.status(journey.waits_for or journey.story):
            heard += _until_ended(tap, process.process_id)
        mine = [event for event in heard if event["process_id"] == process.process_id]
        console.print(headed_timeline(mine, journey.story))
        state = trellis.get_process(process.tenant_id, process.process_id).state
        if state != journey.ends:
            wrong.append(f"{journey.story} It should have {journey.ends}, but is {state}.")
    return heard, wrong


def _session_of(caller: Credentials) -> Session:
    session = Session()
    session.set_credentials(caller.access_key_id, caller.secret_access_key)
    return session


def _until_ended(tap: EventTap, process_id: str) -> list[Envelope]:
    """What reaches the bus until this process has ended."""

    def has_ended(events: Sequence[Mapping[str, Any]]) -> bool:
        return any(
            event["detail-type"] in _ENDINGS and event["detail"]["process_id"] == process_id
            for event in events
        )

    return [event["detail"] for event in tap.until(has_ended, LONGEST_WAIT_SECONDS)]


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
        process_id, version, n = event["id"].split("/")
        table.add_row(
            event["time"][11:23],
            event["type"],
            event["process_type"],
            f"{process_id[:8]}…/{version}/{n}",
        )
    return table
