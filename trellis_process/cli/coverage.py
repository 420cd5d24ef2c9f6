"""``trellis coverage`` and ``trellis propose``: what definitions do for stories, and do not yet."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.definition_files import FILE, FILE_OR_FOLDER, definitions_in
from trellis_process.cli.exit_codes import FOUND_SOMETHING, told_errors

if TYPE_CHECKING:
    from trellis_process.definitions.coverage import Coverage, CoveredStory
    from trellis_process.definitions.story import Story

_MARKS = {"covered": ("✓", "green"), "partly": ("◐", "yellow"), "not covered": ("✗", "red")}

_definitions = click.argument(
    "definitions", nargs=-1, required=True, type=FILE_OR_FOLDER, metavar="DEFINITIONS…"
)
_stories = click.option(
    "--stories", "path", type=FILE, required=True, metavar="FILE", help="The stories, as YAML."
)
_statuses = click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="WORD",
    help="Only stories of this status; may be repeated.",
)


@click.command()
@_definitions
@_stories
@_statuses
@click.option(
    "--require",
    type=click.Choice(["covered", "partly"]),
    help="End with status 1 where a story is covered less than that.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="For people, for programs, or for a page.",
)
def coverage(
    definitions: tuple[Path, ...],
    path: Path,
    statuses: tuple[str, ...],
    require: str | None,
    form: str,
) -> None:
    """Show which outcomes of stories are satisfied, by what, and what no story asks for.

    DEFINITIONS are files or folders; of several versions only the highest counts.
    """
    from trellis_process.definitions.coverage import Status

    with told_errors():
        found = _covered(definitions, path, statuses)
    if form == "json":
        click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    elif form == "markdown":
        click.echo(markdown(found), nl=False)
    else:
        _print(found)
    if require is not None and not found.meets(Status(require)):
        sys.exit(FOUND_SOMETHING)


@click.command()
@_definitions
@_stories
@_statuses
@click.option(
    "--by",
    type=click.Choice(["epic", "entity", "actor"]),
    help="What the stories of a draft have in common; otherwise the first of these that they have.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to write a file for each draft into; what is there stays.",
)
def propose(
    definitions: tuple[Path, ...],
    path: Path,
    statuses: tuple[str, ...],
    by: str | None,
    output: Path | None,
) -> None:
    """Draft definitions for the stories that none covers.

    A draft is valid as it is, and says TODO wherever somebody has to decide. The same stories give
    the same drafts.
    """
    from trellis_process.definitions.coverage import newest_of
    from trellis_process.definitions.proposal import By, proposals_for

    with told_errors():
        found = _covered(definitions, path, statuses)
        taken = [each.process for each in newest_of(definitions_in(definitions))]
    drafts = proposals_for(found, by=list(By) if by is None else [By(by)], taken=taken)
    if not drafts:
        click.echo("Every story is covered: there is nothing to propose.", err=True)
    if output is None:
        click.echo("---\n".join(draft.to_yaml() for draft in drafts), nl=False)
        return
    output.mkdir(parents=True, exist_ok=True)
    for draft in drafts:
        file = output / f"{draft.process}.yaml"
        if file.exists():
            click.echo(f"{file} is there already, and stays as it is", err=True)
        else:
            file.write_text(draft.to_yaml(), encoding="utf-8")
            click.echo(f"{file}: for {', '.join(draft.implements)}")


def _covered(definitions: Sequence[Path], path: Path, statuses: Sequence[str]) -> Coverage:
    from trellis_process.definitions.coverage import coverage_of
    from trellis_process.definitions.story import with_status

    known = _read(path)
    chosen = with_status(known, statuses)
    return coverage_of(definitions_in(definitions), chosen, known=known)


def _read(path: Path) -> list[Story]:
    from trellis_process.definitions.story import read_stories

    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    return read_stories(text, is_json=path.suffix == ".json")


def _print(found: Coverage) -> None:
    console = Console()
    for each in found.stories:
        mark, style = _MARKS[each.status.value]
        console.print(Text(f"{mark} {_heading(each)}: {each.status.value}", style))
        for outcome in each.outcomes:
            by = "; ".join(map(str, outcome.by)) or "by nothing"
            style = "" if outcome.by else "red"
            console.print_hanging(f"{outcome.text}: {by}", mark="-", style=style)
        if each.implemented_by and not any(outcome.by for outcome in each.outcomes):
            whose = ", ".join(map(str, each.implemented_by))
            console.print_hanging(f"implemented by {whose}, as it says", mark="-", style="dim")
    if found.unasked:
        console.print(Text("\nNo story asks for", "bold"))
    for each_unasked in found.unasked:
        console.print_hanging(str(each_unasked), style="yellow")
    console.print(f"\n{_summary(found)}")


def _heading(each: CoveredStory) -> str:
    return f"{each.story.id} {each.story.title}".strip()


def _summary(found: Coverage) -> str:
    from trellis_process.definitions.coverage import Status

    satisfied, outcomes = found.outcomes
    counts = ", ".join(f"{len(found.of(status))} {status.value}" for status in Status)
    total = len(found.stories)
    stories = "1 story" if total == 1 else f"{total} stories"
    return f"{stories}: {counts}; {satisfied} of {outcomes} outcomes are satisfied."


def markdown(found: Coverage) -> str:
    """The coverage as a page."""
    lines = ["| story | status | outcome | by |", "| --- | --- | --- | --- |"]
    for each in found.stories:
        whose = "; ".join(map(str, each.implemented_by)) or "-"
        rows = [
            (outcome.text, "; ".join(map(str, outcome.by)) or "-") for outcome in each.outcomes
        ] or [("-", whose)]
        for place, (outcome_text, by) in enumerate(rows):
            first = [_heading(each), each.status.value] if place == 0 else ["", ""]
            lines.append("| " + " | ".join(map(_cell, [*first, outcome_text, by])) + " |")
    parts = ["# Coverage", "", _summary(found), "", *lines]
    if found.unasked:
        parts += ["", "## No story asks for", "", *(f"- {each}" for each in found.unasked)]
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


COMMANDS = (coverage, propose)
