"""The workers: whoever an order's events are for, who hear of work on the bus and report it."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

from tests.soak.journeys import Command
from tests.soak.ledger import Became, Entry
from tests.soak.listener import Listener
from tests.soak.orders import DEFINITIONS, ORDER, TENANT, order, report
from tests.soak.services import ask
from tests.soak.stack import Stack

ENDS = ("ProcessCompleted", "ProcessFailed", "ProcessCancelled")
LOOK_S = 0.2


class Workers:
    """So many threads that report what is asked for, doubles as well, until they are answered."""

    def __init__(self, stack: Stack, listener: Listener, seed: int, threads: int = 4) -> None:
        self._stack = stack
        self._listener = listener
        self._seed = seed
        self._work: queue.Queue[tuple[Entry, str, dict[str, Any]] | None] = queue.Queue()
        self._is_over = threading.Event()
        #: The starts of the orders, by their keys.
        self.started: dict[str, Entry] = {}
        #: What was reported.
        self.reports: list[Entry] = []
        #: What went wrong in the soak itself.
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._hear, name="workers-ear", daemon=True)]
        self._threads += [
            threading.Thread(target=self._report, name=f"worker-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        """Registers the definitions, and begins to listen."""
        http = self._stack.deployed.http()
        for document in DEFINITIONS:
            answer = http.request("POST", "/definitions", {"document": document})
            assert answer.status in (200, 201), answer.body
        for thread in self._threads:
            thread.start()

    def begin(self, number: int) -> None:
        """Lets that order begin now."""
        body = order(self._seed, number)
        entry = Entry(Command(body["key"], "start", None, 0.0, False), Became.UNKNOWN)
        self.started[body["key"]] = entry
        self._work.put((entry, f"/tenants/{TENANT}/definitions/{ORDER}/processes", body))

    def finish(self, seconds: float) -> None:
        """Returns when every order that is known to have begun has ended, or after so long."""
        give_up_at = time.monotonic() + seconds
        while time.monotonic() < give_up_at and not self.errors:
            ended = {e["process_id"] for e in list(self._listener.heard) if e["type"] in ENDS}
            seen = [entry.seen for entry in self.started.values()]
            begun = {process["process_id"] for process in seen if process is not None}
            if self._work.empty() and begun <= ended:
                break
            time.sleep(LOOK_S)

    def stop(self) -> None:
        """Ends once everything is reported that was heard of."""
        self._is_over.set()
        self._threads[0].join()
        for _ in self._threads[1:]:
            self._work.put(None)
        for thread in self._threads[1:]:
            thread.join()

    def _hear(self) -> None:
        heard = 0
        while not self._is_over.wait(LOOK_S) or heard < len(self._listener.heard):
            events = self._listener.heard[heard:]
            heard += len(events)
            for event in events:
                if event["tenant_id"] == TENANT and (said := report(event)) is not None:
                    verb, body = said
                    name = f"{event['id']} {verb}"
                    command = Command(name, verb, event["step_name"], 0.0, False, body)
                    process = f"/tenants/{TENANT}/processes/{event['process_id']}"
                    path = f"{process}/steps/{event['step_name']}/{verb}"
                    self._work.put((Entry(command, Became.UNKNOWN), path, body))

    def _report(self) -> None:
        http = self._stack.deployed.http()
        while (work := self._work.get()) is not None:
            entry, path, body = work
            try:
                ask(http, entry, path, body)
            except BaseException as error:  # told at the end, by whoever waits for it
                self.errors.append(error)
            if entry.command.step is not None:
                self.reports.append(entry)
