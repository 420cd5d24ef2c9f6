"""The feeder: brings events into the views, in whatever order and however often they come."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import groupby

from trellis_process.domain.process import ProcessKey
from trellis_process.errors import LostRace
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.projection import Changes, project
from trellis_process.views.store import ViewStore

TRIES = 12  # of a change that others make at the same moment
EVENTS_AT_ONCE = 40  # so that what they change fits into one transaction


class ViewFeeder:
    """Keeps what events change. Safe to use side by side, on the same process too."""

    def __init__(self, store: ViewStore, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._store = store
        self._pause = pause

    def feed(self, events: Sequence[BusEvent]) -> None:
        """Takes in events of one process. Raises LostRace, and what the store raises.

        Whatever it raises, the same events may be fed again.
        """
        for first in range(0, len(events), EVENTS_AT_ONCE):
            self._feed(events[first : first + EVENTS_AT_ONCE])

    def _feed(self, events: Sequence[BusEvent]) -> None:
        kept_with: list[datetime | None] = []

        def decide(row: ProcessRow | None) -> Changes | None:
            ended_at = None if row is None else row.ended_at
            # First, because an event that counts as seen is not looked at again; and once more
            # where the process has ended meanwhile, because what is kept leaves after the end.
            if not kept_with or kept_with[-1] != ended_at:
                self._store.keep_history(events)
                kept_with.append(ended_at)
            return project(row, events)

        self.change(events[0].key, decide)

    def change(
        self, key: ProcessKey, decide: Callable[[ProcessRow | None], Changes | None]
    ) -> None:
        """Keeps what ``decide`` makes of a row. Raises LostRace.

        It is asked again after a lost race, and where more is to follow.
        """
        lost = 0
        while lost < TRIES:
            if lost:
                self._pause(random.uniform(0, min(0.5, 0.01 * 2**lost)))
            changes = decide(self._store.row(key))
            if changes is None:
                return
            if not self._store.commit(changes):
                lost += 1
            elif not changes.is_partial:
                return
        raise LostRace(f"others changed what is kept of {key.process_id!r} {TRIES} times")


def by_process(events: Iterable[BusEvent]) -> list[list[BusEvent]]:
    """The events of each process, in order."""

    def place(event: BusEvent) -> tuple[str, str, int, int]:
        return (event.key.tenant_id, event.key.process_id, *event.place)

    ordered = sorted(events, key=place)
    return [list(each) for _, each in groupby(ordered, key=lambda event: event.key)]
