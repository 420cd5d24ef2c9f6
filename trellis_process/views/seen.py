"""Which events of a process have been counted: so that each counts once, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from trellis_process.views.bus_event import BusEvent

MAX_RUNS = 50  # gaps are rare, and what is kept here is read and written with every event


@dataclass(frozen=True)
class Seen:
    """The changes whose events have all come, in runs without a gap, and those begun.

    An event says which version had events before its own, so two changes that follow on one
    another are known to: where nothing is missing there is a single run from 0.
    """

    #: From after the one version to the other, in order: ``((0, 7),)``.
    runs: tuple[tuple[int, int], ...] = ()
    #: Of a change not all of whose events have come, which have.
    begun: dict[int, frozenset[int]] = field(default_factory=dict)

    @classmethod
    def through(cls, version: int) -> Self:
        """Everything up to this version."""
        return cls(((0, version),))

    def __contains__(self, event: BusEvent) -> bool:
        if event.n in self.begun.get(event.version, ()):
            return True
        return any(start < event.version <= end for start, end in self.runs)

    def through_version(self) -> int:
        """Up to which version nothing is missing; 0 where the very first event has not come."""
        return self.runs[0][1] if self.runs and self.runs[0][0] == 0 else 0

    def plus(self, event: BusEvent) -> Seen:
        """With this event."""
        begun = dict(self.begun)
        come = begun.pop(event.version, frozenset()) | {event.n}
        if len(come) < event.event_count:
            return Seen(self.runs, {**begun, event.version: come})
        return Seen(_merged([*self.runs, (event.previous_version, event.version)]), begun)

    def as_json(self) -> list[Any]:
        """As small as it can be: ``[[[0, 7]]]``."""
        runs = [list(run) for run in self.runs]
        begun = {str(version): sorted(come) for version, come in self.begun.items()}
        return [runs, begun] if begun else [runs]

    @classmethod
    def from_json(cls, value: list[Any]) -> Self:
        """What ``as_json`` gave."""
        runs, *rest = value
        begun = {int(name): frozenset(come) for name, come in rest[0].items()} if rest else {}
        return cls(tuple((start, end) for start, end in runs), begun)


def _merged(runs: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same in as few runs as possible; of very many gaps the oldest are closed.

    What comes late into one that was closed counts as a repeat.
    """
    merged: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    too_many = max(0, len(merged) - MAX_RUNS)
    if too_many:
        merged[: too_many + 1] = [(merged[0][0], merged[too_many][1])]
    return tuple(merged)
