"""``trellis plan``: what a new version of a definition changes, and which processes are open."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.definition_files import FILE, read_definition
from trellis_process.cli.exit_codes import told_errors
from trellis_process.cli.stacks import find_stack
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.errors import DefinitionNotFound, InvalidInput

if TYPE_CHECKING:
    from trellis_process.client import TrellisClient
    from trellis_process.definitions.plan import Plan
    from trellis_process.domain.definition.process_definition import ProcessDefinition
    from trellis_process.domain.process import Process
    from trellis_process.domain.step import ProcessStep

_OPEN = (
    ProcessState.PENDING,
    ProcessState.IN_PROGRESS,
    ProcessState.SUSPENDED,
    ProcessState.COMPENSATING,
)


@dataclass
class OpenProcesses:
    """The processes of a definition that are open, as far as they were looked at."""

    #: How many there are, by version; None where nobody has counted yet.
    by_version: Mapping[int, int | None] = field(default_factory=dict)
    #: How many of one tenant's are at a step, by version and step.
    at_steps: Counter[tuple[int, str]] = field(default_factory=Counter)
    #: The same of those that deal with a part of a long list of another one.
    parts_at_steps: Counter[tuple[int, str]] = field(default_factory=Counter)
    #: How many of those there are, by version.
    parts: Counter[int] = field(default_factory=Counter)
    #: Whether more are open than were looked at.
    are_more: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "by_version": {str(version): count for version, count in self.by_version.items()},
            "at_steps": [
                {"version": version, "step": step, "processes": processes, "parts": parts}
                for version, step, processes, parts in self.steps()
            ],
            "are_more": self.are_more,
        }

    def steps(self) -> list[tuple[int, str, int, int]]:
        """Each version and step that any are at: how many processes, and how many parts."""
        return [
            (*at, self.at_steps[at], self.parts_at_steps[at])
            for at in sorted({*self.at_steps, *self.parts_at_steps})
        ]

    def look_at(self, processes: Sequence[Process]) -> None:
        """Counts these as well."""
        parts = [each for each in processes if _is_part(each)]
        self.at_steps += steps_of(each for each in processes if not _is_part(each))
        self.parts_at_steps += steps_of(parts)
        self.parts.update(each.definition_version for each in parts if each.definition_version)


@click.command()
@click.argument("file", type=FILE, metavar="FILE")
@click.option(
    "--against", type=FILE, metavar="FILE", help="The version before; no stack is asked then."
)
@click.option(
    "--version",
    type=click.IntRange(1),
    help="The version to compare with; unless given the newest that is registered.",
)
@click.option("--url", envvar="TRELLIS_API_URL", help="The stack's output ApiUrl.")
@click.option("--profile", envvar="TRELLIS_PROFILE", help="A profile of the configuration.")
@click.option(
    "--tenant", envvar="TRELLIS_TENANT", help="Whose open processes are looked at, step by step."
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="How many of them at most.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Sentences for people, or JSON for programs.",
)
def plan(
    file: Path,
    against: Path | None,
    version: int | None,
    url: str | None,
    profile: str | None,
    tenant: str | None,
    limit: int,
    form: str,
) -> None:
    """Show what a new version of a definition changes, and what to mind before.

    Compares with what is registered in the stack, and says how many processes are open, on which
    version and, of a tenant, at which step. With --against compares two files. Changes nothing.
    """
    with told_errors():
        after = read_definition(file)
        if against is not None:
            _show(after, read_definition(against), None, form)
            return
        stack = find_stack(url, profile)
        with stack.client() as client, Console(stderr=True).status("Asking the tracker"):
            before, opened = _registered(client, after, version, tenant or stack.tenant, limit)
        _show(after, before, opened, form)


def _registered(
    client: TrellisClient,
    after: ProcessDefinition,
    version: int | None,
    tenant: str | None,
    limit: int,
) -> tuple[ProcessDefinition | None, OpenProcesses]:
    """The version before, None where there is none, and what is open."""
    from trellis_process.domain.definition.process_definition import ProcessDefinition

    try:
        known = client.definitions.versions(after.process)
    except DefinitionNotFound:
        if version is not None:
            raise
        return None, OpenProcesses()
    compared = version or known.newest or max(each.version for each in known.versions)
    before = ProcessDefinition.from_dict(client.definitions.get(after.process, compared))
    if tenant is None:
        return before, OpenProcesses({each.version: each.open for each in known.versions})
    counted = client.count_open(tenant, after.process)
    opened = OpenProcesses({each.version: each.open for each in counted.versions})
    left = limit
    for state in _OPEN:
        listed = client.list_processes(tenant, process_type=after.process, state=state)
        found = list(islice(listed, left + 1))
        opened.are_more |= len(found) > left
        opened.look_at(found[:left])
        left -= min(left, len(found))
    return before, opened


def steps_of(processes: Iterable[Process]) -> Counter[tuple[int, str]]:
    """How many processes are at a step, by version and the step's name in the definition.

    A step that waits for the steps inside of it is none where anything is done.
    """
    from trellis_process.domain.engine.names import defined_name

    at: Counter[tuple[int, str]] = Counter()
    for process in processes:
        if process.definition_version is not None:
            names = {
                defined_name(each.name)
                for each in process.steps.values()
                if each.is_open and not _is_around_others(each)
            }
            at.update((process.definition_version, name) for name in names)
    return at


def _is_part(process: Process) -> bool:
    """Whether it deals with a part of a long list of another one."""
    return process.parent is not None and process.parent.part is not None


def _is_around_others(step: ProcessStep) -> bool:
    """Whether it waits for branches or items in its own process; a child is a process apart."""
    progress = step.progress or {}
    return step.waits_for is WaitingFor.CHILDREN and bool(progress) and "parts" not in progress


def _show(
    after: ProcessDefinition,
    before: ProcessDefinition | None,
    opened: OpenProcesses | None,
    form: str,
) -> None:
    from trellis_process.definitions.plan import plan_of

    if before is not None and before.process != after.process:
        allowed = f"allowed is another version of {before.process!r}, which it is compared with"
        raise InvalidInput("process", after.process, allowed)
    made = None if before is None else plan_of(before, after)
    if form == "json":
        told: dict[str, Any] = {"process": after.process, "from": None, "to": after.version}
        told |= {} if made is None else made.as_json()
        click.echo(json.dumps(told | ({"open": opened.as_json()} if opened else {}), indent=2))
        return
    console = Console()
    if made is None:
        console.print(f"{after.process} {after.version} is new: no version of it is registered")
        return
    _print(console, made)
    if opened is not None:
        _print_open(console, made, opened)


def _print(console: Console, made: Plan) -> None:
    from trellis_process.definitions.planned_changes import Subject

    name, before, after = made.after.process, made.before.version, made.after.version
    console.print(Text(f"{name}: version {before} → {after}", "bold"))
    if made.is_empty:
        console.print("Both say the same.")
    for subject in Subject:
        changes = made.of(subject)
        if changes:
            console.print(Text(f"\n{subject.value.capitalize()}", "bold"))
        for each in changes:
            style = {"new": "green", "removed": "red"}.get(each.text.split(",")[0].split(";")[0])
            console.print_hanging(str(each), style=style or "")
    if made.risks:
        console.print(Text("\nTo mind", "bold yellow"))
    for risk in made.risks:
        console.print_hanging(str(risk), mark="!", style="yellow")


def _print_open(console: Console, made: Plan, opened: OpenProcesses) -> None:
    console.print(Text("\nOpen processes", "bold"))
    for version, count in opened.by_version.items():
        told = "not counted yet" if count is None else f"{count:,}"
        if parts := opened.parts[version]:
            told += f", {parts:,} of which deal with parts of long lists"
        console.print(f"  version {version}: {told}")
        for of, step, processes, parts in opened.steps():
            if of == version:
                gone = any(risk.step == step for risk in made.risks)
                mark = " (to mind)" if gone and version == made.before.version else ""
                many = [f"{processes:,}"] if processes else []
                many += [f"{parts:,} {'part' if parts == 1 else 'parts'}"] if parts else []
                console.print(f"    {' and '.join(many)} at {step}{mark}")
    if any(_are_at_several(opened, *each) for each in opened.by_version.items()):
        console.print_hanging("In branches a process is at several steps.", style="dim")
    if opened.are_more:
        console.print("  More are open than were looked at; --limit says how many are.")


def _are_at_several(opened: OpenProcesses, version: int, count: int | None) -> bool:
    at = sum(processes + parts for of, _, processes, parts in opened.steps() if of == version)
    return count is not None and at > count


COMMANDS = (plan,)
