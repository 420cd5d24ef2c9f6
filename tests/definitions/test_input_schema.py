"""Declared inputs: a short form or JSON Schema, checked whole and within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process.definitions.input_schema import check_input, check_schema, schema_of
from trellis_process.errors import InvalidInput, TooLarge

ORDER = schema_of(
    {
        "order_id": "string",
        "amount": "number",
        "note": "string?",
        "currency": {"type": "string", "default": "EUR", "enum": ["EUR", "USD"]},
        "lines": {
            "type": "array",
            "default": [],
            "items": {
                "type": "object",
                "properties": {"count": {"type": "integer", "minimum": 1, "default": 1}},
            },
        },
    }
)


def refused(declared: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        schema_of(declared)
    return raised.value


def test_the_short_form_is_a_json_schema_of_what_has_to_be_given() -> None:
    assert schema_of({"order_id": "string", "amount": "number", "note": "string?"}) == {
        "type": "object",
        "properties": {
            "order_id": {"type": "string"},
            "amount": {"type": "number"},
            "note": {"type": "string"},
        },
        "required": ["order_id", "amount"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("type_", "fits", "does_not"),
    [
        ("string", ["", "x"], [1, None]),
        ("number", [1, 1.5, -(2**70)], ["1", True]),
        ("integer", [1, 1.0, 2**70], [1.5, "1"]),
        ("boolean", [True], [1, "true"]),
        ("object", [{}, {"a": 1}], [[], None]),
        ("array", [[], [1]], [{}, "x"]),
        ("any", [None, 1, "x", [], {}], []),
    ],
)
def test_each_type_takes_its_values(type_: str, fits: list[Any], does_not: list[Any]) -> None:
    schema = schema_of({"value": type_})

    for value in fits:
        assert check_input(schema, {"value": value}) == {"value": value}
    for value in does_not:
        with pytest.raises(InvalidInput, match=r"input\.value"):
            check_input(schema, {"value": value})


def test_a_missing_required_input_is_named() -> None:
    with pytest.raises(InvalidInput) as raised:
        check_input(ORDER, {"amount": 3})

    assert raised.value.field == "input.order_id"
    assert str(raised.value) == "input.order_id: got nothing; it has to be given"


def test_defaults_are_filled_in_also_inside_and_the_callers_value_is_left_alone() -> None:
    given: dict[str, Any] = {"order_id": "o-1", "amount": 3}

    checked = check_input(ORDER, given)

    assert checked == {"order_id": "o-1", "amount": 3, "currency": "EUR", "lines": []}
    assert given == {"order_id": "o-1", "amount": 3}
    checked["lines"].append(1)
    assert check_input(ORDER, given)["lines"] == []
    nested = schema_of(
        {"to": {"type": "object", "properties": {"country": {"default": "DE"}}, "default": {}}}
    )
    assert check_input(nested, {}) == {"to": {"country": "DE"}}


def test_all_problems_are_told_at_once() -> None:
    wrong = {"order_id": 3, "currency": "GBP", "nots": 1, "lines": [{"count": 0}, {"count": "x"}]}

    with pytest.raises(InvalidInput) as raised:
        check_input(ORDER, wrong)

    told = str(raised.value)
    for problem in (
        "input.order_id: got 3; allowed is string",
        "input.amount: got nothing; it has to be given",
        "input.currency: got 'GBP'; allowed are 'EUR', 'USD'",
        "input.lines[0].count: got 0; it is less than the minimum of 1",
        "input.lines[1].count: got 'x'; allowed is integer",
        "input.nots: got 1; it is not declared, so it is not allowed",
    ):
        assert problem in told


def test_many_problems_are_told_in_part() -> None:
    wrong = {"order_id": "x", "amount": 1, "lines": [{"count": "x" * 200}] * 500}

    with pytest.raises(InvalidInput, match="and 480 more") as raised:
        check_input(ORDER, wrong)

    assert len(str(raised.value)) < 5_000


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_an_input_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"input: got .* allowed is object"):
        check_input(ORDER, value)
    with pytest.raises(InvalidInput, match=r"input: got .* allowed is object"):
        check_input(schema_of({}), value)


def test_where_nothing_is_declared_any_object_is_taken() -> None:
    assert check_input(schema_of({}), {"a": [1]}) == {"a": [1]}


def test_what_is_no_json_or_too_large_is_refused() -> None:
    with pytest.raises(InvalidInput, match="JSON"):
        check_input(schema_of({}), {"a": float("nan")})
    with pytest.raises(TooLarge):
        check_input(schema_of({}), {"a": "x" * 262_144})


def test_a_whole_json_schema_may_be_declared() -> None:
    schema = schema_of(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"to": {"$ref": "#/$defs/address"}, "at": {"format": "date-time"}},
            "required": ["to"],
            "$defs": {"address": {"type": "object", "required": ["city"]}},
        }
    )

    assert check_input(schema, {"to": {"city": "Köln"}, "more": 1})["more"] == 1
    with pytest.raises(InvalidInput, match=r"input\.to\.city: got nothing"):
        check_input(schema, {"to": {}})
    with pytest.raises(InvalidInput, match=r"input\.at: got 'noon'"):
        check_input(schema, {"to": {"city": "Köln"}, "at": "noon"})


@pytest.mark.parametrize(
    ("declared", "field", "said"),
    [
        ({"a": "strng"}, "inputs.a", "did you mean 'string'?"),
        ({"a": "int"}, "inputs.a", "allowed are string, number, integer"),
        ({"a": 5}, "inputs.a", "allowed is a type"),
        ({"a": {"type": 5}}, "inputs.a", "allowed are string"),
        ({"a": {"type": "string", "default": 3}}, "inputs.a.default", "allowed is string"),
        ({"a": {"enum": [1], "default": 2}}, "inputs.a.default", "allowed are 1"),
        ({"a": {"minimum": "x"}}, "inputs.a.minimum", "not of type"),
        ({"a": {"pattern": "("}}, "inputs.a.pattern", "regex"),
        ([], "inputs", "allowed is a mapping"),
        ({"type": "object", "properties": {"a": {"type": "strng"}}}, "inputs.properties.a.type",
         "allowed is JSON Schema"),
        ({"type": "object", "properties": {}, "$schema": "http://json-schema.org/draft-07/schema"},
         "inputs.$schema", "2020-12"),
    ],
)  # fmt: skip
def test_a_bad_declaration_is_refused_by_its_path(declared: Any, field: str, said: str) -> None:
    error = refused(declared)

    assert error.field == field
    assert said in str(error)


def schema_with(member: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": member}, **more}


LINK = {"$ref": "#/$defs/a"}
DOUBLING = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (schema_with({"$ref": "https://example.com/s"}), "in the same schema"),
        (schema_with({"$ref": "file:///etc/passwd"}), "in the same schema"),
        (schema_with({"$ref": 3}), "in the same schema"),
        (schema_with({"$ref": "#/$defs/none"}), "allowed is what the schema contains"),
        (schema_with({"$id": "https://example.com/s"}), "allowed is one schema"),
        (schema_with({"$dynamicRef": "#a"}), "allowed is one schema"),
        (schema_with(LINK, **{"$defs": {"a": LINK}}), "refer back to itself"),
        (schema_with(LINK, **{"$defs": {"a": {"items": LINK}}}), "refer back to itself"),
        (schema_with({"$ref": "#"}), "refer back to itself"),
        (schema_with({"$ref": "#/$defs/d0"}, **{"$defs": DOUBLING | {"d60": {}}}), "10,000 values"),
        (schema_with({"enum": ["x" * 70_000]}), "65536"),
        (schema_with({"pattern": "(.{1,100}){1,100}"}), "repetitions written out"),
        (schema_with({"patternProperties": {"(a{99}){99}": {}}}), "repetitions written out"),
        (schema_with({"properties": {"properties": {"pattern": "(a{99}){99}"}}}), "written out"),
        (schema_with({"pattern": "(?=a)"}), "regex"),
    ],
)
def test_a_schema_that_would_fetch_turn_in_circles_or_grow_is_refused(
    schema: dict[str, Any], said: str
) -> None:
    assert said in str(refused(schema))
    with pytest.raises(InvalidInput):
        check_schema(schema)


def test_an_input_may_be_named_as_a_keyword_is() -> None:
    names = ["pattern", "$ref", "properties", "default", "$id", "enum", "type"]
    schema = schema_of(dict.fromkeys(names, "any?"))

    assert check_input(schema, {"pattern": "(", "$ref": 1}) == {"pattern": "(", "$ref": 1}
    assert check_input(schema, dict.fromkeys(names, 1)) == dict.fromkeys(names, 1)


def test_a_pattern_matches_in_linear_time_whatever_is_given() -> None:
    schema = schema_of({"a": {"type": "string", "pattern": "^(a+)+$"}})

    with pytest.raises(InvalidInput, match="does not match"):
        check_input(schema, {"a": "a" * 50_000 + "b"})


def test_a_schema_handed_out_may_be_changed_without_changing_the_next() -> None:
    schema_of({"a": "string"})["properties"].clear()

    assert "a" in schema_of({"a": "string"})["properties"]
