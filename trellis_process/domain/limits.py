"""What names, ids and values may look like, and how much of each is taken."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from trellis_process.errors import Described, InvalidInput, TooLarge

JsonValue: TypeAlias = Any
"""None, a bool, a number, a string, or lists and string-keyed dicts of these."""

MAX_STEPS = 1_000
MAX_STEPS_OF_PROCESS = 2 * MAX_STEPS  # what a definition orders: each with one that undoes it
MAX_RETRIES = 1_000
MAX_ATTEMPT = 1_000_000  # retries on purpose come on top of those permitted
MAX_RESUMPTIONS = 1_000_000
MAX_TIMEOUT_MS = 366 * 24 * 3_600_000  # a year, leap years included
MAX_NAME_CHARACTERS = 64
MAX_AGGREGATE_ID_CHARACTERS = 128
MAX_ERROR_CHARACTERS = 4_096
MAX_REASON_CHARACTERS = 1_024
MAX_CODE_CHARACTERS = 128
MAX_ACTOR_CHARACTERS = 256
MAX_METADATA_BYTES = 16 * 1024
MAX_OUTPUT_BYTES = 32 * 1024
MAX_JSON_DEPTH = 32
MAX_INTEGER_DIGITS = 308  # what a double can hold; more is refused by many JSON readers

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
_NAME = re.compile(NAME_PATTERN)
_NAME_ALLOWED = (
    f"allowed are 1 to {MAX_NAME_CHARACTERS} of the characters A-Z a-z 0-9 . _ : -, "
    "beginning with a letter or digit"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TEXT_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # a stack trace has lines and tabs


def check_name(field: str, value: object) -> str:
    """A tenant, process, type or step name, or InvalidInput saying what is allowed."""
    # fullmatch, because $ alone lets a trailing newline pass
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise InvalidInput(field, value, _NAME_ALLOWED)
    return value


def check_aggregate_id(field: str, value: object) -> str:
    """The caller's own id of what the process is about: any printable text."""
    allowed = (
        f"allowed are 1 to {MAX_AGGREGATE_ID_CHARACTERS} printable characters, "
        "without space at either end"
    )
    text = _check_text(field, value, MAX_AGGREGATE_ID_CHARACTERS, allowed)
    if not text or text != text.strip() or _CONTROL.search(text):
        raise InvalidInput(field, value, allowed)
    return text


def check_text(field: str, value: object, at_most: int) -> str:
    """Text for people, such as an error or a reason, in at most so many characters."""
    allowed = f"allowed is text of at most {at_most} characters without control characters"
    text = _check_text(field, value, at_most, allowed)
    if _TEXT_CONTROL.search(text):
        raise InvalidInput(field, value, allowed)
    return text


def check_assignee(field: str, value: object) -> str:
    """Whose a task is to be: text, not empty, of at most MAX_ACTOR_CHARACTERS characters."""
    if value == "":
        allowed = f"allowed is text of 1 to {MAX_ACTOR_CHARACTERS} characters"
        raise InvalidInput(field, value, allowed)
    return check_text(field, value, MAX_ACTOR_CHARACTERS)


def check_optional_text(field: str, value: object, at_most: int) -> str | None:
    """As check_text, or None."""
    return None if value is None else check_text(field, value, at_most)


def check_whole_number(field: str, value: object, least: int, most: int) -> int:
    """A whole number within its limits; True and False are not numbers here."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(field, value, f"allowed is a whole number from {least} to {most}")
    return value


def check_timeout_ms(field: str, value: object) -> int | None:
    """A time limit in milliseconds, or None for none."""
    if value is None:
        return None
    return check_whole_number(field, value, 1, MAX_TIMEOUT_MS)


def check_retry_after_ms(value: object, attempt: int | None) -> int | None:
    """In how many milliseconds to try again, if at all; what is tried again has to be named.

    Otherwise a repeat of the report could be about the attempt after it.
    """
    if value is None:
        return None
    if attempt is None:
        allowed = "allowed with retry_after_ms is the number of the attempt that failed"
        raise InvalidInput("attempt", Described("nothing"), allowed)
    return check_whole_number("retry_after_ms", value, 0, MAX_TIMEOUT_MS)


def check_time(field: str, value: datetime) -> datetime:
    """A moment in UTC, cut to whole milliseconds, which is what every store keeps."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidInput(field, value, "allowed is a datetime with a time zone")
    return value.astimezone(UTC) - timedelta(microseconds=value.microsecond % 1000)


def check_metadata(field: str, value: object) -> dict[str, JsonValue]:
    """What the caller keeps with a process: a JSON object, empty where none is given."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(field, value, "allowed is a JSON object")
    checked: dict[str, JsonValue] = check_json(field, value, MAX_METADATA_BYTES)
    return checked


def check_json(field: str, value: JsonValue, at_most: int) -> JsonValue:
    """A JSON value of at most so many bytes, as a copy that shares nothing with the caller's."""
    _check_json_shape(field, value, depth=0)
    try:
        encoded = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(encoded.encode("utf-8"))
    except (
        TypeError,
        ValueError,
    ) as error:  # UnicodeEncodeError, a lone surrogate, is a ValueError
        raise InvalidInput(field, value, f"allowed is JSON ({error})") from error
    if size > at_most:
        raise TooLarge(
            field,
            Described(f"{size} bytes of JSON"),
            f"allowed are {at_most}; store it elsewhere and pass a reference",
        )
    return json.loads(encoded)


def _check_text(field: str, value: object, at_most: int, allowed: str) -> str:
    if not isinstance(value, str) or len(value) > at_most:
        raise InvalidInput(field, value, allowed)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput(field, value, allowed + ", in valid Unicode") from error
    return value


def _check_json_shape(field: str, value: JsonValue, depth: int) -> None:
    """Refuses what json.dumps would take and change, or recurse on without end."""
    if depth >= MAX_JSON_DEPTH and isinstance(value, dict | list | tuple):
        raise InvalidInput(
            field, Described("deeper nesting"), f"allowed are {MAX_JSON_DEPTH} levels of nesting"
        )
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise InvalidInput(field, key, "allowed are strings as keys")
            _check_json_shape(field, member, depth + 1)
    elif isinstance(value, list | tuple):
        for member in value:
            _check_json_shape(field, member, depth + 1)
    elif isinstance(value, int) and abs(value) >= 10**MAX_INTEGER_DIGITS:
        raise InvalidInput(
            field,
            Described("a longer integer"),
            f"allowed are integers of {MAX_INTEGER_DIGITS} digits",
        )
