"""The events, or the commands, from the JSON schema that is kept for programs."""

from __future__ import annotations

from typing import Any

from trellis_site.schemas import Described


def of_schema(document: dict[str, Any], prefix: str) -> str:
    """A section for each message that the schema allows, then for what these are made of."""
    schemas = document["$defs"]
    described = Described(schemas, prefix)
    messages = [each["$ref"].rsplit("/", 1)[-1] for each in document["oneOf"]]
    others = [name for name in schemas if name not in messages and name[0].isupper()]
    return "\n".join(
        described.heading(name, 2) + "\n" + described.body(name) for name in messages + others
    )
