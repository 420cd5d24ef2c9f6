"""Expressions that are meant to run long: refused, by count and not by the clock."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trellis_process.definitions.expression_cost import (
    BUDGET,
    cost_of,
    pattern_weight,
    shape_of,
)
from trellis_process.definitions.expression_syntax import MAX_CHARACTERS, read
from trellis_process.definitions.expressions import evaluate, parse
from trellis_process.errors import ExpressionError

NUMBERS = list(range(1_000))
RECORDS = [{"id": n, "name": f"record {n}", "ok": True, "tags": ["a", "b"]} for n in range(1_000)]


def cost(text: str, **variables: object) -> int:
    """What evaluating costs; what it looks at is named by single words."""
    shapes = {(name,): shape_of(value) for name, value in variables.items()}
    return cost_of(read(text, {}).tree, shapes)


def refused(text: str, variables: dict[str, object]) -> str:
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, variables)
    return raised.value.why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1" + " + 1" * 1_000, "allowed are 2,000"),
        ("(" * 21 + "1" + ")" * 21, "more than 20 levels of brackets"),
        ("[" * 900 + "]" * 900, "more than 20 levels of brackets"),
        ("{'a':" * 30 + "1" + "}" * 30, "more than 20 levels of brackets"),
        ("1" + "+1" * 250, "more than 200 operators"),
        ("a" + ".b" * 250, "more than 200 operators"),
        ("a" + "[0]" * 250, "more than 200 operators"),
        ("a.all(x, b.all(y, c.all(z, x + y + z > 0)))", "more than 2 of all"),
        ("'a'.matches('(.{1,100}){1,100}')", "too large once its repetitions are written out"),
        ("'a'.matches('((a{30}){30}){30}')", "too large once its repetitions are written out"),
        (r"'a'.matches('\\w{100}')", "too large once its repetitions are written out"),
    ],
)
def test_what_is_too_large_in_itself_is_refused_when_it_is_read(text, said):
    with pytest.raises(ExpressionError) as raised:
        parse(text)

    assert said in raised.value.why


def test_the_deepest_expressions_that_are_read_do_not_end_a_thread_with_a_small_stack():
    texts = ["(" * 19 + "1" + ")" * 19, "[" * 19 + "1" + "]" * 19, "a" + "+a" * 190]
    texts += ["!" * 1_900 + "true", "a" + "[0]" * 190, "a" + ".b" * 190]
    texts += ["a==1" + "&&a==1" * 190, "size([" * 9 + "]" + ")]" * 8 + ")"]
    program = f"""
import threading
from trellis_process.definitions.expressions import evaluate
from trellis_process.errors import ExpressionError
threading.stack_size(512 * 1024)
def go():
    for text in {texts!r}:
        try:
            evaluate(text, {{"a": 1}})
        except ExpressionError:
            pass
    print("all", end="")
thread = threading.Thread(target=go)
thread.start()
thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "all"), done.stderr


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("a.all(x, a.all(y, x != y + 1))", {"a": list(range(3_000))}),
        ("a.map(x, a.map(y, x))", {"a": NUMBERS}),
        ("a.map(x, x)", {"a": list(range(6_000))}),
        ("a.filter(x, x.ok)", {"a": RECORDS * 2}),
        ("[s]" + ".map(a, a + a)" * 100, {"s": "x"}),
        ("[s]" + ".map(a, [a, a])" * 100, {"s": "x"}),
        ("a.all(x, s.contains('c') == false)", {"a": NUMBERS, "s": "ab" * 100_000}),
        ("a.all(x, s == t)", {"a": NUMBERS, "s": "ab" * 100_000, "t": "ab" * 100_000}),
        ("a.all(x, s.matches('^[a-z]+$'))", {"a": NUMBERS, "s": "ab" * 20_000}),
        (r"a.all(x, x.matches('^\\w{10}$'))", {"a": ["x"] * 5_000}),
        ("s.matches('.{1,100}.{1,100}x')", {"s": "ab" * 150_000}),
        ("a.map(x, a).map(x, sum(x))", {"a": NUMBERS}),
        ("s.split('a').join(s)", {"s": "ab" * 20_000}),
    ],
)
def test_what_would_run_long_is_refused_before_it_runs(text, variables):
    assert cost(text, **variables) > BUDGET
    assert "it would take too long" in refused(text, variables)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("a.all(x, x.ok)", {"a": RECORDS * 10}),
        ("a.exists(x, x.tags.exists(t, t == 'c'))", {"a": RECORDS * 10}),
        ("a.filter(x, x.ok)", {"a": RECORDS[:500]}),
        ("a.map(x, x.id)", {"a": RECORDS}),
        ("sum(a.map(x, x * 2))", {"a": list(range(4_000))}),
        ("a.all(x, a.exists(y, y == x))", {"a": NUMBERS}),
        ("s + s + s + s", {"s": "x" * 100_000}),
        ("a.all(x, x.name.matches('^[a-z]+ [0-9]+$'))", {"a": RECORDS}),
        ("s.split(',').size()", {"s": "a," * 50_000}),
    ],
)
def test_what_people_write_is_within_the_bound(text, variables):
    assert cost(text, **variables) <= BUDGET
    evaluate(text, variables)


def test_the_cost_grows_with_what_is_looked_at_and_not_with_what_is_not():
    assert cost("a.all(x, x > 0)", a=NUMBERS) < cost("a.all(x, x > 0)", a=NUMBERS * 2)
    lists = {"a": NUMBERS, "b": NUMBERS * 100}
    assert "too long" in refused("b.all(x, a.all(y, y > x))", dict(lists))
    assert evaluate("a.all(x, x >= 0)", lists) is True


def test_each_half_of_a_choice_counts():
    small = cost("a.size() > 1 ? 1 : 2", a=NUMBERS)

    assert cost("a.size() > 1 ? a.map(x, x)[0] : 2", a=NUMBERS) > small
    assert cost("a.size() > 1 ? 1 : a.map(x, x)[0]", a=NUMBERS) > small


def test_numbers_of_great_length_cost_nothing_to_refuse():
    assert "too long" in refused("[s]" + ".map(a, a + a)" * 130, {"s": "x"})


@pytest.mark.parametrize(
    ("pattern", "at_least"),
    [
        ("abc", 3),
        ("a{50}", 50),
        ("(ab{10}){10}", 110),
        ("(a|b){1,100}", 200),
        (r"\w", 100),
        (r"[\w]", 100),
        (r"[^a]{10}", 100),
        ("(?i)abc", 6),
        ("a{5,}", 5),
        (".{3}.{4}", 56),
        ("[]a]{10}", 20),
        ("((((a{9}){9}){9}){9})", 9**4),
        (r"\{100}", 1),
        ("(", 0),
        ("a{", 1),
        ("[a", 1),
    ],
)
def test_the_weight_of_a_pattern_is_what_it_is_with_repetitions_written_out(pattern, at_least):
    assert at_least <= pattern_weight(pattern) <= 3 * at_least + 25


def test_an_expression_is_kept_up_to_a_number_and_the_same_when_read_again():
    for n in range(2_100):
        assert evaluate(f"{n} + 1", {}) == n + 1
    assert evaluate("0 + 1", {}) == 1


def test_the_longest_expression_is_read():
    text = "input.amount == 1" + " || input.amount == 1" * 94

    assert MAX_CHARACTERS - 25 < len(text) <= MAX_CHARACTERS
    assert evaluate(text, {"input": {"amount": 1}}) is True
