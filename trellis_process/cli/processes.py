"""The commands on processes: what a person, or a script, asks of a stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from itertools import islice
from typing import Any

import click

from trellis_process.cli.console import Console
from trellis_process.cli.errors import NoStack
from trellis_process.cli.exit_codes import told_errors
from trellis_process.cli.outline import Document
from trellis_process.cli.process_view import print_processes, process_view
from trellis_process.cli.stacks import find_stack
from trellis_process.client import TrellisClient
from trellis_process.client.errors import NotAuthorized
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import moment_from
from trellis_process.errors import Conflict, DefinitionNotFound, InvalidInput
from trellis_process.representation import process_as_json


@dataclass(frozen=True)
class Asked:
    """What every command on processes is told: whom to ask, of which tenant, and how to answer."""

    client: TrellisClient
    tenant_id: str
    as_json: bool

    def key(self, process_id: str) -> ProcessKey:
        """The process of that id."""
        return ProcessKey(self.tenant_id, process_id)

    def answer(self, process: Process) -> None:
        """Prints one process."""
        if self.as_json:
            click.echo(json.dumps(process_as_json(process)))
        else:
            console = Console()
            document, note = self._definition(process)
            console.print(process_view(process, datetime.now(UTC), console.width, document))
            if note:
                console.print(f"\n{note}", style="dim")

    def _definition(self, process: Process) -> tuple[Document | None, str]:
        """The definition that orders a process, where one does; or why it is not known."""
        if process.definition_version is None:
            return None, ""
        if process.process_type == SCHEDULE:
            return None, f"It is a schedule: trellis schedules show {process.aggregate_id}"
        try:
            version = process.definition_version
            return self.client.definitions.get(process.process_type, version), ""
        except (NotAuthorized, DefinitionNotFound) as error:
            return None, f"Steps that were not entered are not shown: {error}."


def on_processes(command: Callable[..., None]) -> click.Command:
    """A command that begins with ``Asked``, and whose errors become exit codes."""

    @click.option("--url", envvar="TRELLIS_API_URL", help="The stack's output ApiUrl.")
    @click.option("--profile", envvar="TRELLIS_PROFILE", help="A profile of the configuration.")
    @click.option("--tenant", envvar="TRELLIS_TENANT", help="Whose processes.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @wraps(command)
    def asked(
        *, url: str | None, profile: str | None, tenant: str | None, as_json: bool, **given: Any
    ) -> None:
        with told_errors():
            stack = find_stack(url, profile)
            tenant_id = tenant or stack.tenant
            if tenant_id is None:
                raise NoStack("whose processes? Give --tenant, or set TRELLIS_TENANT")
            with stack.client() as client, Console(stderr=True).status("Asking the tracker"):
                command(Asked(client, tenant_id, as_json), **given)

    return click.command(name=command.__name__.removesuffix("_").replace("_", "-"))(asked)


def json_value(_context: click.Context, parameter: click.Parameter, text: str | None) -> Any:
    """What an option holds that takes JSON."""
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"it is not JSON: {error}", param=parameter) from error


def moment_value(
    _context: click.Context, parameter: click.Parameter, text: str | None
) -> datetime | None:
    """What an option holds that takes a moment."""
    try:
        return None if text is None else moment_from(text)
    except ValueError as error:
        told = f"a moment with its time zone, such as 2026-03-01T09:30:00Z: {error}"
        raise click.BadParameter(told, param=parameter) from error


def _steps(
    _context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> list[ProcessStep]:
    try:
        return [_step(*text.split(",")) for text in given]
    except InvalidInput as error:
        raise click.BadParameter(str(error), param=parameter) from error
    except (TypeError, ValueError) as error:
        raise click.BadParameter("a step is NAME[,SECONDS[,RETRIES]]", param=parameter) from error


def _step(name: str, timeout_s: str = "", retries: str = "0") -> ProcessStep:
    timeout_ms = int(float(timeout_s) * 1000) if timeout_s else None
    return ProcessStep(name=name, timeout_ms=timeout_ms, retries_permitted=int(retries))


_attempt = click.option("--attempt", type=int, help="Which attempt; the current one unless given.")
_reason = click.option("--reason", help="Why; it goes into the events.")


@on_processes
@click.argument("process_type")
@click.argument("aggregate_type")
@click.argument("aggregate_id")
@click.option(
    "--step",
    "steps",
    multiple=True,
    required=True,
    metavar="NAME[,SECONDS[,RETRIES]]",
    callback=_steps,
    help="A step, with the time an attempt may take and its retries.",
)
@click.option("--metadata", callback=json_value, help="A JSON object.")
@click.option("--idempotency-key", help="The same key starts one process, however often.")
@click.option("--auto-start-steps", is_flag=True, help="Begin every step's first attempt.")
@_reason
def start(asked: Asked, **given: Any) -> None:
    """Start a process about an aggregate."""
    asked.answer(asked.client.start_process(tenant_id=asked.tenant_id, **given))


@on_processes
@click.option("--type", "process_type", help="Only of this type.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in ProcessState]),
    help="Only in this state.",
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
def list_(asked: Asked, process_type: str | None, state: str | None, limit: int) -> None:
    """List processes, the newest of each type first."""
    found = asked.client.list_processes(
        asked.tenant_id,
        process_type=process_type,
        state=None if state is None else ProcessState(state),
    )
    processes = list(islice(found, limit))
    if asked.as_json:
        click.echo(json.dumps([process_as_json(process) for process in processes]))
    elif processes:
        print_processes(Console(), processes, datetime.now(UTC))
    else:
        click.echo("There are none.")


@on_processes
@click.argument("process_id")
def show(asked: Asked, process_id: str) -> None:
    """Show a process: its steps, attempts, deadlines, and who reported."""
    asked.answer(asked.client.get_process(asked.tenant_id, process_id))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.option("--output", callback=json_value, help="What it resulted in, as JSON.")
@click.option("--outcome", help="What a person chose in a human task.")
@_attempt
@_reason
def complete(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Report that a step is done."""
    asked.answer(asked.client.complete_step(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.argument("error")
@click.option("--code", help="What kind of error, for a definition's rules.")
@click.option("--fatal", is_flag=True, help="Trying again is of no use.")
@_attempt
@_reason
def fail(asked: Asked, process_id: str, step: str, **said: Any) -> None:
    """Report that a step cannot be done; the process fails with it."""
    asked.answer(asked.client.fail_step(asked.key(process_id), step, **said))


@on_processes
@click.argument("process_id")
@click.argument("step")
@_reason
def retry(asked: Asked, process_id: str, step: str, reason: str | None) -> None:
    """Begin a failed step anew, which opens its process again; or one that waits for it, now."""
    process = asked.client.get_process(asked.tenant_id, process_id)
    failed = process.step(step)
    if failed.state is not StepState.FAILED and not failed.waits_for_retry:
        raise Conflict(f"step {step!r} is {failed.state}; only a failed step is retried")
    # The attempt is named, so that two people who retry at once begin one.
    asked.answer(asked.client.start_step(process, step, attempt=failed.attempt + 1, reason=reason))


@on_processes
@click.argument("process_id")
@click.argument("step")
@click.option("--data", callback=json_value, help="What it goes on with, as JSON.")
@click.option("--resumption", type=click.IntRange(1), help="Which one it is; the next unless said.")
@_reason
def resume(asked: Asked, process_id: str, step: str, resumption: int | None, **said: Any) -> None:
    """Let a suspended step go on."""
    process = asked.client.get_process(asked.tenant_id, process_id)
    suspended = process.step(step)
    if resumption is None:
        if not suspended.is_suspended:
            raise Conflict(
                f"step {step!r} is {suspended.state}, not suspended; to resume it before it is, "
                "say --resumption"
            )
        # Named, so that two people who resume at once resume it once.
        resumption = suspended.next_resumption
    asked.answer(asked.client.resume_step(process, step, resumption=resumption, **said))


@on_processes
@click.argument("process_id")
@click.option("--compensate", is_flag=True, help="Undo first what had been completed.")
@_reason
def cancel(asked: Asked, process_id: str, **said: Any) -> None:
    """Call a process off."""
    asked.answer(asked.client.cancel_process(asked.key(process_id), **said))


COMMANDS = (start, list_, show, complete, fail, retry, resume, cancel)
