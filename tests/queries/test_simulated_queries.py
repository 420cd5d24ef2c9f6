"""Query steps in a simulation: rows are given, or none are assumed."""

from __future__ import annotations

from pathlib import Path

from trellis_process import ProcessDefinition
from trellis_process.simulation import simulate

EXAMPLE = Path(__file__).parents[2] / "examples" / "dunning" / "definition.yaml"
DUNNING = ProcessDefinition.from_yaml(EXAMPLE.read_text(encoding="utf-8"))


def test_rows_that_nobody_gave_are_none() -> None:
    done = simulate(DUNNING)

    assert done.path == ["overdue", "owes"], done
    assert done.output == {"overdue": 0}


def test_rows_that_are_given_are_gone_through() -> None:
    rows = [{"number": 1, "due": "2026-01-15"}]
    done = simulate(DUNNING, answers={"overdue": {"output": rows}})

    assert done.output == {"overdue": 1}, done
    assert done.path == ["overdue", "owes", "remind"]
