"""A report: what one benchmark measured, as a terminal shows it and as RESULTS.md keeps it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).with_name("RESULTS.md")

_HEAD = """# Results

What Trellis asks of AWS, what it takes and what it costs, as `make bench` measured it last.

Times are of one machine and say little elsewhere; ratios are of two things measured in turn in one
run. Each section says how it was measured, with what, and when; `make bench NAMES="units cpu"`
measures some of them anew and leaves the others as they are.
"""


@dataclass(frozen=True)
class Table:
    """Figures under names; the first column is text, unless ``texts`` says that more are."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    texts: int = 1

    def markdown(self) -> str:
        """As a page shows it."""
        rule = [*["---"] * self.texts, *["---:"] * (len(self.columns) - self.texts)]
        lines = [f"| {' | '.join(line)} |" for line in (self.columns, rule, *self.rows)]
        return "\n".join([f"**{self.title}**\n", *lines] if self.title else lines)

    def rich(self) -> RichTable:
        """As a terminal shows it; a narrow one folds the words, never the figures."""
        table = RichTable(
            title=self.title or None,
            title_justify="left",
            title_style="bold",
            box=None,
            header_style="dim",
            padding=(0, 2, 0, 0),
        )
        for place, name in enumerate(self.columns):
            is_text = place < self.texts
            table.add_column(
                name,
                justify="left" if is_text else "right",
                no_wrap=not is_text and all(" " not in row[place] for row in self.rows),
                overflow="fold",
            )
        for row in self.rows:
            table.add_row(*map(_plain, row))
        return table


@dataclass(frozen=True)
class Section:
    """What one benchmark has to say."""

    title: str
    #: How it was measured.
    how: str
    tables: Sequence[Table]
    #: What the tables show, a sentence or two each; a goal that was missed is said here.
    findings: Sequence[str] = field(default_factory=list)

    def markdown(self, with_what: str) -> str:
        """As RESULTS.md keeps it, with what it was measured with."""
        findings = "\n".join(f"- {each}" for each in self.findings)
        parts = [f"## {self.title}", self.how, *(each.markdown() for each in self.tables), findings]
        return "\n\n".join([part for part in parts if part] + [f"*{with_what}*"])

    def print(self, console: Console) -> None:
        """As a terminal shows it."""
        console.rule(self.title, align="left")
        console.print(_plain(self.how), style="dim")
        for table in self.tables:
            console.print()
            console.print(table.rich())
        console.print()
        for each in self.findings:
            console.print(f"- {_plain(each)}")
        console.print()


def keep(name: str, order: Sequence[str], section: str, results: Path = RESULTS) -> None:
    """Puts a section into RESULTS.md in place of what it said of that benchmark before.

    ``order`` is that of all benchmarks; what is not known to it any more is dropped.
    """
    known = _sections(results.read_text(encoding="utf-8")) if results.exists() else {}
    known[name] = section
    parts = [f"<!-- {each} -->\n\n{known[each]}\n" for each in order if each in known]
    results.write_text("\n".join([_HEAD, *parts]), encoding="utf-8")


def _sections(text: str) -> dict[str, str]:
    found = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)[1:]
    return {name: body.strip() for name, body in zip(found[::2], found[1::2], strict=True)}


def _plain(text: str) -> str:
    """Without the marks of Markdown."""
    without_links = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text)
    return " ".join(re.sub(r"`|\*\*", "", without_links).split())
