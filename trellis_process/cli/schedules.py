"""``trellis schedules``: what starts processes at times, agreed, looked at, paused, run, ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from trellis_process.cli.console import Console
from trellis_process.cli.processes import Asked, json_value, moment_value, on_processes
from trellis_process.cli.schedule_view import print_schedules, print_times, schedule_view
from trellis_process.domain.schedule.representation import schedule_as_json
from trellis_process.domain.schedule.schedule import Schedule
from trellis_process.domain.schedule.terms import UTC_ZONE, Overlap, ScheduleTerms
from trellis_process.domain.time import to_text


@click.group(invoke_without_command=True)
@click.pass_context
def schedules(context: click.Context) -> None:
    """Start processes at times, again and again; without a word, list what does."""
    if context.invoked_subcommand is None:
        with list_.make_context("list", [], parent=context) as listing:
            list_.invoke(listing)


_reason = click.option("--reason", help="Why; it goes into the events.")
_request_id = click.option("--request-id", help="Your own id of it: a repeat changes nothing.")
_overlap = click.Choice([each.value for each in Overlap])


@on_processes
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def list_(asked: Asked, limit: int) -> None:
    """List schedules, the newest first."""
    found = list(islice(asked.client.schedules.list(asked.tenant_id), limit))
    if asked.as_json:
        click.echo(json.dumps([schedule_as_json(each) for each in found]))
    elif found:
        print_schedules(Console(), found, datetime.now(UTC))
    else:
        click.echo("There are none.")


@on_processes
@click.argument("name")
def show(asked: Asked, name: str) -> None:
    """Show a schedule: when next, what is open, what waits."""
    _answer(asked, asked.client.schedules.get(asked.tenant_id, name))


@on_processes
@click.argument("name")
@click.argument("definition")
@click.option("--cron", help="When, as five fields: '0 9 * * MON'.")
@click.option("--every", help="How often, at least a minute: 90m.")
@click.option("--time-zone", default=UTC_ZONE, show_default=True, help="Whose clock --cron means.")
@click.option("--catch-up", is_flag=True, help="Start later what nobody started in time.")
@click.option(
    "--overlap",
    type=_overlap,
    default=Overlap.SKIP.value,
    show_default=True,
    help="What becomes of a run while another is open.",
)
@click.option("--timeout", help="How long a run may take: 2h.")
@click.option("--input", callback=json_value, help="What each is started with, a JSON object.")
@_reason
def put(asked: Asked, name: str, reason: str | None, **said: Any) -> None:
    """Agree that NAME starts processes of DEFINITION; or other terms, if it is there."""
    terms = ScheduleTerms(**{field: value for field, value in said.items() if value is not None})
    _answer(asked, asked.client.schedules.put(asked.tenant_id, name, terms, reason=reason))


@on_processes
@click.argument("name")
@_reason
def pause(asked: Asked, name: str, reason: str | None) -> None:
    """Have a schedule start nothing until it is resumed; what is open goes on."""
    _answer(asked, asked.client.schedules.pause(asked.tenant_id, name, reason=reason))


@on_processes
@click.argument("name")
@_reason
def resume(asked: Asked, name: str, reason: str | None) -> None:
    """Have a paused schedule go on."""
    _answer(asked, asked.client.schedules.resume(asked.tenant_id, name, reason=reason))


@on_processes
@click.argument("name")
@click.option("--overlap", type=_overlap, help="While others are open; as agreed unless given.")
@_request_id
@_reason
def run(asked: Asked, name: str, overlap: str | None, **said: Any) -> None:
    """Start a run now, whatever the time."""
    how = None if overlap is None else Overlap(overlap)
    _answer(asked, asked.client.schedules.start_run(asked.tenant_id, name, overlap=how, **said))


@on_processes
@click.argument("name")
@click.option("--after", required=True, callback=moment_value, help="The times after this moment,")
@click.option("--until", required=True, callback=moment_value, help="and up to this one.")
@click.option("--side-by-side", is_flag=True, help="All at once, not one after the other.")
@_request_id
@_reason
def backfill(asked: Asked, name: str, **said: Any) -> None:
    """Start the runs for a range of times in the past."""
    _answer(asked, asked.client.schedules.backfill(asked.tenant_id, name, **said))


@on_processes
@click.argument("name")
@click.option(
    "-n", "count", type=click.IntRange(1, 1_000), default=5, show_default=True, help="How many."
)
def next_(asked: Asked, name: str, count: int) -> None:
    """Tell the next times of a schedule."""
    times = asked.client.schedules.upcoming(asked.tenant_id, name, count)
    if asked.as_json:
        click.echo(json.dumps([to_text(each) for each in times]))
    elif times:
        terms = asked.client.schedules.get(asked.tenant_id, name).terms
        print_times(Console(), times, terms, datetime.now(UTC))
    else:
        click.echo("No time comes any more.")


@on_processes
@click.argument("name")
@_reason
def delete(asked: Asked, name: str, reason: str | None) -> None:
    """End a schedule; what is open goes on, and the name may be used again."""
    _answer(asked, asked.client.schedules.delete(asked.tenant_id, name, reason=reason))


def _answer(asked: Asked, schedule: Schedule) -> None:
    if asked.as_json:
        click.echo(json.dumps(schedule_as_json(schedule)))
    else:
        Console().print(schedule_view(schedule, datetime.now(UTC)))


for _command in (list_, show, put, pause, resume, run, backfill, next_, delete):
    schedules.add_command(_command)

COMMANDS = (schedules,)
