"""A round of the audit: what it looks at, what may be wrong there, and what it has found so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState


class Fault(StrEnum):
    """What may be wrong with a stored process, or with an index entry."""

    #: It is open and something in it waits, but the checker would look too late or never.
    WITHOUT_WAKEUP = "without_wakeup"
    #: It is final and still to be woken. Costs a read in a sweep, no more.
    LEFT_BEHIND = "left_behind"
    #: It stands in a look-up where it does not belong, or not at all.
    MISPLACED = "misplaced"
    #: An index entry whose process is gone or says otherwise.
    DANGLING = "dangling"
    #: It cannot be read as a process.
    UNREADABLE = "unreadable"


#: What writing the process once more does away with; a person has to see to the others.
MENDED_BY_WRITING = frozenset({Fault.WITHOUT_WAKEUP, Fault.LEFT_BEHIND, Fault.MISPLACED})


@dataclass(frozen=True)
class Look:
    """What was seen at one place of a store: a process, or an entry of one of its indexes."""

    #: The store's own name of the place, by which it finds it again.
    place: str
    #: The process that is, or should be, there; None where even that cannot be read.
    key: ProcessKey | None
    #: The version of that process; None where it is gone.
    version: int | None
    #: The process, where the place is a process's own and can be read.
    process: Process | None = None
    #: What the store itself sees wrong. What the process says of itself comes on top.
    faults: frozenset[Fault] = frozenset()

    def all_faults(self) -> frozenset[Fault]:
        """What is wrong here, by the store's indexes and by the process's own rules."""
        if self.process is None or self.process.wakes_in_time():
            return self.faults
        own = Fault.LEFT_BEHIND if self.process.state.is_final else Fault.WITHOUT_WAKEUP
        return self.faults | {own}


@dataclass(frozen=True)
class AuditPage:
    """Some of the places of a store."""

    looks: list[Look]
    #: Where the next page begins; None after the last.
    cursor: str | None


@dataclass
class Round:
    """One way through everything stored, made in as many runs as it takes."""

    began_at: datetime
    #: Whether it covers the entries of the look-ups too, not only what waits.
    covers_lookups: bool
    #: When the last round began that covered them, this one counted in.
    lookups_covered_at: datetime | None = None
    #: Where the next run goes on; None at the beginning and the end.
    cursor: str | None = None
    is_complete: bool = False
    #: How often it was kept, over all rounds: the condition on which it is kept again.
    version: int = 0
    #: Processes by state.
    states: Counter[str] = field(default_factory=Counter)
    #: Open processes by definition and version, ``expense_approval/3``.
    open_versions: Counter[str] = field(default_factory=Counter)
    #: The same as the last complete round found it; None before the first.
    counted: dict[str, int] | None = None
    #: Confirmed faults by kind.
    faults: Counter[str] = field(default_factory=Counter)
    #: Processes that were written anew.
    repaired: int = 0
    #: Processes and entries that are still wrong.
    unrepaired: int = 0
    #: For how long the longest overdue deadline had been due when it was seen.
    oldest_overdue: timedelta = timedelta(0)

    @property
    def looked_at(self) -> int:
        """Processes seen so far."""
        return self.states.total()

    @property
    def open(self) -> int:
        """Processes that are not final."""
        return sum(n for state, n in self.states.items() if not ProcessState(state).is_final)

    @property
    def without_wakeup(self) -> int:
        """Processes that would have waited for nothing, mended since or not; must be 0."""
        return self.faults[Fault.WITHOUT_WAKEUP]


class AuditOvertaken(Exception):
    """Another run of the audit went on with the round meanwhile; it is that one's now."""


class AuditSource(Protocol):
    """A store as an audit sees it: everything in it, page by page. May raise StoreError."""

    @property
    def processes(self) -> ProcessRepository:
        """Where processes are written anew."""

    def page(self, cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        """What stands at the next places; nothing yet while a store reads what it compares with.

        It may be some minutes old: a fault seen is a suspicion.
        """

    def again(self, looks: Sequence[Look]) -> list[Look]:
        """The same places as they are now, in the same order; what is right has no fault."""

    def last_round(self) -> Round | None:
        """The round as last kept; None before the first. A run begins with it."""

    def keep(self, audit_round: Round) -> None:
        """Keeps how far it has come, as its next version. Raises AuditOvertaken."""
