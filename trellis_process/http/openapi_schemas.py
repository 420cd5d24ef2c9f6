"""The schemas of the OpenAPI document: of bodies as the routes know them, and of answers."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from trellis_process.commands import COMMANDS
from trellis_process.http import (
    batch_documents,
    definition_documents,
    documents,
    job_documents,
    problem_documents,
    schedule_documents,
    view_documents,
)

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"


def schemas(of_requests: Json) -> Json:
    """The schemas of bodies, as the routes know them, and of answers."""
    models = [
        model
        for module in (
            documents,
            definition_documents,
            job_documents,
            schedule_documents,
            view_documents,
            problem_documents,
            batch_documents,
        )
        for name, model in vars(module).items()
        # Only what the module names itself: no import, base class or parametrised RootModel.
        if re.fullmatch("[A-Z][A-Za-z]+", name)
        and isinstance(model, type)
        and issubclass(model, BaseModel)
        and model.__module__ == module.__name__
    ]
    _, of_answers = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE
    )
    found = {
        name: schema
        for name, schema in of_requests.items()
        if "ValidationError" not in name  # Powertools' own answer, which is never given
    }
    for model in COMMANDS.values():
        found[model.__name__]["required"].remove("tenant_id")  # it is the path's
    commands = found["Batch"]["properties"]["commands"]
    found["Command"] = {**commands["items"], "description": "One command, told by its `command`."}
    commands["items"] = {"$ref": REFERENCE.format(model="Command")}
    found = {name: _with_defaults_in_words(schema) for name, schema in found.items()}
    found |= {name: without_null(schema) for name, schema in of_answers["$defs"].items()}
    return {name: tidy_schema(found[name]) for name in sorted(found)}


def _with_defaults_in_words(schema: Json) -> Json:
    """A body's schema whose descriptions say the defaults.

    Generators of clients take a field that has a default for one that is always there.
    """
    fields = {}
    for name, field in schema.get("properties", {}).items():
        said = {key: value for key, value in field.items() if key != "default"}
        if "default" in field:
            said["description"] += f" {json.dumps(field['default'])} unless given."
        fields[name] = said
    return {**schema, "properties": fields} if fields else schema


def tidy_schema(value: Any) -> Any:
    """A schema without the titles that only repeat a field's name, and without 100.0 for 100."""
    if isinstance(value, dict):
        return {
            name: tidy_schema(member)
            for name, member in value.items()
            if not (name == "title" and isinstance(member, str))
        }
    if isinstance(value, list):
        return [tidy_schema(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_null(value: Any) -> Any:
    """A schema in which what may be left out is not null either."""
    if isinstance(value, list):
        return [without_null(member) for member in value]
    if not isinstance(value, dict):
        return value
    schema = {name: without_null(member) for name, member in value.items()}
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(choices) == 1:
        del schema["anyOf"]
        schema |= cast(Json, choices[0])
    elif choices:
        schema["anyOf"] = choices
    return schema
