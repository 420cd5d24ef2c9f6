"""The history of a process: every event in order, who caused it, and where one is missing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trellis_process.domain.limits import JsonValue
from trellis_process.views.bus_event import BusEvent

MAX_VALUE_BYTES = 1_024  # of a single field; outputs are in the process, here is what happened

#: What the events of a process have in common, or what is kept by its own name.
_NOT_REPEATED = {
    *("tenant_id", "process_id", "process_type", "definition_version"),
    *("aggregate_type", "aggregate_id", "parent"),
    *("id", "version", "previous_version", "event_count"),
}


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One event of a process, as it is kept."""

    version: int
    previous_version: int
    n: int
    event_count: int
    #: What it says, without what all events of its process say; large values are left out.
    said: dict[str, JsonValue]
    #: Whether an event before it is missing. Told when it is read.
    follows_gap: bool = False


@dataclass(frozen=True)
class HistoryPage:
    """Some events, and where the next page begins; None after the last."""

    entries: list[HistoryEntry]
    cursor: str | None


def history_entry(event: BusEvent) -> HistoryEntry:
    """What is kept of an event. Fields that are too large are named in ``left_out``."""
    said: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in event.detail.items():
        if name in _NOT_REPEATED or (name == "metadata" and event.type != "ProcessStarted"):
            continue
        if isinstance(value, dict | list | str) and _size(value) > MAX_VALUE_BYTES:
            left_out.append(name)
        else:
            said[name] = value
    if left_out:
        said["left_out"] = left_out
    return HistoryEntry(
        version=event.version,
        previous_version=event.previous_version,
        n=event.n,
        event_count=event.event_count,
        said=said,
    )


def with_gaps(
    entries: Iterable[HistoryEntry], before: HistoryEntry | None = None
) -> list[HistoryEntry]:
    """The same, each told whether something is missing between it and the one before."""
    told: list[HistoryEntry] = []
    for entry in entries:
        told.append(_told(entry, follows_gap=not _follows(entry, before)))
        before = entry
    return told


def _follows(entry: HistoryEntry, before: HistoryEntry | None) -> bool:
    if before is not None and before.version == entry.version:
        return entry.n == before.n + 1
    last = 0 if before is None else before.version
    ended = before is None or before.n == before.event_count
    return ended and entry.n == 1 and entry.previous_version == last


def _told(entry: HistoryEntry, *, follows_gap: bool) -> HistoryEntry:
    return HistoryEntry(
        version=entry.version,
        previous_version=entry.previous_version,
        n=entry.n,
        event_count=entry.event_count,
        said=entry.said,
        follows_gap=follows_gap,
    )


def _size(value: JsonValue) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
