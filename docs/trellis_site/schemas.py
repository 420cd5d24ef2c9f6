"""A JSON schema as people read it: a table of fields, each with its type, limits and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


class Described:
    """The schemas of one document, which refer to each other by name.

    ``prefix`` keeps their anchors apart from those of other documents of the site.
    """

    def __init__(self, schemas: dict[str, Schema], prefix: str) -> None:
        self._schemas = schemas
        self._prefix = prefix

    def heading(self, name: str, level: int) -> str:
        """The heading of a schema, to which every mention of its name leads."""
        return f"({self._anchor(name)})=\n{'#' * level} {name}\n"

    def body(self, name: str) -> str:
        """What a schema describes: a sentence, and its fields or what it may be."""
        return self.of(self._schemas[name])

    def of(self, schema: Schema) -> str:
        """The same of a schema without a name."""
        parts = [schema.get("description", "")]
        if properties := self.properties(schema):
            parts.append(self._fields(properties, self._required(schema)))
        else:
            parts.append(f"{self.type_of(schema)}.")
        return "\n\n".join(part for part in parts if part) + "\n"

    def properties(self, schema: Schema) -> dict[str, Schema]:
        """The fields of an object, also of one that is put together from several."""
        found: dict[str, Schema] = {}
        for part in self._parts(schema):
            found |= part.get("properties", {})
        return found

    def type_of(self, schema: Schema | bool) -> str:
        """Type and limits in a few words; another schema by its name, which is a link."""
        if isinstance(schema, bool) or not (schema.keys() - {"description", "default", "title"}):
            return "any JSON"
        if name := _name_in(schema):
            if self._is_named(name):
                return f"[{name}](#{self._anchor(name)})"
            return self.type_of(self._schemas[name])
        if "const" in schema:
            return f"`{_json(schema['const'])}`"
        if "enum" in schema:
            return ", ".join(f"`{_json(each)}`" for each in schema["enum"])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return " or ".join(self.type_of(each) for each in schema[word])
        if "allOf" in schema:
            return " and ".join(self.type_of(each) for each in schema["allOf"])
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
        if "items" in schema:
            kind = f"list of {self.type_of(schema['items'])}"
        limits = ", ".join(_limits(schema))
        return f"{kind}, {limits}" if limits else kind

    def _fields(self, properties: dict[str, Schema], required: set[str]) -> str:
        lines = ["| field | type | meaning |", "| --- | --- | --- |"]
        for name, schema in properties.items():
            meaning = self._meaning(schema)
            if name in required:
                meaning = f"**Required.** {meaning}"
            lines.append(f"| `{name}` | {self.type_of(schema)} | {cell(meaning)} |")
        return "\n".join(lines)

    def _meaning(self, schema: Schema) -> str:
        name = _name_in(schema)
        if "description" in schema or name is None:
            return str(schema.get("description", ""))
        return str(self._schemas[name].get("description", ""))

    def _required(self, schema: Schema) -> set[str]:
        return {name for part in self._parts(schema) for name in part.get("required", ())}

    def _parts(self, schema: Schema) -> Iterator[Schema]:
        if name := _name_in(schema):
            yield from self._parts(self._schemas[name])
        yield schema
        for part in schema.get("allOf", ()):
            yield from self._parts(part)

    def _is_named(self, name: str) -> bool:
        # A schema with a small first letter says how a value is written, and is told in place.
        return name[0].isupper()

    def _anchor(self, name: str) -> str:
        return f"{self._prefix}-{name.lower()}"


def cell(text: str) -> str:
    """A text as it may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def as_block(value: object) -> str:
    """A value as a block of JSON."""
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```\n"


def _json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _name_in(schema: Schema) -> str | None:
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rsplit("/", 1)[-1]


def _limits(schema: Schema) -> Iterator[str]:
    if "format" in schema:
        yield str(schema["format"])
    for least, most, of in (
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " of them"),
        ("minimum", "maximum", ""),
    ):
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            yield f"{low:,} to {high:,}{of}"
        elif high is not None:
            yield f"at most {high:,}{of}"
        elif low is not None:
            yield f"at least {low:,}{of}"
    if "pattern" in schema and "maxLength" not in schema:
        pattern = schema["pattern"].replace("|", "\\|")
        yield f"`{pattern}`"
