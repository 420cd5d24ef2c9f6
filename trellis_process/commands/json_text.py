"""JSON text, read strictly, because what two readers take differently is no safe command."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from trellis_process.commands.refusals import MalformedRequest
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import InvalidInput

MAX_BODY_DEPTH = 64  # room for what a field may nest, so that the refusal names the field


def read_object(text: str) -> dict[str, JsonValue]:
    """The JSON object that a text holds: no key twice, no NaN or Infinity, no lone surrogates.

    Raises MalformedRequest, or InvalidInput for JSON that is no object.
    """
    try:
        value = json.loads(
            text, object_pairs_hook=_without_doubles, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise MalformedRequest(
            f"the body is not JSON: {error.msg}, line {error.lineno}, column {error.colno}"
        ) from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # more digits than Python is willing to convert
        raise MalformedRequest("the body holds a number of too many digits") from error
    if text.count("[") + text.count("{") > MAX_BODY_DEPTH and _depth(value) > MAX_BODY_DEPTH:
        raise _too_deep()
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    if not isinstance(value, dict):
        raise InvalidInput("body", value, "allowed is a JSON object")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise MalformedRequest("an object in the body has the same key twice")
    return named


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedRequest(f"the body is not JSON: {name} is no JSON value")


def _refuse_lone_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise MalformedRequest("the body holds half of a surrogate pair") from error


def _depth(value: JsonValue) -> int:
    """How deep arrays and objects nest; level by level, because recursion has an end."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            member
            for container in level
            for member in (container.values() if isinstance(container, dict) else container)
            if isinstance(member, dict | list)
        ]
    return depth


def _too_deep() -> MalformedRequest:
    return MalformedRequest(f"the body nests deeper than {MAX_BODY_DEPTH} levels")
