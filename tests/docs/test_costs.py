"""The page on costs says what the program counts, for the functions as they are deployed."""

from __future__ import annotations

import pytest
from cfnlint.decode import cfn_yaml

from trellis_process.cost import PRICES
from trellis_process.cost.functions import BILLED_MS, FUNCTIONS
from trellis_process.deploy.sources import template_path

from ..test_examples import ROOT, run

PAGE = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")


def test_every_table_of_the_page_is_what_the_program_prints() -> None:
    printed = run(ROOT / "examples" / "costs.py").strip().split("\n\n")
    tables = PAGE.count("\n| --- |")
    assert len(printed) == tables + 1  # and a sentence about sweeps
    for part in printed:
        assert part in PAGE


def test_the_arithmetic_of_the_page_comes_out() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if " × $" in line]
    assert len(rows) == 6
    for part, how, price in rows:
        products = [term.split(" × $") for term in how.split(" + ")]
        total = sum(int(times) * float(each) for times, each in products)
        assert total == pytest.approx(float(price.removeprefix("$")), abs=0.02), part


def test_every_price_that_is_counted_with_is_in_the_page() -> None:
    for price in PRICES:
        assert f"| {price.of} | ${price.dollars:.10g} |" in PAGE
    assert f"{BILLED_MS:g} milliseconds" in PAGE


def test_functions_are_counted_with_the_memory_they_have() -> None:
    resources = cfn_yaml.load(str(template_path()))["Resources"]
    for name, function in FUNCTIONS.items():
        assert resources[name]["Properties"]["MemorySize"] == function.memory_mb, name
