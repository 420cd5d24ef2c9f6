"""The services that report: they work through journeys at a steady pace, and ask until answered."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.journeys import Command, Journey
from tests.soak.ledger import Became, Entry, Ledger, Record
from tests.soak.stack import Stack
from trellis_process.local.http import Answer, SignedHttp

ASK_FOR_S = 60.0  # then a service gives up, and does not know
ASK_AGAIN_S = 0.7
_VERBS = {
    "start": "StartStep",
    "complete": "CompleteStep",
    "fail": "FailStep",
    "heartbeat": "Heartbeat",
    "suspend": "SuspendStep",
    "resume": "ResumeStep",
    "cancel": "CancelProcess",
}


class Services:
    """So many threads, each taking what is due next of all journeys. A journey is in order."""

    def __init__(self, stack: Stack, ledger: Ledger, threads: int = 12) -> None:
        self._stack = stack
        self._ledger = ledger
        self._due: list[tuple[float, int, Callable[[], float | None]]] = []
        self._open = 0
        self._change = threading.Condition()
        self._is_over = False
        #: What went wrong in the soak itself.
        self.errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._work, name=f"service-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def begin(self, journey: Journey) -> None:
        """Lets a journey begin now."""
        with self._change:
            self._open += 1
            self._push(0.0, journey.number, _Traveller(self._stack, self._ledger, journey).go_on)

    def finish(self) -> None:
        """Returns when every journey has asked all that it will."""
        with self._change:
            self._change.wait_for(lambda: self._open == 0 or self.errors)
            self._is_over = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _push(self, pause_s: float, number: int, go_on: Callable[[], float | None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + pause_s, number, go_on))
        self._change.notify()

    def _next(self) -> tuple[int, Callable[[], float | None]] | None:
        with self._change:
            while not self._is_over:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    _, number, go_on = heapq.heappop(self._due)
                    return number, go_on
                self._change.wait(wait)
        return None

    def _work(self) -> None:
        while (task := self._next()) is not None:
            number, go_on = task
            try:
                pause_s = go_on()
            except BaseException as error:  # told at the end, by whoever waits for it
                self.errors.append(error)
                pause_s = None
            with self._change:
                if pause_s is None:
                    self._open -= 1
                    self._change.notify_all()
                else:
                    self._push(pause_s, number, go_on)


class _Traveller:
    """What asks for one journey; ``go_on`` asks the next and says how long to pause then."""

    def __init__(self, stack: Stack, ledger: Ledger, journey: Journey) -> None:
        self._stack = stack
        self._http = stack.deployed.http()
        self._ledger = ledger
        self._journey = journey
        self._path = f"/tenants/{journey.tenant_id}/processes"
        self._left = list(journey.commands)
        self._record: Record | None = None

    def go_on(self) -> float | None:
        """Asks for what is next; returns the pause until the one after, None at the end."""
        if self._record is None:
            self._record = self._start()
            self._ledger.add(self._record)
            if self._record.process_id is None:
                return None
        else:
            command = self._left.pop(0)
            entry = self._send(command) if command.by_queue else self._call(command)
            self._record.entries.append(entry)
        return self._left[0].pause_s if self._left else None

    def _start(self) -> Record:
        journey = self._journey
        name = f"{journey.aggregate_id}-start"
        command = Command(name, "start_process", None, 0.0, False, {})
        body = {
            **journey.asked,
            "aggregate_type": "Order",
            "aggregate_id": journey.aggregate_id,
            "reason": name,
        }
        entry = Entry(command, Became.UNKNOWN)
        key = {"Idempotency-Key": journey.aggregate_id}
        ask(self._http, entry, self._path, body, key)
        seen = entry.seen
        return Record(journey, entry, None if seen is None else seen["process_id"])

    def _call(self, command: Command) -> Entry:
        entry = Entry(command, Became.UNKNOWN)
        path = f"{self._path}/{self._process_id}"
        if command.step is not None:
            path += f"/steps/{command.step}"
        ask(self._http, entry, f"{path}/{command.verb}", self._said(command))
        return entry

    def _send(self, command: Command) -> Entry:
        entry = Entry(command, Became.UNKNOWN)
        message = {
            "command": _VERBS[command.verb],
            "tenant_id": self._journey.tenant_id,
            "process_id": self._process_id,
            **({} if command.step is None else {"step_name": command.step}),
            **self._said(command),
        }
        give_up_at = time.monotonic() + ASK_FOR_S
        while time.monotonic() < give_up_at:
            try:
                self._stack.client("sqs").send_message(
                    QueueUrl=self._stack.outputs["CommandsQueueUrl"],
                    MessageBody=json.dumps(message),
                )
            except (BotoCoreError, ClientError, OSError):
                entry.unanswered += 1
                time.sleep(ASK_AGAIN_S)
            else:
                entry.became = Became.QUEUED
                return entry
        return entry

    def _said(self, command: Command) -> dict[str, Any]:
        said = {**command.said, "reason": command.name}
        # Named in every report, as the docs ask of whoever may have to say it twice.
        if command.verb not in ("cancel", "resume") and "attempt" not in said:
            said["attempt"] = self._attempt_of(command.step)
        return said

    def _attempt_of(self, step_name: str | None) -> int:
        """The attempt at a step that its service works on, as it was last seen."""
        assert self._record is not None
        assert self._record.known is not None
        step = next(s for s in self._record.known["steps"] if s["name"] == step_name)
        return max(1, int(step["attempt"]))

    @property
    def _process_id(self) -> str:
        assert self._record is not None
        assert self._record.process_id is not None
        return self._record.process_id


def ask(
    http: SignedHttp,
    entry: Entry,
    path: str,
    body: object,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Asks until there is an answer that says whether it was done, or for ``ASK_FOR_S``."""
    give_up_at = time.monotonic() + ASK_FOR_S
    while time.monotonic() < give_up_at:
        try:
            answer = http.request("POST", path, body, headers=headers)
        except (OSError, HTTPException):
            entry.unanswered += 1
        else:
            if _note(entry, answer):
                return
        time.sleep(ASK_AGAIN_S)


def _note(entry: Entry, answer: Answer) -> bool:
    """Writes down what an answer says; False where it leaves open whether it was done."""
    if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
        entry.became, entry.seen = Became.ACCEPTED, answer.json()
        return True
    if answer.status >= 500 or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        entry.unanswered += 1
        return False
    problem = answer.json()
    entry.became, entry.code = Became.REFUSED, problem.get("code", str(answer.status))
    entry.seen = problem.get("process")
    return True
