"""``trellis cost``: what a described workload costs on AWS in a month, part by part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.event_line import WIDE
from trellis_process.cli.exit_codes import told_errors
from trellis_process.cost import Bill, Workload, bill, price_elsewhere, read_workloads, usage_of
from trellis_process.cost.bill import bill_together, idle_bill
from trellis_process.cost.journey import Journey, Starting
from trellis_process.cost.prices import AS_OF, REGION
from trellis_process.cost.workload import Channel, workload_of

_USUAL = Workload()
_JOURNEY = Journey()

#: The fields of a workload that have an option of their own, and what it says.
_OPTIONS: dict[str, tuple[Any, str]] = {
    "processes": (float, "How many are started in a month."),
    "steps": (int, "Steps of each."),
    "starting": (click.Choice([each.value for each in Starting]), "How its steps begin."),
    "step_seconds": (float, "How long a step takes."),
    "timeout_seconds": (float, "How long an attempt may take; 0 for no limit."),
    "timing_out": (float, "The share of steps that time out once; 0.01 is one in a hundred."),
    "heartbeats": (int, "How often a step says that it is still at work."),
    "metadata_bytes": (int, "Size of a process's metadata, as JSON."),
    "output_bytes": (int, "Size of a step's output, as JSON."),
    "channel": (click.Choice([each.value for each in Channel]), "How services report."),
    "together": (int, "Commands in one call, up to 25, or in one batch of the queue, up to 10."),
    "changes_together": (int, "Changes that one run of the publisher takes, up to 100."),
    "kept_days": (float, "How long a finished process stays in the table."),
    "billed_ms": (float, "What Lambda bills for each command and each change."),
    "read_models": (bool, "Keep read models too: an inbox, lists, histories, statistics."),
}


def _with_options(command: Any) -> Any:
    for name, (kind, text) in reversed(_OPTIONS.items()):
        usual = getattr(_JOURNEY, name, None)
        usual = getattr(_USUAL, name) if usual is None else usual
        shown = f"{usual:,.10g}" if isinstance(usual, float) else str(usual)
        option = f"--{name.replace('_', '-')}"
        if kind is bool:
            command = click.option(option, name, is_flag=True, default=None, help=text)(command)
            continue
        command = click.option(option, name, type=kind, help=f"{text}  [default: {shown}]")(command)
    return command


@click.command()
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Workloads as TOML: a table [name] for each, with the fields that differ.",
)
@_with_options
@click.option(
    "--sweepers",
    type=int,
    default=1,
    help="How many sweepers the stack has, up to 8; of it, not of a table.  [default: 1]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def cost(path: Path | None, *, sweepers: int, as_json: bool, **given: Any) -> None:
    """Price a workload: what it costs on AWS in a month, and elsewhere.

    Asks nobody anything: it takes such a process through the code and counts what that asks of
    AWS, at list prices of us-east-1, without free tiers. Each option is also a field of --file,
    with _ for the dashes; options hold for every table that does not say otherwise.
    """
    said = {name: value for name, value in given.items() if value is not None}
    with told_errors():
        workloads = (
            [workload_of("processes", said)]
            if path is None
            else read_workloads(path.read_text(encoding="utf-8"), usual=said)
        )
        if as_json:
            click.echo(json.dumps(_as_json(workloads, sweepers)))
        else:
            _print(workloads, sweepers)


def _as_json(workloads: Sequence[Workload], sweepers: int) -> dict[str, Any]:
    whole = bill_together(workloads, sweepers=sweepers)
    return {
        "prices": {"region": REGION, "as_of": AS_OF},
        "workloads": [
            {
                **asdict(each),
                "usage_of_a_process": asdict(usage_of(each.journey)),
                "dollars": {**bill(each).parts, "together": bill(each).together},
                "dollars_elsewhere": {
                    system: price * each.processes
                    for system, price in price_elsewhere(each.journey).items()
                },
            }
            for each in workloads
        ],
        "dollars": {**whole.parts, "together": whole.together},
    }


def _print(workloads: Sequence[Workload], sweepers: int) -> None:
    idle = idle_bill(sweepers)
    console = Console()
    for each in workloads:
        console.print(_heading(each))
        console.print(_parts(each, bill(each)))
        console.print()
    console.print(_month(workloads, idle))
    console.print()
    console.print(_elsewhere(workloads))
    console.print(_notes(), style="dim", width=min(console.width, WIDE))


def _heading(workload: Workload) -> Text:
    journey = workload.journey
    way = {
        Channel.API: "reported over HTTP",
        Channel.QUEUE: "reported by the queue",
        Channel.LIBRARY: "reported through the library",
    }[workload.channel]
    steps = "1 step" if journey.steps == 1 else f"{journey.steps} steps"
    return Text.assemble(
        (workload.name, "bold"), f": {workload.processes:,.0f} a month of {steps}, {way}"
    )


def _parts(workload: Workload, each: Bill) -> Table:
    usage, many = usage_of(workload.journey), workload.processes
    counted = {
        "channel": (usage.commands, "commands"),
        "functions": (usage.commands + usage.changes, "commands and changes"),
        "writes": (usage.write_units, "write units"),
        "reads": (usage.read_units, "read units"),
        "events": (usage.events, "events"),
        "logs": (usage.commands + usage.changes, "commands and changes"),
        "storage": (usage.stored_bytes, f"bytes for {workload.kept_days:g} days"),
        "read models": (usage.events, "events"),
    }
    table = _table("", "of each process", "dollars a month", "share")
    for part, dollars in each.parts.items():
        number, unit = counted[part]
        share = dollars / each.together if each.together else 0.0
        table.add_row(part, f"{round(number, 1):,.10g} {unit}", _dollars(dollars), f"{share:.0%}")
    steps = many * workload.journey.steps
    table.add_row("together", "", Text(_dollars(each.together), "bold"), "")
    if workload.read_models and many * usage.events:
        of_views = each.parts["read models"] / (many * usage.events) * 1e6
        table.add_row("read models of", "a million events", _dollars(of_views), "")
    if steps:
        table.add_row("a million steps", "", _dollars(each.together / steps * 1e6), "")
    return table


def _month(workloads: Sequence[Workload], idle: Bill) -> Table:
    table = _table("the stack", "dollars a month")
    for each in workloads:
        table.add_row(each.name, _dollars(bill(each).together))
    for part, dollars in idle.parts.items():
        table.add_row(f"{part}, whatever happens", _dollars(dollars))
    together = sum(map(bill, workloads), idle).together
    table.add_row("together", Text(_dollars(together), "bold"))
    return table


def _elsewhere(workloads: Sequence[Workload]) -> Table:
    ours = sum(bill(each).together for each in workloads)
    table = _table("the same elsewhere, at least", "dollars a month", "times as much")
    systems: dict[str, float] = {}
    for each in workloads:
        for system, price in price_elsewhere(each.journey).items():
            systems[system] = systems.get(system, 0.0) + price * each.processes
    for system, dollars in systems.items():
        table.add_row(system, _dollars(dollars), f"{dollars / ours:.1f}" if ours else "")
    return table


def _notes() -> str:
    return (
        f"\nList prices of {REGION}, {AS_OF}. Elsewhere only the system's own price is counted, "
        "not the functions, APIs and logs around it; of Trellis all of these are. The billed time "
        "is assumed: the REPORT lines of your functions say it."
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for place, name in enumerate(columns):
        is_text = place == 0 or name == "of each process"
        table.add_column(name, justify="left" if is_text else "right", overflow="fold")
    return table


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


COMMANDS = (cost,)
