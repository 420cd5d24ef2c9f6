"""``trellis events``: what happens on a stack's bus, as it happens."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import click

from trellis_process.cli.console import Console
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.event_line import event_line
from trellis_process.cli.event_meaning import Envelope
from trellis_process.cli.interruption import interruptible
from trellis_process.eventbridge.tap import LONGEST_WAIT_S, Tap

KEPT_S = 300  # for who looks away, and no longer: nobody comes back for the rest
REMEMBERED = 10_000  # ids by which a double is known


def pattern_of(
    *,
    tenants: Sequence[str] = (),
    process_types: Sequence[str] = (),
    process_ids: Sequence[str] = (),
    event_types: Sequence[str] = (),
) -> dict[str, Any]:
    """The rule's pattern that lets through what is asked for; nothing said is anything."""
    detail = {"tenant_id": tenants, "process_type": process_types, "process_id": process_ids}
    pattern: dict[str, Any] = {name: list(values) for name, values in detail.items() if values}
    pattern = {"detail": pattern} if pattern else {}
    return pattern | ({"detail-type": list(event_types)} if event_types else {})


def follow(
    stack: Deployment, pattern: Mapping[str, Any], *, as_json: bool, limit: int | None
) -> None:
    """Prints the events on the stack's bus that a pattern lets through, one a line.

    Ends after ``limit`` events, or when it is told to; then its queue and its rule are gone.
    """
    interruptible()
    told = Console(stderr=True)
    name = f"trellis-follow-{uuid.uuid4().hex[:12]}"
    with suppress(KeyboardInterrupt):
        tap = Tap(
            stack.client("sqs"),
            stack.client("events"),
            stack.output("EventBusName"),
            name=name,
            pattern=pattern,
            kept_s=KEPT_S,
        )
        try:
            told.print(
                f"Following the events of {stack.name}; a new rule takes some seconds to hold. "
                "Ctrl-C ends.",
                style="dim",
            )
            _print(tap, as_json=as_json, limit=limit)
        finally:
            _take_away(tap, told)


def _print(tap: Tap, *, as_json: bool, limit: int | None) -> None:
    console = Console()
    for event in islice(_each_once(tap), limit):
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            width = console.width if console.is_terminal else None
            console.print(event_line(event, width), soft_wrap=True)


def _each_once(tap: Tap) -> Iterator[Envelope]:
    """Every event, in the order in which they happened as far as they come together."""
    seen: OrderedDict[str, None] = OrderedDict()
    while True:
        heard: list[Envelope] = [each["detail"] for each in tap.poll(LONGEST_WAIT_S)]
        for event in sorted(heard, key=_order):
            if event["id"] not in seen:
                seen[event["id"]] = None
                if len(seen) > REMEMBERED:
                    seen.popitem(last=False)
                yield event


def _order(event: Envelope) -> tuple[str, str, int, int]:
    _, _, n = event["id"].rpartition("/")
    return event["time"], event["process_id"], event["version"], int(n)


def _take_away(tap: Tap, told: Console) -> None:
    try:
        tap.close()
    except BaseException:
        told.print(
            f"The queue or the rule {tap.name} may still be there; delete both by hand.",
            style="red",
        )
        raise
