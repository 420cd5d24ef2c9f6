"""Bus: the events of what was saved, in order, until each has been delivered."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from trellis_process.domain.process import Process
from trellis_process.eventbridge.envelope import envelopes

Event: TypeAlias = dict[str, Any]
"""What is told on the bus: the ``detail`` of an event."""


class Bus:
    """An event bus inside of the program. Safe to publish to from several threads."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        #: Everything that was published, as far as it is kept.
        self.events: list[Event] = []
        self._undelivered: deque[Event] = deque()
        # A queue, because a signal's handler may put into it whatever it has interrupted.
        self._news: SimpleQueue[None] = SimpleQueue()

    def publish(self, process: Process) -> None:
        """Takes the events of a process's latest saved change."""
        told = as_on_the_bus(process)
        if self._keeps:
            self.events += told
        self.bring(told)

    def bring(self, events: list[Event]) -> None:
        """Takes events to deliver that are not news."""
        self._undelivered += events
        self.wake()

    def wake(self) -> None:
        """Ends the wait of whoever waits, or is about to."""
        if self._news.empty():
            self._news.put(None)

    def wait(self, seconds: float) -> None:
        """Until something is brought, or ``wake`` is called; at most so long."""
        try:
            self._news.get(timeout=seconds)
        except Empty:
            return

    def deliver(self, deliver: Callable[[Event], object]) -> None:
        """Delivers what is undelivered, and what is published meanwhile, until nothing is left.

        Raises what ``deliver`` raises; that event is the next one then, for it comes at least once.
        """
        while self._undelivered:
            event = self._undelivered.popleft()
            try:
                deliver(event)
            except BaseException:
                self._undelivered.appendleft(event)
                raise


def as_on_the_bus(process: Process) -> list[Event]:
    """The events of a process's latest change as they arrive, sharing nothing with it."""
    events: list[Event] = json.loads(json.dumps(envelopes(process)))
    return events
