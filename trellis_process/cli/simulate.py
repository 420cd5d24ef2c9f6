"""``trellis simulate``: walks a definition with given answers and times, on a clock of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.definition_files import FILE, read_definition
from trellis_process.cli.exit_codes import FOUND_SOMETHING, told_errors
from trellis_process.errors import InvalidInput

if TYPE_CHECKING:
    from trellis_process.simulation import Entry, Scenario, Simulation

STATES = ("completed", "failed", "cancelled", "waiting")

#: How what happened is marked, and in which colour; other events are plain.
_LOOKS = {
    "ProcessStarted": ("●", "bold"),
    "StepStarted": ("▸", "cyan"),
    "WaitStarted": ("‖", "yellow"),
    "TaskOpened": ("?", "yellow"),
    "ChildRequested": ("▸", "cyan"),
    "StepAttemptFailed": ("✗", "yellow"),
    "ProcessStepTimedOut": ("◔", "yellow"),
    "TaskEscalated": ("!", "yellow"),
    "SlaBreached": ("!", "yellow"),
    "StepCompleted": ("✓", "green"),
    "StepSkipped": ("✓", "green"),
    "MessageSent": ("✉", "green"),
    "EffectsRequested": ("✓", "green"),
    "StepFailed": ("✗", "red"),
    "CompensationStarted": ("↺", "magenta"),
    "CompensationCompleted": ("✓", "magenta"),
    "CompensationFailed": ("✗", "red"),
    "Refused": ("✗", "red"),
    "ProcessCompleted": ("■", "bold green"),
    "ProcessFailed": ("■", "bold red"),
    "ProcessCancelled": ("■", "bold magenta"),
}


@click.command()
@click.argument("file", type=FILE, metavar="FILE")
@click.option("--input", "given", metavar="JSON", help="What it is started with; @FILE reads it.")
@click.option(
    "--answers",
    type=FILE,
    metavar="FILE",
    help="What comes from outside: answers, commands, an input; YAML, or JSON.",
)
@click.option("--until", metavar="SPAN", help="How long it goes on at most: 30d.")
@click.option(
    "--with",
    "children",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A definition whose processes it starts; may be repeated. Other children are answered.",
)
@click.option(
    "--strict-answers", is_flag=True, help="End where an answer, or the input, is missing."
)
@click.option("--all", "shows_all", is_flag=True, help="Show the parts of a long foreach too.")
@click.option(
    "--expect", type=click.Choice(STATES), help="End with status 1 where it ends otherwise."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A timeline for people, or JSON for programs.",
)
def simulate(
    file: Path,
    given: str | None,
    answers: Path | None,
    until: str | None,
    children: tuple[Path, ...],
    strict_answers: bool,
    shows_all: bool,
    expect: str | None,
    form: str,
) -> None:
    """Walk a definition: what happens when, and why, with these answers.

    Nobody is asked anything, and no time passes. What has no answer succeeds at once with an
    example, and so does an input that is not given; both are marked.
    """
    from trellis_process.simulation import START, Scenario
    from trellis_process.simulation import simulate as walk

    with told_errors():
        scenario = Scenario() if answers is None else _scenario(answers)
        done = walk(
            read_definition(file),
            input=scenario.input if given is None else _input(given),
            answers=scenario.answers,
            commands=scenario.commands,
            definitions=[read_definition(each) for each in children],
            lists=scenario.lists,
            start=scenario.starts_at or START,
            until=until or scenario.until,
            strict_answers=strict_answers,
        )
    if form == "json":
        click.echo(json.dumps(done.as_json(), ensure_ascii=False, indent=2))
    else:
        _print(done, shows_all=shows_all)
    ended_as = done.state if done.process.state.is_final else "waiting"
    if expect not in (None, ended_as):
        click.echo(f"trellis: expected {expect}, and it is {ended_as}", err=True)
        sys.exit(FOUND_SOMETHING)


def _scenario(path: Path) -> Scenario:
    from trellis_process.simulation.scenario import read_scenario

    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return read_scenario(text, is_json=path.suffix == ".json")


def _input(given: str) -> dict[str, Any]:
    text = given
    if given.startswith("@"):
        path = Path(given[1:])
        if not path.is_file():
            raise InvalidInput("--input", given, "there is no such file")
        text = path.read_text(encoding="utf-8")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput("--input", given, f"allowed is JSON ({error})") from error
    if not isinstance(value, dict):
        raise InvalidInput("--input", value, "allowed is an object")
    return value


def _print(done: Simulation, *, shows_all: bool) -> None:
    console = Console()
    lines = Table.grid(padding=(0, 2))
    lines.add_column(justify="right", style="dim", no_wrap=True)
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    shown = [each for each in done.timeline if shows_all or not each.is_of_part]
    for each in shown:
        mark, style = _LOOKS.get(each.event, ("·", ""))
        lines.add_row(each.elapsed_text, Text(f"{mark} {each.subject}", style), _told(each))
    console.print(lines)
    if hidden := len(done.timeline) - len(shown):
        console.print(Text(f"{hidden:,} lines about the parts of a foreach: --all", "dim"))
    console.print()
    first, *others = done.summary()
    mark, style = _LOOKS.get(f"Process{done.state.capitalize()}", ("‖", "bold yellow"))
    console.print(Text(f"{mark} {first}", style))
    for line in others:
        console.print_hanging(line)


def _told(entry: Entry) -> Text:
    text = Text(entry.text)
    if entry.is_assumed:
        text.append(" (assumed)", "italic dim")
    if entry.why:
        text.append(f"  {entry.why}", "dim")
    return text


COMMANDS = (simulate,)
