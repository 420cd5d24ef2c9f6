"""Views made anew from the table of the processes, for a table of views that is new or lost."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from trellis_process.domain.process import Process
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.item import from_item
from trellis_process.dynamodb.schema import Item
from trellis_process.errors import Throttled
from trellis_process.eventbridge.envelope import envelopes
from trellis_process.views.adoption import adopt
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.store import ViewStore

TRIES = 8  # of a process whose views the table had no capacity for


@dataclass(frozen=True)
class Rebuilt:
    """How far a rebuild has come, or what it did."""

    #: Processes that were looked at, and items in their places that none could be read from.
    processes: int = 0
    unreadable: int = 0


class ViewRebuild:
    """Goes through the table at a bounded rate and brings what it finds into the views.

    Events may come in meanwhile, and it may be run again: what the views know already stays. Of the
    history there is only what the items still hold, the events of each process's latest change.
    """

    def __init__(
        self,
        reader: AuditReader,
        views: ViewStore,
        *,
        pause: Callable[[float], None] = time.sleep,
        on_page: Callable[[Rebuilt], None] = lambda so_far: None,
    ) -> None:
        self._reader = reader
        self._views = views
        self._feeder = ViewFeeder(views, pause=pause)
        self._pause = pause
        self._on_page = on_page

    def run(self) -> Rebuilt:
        """From the first process to the last. Raises StoreError."""
        processes = unreadable = 0
        start: Item | None = None
        while True:
            items, start = self._reader.scan(None, start)
            for item in items:
                if item[schema.RANGE_KEY]["S"] != schema.PROCESS:
                    continue  # a definition, a list, or what the audit remembers
                try:
                    process = from_item(item)
                except ValueError:
                    unreadable += 1
                else:
                    self._adopt(process)
                    processes += 1
            self._on_page(Rebuilt(processes, unreadable))
            if start is None:
                return Rebuilt(processes, unreadable)
            self._reader.rest()

    def _adopt(self, process: Process) -> None:
        for tried in range(TRIES):
            try:
                if process.events:
                    told = [read_event(each) for each in envelopes(process)]
                    self._views.keep_history(told)
                self._feeder.change(process.key, lambda row: adopt(row, self._as_of(row, process)))
                return
            except Throttled:
                if tried == TRIES - 1:
                    raise
                self._pause(random.uniform(0, 0.1 * 2**tried))

    def _as_of(self, row: ProcessRow | None, process: Process) -> Process:
        """The process as it is now, where an event has told of it what came after it was read."""
        if row is None or row.version <= process.version:
            return process
        item = self._reader.table.get(schema.hash_key(process.key))
        return process if item is None else from_item(item)
