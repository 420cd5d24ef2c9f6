"""What a process is started with: declared in a short form or as JSON Schema, and checked by it.

Schemas are of draft 2020-12, within bounds, so that no schema and no value takes long: nothing is
fetched, nothing refers back to itself, and regular expressions are matched in linear time.
``output_schema`` of an ``llm_intent`` is such a schema too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trellis_process.definitions.expression_cost import MAX_PATTERN_WEIGHT, pattern_weight
from trellis_process.definitions.finding import Path, path_text
from trellis_process.domain.limits import JsonValue, check_json
from trellis_process.errors import Described, InvalidInput, shown
from trellis_process.nearest import did_you_mean

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = ("string", "number", "integer", "boolean", "object", "array", "any")
MAX_SCHEMA_BYTES = 64 * 1024
MAX_EXPANDED = 10_000  # values of a schema, each of what it refers to counted where it does
MAX_INPUT_BYTES = 256 * 1024
MAX_PROBLEMS = 20  # told of one input
CACHED = 500

_ELSEWHERE = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary")
#: Where a schema holds values, which are no schemas.
_VALUES = ("const", "default", "enum", "examples")
#: Where it holds schemas by names that are the user's.
_NAMED = ("$defs", "dependentSchemas", "patternProperties", "properties")
_PATTERN_BYTES = 1_000_000  # of a compiled one


def schema_of(inputs: Mapping[str, Any], *, field: str = "inputs") -> dict[str, Any]:
    """The JSON Schema that a definition's inputs declare; of no inputs, one that allows any.

    ``inputs`` are a JSON Schema where they have ``type: object`` and ``properties``. Otherwise
    they are types by name: ``{order_id: string, amount: number, note: string?}``, where ``?``
    stands for what may be missing, or a mapping in place of a type:
    ``{type: string, default: EUR, enum: [EUR, USD]}``. What has a default may be missing too.

    Raises InvalidInput naming the first field of it that is wrong.
    """
    return copy.deepcopy(_schema_of(_text(field, inputs), field))


def is_schema(declared: Mapping[str, Any]) -> bool:
    """Whether inputs are declared by a JSON Schema, and not in the short form."""
    return declared.get("type") == "object" and isinstance(declared.get("properties"), dict)


def declared_names(declared: Any) -> tuple[str, ...] | None:
    """The names of declared inputs; None where others may be given too."""
    if not isinstance(declared, dict) or not declared:
        return None
    if not is_schema(declared):
        return tuple(declared)
    is_open = declared.get("additionalProperties", False) is not False
    beyond = {"patternProperties", "allOf", "anyOf", "oneOf", "$ref", "if", "dependentSchemas"}
    return None if is_open or beyond & set(declared) else tuple(declared["properties"])


def check_schema(schema: Mapping[str, Any], *, field: str = "schema") -> None:
    """Whether something is a JSON Schema that check_input takes. Raises InvalidInput."""
    _validator(_text(field, schema), field)


def check_input(schema: Mapping[str, Any], value: JsonValue, *, field: str = "input") -> JsonValue:
    """A value, of at most 256 KB, with the schema's defaults filled in; nothing is shared with it.

    Raises InvalidInput, whose text tells all problems at once, up to 20, each with the field; and
    TooLarge.
    """
    checked = check_json(field, value, MAX_INPUT_BYTES)
    _fill_in(checked, schema)
    validator = _validator(_text("schema", schema), "schema")
    problems = [
        problem for error in validator.iter_errors(checked) for problem in _problems(error, field)
    ]
    if not problems:
        return checked
    (where, given, allowed), *others = problems[:MAX_PROBLEMS]
    told = [f"{other}: got {shown(got)}; {why}" for other, got, why in others]
    if len(problems) > MAX_PROBLEMS:
        told.append(f"and {len(problems) - MAX_PROBLEMS} more")
    raise InvalidInput(where, given, "; ".join([allowed, *told]))


def defaults_of(schema: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What a schema of an object fills in where nothing is given."""
    filled: dict[str, JsonValue] = {}
    _fill_in(filled, schema)
    return filled


def misfits(schema: Mapping[str, Any], value: JsonValue) -> list[str]:
    """What of a schema a JSON value does not fit: ``properties.kind.enum``; empty where it fits.

    Of the value itself nothing is told, so that this may be logged. Raises InvalidInput for a
    schema that is none.
    """
    found = []
    for error in _validator(_text("schema", schema), "schema").iter_errors(value):
        kind: Any = error.kind
        missing = f" ({kind.property})" if kind.name == "required" else ""
        found.append(path_text(tuple(error.schema_path)) + missing)
    return found


@lru_cache(CACHED)
def _schema_of(text: str, field: str) -> dict[str, Any]:
    inputs = json.loads(text)
    if not inputs:
        return {"type": "object"}
    is_written = is_schema(inputs)
    if is_written:
        schema: dict[str, Any] = inputs
    else:
        schema = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        for name, declared in inputs.items():
            member, is_needed = _declared(f"{field}.{name}", declared)
            schema["properties"][name] = member
            schema["required"] += [name] if is_needed else []
    try:
        _validator(_text(field, schema), field)
        _check_defaults(schema, (field,), schema)
    except InvalidInput as error:
        if is_written:
            raise
        written = error.field.replace(f"{field}.properties.", f"{field}.", 1)
        raise InvalidInput(written, Described(error.given), error.allowed) from error
    return schema


def _declared(field: str, declared: Any) -> tuple[dict[str, Any], bool]:
    """The schema of one input of the short form, and whether it has to be given."""
    if isinstance(declared, str):
        declared = {"type": declared}
    if not isinstance(declared, dict):
        raise InvalidInput(field, declared, f"allowed is a type ({', '.join(TYPES)}) or a mapping")
    member = dict(declared)
    named = member.pop("type", "any")
    if isinstance(named, list):  # as JSON Schema has it: one of several
        return {"type": named, **member}, "default" not in member
    name = named.removesuffix("?") if isinstance(named, str) else ""
    if name not in TYPES:
        hint = did_you_mean(str(named).lower(), TYPES)
        allowed = f"allowed are {', '.join(TYPES)}, and ? after what may be missing{hint}"
        raise InvalidInput(field, named, allowed)
    is_needed = not named.endswith("?") and "default" not in member
    return (member if name == "any" else {"type": name, **member}), is_needed


def _text(field: str, value: Mapping[str, Any]) -> str:
    """A schema as text, by which it is remembered. Raises InvalidInput for what is no JSON."""
    if not isinstance(value, Mapping):
        raise InvalidInput(field, value, "allowed is a mapping")
    try:
        checked = check_json(field, dict(value), MAX_SCHEMA_BYTES)
    except RecursionError as error:
        raise InvalidInput(field, Described("deep nesting"), "allowed is less") from error
    return json.dumps(checked, ensure_ascii=False)


@lru_cache(CACHED)
def _validator(text: str, field: str) -> Draft202012Validator:
    # Not where this file is imported: most programs start no process that declares anything.
    from jsonschema_rs import Draft202012Validator, RegexOptions
    from jsonschema_rs import ValidationError as SchemaError

    schema = json.loads(text)
    _check_bounds(schema, field)
    try:
        return Draft202012Validator(
            schema,
            offline=True,
            validate_formats=True,
            pattern_options=RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
        )
    except SchemaError as error:
        where = path_text((field, *error.instance_path))
        raise InvalidInput(where, error.instance, f"allowed is JSON Schema: {error.message}") from (
            error
        )


def _check_bounds(schema: Any, field: str) -> None:
    """Refuses what would fetch something, go round in circles or become very large."""
    expanded: dict[str, int] = {}  # values of what is referred to, by reference
    open_references: list[str] = []

    def size_of(value: Any, path: Path, *, has_names: bool = False) -> int:
        if isinstance(value, list):
            return 1 + sum(size_of(each, (*path, place)) for place, each in enumerate(value))
        if not isinstance(value, dict):
            return 1
        size = 1
        for name, member in value.items():
            at = (*path, name)
            if not has_names:
                if name in _VALUES:
                    continue
                _check_keyword(name, member, at)
                if name == "$ref":
                    size += size_behind(member, at)
            size += size_of(member, at, has_names=name in _NAMED and not has_names)
            if size > MAX_EXPANDED:
                allowed = f"allowed are {MAX_EXPANDED:,} values, $ref written out"
                raise InvalidInput(path_text(at), Described("a larger schema"), allowed)
        return size

    def size_behind(reference: str, path: Path) -> int:
        if reference in open_references:
            allowed = "allowed is a schema that does not refer back to itself"
            raise InvalidInput(path_text(path), reference, allowed)
        if reference not in expanded:
            open_references.append(reference)
            found = _followed(schema, reference, path)
            expanded[reference] = size_of(found, (field, *_parts(reference)))
            open_references.pop()
        return expanded[reference]

    size_of(schema, (field,))


def _check_keyword(name: str, member: Any, path: Path) -> None:
    if name in _ELSEWHERE:
        allowed = "allowed is one schema, without names for others; put them below $defs"
        raise InvalidInput(path_text(path), member, allowed)
    if name == "$schema" and member.rstrip("#") != DIALECT:
        raise InvalidInput(path_text(path), member, f"allowed is {DIALECT}")
    if name == "$ref" and not (isinstance(member, str) and member.startswith("#")):
        raise InvalidInput(path_text(path), member, 'allowed is "#/$defs/…", in the same schema')
    patterns: list[Any] = []
    if name == "pattern":
        patterns = [member]
    elif name == "patternProperties" and isinstance(member, dict):
        patterns = list(member)
    for pattern in patterns:
        if isinstance(pattern, str) and pattern_weight(pattern) > MAX_PATTERN_WEIGHT:
            allowed = (
                f"allowed is a pattern of weight {MAX_PATTERN_WEIGHT:,}, repetitions written out"
            )
            raise InvalidInput(path_text(path), pattern, allowed)


def _parts(reference: str) -> list[str]:
    return [
        part.replace("~1", "/").replace("~0", "~")
        for part in reference.removeprefix("#").split("/")[1:]
    ]


def _followed(schema: Any, reference: str, path: Path) -> Any:
    """What a reference within the schema leads to. Raises InvalidInput where that is nothing."""
    found = schema
    for part in _parts(reference):
        if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, dict) and part in found:
            found = found[part]
        else:
            raise InvalidInput(path_text(path), reference, "allowed is what the schema contains")
    return found


def _check_defaults(schema: Any, path: Path, root: dict[str, Any]) -> None:
    """Refuses a default that is not as the schema beside it says."""
    if not isinstance(schema, dict):
        return
    for name, member in schema.get("properties", {}).items():
        at = (*path, "properties", name)
        if isinstance(member, dict) and "default" in member:
            alone = {**member, "$defs": root.get("$defs", {})}
            try:
                check_input(alone, member["default"], field=path_text((*at, "default")))
            except InvalidInput as error:
                raise InvalidInput(error.field, member["default"], error.allowed) from error
        _check_defaults(member, at, root)


def _fill_in(value: Any, schema: Any) -> None:
    """Puts the defaults of properties where nothing was given, also inside of what was given."""
    if not isinstance(value, dict) or not isinstance(schema, Mapping):
        return
    for name, member in schema.get("properties", {}).items():
        if name not in value and isinstance(member, Mapping) and "default" in member:
            value[name] = copy.deepcopy(member["default"])
        if name in value:
            _fill_in(value[name], member)


def _problems(error: ValidationError, field: str) -> Iterator[tuple[str, Any, str]]:
    """A problem of a value as field, what was given, what is allowed."""
    path: Path = (field, *error.instance_path)
    kind: Any = error.kind
    if kind.name == "required":
        yield path_text((*path, kind.property)), Described("nothing"), "it has to be given"
    elif kind.name == "additionalProperties":
        for name in kind.unexpected:
            given = error.instance[name] if isinstance(error.instance, dict) else error.instance
            yield path_text((*path, name)), given, "it is not declared, so it is not allowed"
    elif kind.name == "type":
        types = " or ".join(sorted(kind.types, key=("null").__eq__))
        yield path_text(path), error.instance, f"allowed is {types}"
    elif kind.name == "enum":
        yield path_text(path), error.instance, f"allowed are {', '.join(map(shown, kind.options))}"
    else:
        what = shown(error.instance)
        said = error.message.removeprefix(json.dumps(error.instance, ensure_ascii=False)).strip()
        yield path_text(path), error.instance, f"{what if not said else 'it'} {said[:200]}"
