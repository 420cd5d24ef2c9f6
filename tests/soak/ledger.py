"""The ledger: what the soak's services asked, and what they know became of it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.soak.journeys import Command, Journey


class Became(StrEnum):
    """What a service knows of a command."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    #: Sent to the queue, which took it. What it did, only events tell.
    QUEUED = "queued"
    #: No answer, or one that says neither: it may have been done, or not.
    UNKNOWN = "unknown"


@dataclass
class Entry:
    """One command, with what became of it."""

    command: Command
    became: Became
    #: How often it was sent without an answer that says whether it was done.
    unanswered: int = 0
    code: str | None = None
    #: The process as the last answer showed it.
    seen: dict[str, Any] | None = None

    @property
    def may_be_done(self) -> bool:
        """Whether it could have been done, for all that is known."""
        return self.became is not Became.REFUSED or self.unanswered > 0


@dataclass
class Record:
    """One journey, as far as its services know."""

    journey: Journey
    start: Entry
    process_id: str | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def known(self) -> dict[str, Any] | None:
        """The process as it was last seen."""
        seen = [entry.seen for entry in (self.start, *self.entries) if entry.seen is not None]
        return seen[-1] if seen else None


class Ledger:
    """The records of all journeys; many threads write into it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._lock = threading.Lock()

    def add(self, record: Record) -> None:
        """Keeps the record of one more journey."""
        with self._lock:
            self.records.append(record)

    def counts(self) -> Counter[str]:
        """How many commands were sent, and what is known to have become of them."""
        entries = [entry for record in self.records for entry in (record.start, *record.entries)]
        counts = Counter(entry.became.value for entry in entries)
        counts["commands"] = len(entries)
        counts["unanswered"] = sum(entry.unanswered for entry in entries)
        return counts
