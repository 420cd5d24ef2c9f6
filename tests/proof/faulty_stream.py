"""A table's stream and the bus behind it: records come late, split and twice, and the bus fails.

What the publisher does with them is the real one's doing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from tests.proof.stack import no_pause
from trellis_process.dynamodb.stream import changed_process
from trellis_process.eventbridge import EventPublisher

Event = dict[str, Any]


class Bus:
    """A bus that takes what it is sent, but for so many requests that fail."""

    def __init__(self) -> None:
        self.arrived: list[Event] = []
        self.failures = 0
        self.loses_answers = False

    def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if self.failures and not self.loses_answers:
            return self._failed(Entries)
        self.arrived += [json.loads(entry["Detail"]) for entry in Entries]
        if self.failures:
            return self._failed(Entries)
        return {"Entries": [{"EventId": "1"} for _ in Entries]}

    def _failed(self, entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
        self.failures -= 1
        return {"Entries": [{"ErrorCode": "InternalFailure"} for _ in entries]}


class FaultyStream:
    """The records that nobody has read yet, and what arrived of those that were."""

    def __init__(self) -> None:
        self.unread: deque[dict[str, Any]] = deque()
        self._bus = Bus()
        self._publisher = EventPublisher(self._bus, "bus", self._set_aside, pause=no_pause)
        #: Every event that arrived, once, in the order of their first arrival.
        self.arrived: dict[str, Event] = {}

    def read(
        self, split: int, *, doubled: bool = False, failures: int = 0, loses_answers: bool = False
    ) -> list[Event]:
        """The publisher is given the next so many records; what arrives by that, doubles and all.

        From the first that did not get through on, the records come again the next time.
        Raises AssertionError where a double says something else.
        """
        self._bus.failures, self._bus.loses_answers = failures, loses_answers
        batch = [self.unread[n] for n in range(min(split, len(self.unread)))]
        for records in (batch, batch) if doubled else (batch,):
            changes = ((str(n), changed_process(record)) for n, record in enumerate(records))
            failed = self._publisher.publish((n, each) for n, each in changes if each is not None)
        for _ in range(min(map(int, failed), default=len(batch))):
            self.unread.popleft()
        self._bus.failures = 0
        found, self._bus.arrived = self._bus.arrived, []
        for event in found:
            first = self.arrived.setdefault(event["id"], event)
            assert first == event, "a double says something else"
        return found

    def check_arrived(self, told: Mapping[str, list[Event]]) -> None:
        """Raises AssertionError where what arrived of a process is not how its events begin.

        ``told`` has them by the process.
        """
        arrived: dict[str, list[Event]] = {}
        for event in self.arrived.values():
            arrived.setdefault(event["process_id"], []).append(event)
        for process_id, events in arrived.items():
            expected = told[process_id][: len(events)]
            assert events == expected, "an event is missing, or came before its time"

    def _set_aside(self, message: dict[str, Any]) -> None:
        raise AssertionError(f"set aside: {message}")
