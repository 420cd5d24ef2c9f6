"""What the site puts in place of a page's comments, such as ``<!-- site: http -->``."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trellis_site import command_help, http_operations, messages, python_modules

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]

#: Files of the repository's root, and the pages that they are here.
ROOT_PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/RESULTS.md": "results.md",
    "benchmarks/SOAK.md": "results.md",
    "benchmarks/MUTANTS.md": "results.md",
}

_COMMENT = re.compile(r"^<!-- site: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)[^)]+")
_LOCAL_LINK = re.compile(r"(?<=\]\()(?!https?:|#)(?=[^)])")


def _readme() -> str:
    """What the first page of the repository promises, and its picture."""
    opening, *sections = re.split(r"^(?=## )", _of_root("README.md"), flags=re.MULTILINE)
    parts = next(section for section in sections if section.startswith("## The parts\n"))
    return opening + parts


def _of_root(name: str) -> str:
    """A file of the root without its title, its links as they are from here."""
    _, _, text = (ROOT / name).read_text(encoding="utf-8").partition("\n")
    return _LOCAL_LINK.sub("../", text).replace("](../docs/", "](")


def _of_benchmarks(name: str) -> str:
    """A report as a part of a page: its title a heading, its links as they are from here."""
    text = (ROOT / "benchmarks" / name).read_text(encoding="utf-8")

    def from_here(found: re.Match[str]) -> str:
        path = posixpath.normpath(f"benchmarks/{found[0]}")
        return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"

    return re.sub(r"^#", "##", _LINK.sub(from_here, text), flags=re.MULTILINE)


def _json(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / name).read_text(encoding="utf-8"))
    return loaded


MADE: dict[str, Callable[[], str]] = {
    "readme": _readme,
    "changes": lambda: _of_root("CHANGELOG.md"),
    "contributing": lambda: _of_root("CONTRIBUTING.md"),
    "results": lambda: _of_benchmarks("RESULTS.md"),
    "soak": lambda: _of_benchmarks("SOAK.md"),
    "mutants": lambda: _of_benchmarks("MUTANTS.md"),
    "http": lambda: http_operations.of_document(_json("trellis_process/http/openapi.json")),
    "events": lambda: messages.of_schema(_json("docs/events.schema.json"), "event"),
    "commands": lambda: messages.of_schema(_json("docs/commands.schema.json"), "command"),
    "command-line": command_help.of_every_command,
    "python": python_modules.contents,
}


def _replace(app: Sphinx, docname: str, content: list[str]) -> None:
    """The page's comments become what they stand for, and links to files of the root its pages."""
    text = _COMMENT.sub(lambda found: MADE[found[1]](), content[0])
    up = "../" * docname.count("/")
    for name, page in ROOT_PAGES.items():
        text = text.replace(f"]({up}../{name}", f"]({up}{page}")
    content[0] = text


def setup(app: Sphinx) -> None:
    """Has every page read with its comments replaced."""
    app.connect("source-read", _replace)
