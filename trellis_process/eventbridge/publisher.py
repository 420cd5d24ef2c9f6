"""EventPublisher: puts the events of changes on the bus, in order for each process."""

from __future__ import annotations

import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from trellis_process.domain.own_services import SOURCE
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.eventbridge.envelope import envelopes

logger = logging.getLogger(__name__)

Entry: TypeAlias = dict[str, Any]
"""One entry of a PutEvents request."""

MAX_ENTRIES = 10  # PutEvents takes no more
MAX_REQUEST_BYTES = 256 * 1024  # nor a larger request, its entries counted together
ENTRY_OVERHEAD_BYTES = 256  # source, detail type, bus and time, generously
TRIES = 5
FIRST_PAUSE_SECONDS = 0.1

# What the bus says of an entry that may well go through later; anything else never will.
_PASSING = {"ThrottlingException", "InternalFailure", "InternalException", "ServiceUnavailable"}


class EventsClient(Protocol):
    """The part of botocore's EventBridge client that is used here."""

    def put_events(self, *, Entries: Sequence[Entry]) -> dict[str, Any]:  # noqa: N803
        """Puts up to ten entries on their buses and says of each whether that worked."""


Undelivered: TypeAlias = Callable[[dict[str, Any]], object]
"""Keeps what cannot be sent, as JSON with a ``reason``; raises if it cannot."""


class EventPublisher:
    """Sends each change's events once or, after a failure, again with the same ids.

    Of one process, an event is sent only when the one before it has arrived, so a failed entry
    never lets a later one overtake it. Of different processes, up to ten share a request.
    """

    def __init__(
        self,
        client: EventsClient,
        bus_name: str,
        undelivered: Undelivered,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._bus_name = bus_name
        self._undelivered = undelivered
        self._pause = pause

    def publish(
        self,
        changes: Iterable[tuple[str, Process]],
        *,
        has_time: Callable[[], bool] = lambda: True,
    ) -> list[str]:
        """Sends the events of these changes, each given with a token, in their order.

        ``has_time`` is asked before each round of requests, which may take 20 seconds when the
        bus does not answer; after a False, what is left counts as not having got through.

        Returns the tokens of changes whose events did not all get through although they may
        later; the caller brings these and what follows them again. An entry that the bus refuses
        for good goes to ``undelivered`` and the rest of its process goes on.
        """
        waiting: dict[ProcessKey, deque[tuple[str, Entry]]] = {}
        for token, process in changes:
            queue = waiting.setdefault(process.key, deque())
            queue.extend((token, self._entry(envelope)) for envelope in envelopes(process))
        failed: list[str] = []
        while waiting:
            if not has_time():
                return failed + [queue[0][0] for queue in waiting.values()]
            firsts = {key: queue[0][1] for key, queue in waiting.items()}
            unsent = self._send(firsts)
            for key in firsts:
                if key in unsent:
                    failed.append(waiting.pop(key)[0][0])
                    continue
                waiting[key].popleft()
                if not waiting[key]:
                    del waiting[key]
        return failed

    def _send(self, entries: dict[ProcessKey, Entry]) -> set[ProcessKey]:
        """Sends one entry for each process; returns those that did not get through."""
        left = dict(entries)
        for tried in range(TRIES):
            if tried:
                self._pause(random.uniform(0, FIRST_PAUSE_SECONDS * 2**tried))
            for group in list(_requests(left)):
                for key in self._put(group):
                    del left[key]
            if not left:
                break
        return set(left)

    def _put(self, group: dict[ProcessKey, Entry]) -> list[ProcessKey]:
        """One request; returns the processes whose entry is dealt with, sent or set aside."""
        try:
            answer = self._client.put_events(Entries=list(group.values()))
        except (BotoCoreError, ClientError) as error:
            logger.warning("PutEvents failed for %d entries: %s", len(group), error)
            return []
        done: list[ProcessKey] = []
        for (key, entry), result in zip(group.items(), answer["Entries"], strict=True):
            code = result.get("ErrorCode")
            if code in _PASSING or (code and not self._set_aside(entry, result)):
                logger.warning(
                    "%s not sent yet: %s",
                    entry["DetailType"],
                    code,
                    extra={"tenant_id": key.tenant_id, "process_id": key.process_id},
                )
                continue
            done.append(key)
        return done

    def _set_aside(self, entry: Entry, result: dict[str, Any]) -> bool:
        """Keeps an entry that the bus refused for good; False where that failed too."""
        reason = f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"
        try:
            self._undelivered({"reason": reason, "entry": entry})
        except (BotoCoreError, ClientError):
            logger.exception("an undeliverable event could not be set aside")
            return False
        return True

    def _entry(self, envelope: dict[str, Any]) -> Entry:
        return {
            "Source": SOURCE,
            "DetailType": envelope["type"],
            "Detail": json.dumps(envelope, ensure_ascii=False, separators=(",", ":")),
            "Time": envelope["time"],
            "EventBusName": self._bus_name,
        }


def _requests(entries: dict[ProcessKey, Entry]) -> Iterator[dict[ProcessKey, Entry]]:
    """The entries in groups that one request takes, by number and by size."""
    group: dict[ProcessKey, Entry] = {}
    size = 0
    for key, entry in entries.items():
        entry_size = len(entry["Detail"].encode()) + ENTRY_OVERHEAD_BYTES
        if group and (len(group) == MAX_ENTRIES or size + entry_size > MAX_REQUEST_BYTES):
            yield group
            group, size = {}, 0
        group[key] = entry
        size += entry_size
    if group:
        yield group
