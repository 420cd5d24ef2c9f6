"""A report looks the same in RESULTS.md whatever was measured last, and fits its terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import NAMES
from benchmarks.report import RESULTS, Section, Table, keep

SECTION = Section(
    "Importing",
    "In `fresh` interpreters.",
    [Table(["function", "ms"], [["audit", "12"]])],
    ["**Slow.**"],
)


def test_a_table_is_one_of_markdown_with_numbers_to_the_right():
    assert SECTION.tables[0].markdown() == "| function | ms |\n| --- | ---: |\n| audit | 12 |"


def test_a_section_takes_the_place_of_the_one_before_and_leaves_the_others(tmp_path: Path):
    results = tmp_path / "RESULTS.md"
    for name, text in (("b", "of b"), ("a", "of a"), ("b", "of b again")):
        keep(name, ["a", "b"], text, results)
    kept = results.read_text()
    assert kept.index("of a") < kept.index("of b again")
    assert kept.count("of b") == 1
    keep("a", ["a", "b"], "of a", results)
    assert results.read_text() == kept


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_it_within_its_width_and_without_marks(width: int):
    out = io.StringIO()
    SECTION.print(Console(file=out, width=width))
    assert "audit" in out.getvalue()
    assert "**" not in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_what_is_kept_is_of_every_benchmark():
    kept = RESULTS.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in kept for name in NAMES)
