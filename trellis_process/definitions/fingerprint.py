"""Whether two definitions have the same content, however they were written."""

from __future__ import annotations

import hashlib
import json

from trellis_process.definitions.shape import definition_of
from trellis_process.definitions.writing import to_dict
from trellis_process.domain.definition.process_definition import ProcessDefinition


def canonical_text(definition: ProcessDefinition) -> str:
    """The content as text: the same for the same content, whatever the order of keys.

    Defaults are left out, whether or not they were spelled out. Raises pydantic's ValidationError
    for a definition that was built with values of wrong types.
    """
    # Once through the reader, so that what was built in Python has the types of what was read.
    content = to_dict(definition_of(to_dict(definition)))
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def fingerprint(definition: ProcessDefinition) -> str:
    """The content in 64 characters: SHA-256 of its canonical text."""
    return hashlib.sha256(canonical_text(definition).encode("utf-8")).hexdigest()
