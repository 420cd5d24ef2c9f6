"""When something comes again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from trellis_process.errors import InvalidInput


class Recurrence(Protocol):
    """Says when something comes again; the domain knows no language that describes such times."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after an aware moment, and not at it, in UTC.

        None where none comes any more, for 50 years or until the end of the year 9999.
        """


@dataclass(frozen=True)
class Interval:
    """A time every so often, counted from a moment; the first is one interval after it.

    Time that elapses is counted, whatever clocks show. Raises InvalidInput for an interval of no
    length.
    """

    every: timedelta
    #: An aware moment.
    anchor: datetime

    def __post_init__(self) -> None:
        if self.every <= timedelta(0):
            raise InvalidInput("every", str(self.every), "allowed are spans longer than none")

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after an aware moment, in UTC; None after the year 9999."""
        anchor = self.anchor.astimezone(UTC)
        count = max(1, (moment.astimezone(UTC) - anchor) // self.every + 1)
        try:
            return anchor + count * self.every
        except OverflowError:
            return None


def occurrences(
    recurrence: Recurrence, after: datetime, until: datetime, limit: int
) -> list[datetime]:
    """The times after one moment and up to another, the oldest first, ``limit`` of them at most."""
    found: list[datetime] = []
    while len(found) < limit:
        following = recurrence.next_after(after)
        if following is None or following > until:
            break
        found.append(following)
        after = following
    return found
