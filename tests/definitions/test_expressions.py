"""Expressions: what they look at, what they give, and what they are refused for."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis_process.definitions.expressions import evaluate, parse, references
from trellis_process.errors import ExpressionError

VARIABLES = {
    "input": {
        "amount": 100,
        "rate": 7.5,
        "whole": 7.0,
        "name": "é€ 🙂",
        "none": None,
        "lines": [{"price": 3, "tags": ["a"]}, {"price": 4}],
        "numbers": [1, 2, 3],
        "odd name": 1,
    },
    "steps": {"pay": {"output": {"id": "p-1"}, "outcome": "completed", "error": None}},
    "process": {"id": "1"},
}


def why(text: str, variables: object = VARIABLES) -> str:
    with pytest.raises(ExpressionError) as raised:
        evaluate(text, variables)  # type: ignore[arg-type]
    assert raised.value.expression == text
    return raised.value.why


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("input.amount > 100", False),
        ("input.amount >= 100", True),
        ("input.amount", 100),
        ("input.whole == 7", True),
        ("7 == 7.0", True),
        ("input.rate > 7", True),
        ("input.amount * 2 + 1", 201),
        ("double(input.amount) * 1.5", 150.0),
        ("input['odd name'] + 1", 2),
        ("input.lines[1].price", 4),
        ("input.none == null", True),
        ("'EUR'", "EUR"),
        ('{"report": input.name, "lines": [1, 2.5, null]}',
         {"report": "é€ 🙂", "lines": [1, 2.5, None]}),
        ("input.lines.map(line, line.price)", [3, 4]),
        ("input.lines.filter(line, has(line.tags)).map(line, line.tags[0])", ["a"]),
        ("input.numbers.map(n, n > 1, n * 2)", [4, 6]),
        ("input.numbers.all(n, n > 0) && !input.numbers.exists(n, n > 3)", True),
        ("input.numbers.exists_one(n, n == 2)", True),
        ("sum(input.lines.map(line, line.price))", 7),
        ("min([3, 1.5]) + double(max([1, 2]))", 3.5),
        ("size(input.name) == 4 && input.name.size() == 4", True),
        ("'a,b'.split(',')", ["a", "b"]),
        ("['a', 'b'].join('-') + upper(' x '.trim()) + lower('Ä')", "a-bXä"),
        ("string(7.0) + string(1.5) + string(true)", "71.5true"),
        ("string(timestamp('2027-03-28T01:30:00Z'))", "2027-03-28T01:30:00Z"),
        ("timestamp('2027-03-28T01:30:00Z') - timestamp('2027-03-27T01:30:00Z') == duration('24h')",
         True),
        ("input.name.contains('€') && 'abc'.startsWith('a') && 'abc'.endsWith('c')", True),
        (r"'AB-123'.matches('^[A-Z]{2}-[0-9]+$')", True),
        ("'amount' in input && 2 in input.numbers", True),
        ("input.amount > 1000 ? 'big' : 'small'", "small"),
        ("true || input.missing", True),
        ("input.missing || true", True),
        ("// a comment with 'quotes' and (\ninput.amount", 100),
        ("r'\\d' + '''it's''' + \"\\u00e9\\n\"", "\\dit'sé\n"),
    ],
)  # fmt: skip
def test_an_expression_gives_a_value(text, value):
    found = evaluate(text, VARIABLES)

    assert found == value
    assert type(found) is type(value)
    json.dumps(found, allow_nan=False)


def test_has_tells_whether_something_is_there():
    assert evaluate("has(input.amount)", VARIABLES) is True
    assert evaluate("has(input.none)", VARIABLES) is True
    assert evaluate("has(input.missing)", VARIABLES) is False
    assert evaluate("has(steps.ship) && has(steps.ship.output)", VARIABLES) is False
    assert evaluate("has(steps.pay.output.id) ? steps.pay.output.id : 'none'", VARIABLES) == "p-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("input.missing", "there is no input.missing"),
        ("input.missing > 3", "there is no input.missing"),
        ("input.missing.deep > 3", "there is no input.missing;"),
        ("has(steps.ship.output)", "there is no steps.ship;"),
        ("input.amout > 3", "did you mean 'amount'?"),
        ("inptu.amount > 3", "there is no inptu; did you mean 'input'?"),
        ("input.amount.x", "there is no input.amount.x, because input.amount is 100"),
        ("input.none.x == 1", "there is no input.none.x, because input.none is None"),
        ("input.lines.map(line, line.tags)", "there is no 'tags'; has() tells"),
        ("input.numbers[3]", "out of bounds"),
        ("input.name + 1", "string + int"),
        ("input.amount * 1.5", "double(x) * 1.5"),
        ("!input.amount", "do not go together"),
        ("input.amount / 0", "division by zero"),
        ("input.amount % 0", "division by zero"),
        ("9223372036854775807 + input.amount", "64 bits"),
        ("-9223372036854775807 - input.amount", "64 bits"),
        ("input.rate / 0.0", "inf, which is no JSON number"),
        ("double('NaN')", "nan, which is no JSON number"),
        ("int('x')", "invalid digit"),
        ("timestamp('2027-01-01T00:00:00Z')", "a timestamp, which is no JSON"),
        ("duration('1h')", "a duration, which is no JSON"),
        ("[duration('1h')]", "a duration, which is no JSON"),
        ("{1: 2}", "keys that are no text"),
        ("sum('abc')", "a list of numbers is needed"),
        ("size(3)", "size is asked of text, a list or a mapping"),
        ("max([])", "the list is empty"),
    ],
)
def test_what_has_no_value_says_why(text, said):
    assert said in why(text)


def test_a_whole_number_beyond_64_bits_is_passed_on_but_not_calculated_with():
    variables = {"input": {"big": 2**64, "list": [{"deep": -(2**63) - 1}]}}

    assert evaluate("input.big", variables) == 2**64
    assert "64 bits" in why("input.big > 1", variables)
    assert "64 bits" in why("input.list.exists(x, x.deep > 1)", variables)
    assert evaluate("input.n + 0", {"input": {"n": 2**63 - 1}}) == 2**63 - 1
    assert evaluate("input.n + 0", {"input": {"n": -(2**63)}}) == -(2**63)


def test_only_what_an_expression_looks_at_is_handed_over():
    unreadable = {"input": {"amount": 1, "not for it": object()}, "steps": object()}

    assert evaluate("input.amount + 1", unreadable) == 2


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ("1 + 2", []),
        ("'input.amount'", []),
        ("r'input.amount' + '''steps.a''' // item", []),
        ("input", ["input"]),
        ("input.amount > data.limit", ["input.amount", "data.limit"]),
        ("steps['pay'].output.id", ["steps.pay.output.id"]),
        ("steps[input.which].output", ["steps", "input.which"]),
        ("input.lines[0].price", ["input.lines"]),
        ("input.lines[item_index]", ["input.lines", "item_index"]),
        ("has(steps.pay.output)", ["steps.pay.output"]),
        ("input.name.startsWith(process.id)", ["input.name", "process.id"]),
        ("size(input.name)", ["input.name"]),
        ("input.xs.all(x, x > 1)", ["input.xs"]),
        ("input.xs.all(x, x > input.least)", ["input.xs", "input.least"]),
        ("input.xs.all(x, x.ys.all(y, y > x.least))", ["input.xs"]),
        ("input.xs.all(item, item.ok) && item.ok", ["input.xs", "item.ok"]),
        ("x.filter(x, x > 1)", ["x"]),
        ("input.map(k, input[k])", ["input"]),
        ("[x, input.a].map(x, x)", ["x", "input.a"]),
        ("{'a': input.a, input.b: 1}", ["input.a", "input.b"]),
        ("(input.a).b", ["input.a.b"]),
        ("!input.a ? -input.b : input.c", ["input.a", "input.b", "input.c"]),
        ("input.map", ["input.map"]),
        ("true && null == false", []),
    ],
)
def test_the_references_of_an_expression_are_what_it_looks_at(text, looked_at):
    assert references(text) == {tuple(each.split(".")) for each in looked_at}
    assert parse(text).references == references(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("input.amount >", "something is missing at its end"),
        ("(input.amount", "something is missing at its end"),
        ("input.amount = 3", "at character 14: unexpected '='; to compare, write =="),
        ("a & b", "write &&"),
        ("input.amount)", "at character 13: unexpected ')'"),
        ("'abc", "at character 1: text that does not end"),
        ("'\\q'", "no such escape"),
        ("'\\ud800'", "no such character"),
        ("b'abc'", "bytes are no JSON"),
        ("input.in", "unexpected 'in'"),
        ("sise(input.xs)", "no function 'sise'; did you mean 'size'?"),
        ("input.xs.mapp(x, x)", "did you mean 'map'?"),
        ("input.s.replace('', 'x')", "no function 'replace'. There are all, contains"),
        ("type(1)", "no function 'type'"),
        ("size()", "size takes 1 value, that before the dot included; it is given 0"),
        ("size(1, 2)", "size takes 1 value"),
        ("'a'.startsWith('a', 'b')", "startsWith takes 2 values"),
        ("has(input)", "has is asked about a field"),
        ("has(input.xs[0])", "has is asked about a field"),
        ("input.xs.all(x)", "all is written all(entry, condition)"),
        ("input.xs.all()", "all is written all(entry, condition)"),
        ("input.xs.all(1, true)", "all is written all(entry, condition)"),
        ("'a'.matches(input.pattern)", "has to be written out"),
        ("'a'.matches('(')", "'(' is no regular expression: unclosed group"),
        ("9223372036854775808", "invalid int literal"),
        ("Point{x: 1}", "unexpected '{'"),
        ("true ? true ? 1 : 2 : 3", "unexpected '?'"),
        ("\ud800", "unexpected"),
        ("\x00", "unexpected"),
    ],
)
def test_what_is_no_expression_is_refused_when_it_is_read(text, said):
    with pytest.raises(ExpressionError) as raised:
        parse(text)

    assert said in raised.value.why
    str(raised.value).encode("utf-8")


def test_what_is_no_text_is_no_expression():
    with pytest.raises(ExpressionError, match="it is empty"):
        parse(None)  # type: ignore[arg-type]


def test_an_expression_never_evaluates_what_it_is_not_asked_to():
    asked = parse("input.amount > 3")

    assert asked.evaluate({"input": {"amount": 4}}) is True
    assert asked.evaluate({"input": {"amount": 3}}) is False
    assert "there is no input.amount" in why("input.amount > 3", {"input": {}})
    assert "there is no input" in why("input.amount > 3", {})


def test_a_mapping_is_made_with_its_keys_in_order_so_that_it_is_the_same_each_time():
    text = "{" + ", ".join(f"'k{n}': {n}" for n in (5, 3, 8, 1, 9, 2)) + "}"

    for _ in range(5):
        assert list(evaluate(text, {})) == ["k1", "k2", "k3", "k5", "k8", "k9"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_a_value_passes_through_unchanged(value):
    assert _exactly(evaluate("[input.v][0]", {"input": {"v": value}})) == _exactly(value)
    assert _exactly(evaluate("input.v", {"input": {"v": value}})) == _exactly(value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_as_an_expression_and_nothing_else_happens(text):
    with contextlib.suppress(ExpressionError):
        parse(text).evaluate(VARIABLES)


@given(st.text("()[]{}.,?:'\"\\ &|=x1!-+<r/a\n", max_size=30))
def test_no_heap_of_signs_does_more_than_be_refused(text):
    with contextlib.suppress(ExpressionError):
        parse(text).evaluate(VARIABLES)


def test_text_with_quotes_in_it_is_read_as_the_library_reads_it():
    for text in [r"'it\'s'", r'"say \"a\""', "'''a'b''c'''", r"r'\'", r"'\x41\101\U0001F642'"]:
        assert evaluate(f"{text} + ''", {}) == evaluate(f"[{text}][0]", {})
    assert evaluate("input['a\\'b']", {"input": {"a'b": 1}}) == 1


def test_the_library_loads_without_its_command_line_and_beside_it():
    program = """
import sys
from trellis_process.definitions.expressions import evaluate
assert evaluate("input.amount", {"input": {"amount": 1}}) == 1
assert not [name for name in sys.modules if name.startswith("cel")], "a path needs no library"
assert evaluate("input.amount + 1", {"input": {"amount": 1}}) == 2
assert not {"typer", "rich", "prompt_toolkit", "cel.cli", "yaml", "pydantic"} & set(sys.modules)
"""
    _run(program)


def test_another_user_of_the_library_is_not_disturbed():
    program = """
from trellis_process.definitions.expressions import evaluate
evaluate("1 + 1", {})
import sys, types
for name in ("cel.cli", "typer"):  # it may not be installed
    sys.modules[name] = types.ModuleType(name)
import cel
cel.cli = sys.modules["cel.cli"]
from cel import compile
assert compile("1 + 1").execute({}) == 2
"""
    _run(program)


def _run(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _exactly(value: object) -> str:
    return json.dumps(value, sort_keys=True)
