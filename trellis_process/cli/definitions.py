"""``trellis validate`` and ``trellis graph``: definitions in files, checked and drawn."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trellis_process.cli.exit_codes import EXIT_CODES, told_errors
from trellis_process.errors import InvalidDefinition, InvalidInput

if TYPE_CHECKING:
    from trellis_process.definitions.reading import Reading

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE…")
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    help="A service that there is; may be repeated, and others are errors then.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="One finding a line for people and editors, or JSON for programs.",
)
def validate(files: tuple[Path, ...], strict: bool, services: tuple[str, ...], form: str) -> None:
    """Check definitions: everything that is wrong with them, and where.

    Files are YAML, or JSON where their name ends so; - reads YAML from standard input. Nobody is
    asked anything, so it needs no stack.
    """
    readings = [(path, _examined(path, strict, services or None)) for path in files]
    if form == "json":
        click.echo(json.dumps([_as_json(*each) for each in readings], ensure_ascii=False, indent=2))
    else:
        _tell(readings)
    if any(reading.definition is None for _, reading in readings):
        sys.exit(EXIT_CODES[InvalidInput])


@click.command()
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "svg"]),
    help="Mermaid's language, or an image; as the name of --output ends, mermaid otherwise.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
def graph(file: Path, form: str | None, output: Path | None) -> None:
    """Draw a definition as a flowchart.

    Code hosts and editors draw Mermaid. For an image of its own, with no browser needed, it takes
    pip install 'trellis-process[graph]', and some seconds.
    """
    from trellis_process.definitions.graph import mermaid

    if form is None:
        form = "svg" if output is not None and output.suffix == ".svg" else "mermaid"
    with told_errors():
        reading = _examined(file, False, None)
        if reading.definition is None:
            raise InvalidDefinition([each for each in reading.findings if each.severity == "error"])
        text = mermaid(reading.definition) if form == "mermaid" else _image(reading)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _image(reading: Reading) -> str:
    from trellis_process.definitions.picture import svg

    assert reading.definition is not None
    try:
        return svg(reading.definition)
    except ImportError:
        sys.exit("trellis: an image needs Mermaid: pip install 'trellis-process[graph]'")


def _examined(path: Path, strict: bool, services: Sequence[str] | None) -> Reading:
    from trellis_process.definitions.reading import examine_json, examine_yaml

    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    examine = examine_json if path.suffix == ".json" else examine_yaml
    return examine(text, strict=strict, known_services=services)


def _as_json(path: Path, reading: Reading) -> dict[str, Any]:
    definition = reading.definition
    return {
        "file": str(path),
        "valid": definition is not None,
        "process": None if definition is None else definition.process,
        "version": None if definition is None else definition.version,
        "findings": [asdict(each) for each in reading.findings],
    }


def _tell(readings: Sequence[tuple[Path, Reading]]) -> None:
    for path, reading in readings:
        for each in reading.findings:
            place = "" if each.line is None else f":{each.line}:{each.column}"
            click.echo(f"{path}{place}: {each.severity}: {each.subject}{each.message}")
        if (definition := reading.definition) is not None:
            steps, reactions = sum(1 for _ in definition.all_steps()), len(definition.reactions)
            counts = [(steps, "step"), (reactions, "reaction")]
            told = " and ".join(f"{n} {noun}{'s' * (n != 1)}" for n, noun in counts if n)
            click.echo(f"{path}: {definition.process} {definition.version} is valid, with {told}")


COMMANDS = (validate, graph)
