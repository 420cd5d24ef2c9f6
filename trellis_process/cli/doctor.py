"""``trellis doctor``: whether a stack is well, what is wrong if not, and where to read on."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from trellis_process.application.audit_round import Round
from trellis_process.cli.checks import Checked, Health, checks_of, checks_of_round
from trellis_process.cli.console import Console
from trellis_process.cli.dead_letters import QUEUES
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.examination import Found, examine
from trellis_process.cli.listing import print_listing

_MARKS = {
    Health.WELL: ("✓", "green"),
    Health.SICK: ("✗", "red"),
    Health.UNKNOWN: ("?", "yellow"),
}
_QUEUES = {queue.name for queue in QUEUES}
_SHOWN = 100  # faults; who wants more has --json


def run_doctor(stack: Deployment, *, repair: bool, as_json: bool) -> bool:
    """Examines a stack and says what was found; whether it is well, as far as could be seen.

    With ``repair`` what a write can mend is mended, and still counts as found.
    """
    with Console(stderr=True).status("Looking at queues, schedules and sources") as status:
        checked = list(checks_of(stack, datetime.now(UTC)))
        audit_round, faults = examine(
            _source_of(stack, repair),
            repair=repair,
            report=lambda so_far: status.update(f"{so_far.looked_at:,} processes looked at"),
            pause=time.sleep,
        )
    checked += checks_of_round(audit_round)
    is_well = not any(each.health is Health.SICK for each in checked)
    if as_json:
        click.echo(json.dumps(_as_json(is_well, checked, audit_round, faults)))
    else:
        _print(checked, faults)
    return is_well


def _source_of(stack: Deployment, repair: bool) -> Any:
    from trellis_process.dynamodb import DynamoDBProcessRepository
    from trellis_process.dynamodb.audit_source import DynamoDBAuditSource

    # What is mended is written with the time at which it leaves the table, as the functions do it.
    retention = stack.retention() if repair else None
    return DynamoDBAuditSource(DynamoDBProcessRepository(stack.table(), retention=retention))


def _as_json(
    is_well: bool, checked: list[Checked], audit_round: Round, faults: list[Found]
) -> dict[str, Any]:
    return {
        "is_well": is_well,
        "checks": [asdict(each) for each in checked],
        "audit": {
            "looked_at": audit_round.looked_at,
            "open": audit_round.open,
            "states": dict(audit_round.states),
            "oldest_overdue_seconds": audit_round.oldest_overdue.total_seconds(),
            "faults": dict(audit_round.faults),
            "repaired": audit_round.repaired,
            "unrepaired": audit_round.unrepaired,
        },
        "found": [asdict(each) for each in faults],
    }


def _print(checked: list[Checked], faults: list[Found]) -> None:
    console = Console()
    table = _table("", "check", "what was seen", "runbook")
    for each in checked:
        mark, style = _MARKS[each.health]
        runbook = each.runbook if each.health is Health.SICK else ""
        table.add_row(Text(mark, style), each.check, each.told, Text(runbook, style))
    console.print(table)
    if any(each.health is Health.SICK for each in checked):
        console.print("\nThe runbooks are in docs/operations.md.", style="dim")
    if any(each.check in _QUEUES and each.health is Health.SICK for each in checked):
        console.print("What waits there: trellis redrive --dry-run", style="dim")
    if faults:
        console.print()
        _print_faults(console, faults[:_SHOWN])
    if len(faults) > _SHOWN:
        console.print(f"and {len(faults) - _SHOWN:,} more; --json names all", style="dim")
    if any(each.outcome == "to be mended" for each in faults):
        console.print("\nTo mend what can be mended: trellis doctor --repair", style="dim")


def _print_faults(console: Console, faults: list[Found]) -> None:
    rows = [
        # What cannot be told whose it is, is named by its place.
        (
            each.process_id or each.place,
            each.tenant_id or "",
            ", ".join(each.faults),
            each.outcome,
        )
        for each in faults
    ]
    columns = ("process", "tenant", "fault", "outcome")
    print_listing(console, columns, rows, below=("outcome", "fault", "tenant"))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
