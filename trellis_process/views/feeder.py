"""The feeder: brings events into the views, in whatever order and however often they come."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
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
            some = events[first : first + EVENTS_AT_ONCE]
            # First, because an event that counts as seen is not looked at again.
            self._store.keep_history(some)
            self.change(some[0].key, lambda row, some=some: project(row, some))  # type: ignore[misc]

    def change(
        self, key: ProcessKey, decide: Callable[[ProcessRow | None], Changes | None]
    ) -> None:
        """Keeps what ``decide`` makes of a row, asked again after a lost race. Raises LostRace."""
        for tried in range(TRIES):
            if tried:
                self._pause(random.uniform(0, min(0.5, 0.01 * 2**tried)))
            changes = decide(self._store.row(key))
            if changes is None or self._store.commit(changes):
                return
        raise LostRace(f"others changed what is kept of {key.process_id!r} {TRIES} times")


def by_process(events: Iterable[BusEvent]) -> list[list[BusEvent]]:
    """The events of each process, in order."""

    def place(event: BusEvent) -> tuple[str, str, int, int]:
        return (event.key.tenant_id, event.key.process_id, *event.place)

    ordered = sorted(events, key=place)
    return [list(each) for _, each in groupby(ordered, key=lambda event: event.key)]
