"""Durations as definitions write them: ``30s``, ``1h30m``, ``PT30S``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TypeAlias

from trellis_process.domain.limits import MAX_TIMEOUT_MS
from trellis_process.errors import InvalidInput

Duration: TypeAlias = str
"""A span of time as text: numbers with s, m, h, d, or ISO 8601 of days and less."""

DURATION_PATTERN = (
    r"^((?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?|P(?=[\dT])(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)$"
)
_SHORT = re.compile(r"(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ISO = re.compile(r"P(?=[\dT])(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_ALLOWED = "allowed are spans such as 30s, 5m, 4h, 7d, 1h30m or PT30S, of 1 s to 366 days"
_LONGEST_DIGITS = 9  # of one number; more is refused before it is counted with


def span_of(field: str, text: object) -> timedelta:
    """The span that a duration means. Raises InvalidInput for what is none, or is too long."""
    found = None
    if isinstance(text, str):
        found = _SHORT.fullmatch(text) or _ISO.fullmatch(text)
    if found is None or any(len(number or "") > _LONGEST_DIGITS for number in found.groups()):
        raise InvalidInput(field, text, _ALLOWED)
    days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta(0) < span <= timedelta(milliseconds=MAX_TIMEOUT_MS):
        raise InvalidInput(field, text, _ALLOWED)
    return span


def in_ms(field: str, text: Duration | None) -> int | None:
    """A duration in milliseconds; None where there is none. Raises InvalidInput."""
    return None if text is None else span_of(field, text) // timedelta(milliseconds=1)
