"""The commands for the person on call: what happens, what is late, what is wrong, what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

import click

from trellis_process.cli.dead_letters import QUEUES, queues_of
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.exit_codes import FOUND_SOMETHING, told_errors
from trellis_process.cli.stacks import find_deployment
from trellis_process.domain.events import EVENT_TYPES


def on_deployment(command: Callable[..., None]) -> click.Command:
    """A command that begins with a Deployment, and whose errors become exit codes."""

    @click.option("--stack", envvar="TRELLIS_STACK", help="The stack's name in CloudFormation.")
    @click.option("--profile", envvar="TRELLIS_PROFILE", help="A profile of the configuration.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @wraps(command)
    def asked(*, stack: str | None, profile: str | None, **given: Any) -> None:
        with told_errors():
            command(find_deployment(stack, profile), **given)

    return click.command(name=command.__name__)(asked)


@on_deployment
@click.option("--follow", is_flag=True, help="Tell them as they happen, until Ctrl-C.")
@click.option("--tenant", "tenants", multiple=True, help="Only of this tenant.")
@click.option("--type", "process_types", multiple=True, help="Only of this type of process.")
@click.option("--process", "process_ids", multiple=True, help="Only of the process of this id.")
@click.option(
    "--event",
    "event_types",
    multiple=True,
    metavar="EVENT",
    type=click.Choice(sorted(EVENT_TYPES)),
    help="Only this event, such as StepFailed.",
)
@click.option("--limit", type=click.IntRange(1), help="End after so many.")
def events(
    stack: Deployment, *, follow: bool, as_json: bool, limit: int | None, **asked: Any
) -> None:
    """Follow what happens in a stack, one event a line.

    Each option may be given several times, for any of these.
    """
    from trellis_process.cli.follow import follow as follow_events
    from trellis_process.cli.follow import pattern_of

    if not follow:
        raise click.UsageError(
            "events are told when they happen and not kept: say --follow. What became of a process "
            "says trellis show."
        )
    follow_events(stack, pattern_of(**asked), as_json=as_json, limit=limit)


@on_deployment
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def overdue(stack: Deployment, *, limit: int, as_json: bool) -> None:
    """Show what waits past its deadline, in all tenants, the oldest first.

    Ends with 1 where there is any.
    """
    from trellis_process.cli.overdue import print_overdue
    from trellis_process.dynamodb import DynamoDBStepTrackerRepository

    trackers = DynamoDBStepTrackerRepository(stack.table())
    if print_overdue(trackers, datetime.now(UTC), limit=limit, as_json=as_json):
        sys.exit(FOUND_SOMETHING)


@on_deployment
@click.option("--repair", is_flag=True, help="Mend what a write can mend.")
def doctor(stack: Deployment, *, repair: bool, as_json: bool) -> None:
    """Prove that a stack is well, or show what is wrong and where to read on.

    Goes through the whole table, as the audit does. Ends with 1 where it found something.
    """
    from trellis_process.cli.doctor import run_doctor

    if not run_doctor(stack, repair=repair, as_json=as_json):
        sys.exit(FOUND_SOMETHING)


@on_deployment
@click.argument(
    "queues",
    nargs=-1,
    metavar="[QUEUE]...",
    type=click.Choice([queue.name for queue in QUEUES]),
)
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--send", multiple=True, metavar="CODE", help="Send what was refused with it; or all."
)
@click.option("--drop", multiple=True, metavar="CODE", help="Take such away; or all.")
@click.option(
    "--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most, a queue."
)
def redrive(
    stack: Deployment,
    *,
    queues: tuple[str, ...],
    send: tuple[str, ...],
    drop: tuple[str, ...],
    **said: Any,
) -> None:
    """Send again what failed: all of it, or what lies in one QUEUE or several.

    These are failed-batches, unarchived, undelivered-events, missed-sweeps, child-events,
    external-events, jobs, unviewed-events, refused-commands and refused-events, and work-left in
    the stack that binds a service. Commands and events that were refused are shown with their
    reasons, and stay unless you say --send or --drop. Ends with 1 where anything is left.
    """
    from trellis_process.cli.redrive import redrive as redrive_queues

    if both := set(send) & set(drop):
        raise click.UsageError(f"--send or --drop {', '.join(both)}, not both")
    chosen = [each for each in queues_of(stack) if not queues or each.name in queues]
    if redrive_queues(stack, chosen, send=send, drop=drop, **said):
        sys.exit(FOUND_SOMETHING)


COMMANDS = (events, overdue, doctor, redrive)
