"""What ``trellis COMMAND --help`` says of every command, asked of the command itself."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from unittest.mock import patch

from trellis_process.cli.main import main

WIDTH = 88  # what a page has room for


def of_every_command() -> str:
    """A section for each command with its help, the group itself first."""
    return "\n".join(_sections(()))


def _sections(words: tuple[str, ...]) -> Iterator[str]:
    told = _help(words)
    title = " ".join(("trellis", *words))
    yield f"## {title}\n\n```text\n{told.strip()}\n```\n"
    _, _, commands = told.partition("\nCommands:\n")
    for name in re.findall(r"^  (\S+)", commands, re.MULTILINE):
        yield from _sections((*words, name))


def _help(words: tuple[str, ...]) -> str:
    out = io.StringIO()
    with _called_with("trellis", *words, "--help"), redirect_stdout(out):
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"{' '.join(words)} --help ended with {end.code}") from end
    return out.getvalue()


@contextmanager
def _called_with(*words: str) -> Iterator[None]:
    # click tells the program's name by its first word, unless Python was started with a module.
    with (
        patch.object(sys, "argv", list(words)),
        patch.object(sys.modules["__main__"], "__package__", None),
        patch.dict(os.environ, {"COLUMNS": str(WIDTH)}),
    ):
        yield
