"""The body of a request: one JSON object, read strictly."""

from __future__ import annotations

import base64
import binascii
import re

from trellis_process.commands.json_text import read_object
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import TooLarge
from trellis_process.http.refusals import MalformedRequest, UnsupportedMediaType

MAX_BODY_BYTES = 1024 * 1024  # more than twice what the largest process takes

# API Gateway joins repeated headers with commas, so two content types never match.
_JSON = re.compile(
    r'application/(?:[a-z0-9.-]+\+)?json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?;?', re.IGNORECASE
)


def read_body(
    body: str, *, is_base64: bool, content_type: str | None
) -> dict[str, JsonValue] | None:
    """The JSON object that a body holds; None for an empty body.

    UTF-8 without a byte order mark, and read as strictly as every command is.

    Raises UnsupportedMediaType, MalformedRequest, TooLarge, or InvalidInput for JSON that is no
    object.
    """
    if not body:
        return None
    if content_type is not None and not _JSON.fullmatch(content_type):
        raise UnsupportedMediaType(
            "the body is to be JSON in UTF-8: send it with Content-Type: application/json"
        )
    return read_object(_text(body, is_base64))


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
