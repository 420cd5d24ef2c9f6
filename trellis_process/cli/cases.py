"""``trellis test``: runs the cases that stand beside definitions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trellis_process.cli.definition_files import FILE_OR_FOLDER
from trellis_process.cli.exit_codes import FOUND_SOMETHING, told_errors
from trellis_process.errors import InvalidInput

if TYPE_CHECKING:
    from trellis_process.simulation import CaseResult


@click.command("test")
@click.argument("paths", nargs=-1, type=FILE_OR_FOLDER, metavar="[PATHS]…")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A line for each case, or JSON for programs.",
)
def test(paths: tuple[Path, ...], form: str) -> None:
    """Run the cases of definitions: what events and timers do, beside what they are to do.

    PATHS are files such as order.cases.yaml, beside order.yaml, or folders, in which all of them
    are found; this folder unless said. Ends with status 1 where a case does not come out so.
    """
    from trellis_process.simulation import run_cases

    with told_errors():
        files = list(_files(paths or (Path(),)))
        if not files:
            where = ", ".join(map(str, paths)) or "this folder"
            raise InvalidInput("paths", where, "there is no file such as order.cases.yaml in it")
        results = [result for file in files for result in run_cases(file)]
    if form == "json":
        told = [{**asdict(each), "passed": each.passed} for each in results]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(results)
    if not all(each.passed for each in results):
        sys.exit(FOUND_SOMETHING)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    from trellis_process.simulation.case_file import CASES, SUFFIXES

    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob(f"*{CASES}.*") if each.suffix in SUFFIXES)
        else:
            yield path


def _print(results: Iterable[CaseResult]) -> None:
    results = list(results)
    for each in results:
        mark, colour = ("✓", "green") if each.passed else ("✗", "red")
        place = each.file if each.passed else f"{each.file}:{each.line}"
        click.echo(f"{click.style(mark, fg=colour)} {place}: {each.name}")
        for difference in each.differences:
            click.echo(f"    {difference}")
    failed = sum(not each.passed for each in results)
    count = "1 case" if len(results) == 1 else f"{len(results):,} cases"
    click.echo(f"{count}, {failed:,} failed" if failed else f"{count}, all as expected")


COMMANDS = (test,)
