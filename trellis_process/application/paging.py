"""Cursors: where the next page of a listing begins, as text that callers hand back."""

from __future__ import annotations

import base64
import binascii
import re

from trellis_process.errors import InvalidInput

_SEPARATOR = "#"  # stands in no name
_POSITION = re.compile(r"[A-Za-z0-9._:-]{1,64}#\d{14}#[A-Za-z0-9._:-]{1,64}(#[1-9]\d{0,9})?")


def position(
    process_type: str, started_at_ms: int, process_id: str, definition_version: int | None = None
) -> str:
    """Where a process stands in its tenant's listing; a greater position comes first.

    The version of its definition comes last: there it changes nothing of the order, and those of
    each version can be counted by their positions alone.
    """
    # Fourteen digits sort as text until the year 5138.
    place = _SEPARATOR.join((process_type, f"{started_at_ms:014d}", process_id))
    return place if definition_version is None else f"{place}{_SEPARATOR}{definition_version}"


def process_id_at(place: str) -> str:
    """Which process stands at a position."""
    return place.split(_SEPARATOR)[2]


def definition_version_at(place: str) -> int | None:
    """The version of the definition of the process at a position; None where it has none."""
    version = place.split(_SEPARATOR)[3:]
    return int(version[0]) if version else None


def positions_of(process_type: str) -> str:
    """What every position of one type begins with."""
    return process_type + _SEPARATOR


def cursor_after(last: str) -> str:
    """The cursor of the page after the one that ended at this position."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def position_of(cursor: str | None, process_type: str | None) -> str | None:
    """The position that a cursor of this listing stands for.

    Raises InvalidInput for text that is no cursor, or the cursor of a listing of another type.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, TypeError, AttributeError):
        decoded = ""
    is_of_type = process_type is None or decoded.startswith(positions_of(process_type))
    if not _POSITION.fullmatch(decoded) or not is_of_type:
        raise InvalidInput(
            "cursor", cursor, "allowed is the cursor of an earlier page of the same listing"
        )
    return decoded
