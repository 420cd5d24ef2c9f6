"""``trellis register`` and ``trellis definitions``: the definitions that a stack has."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.cli.console import Console
from trellis_process.cli.exit_codes import told_errors
from trellis_process.cli.stacks import find_stack
from trellis_process.client import TrellisClient, VersionsOfDefinition


def on_definitions(command: Callable[..., None]) -> Callable[..., None]:
    """What every command on definitions is told: whom to ask. Its errors become exit codes."""

    @click.option("--url", envvar="TRELLIS_API_URL", help="The stack's output ApiUrl.")
    @click.option("--profile", envvar="TRELLIS_PROFILE", help="A profile of the configuration.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @wraps(command)
    def asked(*, url: str | None, profile: str | None, **given: Any) -> None:
        with (
            told_errors(),
            find_stack(url, profile).client() as client,
            Console(stderr=True).status("Asking the tracker"),
        ):
            command(client, **given)

    return asked


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE…",
)
@click.option("--strict", is_flag=True, help="Refuse what is merely doubtful as well.")
@on_definitions
def register(client: TrellisClient, files: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Register definitions, so that processes can be started of them by name.

    A version never changes: the same again is a no-op, other content needs a version of its own.
    Files are YAML or JSON; - reads standard input. Processes that are open go on in the version
    that they have.
    """
    for path in files:
        registered = client.definitions.register(click.open_file(str(path)).read(), strict=strict)
        if as_json:
            click.echo(json.dumps(asdict(registered)))
            continue
        for warning in registered.warnings:
            click.echo(f"{path}: {warning}", err=True)
        click.echo(f"{registered.name} {registered.version}: {registered.status}")


@click.group()
def definitions() -> None:
    """See to the definitions that a stack has: list, show, drain, activate, archive."""


@definitions.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most.")
@on_definitions
def list_(client: TrellisClient, limit: int, as_json: bool) -> None:
    """List the names of all definitions."""
    names = list(islice(client.definitions.names(), limit))
    if as_json:
        click.echo(json.dumps(names))
    else:
        click.echo("\n".join(names) if names else "There are none.")


@definitions.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(1), help="One version, as YAML.")
@on_definitions
def show(client: TrellisClient, name: str, version: int | None, as_json: bool) -> None:
    """Show the versions of a definition, and how many processes of each are open; or one of them.

    Open processes are those of all tenants, as the audit counted them within the hour.
    """
    if version is None:
        _tell(client.definitions.versions(name), as_json)
        return
    document = client.definitions.get(name, version)
    if as_json:
        click.echo(json.dumps(document))
        return
    from trellis_process.domain.definition.process_definition import ProcessDefinition

    click.echo(ProcessDefinition.from_dict(document).to_yaml(), nl=False)


def _status_command(word: str, status: DefinitionStatus, told: str) -> click.Command:
    @click.argument("name")
    @click.argument("version", type=click.IntRange(1))
    @on_definitions
    def change(client: TrellisClient, name: str, version: int, as_json: bool) -> None:
        _tell(client.definitions.set_status(name, version, status), as_json)

    change.__doc__ = told
    return click.command(word, help=told)(change)


for _word, _status, _told in (
    ("drain", DefinitionStatus.DRAINING, "Start no process of a version any more."),
    ("activate", DefinitionStatus.ACTIVE, "Let processes of a version be started again."),
    ("archive", DefinitionStatus.ARCHIVED, "Put a version away of which no process is open."),
):
    definitions.add_command(_status_command(_word, _status, _told))


def _tell(versions: VersionsOfDefinition, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(versions)))
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("version", "status", "open"):
        table.add_column(heading, justify="right" if heading == "open" else "left")
    for each in versions.versions:
        newest = " (newest)" if each.version == versions.newest else ""
        counted = "not counted yet" if each.open is None else f"{each.open:,}"
        table.add_row(f"{each.version}{newest}", each.status.value, counted)
    Console().print(table)


COMMANDS = (register, definitions)
