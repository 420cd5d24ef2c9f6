"""The JSON Schema of a command: ``python -m trellis_process.commands.schema`` prints it.

It is kept as ``docs/commands.schema.json``, for those who check a command before they send it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

from trellis_process.commands.command import COMMANDS, Command


def command_schema() -> dict[str, Any]:
    """The schema of every command, by JSON Schema 2020-12."""
    adapter: TypeAdapter[Command] = TypeAdapter(Command)
    generated = adapter.json_schema(ref_template="#/$defs/{model}")
    models = _without_titles(generated["$defs"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A command to Trellis, as a message of the queue or the detail of an event",
        "oneOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in COMMANDS.values()],
        "$defs": {name: models[name] for name in sorted(models)},
    }


def schema_text() -> str:
    """The schema as it is kept: stable, and readable in a difference."""
    return json.dumps(command_schema(), indent=2, ensure_ascii=False) + "\n"


def _without_titles(value: Any) -> Any:
    """Without the titles that only repeat the name of a field."""
    if isinstance(value, dict):
        return {
            name: _without_titles(member)
            for name, member in value.items()
            if not (name == "title" and isinstance(member, str))
        }
    if isinstance(value, list):
        return [_without_titles(member) for member in value]
    return value


if __name__ == "__main__":
    print(schema_text(), end="")
