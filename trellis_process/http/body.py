"""The body of a request: one JSON object, read strictly."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any, NoReturn

from trellis_process.domain.limits import JsonValue
from trellis_process.errors import InvalidInput, TooLarge
from trellis_process.http.refusals import MalformedRequest, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024  # more than twice what the largest process takes
MAX_BODY_DEPTH = 64  # room for what a field may nest, so that the refusal names the field

# API Gateway joins repeated headers with commas, so two content types never match.
_JSON = re.compile(
    r'application/(?:[a-z0-9.-]+\+)?json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?;?', re.IGNORECASE
)


def read_object(
    body: str, *, is_base64: bool, content_type: str | None
) -> dict[str, JsonValue] | None:
    """The JSON object that a body holds; None for an empty body.

    Read strictly, because what two readers take differently is no safe command: UTF-8 without a
    byte order mark, no key twice in an object, no NaN or Infinity, no lone surrogates.

    Raises UnsupportedMediaType, MalformedRequest, TooLarge, or InvalidInput for JSON that is no
    object.
    """
    if not body:
        return None
    if content_type is not None and not _JSON.fullmatch(content_type):
        raise UnsupportedMediaType(
            "the body is to be JSON in UTF-8: send it with Content-Type: application/json"
        )
    return _object(_text(body, is_base64))


def _text(body: str, is_base64: bool) -> str:
    try:
        encoded = base64.b64decode(body, validate=True) if is_base64 else body.encode("utf-8")
        if len(encoded) > MAX_BODY_BYTES:
            raise TooLarge("body", f"{len(encoded)} bytes", f"allowed are {MAX_BODY_BYTES}")
        return encoded.decode("utf-8")
    except binascii.Error as error:
        raise MalformedRequest("the body is not the base64 that it is said to be") from error
    except (UnicodeError, ValueError) as error:
        raise MalformedRequest("the body is not UTF-8") from error


def _object(text: str) -> dict[str, JsonValue]:
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
