"""The JSON Schema of the format: ``python -m trellis_process.definitions.json_schema`` prints it.

It is kept as ``docs/definition.schema.json``, by which editors complete and check definitions. What
depends on two places of a document, as targets and names do, only ``trellis validate`` finds.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from trellis_process.definitions.parts import KINDS
from trellis_process.definitions.reaction_checks import EFFECTS, EXPRESSIONS_BY_NAME, ONE_OF
from trellis_process.definitions.shape import DURATIONS, definitions
from trellis_process.definitions.values import (
    IDENTIFIER_PATTERN,
    IDENTIFIERS,
    LISTS_OF_TEXT,
    MAX_COEFFICIENT,
    NAMES,
    NOT_EMPTY,
    NUMBERS,
    TEXTS,
    WAYS_TO_WAIT,
)
from trellis_process.domain.calendar_span import CALENDAR_SPAN_PATTERN
from trellis_process.domain.definition import process_definition, reactions, steps
from trellis_process.domain.definition.duration import DURATION_PATTERN
from trellis_process.domain.definition.entity_status import ENTITY_STATUS_PATTERN
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.reactions import TimerSetting
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla, SlaTier
from trellis_process.domain.limits import NAME_PATTERN

Schema = dict[str, Any]

_STEP = {"$ref": "#/$defs/Step"}
_CLASSES: dict[str, type] = {
    name: each
    for module in (steps, reactions, process_definition)
    for name, each in vars(module).items()
    if isinstance(each, type) and hasattr(each, "__dataclass_fields__")
} | {"Retry": Retry, "Sla": Sla, "SlaTier": SlaTier}


def definition_schema() -> Schema:
    """The schema of a definition, by JSON Schema 2020-12."""
    generated = definitions().json_schema(ref_template="#/$defs/{model}")
    classes: dict[str, Schema] = generated["$defs"]
    root = classes.pop("ProcessDefinition", generated)
    schemas = {name: _of_class(_CLASSES[name], each) for name, each in classes.items()}
    schemas["WaitStep"]["oneOf"] = _one_of(WAYS_TO_WAIT)
    for of, names in ONE_OF.items():
        schemas[of.__name__]["oneOf"] = _one_of(names)
    schemas["EventDefinition"] |= {
        "dependentRequired": {"pattern": ["key"], "change": ["entity"], "status": ["entity"]},
        "if": {"required": ["entity"]},
        "then": {"oneOf": _one_of(("change", "status"))},
    }
    schemas["ScheduleTrigger"]["oneOf"] = _one_of(("cron", "every"))
    schemas["Reaction"]["anyOf"] = _one_of(EFFECTS)
    schemas["Step"] = {
        "description": "A step, by its kind, which may be left out where another field tells it.",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in KINDS.values()],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A process definition of Trellis",
        **_of_class(ProcessDefinition, root),
        "anyOf": _one_of(("steps", "reactions")),
        "$defs": {name: schemas[name] for name in sorted(schemas)},
    }


def _one_of(names: Iterable[str]) -> list[Schema]:
    return [{"required": [name]} for name in names]


def schema_text() -> str:
    """The schema as it is kept: stable, and readable in a difference."""
    return json.dumps(definition_schema(), indent=2, ensure_ascii=False) + "\n"


def _of_class(of: type, generated: Schema) -> Schema:
    told = _told_fields(of)
    properties = {}
    for name, schema in generated["properties"].items():
        narrow = _plain(schema) | _limits(of, name)
        narrow.pop("title", None)
        if name in told and "$ref" not in narrow:
            narrow = {"description": told[name], **narrow}
        properties[name] = narrow
    return {
        "description": " ".join((inspect.getdoc(of) or "").split()),
        "type": "object",
        "properties": properties,
        "required": generated.get("required", []),
        "additionalProperties": False,
    }


def _plain(schema: Any) -> Any:
    """Without null, which a field that is left out means as well, and without titles."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    options = schema.get("anyOf", [])
    if {"type": "null"} in options:
        rest = [each for each in options if each != {"type": "null"}]
        more = {name: each for name, each in schema.items() if name not in ("anyOf", "default")}
        return _plain({**more, **(rest[0] if len(rest) == 1 else {"anyOf": rest})})
    if len(options) == len(KINDS):
        return _STEP
    return {
        name: _plain(each)
        for name, each in schema.items()
        if name != "title" or not isinstance(each, str)
    }


def _limits(of: type, name: str) -> Schema:
    """What is allowed of a value, beside its type."""
    if name in DURATIONS:
        return {"pattern": DURATION_PATTERN}
    if name == "name" and issubclass(of, tuple(IDENTIFIERS)):
        return {"pattern": IDENTIFIER_PATTERN}
    if any(issubclass(of, each) and name == named for each, named in NAMES):
        return {"pattern": NAME_PATTERN}
    if of is TimerSetting and name == "after":
        return {"pattern": CALENDAR_SPAN_PATTERN}
    if name == "status":
        return {"pattern": ENTITY_STATUS_PATTERN}
    if name in EXPRESSIONS_BY_NAME:
        return {"propertyNames": {"pattern": IDENTIFIER_PATTERN}}
    if name in NUMBERS:
        least, most = NUMBERS[name]
        return {"minimum": least, "maximum": most}
    if name == "coefficient":
        return {"minimum": 1, "maximum": MAX_COEFFICIENT}
    if name in TEXTS:
        return {"maxLength": TEXTS[name]}
    if name in LISTS_OF_TEXT:
        return {"items": {"type": "string", "maxLength": LISTS_OF_TEXT[name]}}
    if name in NOT_EMPTY:
        return {"minItems": 1}
    if name == "on_item_failure":
        share = {"type": "string", "pattern": r"^(\d{1,2}|100)%$"}
        choices = {"enum": ["continue", "fail"]}
        return {"anyOf": [choices, {"type": "integer", "minimum": 0, "maximum": 1_000_000}, share]}
    return {}


def _told_fields(of: type) -> dict[str, str]:
    """What the comments before a class's fields say of them."""
    told: dict[str, str] = {}
    for each in reversed(of.__mro__):
        if each is not object:
            source = inspect.getsource(each)
            for comment, name in re.findall(r"((?:^ {4}#: .*\n)+) {4}(\w+):", source, re.MULTILINE):
                text = " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())
                told[name] = text
    return {field.name: told[field.name] for field in fields(of) if field.name in told}


if __name__ == "__main__":
    print(schema_text(), end="")
