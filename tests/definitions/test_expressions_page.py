"""The page on expressions says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from trellis_process.definitions.expression_cost import BUDGET, MAX_PATTERN_WEIGHT
from trellis_process.definitions.expression_functions import KNOWN
from trellis_process.definitions.expression_syntax import (
    MACROS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_LOOPS,
    MAX_NESTING,
)
from trellis_process.definitions.expressions import evaluate

PAGE = (Path(__file__).parents[2] / "docs/expressions.md").read_text()
INPUT = json.loads(next(iter(re.findall(r"With `input` as `(.*)`:", PAGE))))
EXAMPLES = re.findall(
    r"^\| `(.*)` \| `(.*)` \|$", PAGE.split("## What it says")[1].split("\n## ")[0], re.M
)


@pytest.mark.parametrize(("expression", "value"), EXAMPLES)
def test_each_example_has_the_value_that_the_page_shows(expression: str, value: str) -> None:
    found = evaluate(expression, {"input": INPUT})

    assert json.dumps(found) == json.dumps(json.loads(value), sort_keys=True)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 15


def test_every_function_is_in_the_page_and_no_other() -> None:
    functions = PAGE.split("The functions,")[1].split("are ours;")[0]
    named = set(re.findall(r"`([a-zA-Z_]+)`", functions))

    assert named == KNOWN.keys() | MACROS.keys()


def test_every_limit_is_in_the_page() -> None:
    table = PAGE.split("## How long it may be")[1]

    for limit in (MAX_CHARACTERS, MAX_NESTING, MAX_DEPTH, MAX_LOOPS, MAX_PATTERN_WEIGHT, BUDGET):
        assert re.search(rf"\| {limit:,}\b", table), limit


@pytest.mark.parametrize(
    ("expression", "entry", "count"),
    [
        ("input.a.all(x, x >= 0)", 1, 100_000),
        ("input.a.exists(x, x.name == 'y')", {"id": 1, "name": "x" * 20, "ok": True}, 10_000),
        ("input.a.all(x, input.a.exists(y, y == x))", 1, 1_000),
        ("input.a.map(x, x * 2)", 1, 4_000),
        ("input.a.filter(x, x.ok)", {"id": 1, "name": "x" * 20, "ok": True}, 800),
    ],
)
def test_what_the_page_calls_possible_is(expression: str, entry: object, count: int) -> None:
    evaluate(expression, {"input": {"a": [entry] * count}})
