"""Definitions in files, as commands take them: YAML, or JSON where a file's name ends so."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trellis_process.errors import Described, InvalidInput

if TYPE_CHECKING:
    from trellis_process.domain.definition.process_definition import ProcessDefinition

FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)

_SUFFIXES = (".yaml", ".yml", ".json")


def read_definition(path: Path) -> ProcessDefinition:
    """The definition in a file; ``-`` is YAML from standard input.

    Raises InvalidInput with everything that is wrong with it, the file and the line of each.
    """
    from trellis_process.definitions.finding import Severity
    from trellis_process.definitions.reading import examine_json, examine_yaml

    text = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    reading = (examine_json if path.suffix == ".json" else examine_yaml)(text)
    if reading.definition is None:
        errors = [each for each in reading.findings if each.severity is Severity.ERROR]
        given = Described("1 error" if len(errors) == 1 else f"{len(errors)} errors")
        raise InvalidInput(str(path), given, "; ".join(map(str, errors)))
    return reading.definition


def definitions_in(paths: Iterable[Path]) -> Iterator[ProcessDefinition]:
    """The definitions in these files, and in all files of these folders whose names fit.

    In folders only what has ``process``, and ``steps`` or ``reactions``, is taken for one. Raises
    as read_definition.
    """
    for path in paths:
        if path.is_dir():
            for each in sorted(path.rglob("*")):
                if each.suffix in _SUFFIXES and each.is_file() and _looks_like_one(each):
                    yield read_definition(each)
        else:
            yield read_definition(path)


def _looks_like_one(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        return '"process"' in text and ('"steps"' in text or '"reactions"' in text)
    lines = [line.partition(":")[0] for line in text.splitlines()]
    return "process" in lines and ("steps" in lines or "reactions" in lines)
