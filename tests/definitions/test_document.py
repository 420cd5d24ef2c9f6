"""A document is read as YAML 1.2 or JSON has it, within limits, and each value knows its place."""

from __future__ import annotations

import json
import time

import pytest

from trellis_process.definitions.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, read_json
from trellis_process.definitions.yaml_document import read_yaml
from trellis_process.errors import InvalidDefinition


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("''", ""),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("10%", "10%"),
        ("30s", "30s"),
        ("=", "="),
    ],
)
def test_plain_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    read = read_yaml(f"x: {text}").value["x"]
    assert read == value
    assert type(read) is type(value)


def test_a_word_that_older_yaml_takes_for_true_may_be_a_key() -> None:
    assert read_yaml("on: 1\nyes: 2\n").value == {"on": 1, "yes": 2}


def test_every_value_and_key_knows_its_line_and_column() -> None:
    document = read_yaml("a: 1\nb:\n  - x\n  - {c: [1, 2]}\n")
    assert document.place(("a",)) == (1, 4)
    assert document.place(("b", 1, "c", 1)) == (4, 13)
    assert document.place(("b", 1, "c"), of_key=True) == (4, 6)
    assert document.place(("b", 1, "missing")) == (4, 5)


def the_finding(text: str | bytes, read=read_yaml):
    with pytest.raises(InvalidDefinition) as refused:
        read(text)
    return refused.value.findings[0]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1\nb: {a: 1", "syntax", (3, 1)),
        ("a: 1\n\tb: 2", "syntax", (2, 1)),
        ("a: \x07", "syntax", (1, 4)),
        ("", "syntax", (1, 1)),
        ("a: 1\n---\nb: 1", "several", (2, 1)),
        ("%YAML 1.1\n---\na: 1", "syntax", (1, 1)),
        ("a: 1\na: 2", "duplicate_key", (2, 1)),
        ("1: x", "key", (1, 1)),
        ("true: x", "key", (1, 1)),
        ("? [a]\n: x", "key", (1, 3)),
        ("a: &x 1\nb: 2", "alias", (1, 4)),
        ("b: *x", "alias", (1, 4)),
        ("<<: {a: 1}", "merge", (1, 1)),
        ("a: !!str 1", "tag", (1, 4)),
        ("a: !ref x", "tag", (1, 4)),
        ("a: .nan", "number", (1, 4)),
        ("a: -.inf", "number", (1, 4)),
        ("a: 1e999", "number", (1, 4)),
        ("a: " + "9" * 400, "number", (1, 4)),
        (b"a: \xff", "syntax", (None, None)),
        ("a: \ud800", "syntax", (None, None)),
    ],
)
def test_what_is_not_plain_to_see_is_refused_where_it_stands(text, code, place) -> None:
    found = the_finding(text)
    assert (found.code, (found.line, found.column)) == (code, place)


def test_several_faults_of_a_text_are_told_at_once() -> None:
    with pytest.raises(InvalidDefinition) as refused:
        read_yaml("a: &x 1\nb: *x\na: !t 2\n")
    assert [each.code for each in refused.value.findings] == [
        "alias",
        "alias",
        "duplicate_key",
        "tag",
    ]


def bomb(levels: int = 12) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


HUGE = {
    "a bomb of aliases": (bomb(), "alias"),
    "too much text": ("x" * (MAX_BYTES + 1), "too_large"),
    "too many values": ("[" + "1," * MAX_NODES + "1]", "too_large"),
    "too deep in brackets": ("[" * 100_000, "too_deep"),
    "too deep in lists": ("- " * 100_000, "too_deep"),
    "too deep in mappings": ("{a: " * 100_000, "too_deep"),
    "too deep in lines": ("".join(" " * n + "a:\n" for n in range(1_000)), "too_deep"),
    "one long text": ("a: '" + "x" * 900_000, "syntax"),
    "many anchors": ("".join(f"k{n}: &a{n} 1\n" for n in range(50_000)), "alias"),
    "one key again and again": ("a: 1\n" * 150_000, "duplicate_key"),
}


@pytest.mark.parametrize("case", HUGE.values(), ids=HUGE)
def test_what_would_grow_or_sink_without_end_is_refused_soon(case: tuple[str, str]) -> None:
    text, code = case
    begun = time.process_time()
    assert the_finding(text).code == code
    assert time.process_time() - begun < 10  # measured: 0.2 at most; grown, it would take minutes


def test_values_are_counted_before_they_are_built() -> None:
    read_yaml("[" + ",".join("1" * (MAX_NODES - 1)) + "]")
    assert the_finding("[" + ",".join("1" * MAX_NODES) + "]").code == "too_large"


def test_nesting_is_allowed_to_its_limit() -> None:
    read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert the_finding("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).code == "too_deep"


def test_json_is_read_with_its_places() -> None:
    value = {"a": [1, -0.5, 1e30, True, None, 'é "\\/\n\t'], "😀": {"b": "😀"}, "c": "//"}
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent="\t")):
        assert read_json(text).value == value
        assert read_json(text.encode()).value == value
    document = read_json('{\n  "a": [1,\n 2]}')
    assert document.place(("a", 1)) == (3, 2)


@pytest.mark.parametrize(
    "text",
    ["a: 1", "{'a': 1}", "{a: 1}", '{"a": 1,}', '{"a": NaN}', '{"a": 1} x', "[" * 100_000, ""],
)
def test_what_is_yaml_and_not_json_is_no_json(text: str) -> None:
    assert the_finding(text, read_json).code in ("syntax", "too_deep")


def test_a_key_that_json_would_take_twice_is_refused() -> None:
    assert the_finding('{"a": 1,\n "a": 2}', read_json).line == 2
