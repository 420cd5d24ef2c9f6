"""Cursors: where the next page of a listing begins, as text that callers hand back."""

from __future__ import annotations

import base64
import binascii
import re

from trellis_process.errors import InvalidInput

_SEPARATOR = "#"  # stands in no name
_JOB_POSITION = re.compile(r"\d{14}#[A-Za-z0-9._:-]{1,64}")
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
    place = _decoded(cursor, _POSITION)
    if process_type is not None and not place.startswith(positions_of(process_type)):
        raise _not_of_it(cursor)
    return place


def job_position(created_at_ms: int, job_id: str) -> str:
    """Where a job stands among its tenant's; a greater position comes first."""
    return f"{created_at_ms:014d}{_SEPARATOR}{job_id}"


def job_position_of(cursor: str | None) -> str | None:
    """The position that a cursor of a tenant's jobs stands for. Raises as ``position_of``."""
    return None if cursor is None else _decoded(cursor, _JOB_POSITION)


def _decoded(cursor: str, allowed: re.Pattern[str]) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        decoded = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, TypeError, AttributeError):
        decoded = ""
    if not allowed.fullmatch(decoded):
        raise _not_of_it(cursor)
    return decoded


def _not_of_it(cursor: str) -> InvalidInput:
    allowed = "allowed is the cursor of an earlier page of the same listing"
    return InvalidInput("cursor", cursor, allowed)
