"""Examples: values that stand in for what was not given, from what is declared and looked at."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from trellis_process.definitions.input_schema import schema_of
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import (
    ForEachStep,
    LlmIntentStep,
    QueryStep,
    walk,
)
from trellis_process.domain.engine.items import LIST
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.time import to_text
from trellis_process.simulation.wanted import Kind, Wanted, wanted_by

_ITEMS = 2  # of an example list, so that one sees them come one after the other


class Examples:
    """Example values for the input of a definition and the outputs of its steps.

    ``start`` is when the simulation begins; moments lie a day after it.
    """

    def __init__(self, definition: ProcessDefinition, start: datetime) -> None:
        self._moment = to_text(start + timedelta(days=1))
        self._definition = definition
        self._roots: dict[str, list[Wanted]] = {"input": []}
        items: dict[str, list[Wanted]] = {}
        around = {
            inside.name: step
            for step in walk(definition.steps)
            if isinstance(step, ForEachStep)
            for inside in walk(step.foreach.steps)
        }
        for step, (path, kind, value) in wanted_by(definition):
            if path[0] == "input":
                self._roots["input"].append((path[1:], kind, value))
            elif path[0] == "steps" and len(path) > 2 and path[2] == "output":
                self._roots.setdefault(path[1], []).append((path[3:], kind, value))
            elif path[0] == "item" and step is not None and step.name in around:
                items.setdefault(around[step.name].foreach.items, []).append(
                    (path[1:], kind, value)
                )
        #: What stands for an item of a list, by the expression that gives the list.
        self._items = {of: self._tree(wanted, "item") for of, wanted in items.items()}
        self._steps = {step.name: step for step in walk(definition.steps)}

    def input(self) -> dict[str, JsonValue]:
        """What a process could be started with."""
        wanted = self._tree(self._roots["input"], "input", "input")
        seen = wanted if isinstance(wanted, dict) else {}
        declared = schema_of(self._definition.inputs)
        made = self._of_schema(declared, declared, "input", seen)
        assert isinstance(made, dict)
        if not self._definition.inputs:
            return {**seen, **made}
        return made

    def output(self, step_name: str) -> JsonValue:
        """What a step could result in; None where nobody looks."""
        step = self._steps.get(step_name)
        wanted = self._roots.get(step_name)
        seen = None
        if wanted is not None:
            seen = self._tree(wanted, step_name, f"steps.{step_name}.output")
        if isinstance(step, LlmIntentStep) and step.llm_intent.output_schema:
            schema = step.llm_intent.output_schema
            return self._of_schema(schema, schema, step_name, seen)
        if isinstance(step, QueryStep) and not _are_rows(seen):
            return []
        return seen

    def items(self, expression: str, count: int) -> list[JsonValue]:
        """So many items of a list that is kept elsewhere, by the expression that gives it."""
        item = self._items.get(expression, "example item")
        return [copy.deepcopy(item) for _ in range(count)]

    def _tree(self, wanted: list[Wanted], name: str, at: str = "") -> JsonValue:
        """The value that has all of these paths."""
        inside: dict[str, list[Wanted]] = {}
        kind, value = Kind.ANY, None
        for path, its_kind, its_value in wanted:
            if path:
                inside.setdefault(path[0], []).append((path[1:], its_kind, its_value))
            else:
                kind = its_kind if kind is Kind.ANY else kind
                value = its_value if value is None else value
        if inside:
            return {
                member: self._tree(paths, member, f"{at}.{member}")
                for member, paths in inside.items()
            }
        return self._simple(kind, value, name, at)

    def _simple(self, kind: Kind, value: Any, name: str, at: str) -> JsonValue:
        if value is not None:
            return value
        if kind is Kind.LIST:
            item = self._items.get(at, f"example {name}")
            return [copy.deepcopy(item) for _ in range(_ITEMS)]
        made: dict[Kind, JsonValue] = {
            Kind.BOOL: True,
            Kind.NUMBER: 1,
            Kind.MOMENT: self._moment,
        }
        return made.get(kind, f"example {name}")

    def _of_schema(
        self, schema: Any, root: Mapping[str, Any], name: str, seen: JsonValue
    ) -> JsonValue:
        """A value as a JSON Schema says; where it leaves it open, as it is looked at."""
        if not isinstance(schema, Mapping):
            return seen
        if "$ref" in schema:
            return self._of_schema(_followed(schema["$ref"], root), root, name, seen)
        for field in ("default", "const"):
            if field in schema:
                return copy.deepcopy(schema[field])
        for field in ("examples", "enum"):
            if schema.get(field):
                return copy.deepcopy(schema[field][0])
        for field in ("allOf", "anyOf", "oneOf"):
            if schema.get(field):
                return self._of_schema(
                    {**schema[field][0], **_without(schema, field)}, root, name, seen
                )
        told = schema.get("type")
        kind = told[0] if isinstance(told, list) else told
        if kind is None and "properties" in schema:
            kind = "object"
        if kind == "object" and isinstance(seen, list):
            return {LIST: "example", "count": len(seen), "page_size": 25}
        if kind == "object":
            inside = seen if isinstance(seen, dict) else {}
            declared = schema.get("properties", {})
            made = {
                member: self._of_schema(each, root, member, inside.get(member))
                for member, each in declared.items()
            }
            if schema.get("additionalProperties", True) is False:
                return made
            return {**inside, **made}
        if kind == "array":
            if isinstance(seen, list):
                if "items" not in schema:
                    return seen
                item = seen[0] if seen else None
            else:
                item = None
            many = max(1, min(_ITEMS, schema.get("maxItems", _ITEMS)), schema.get("minItems", 0))
            made_item = self._of_schema(schema.get("items", {}), root, name, item)
            return [
                copy.deepcopy(f"example {name}" if made_item is None else made_item)
                for _ in range(many)
            ]
        if kind == "integer" or kind == "number":
            return _number(schema)
        if kind == "boolean":
            return True
        if kind == "null":
            return None
        if kind == "string":
            return self._text(schema, name, seen)
        return f"example {name}" if seen is None else seen

    def _text(self, schema: Mapping[str, Any], name: str, seen: JsonValue) -> str:
        formats = {
            "date-time": self._moment,
            "date": str(self._moment)[:10],
            "time": "09:00:00Z",
            "email": "person@example.com",
            "uri": "https://example.com/",
            "uuid": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
            "duration": "P1D",
        }
        made = formats.get(schema.get("format", ""))
        if made is None:
            made = seen if isinstance(seen, str) else f"example {name}"
        made = made.ljust(schema.get("minLength", 0), "-")
        return made[: schema.get("maxLength", len(made))]


def _are_rows(value: JsonValue) -> bool:
    """Whether it is what a query could have found."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _number(schema: Mapping[str, Any]) -> JsonValue:
    """A number within the bounds of a schema, 1 where they allow it."""
    step = schema.get("multipleOf", 1)
    least = schema.get(
        "minimum",
        schema.get("exclusiveMinimum", step) + (step if "exclusiveMinimum" in schema else 0),
    )
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if most is not None and least > most:
        return most if "maximum" in schema else most - step
    return least


def _followed(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _without(schema: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {field: value for field, value in schema.items() if field != name}
