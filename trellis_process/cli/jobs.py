"""``trellis jobs``: a command for all processes that a filter is about, foreseen and followed."""

from __future__ import annotations

import json
import time
from itertools import islice
from typing import Any

import click

from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, job_as_json
from trellis_process.cli.console import Console
from trellis_process.cli.job_view import job_view, print_jobs, print_results, progress_line
from trellis_process.cli.processes import Asked, json_value, moment_value, on_processes
from trellis_process.domain.states import ProcessState

POLL_SECONDS = 1.0

#: The words of the command line for what each process is told.
WORDS = {
    "suspend": CommandName.SUSPEND_PROCESS,
    "resume": CommandName.RESUME_PROCESS,
    "cancel": CommandName.CANCEL_PROCESS,
    "retry": CommandName.RETRY_STEP,
    "skip": CommandName.SKIP_STEP,
    "rerun": CommandName.RERUN_FROM,
}


@click.group()
def jobs() -> None:
    """Give a command to many processes at once, and see what becomes of each."""


def _searched(
    _context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, Any]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param=parameter)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value  # a word needs no quotes
    return found


_follow = click.option("--follow", is_flag=True, help="Tell how far it has come until it ends.")


@on_processes
@click.argument("command", type=click.Choice(list(WORDS)), required=False)
@click.option("--step", help="The step, of skip and rerun; of retry, unless that failed last.")
@click.option("--compensate", is_flag=True, help="Of cancel: undo first what was completed.")
@click.option("--output", callback=json_value, help="Of skip: the step's result, as JSON.")
@click.option("--type", "process_type", help="Only processes of this type.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in ProcessState]),
    help="Only in this state; unless said, in those that the command is about.",
)
@click.option("--definition-version", type=click.IntRange(1), help="Only of this version.")
@click.option("--at", "step_name", help="Only those at this step: it is open, or failed.")
@click.option("--started-after", callback=moment_value, help="Only those started then or later.")
@click.option("--started-before", callback=moment_value, help="Only those started earlier.")
@click.option("--failed-because", "reason_of_end", help="Only if their reason begins so.")
@click.option(
    "--search",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_searched,
    help="Only with this search attribute; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--of", help="Do what this completed dry run said, to what it listed.")
@click.option("--key", help="The same key starts one job, however often.")
@click.option("--reason", help="Why; it goes into the events.")
@_follow
def start(
    asked: Asked,
    command: str | None,
    step: str | None,
    compensate: bool,
    output: Any,
    search: dict[str, Any],
    reason_of_end: str | None,
    dry_run: bool,
    of: str | None,
    key: str | None,
    reason: str | None,
    follow: bool,
    **said: Any,
) -> None:
    """Give COMMAND to all processes for which all that is said is true.

    Begin with --dry-run, look at its results, then start --of it.
    """
    told = None
    if command is not None:
        told = JobCommand(
            command=WORDS[command], step_name=step, compensate=compensate, output=output
        )
    filters = {**said, "reason": reason_of_end, "search_attributes": search or None}
    filters = {name: value for name, value in filters.items() if value is not None}
    job = asked.client.jobs.start(
        asked.tenant_id,
        told,
        JobFilter(**filters) if filters else None,
        dry_run=dry_run,
        of=of,
        key=key,
        reason=reason,
    )
    _answer(asked, job, follow)


@on_processes
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def list_(asked: Asked, limit: int) -> None:
    """List jobs, the newest first, and how far each has come."""
    found = list(islice(asked.client.jobs.list(asked.tenant_id), limit))
    if asked.as_json:
        click.echo(json.dumps([job_as_json(job) for job in found]))
    elif found:
        print_jobs(Console(), found)
    else:
        click.echo("There are none.")


@on_processes
@click.argument("job_id")
@_follow
def show(asked: Asked, job_id: str, follow: bool) -> None:
    """Show a job, and how far it has come."""
    _answer(asked, asked.client.jobs.get(asked.tenant_id, job_id), follow)


@on_processes
@click.argument("job_id")
@click.option(
    "--outcome",
    type=click.Choice([outcome.value for outcome in JobOutcome]),
    help="Only those with this outcome.",
)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most.")
def results(asked: Asked, job_id: str, outcome: str | None, limit: int) -> None:
    """List what became of each process, or in a dry run what would."""
    found = asked.client.jobs.results(
        asked.tenant_id, job_id, outcome=None if outcome is None else JobOutcome(outcome)
    )
    some = list(islice(found, limit))
    if asked.as_json:
        click.echo(json.dumps([each.as_json() for each in some]))
    elif some:
        print_results(Console(), some)
    else:
        click.echo("There are none.")


@on_processes
@click.argument("job_id")
def cancel(asked: Asked, job_id: str) -> None:
    """Call a job off; what is done stays done."""
    _answer(asked, asked.client.jobs.cancel(asked.tenant_id, job_id), False)


@on_processes
@click.argument("job_id")
def resume(asked: Asked, job_id: str) -> None:
    """Have a job go on that was interrupted."""
    _answer(asked, asked.client.jobs.resume(asked.tenant_id, job_id), False)


def _answer(asked: Asked, job: Job, follow: bool) -> None:
    told = ""
    while follow and not job.state.is_final:
        if not asked.as_json and (line := progress_line(job)) != told:
            click.echo(line)
            told = line
        time.sleep(POLL_SECONDS)
        job = asked.client.jobs.get(job.tenant_id, job.job_id)
    if asked.as_json:
        click.echo(json.dumps(job_as_json(job)))
    else:
        Console().print(job_view(job))


for _command in (start, list_, show, results, cancel, resume):
    jobs.add_command(_command)

COMMANDS = (jobs,)
