"""The commands on the views: open tasks, histories, statistics; and to make the views anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.listing import print_listing
from trellis_process.cli.on_call import on_deployment
from trellis_process.cli.processes import Asked, on_processes
from trellis_process.cli.span import span
from trellis_process.domain.time import moment_from
from trellis_process.views.representation import ToldEvent, statistics_as_json, task_as_json
from trellis_process.views.statistics import Durations, StepStatistics, VersionStatistics
from trellis_process.views.task_entry import TaskEntry


def _moment(
    _context: click.Context, parameter: click.Parameter, text: str | None
) -> datetime | None:
    try:
        return None if text is None else moment_from(text)
    except ValueError as error:
        raise click.BadParameter(
            "a moment is text such as 2026-03-01T09:30:00Z", param=parameter
        ) from error


@on_processes
@click.option("--role", help="Only those that this role may take.")
@click.option("--assignee", help="Only those of this person.")
@click.option("--due-before", callback=_moment, help="Only those that are due before this moment.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def tasks(asked: Asked, limit: int, **wanted: Any) -> None:
    """List open tasks, what is due first coming first."""
    found = list(islice(asked.client.views.tasks(asked.tenant_id, **wanted), limit))
    if asked.as_json:
        click.echo(json.dumps([task_as_json(task) for task in found]))
    elif found:
        _print_tasks(found, datetime.now(UTC))
    else:
        click.echo("There are none.")


@on_processes
@click.argument("process_id")
def history(asked: Asked, process_id: str) -> None:
    """Show what happened to a process, event by event, and who caused it."""
    told = asked.client.views.history(asked.key(process_id))
    if asked.as_json:
        for event in told:  # a line each, for there may be many
            click.echo(json.dumps(_event_as_json(event)))
        return
    events = list(told)
    if events:
        _print_history(events)
    else:
        click.echo("Nothing is known of it.")


@on_processes
@click.argument("definition")
@click.option("--all-tenants", is_flag=True, help="Of the whole stack; for operators.")
def stats(asked: Asked, definition: str, all_tenants: bool) -> None:
    """Show what became of the processes of a definition, or type, by version."""
    whose = None if all_tenants else asked.tenant_id
    versions = asked.client.views.statistics(whose, definition)
    if asked.as_json:
        click.echo(json.dumps(statistics_as_json(definition, versions)))
        return
    console = Console()
    if not versions:
        click.echo("Nothing was counted of it.")
    for version in versions:
        _print_version(console, definition, version)


@click.group()
def views() -> None:
    """See to the views of a stack."""


@on_deployment
def rebuild(stack: Deployment, *, as_json: bool) -> None:
    """Make the views anew from the table of the processes.

    For a stack that keeps views from now on, or has lost their table. Whatever the views know
    already stays, and events may come in meanwhile. Inbox, lists and open counts are exact
    afterwards; of the history there is what the table still holds.
    """
    from trellis_process.dynamodb.audit_reader import AuditReader
    from trellis_process.dynamodb.view_rebuild import Rebuilt, ViewRebuild
    from trellis_process.dynamodb.view_store import DynamoDBViewStore
    from trellis_process.dynamodb.view_table import ViewTable

    table = ViewTable(stack.output("ViewTableName"), region=stack.region)
    store = DynamoDBViewStore(table, retention=stack.retention())
    with Console(stderr=True).status("Reading the table") as status:

        def tell(so_far: Rebuilt) -> None:
            status.update(f"{so_far.processes} processes")

        done = ViewRebuild(AuditReader(stack.table()), store, on_page=tell).run()
    if as_json:
        click.echo(json.dumps({"processes": done.processes, "unreadable": done.unreadable}))
    else:
        unreadable = f", {done.unreadable} unreadable" if done.unreadable else ""
        click.echo(f"{done.processes} processes are in the views{unreadable}.")


views.add_command(rebuild)


def _print_tasks(found: Iterable[TaskEntry], now: datetime) -> None:
    rows = [
        (
            task.key.process_id,
            task.step_name,
            _due(task, now),
            task.process_type,
            task.assignee_role or "",
            task.assignee or "",
            ", ".join(name for name, _ in task.outcomes),
        )
        for task in found
    ]
    columns = ("process", "step", "due", "of", "role", "assignee", "outcomes")
    below = ("outcomes", "of", "role", "assignee", "step")
    print_listing(Console(), columns, rows, below=below)


def _due(task: TaskEntry, now: datetime) -> Text:
    if task.due_at is None:
        return Text("")
    left = (task.due_at - now).total_seconds()
    if left < 0:
        return Text(f"overdue for {span(-left)}", "yellow")
    return Text(f"in {span(left)}")


def _print_history(events: Iterable[ToldEvent]) -> None:
    rows: list[tuple[str | Text, ...]] = []
    for event in events:
        if event.follows_gap:
            rows.append(("", Text("something is missing here", "yellow"), "", "", ""))
        rows.append(
            (
                event.time.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                event.type,
                event.step_name or "",
                (event.actor or "").rsplit("/", 1)[-1],
                event.reason
                or str(event.details.get("error") or event.details.get("outcome") or ""),
            )
        )
    columns = ("time", "event", "step", "by", "why")
    print_listing(Console(), columns, rows, below=("why", "by", "step"))


def _event_as_json(event: ToldEvent) -> dict[str, Any]:
    said = {
        **vars(event),
        "time": event.time.isoformat(),
        "process_state": event.process_state.value,
        "follows_gap": event.follows_gap or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _print_version(console: Console, definition: str, version: VersionStatistics) -> None:
    of = "" if version.definition_version is None else f" {version.definition_version}"
    console.print(
        Text.assemble(
            (f"{definition}{of}", "bold"),
            f": {version.started} started, {version.open} open, {version.completed} completed, "
            f"{version.failed} failed, {version.cancelled} cancelled",
        )
    )
    facts = [f"took {_took(version.durations)}"] if version.durations.count else []
    if version.sla_compliance is not None:
        facts.append(f"{version.sla_compliance:.1%} within the agreed time")
    if version.compensations or version.compensations_failed:
        failed = version.compensations_failed
        facts.append(
            f"{version.compensations} steps undone" + (f", {failed} not" if failed else "")
        )
    if facts:
        console.print(Text("; ".join(facts), "dim"))
    if version.steps:
        _print_steps(console, version.steps)


def _print_steps(console: Console, steps: Iterable[StepStatistics]) -> None:
    counts = ("completed", "failed", "skipped", "retries", "timeouts")
    rows = [
        (
            step.step_name,
            *(str(getattr(step, count) or "") for count in counts),
            _took(step.durations) if step.durations.count else "",
        )
        for step in steps
    ]
    below = ("took", *reversed(counts))
    print_listing(console, ("step", *counts, "took"), rows, below=below)


def _took(durations: Durations) -> str:
    """``2 m, 9 in 10 under 4 m``, in units that people read."""
    assert durations.p50 is not None, "something was measured"
    assert durations.p90 is not None, "something was measured"
    return f"{_span(durations.p50)}, nine in ten at most {_span(durations.p90)}"


def _span(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 2_000 else span(milliseconds / 1000)


COMMANDS = (tasks, history, stats, views)
