"""Moments: as whole milliseconds since 1970 in stores, as ISO 8601 in messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, exact where a float would round."""
    return (moment - _EPOCH) // MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The moment so many milliseconds after 1970-01-01T00:00Z, in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_text(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds, ``2026-03-01T09:30:00.000Z``; None stays None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment_from(text: str) -> datetime:
    """The moment that RFC 3339 text such as ``2026-03-01T09:30:00Z`` means, in UTC.

    Raises ValueError for text that is none, or has no time zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("it needs a time zone, such as Z at its end")
    return moment.astimezone(UTC)
