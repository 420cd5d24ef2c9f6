"""The wire to AWS: what passes is counted and kept, and meets the faults that a test asks for.

It lies under botocore and over moto, so that every request of the real code passes it, whoever
makes it. Nothing in it is random and nothing waits: what happens when is the test's to say.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError, ReadTimeoutError
from botocore.handlers import BUILTIN_HANDLERS
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from trellis_process.testing.clock import ManualClock

_MOTO = ("before-send", botocore_stubber)

Fault: TypeAlias = "Callable[[Exchange], Any]"
"""What becomes of a request: answers in AWS's place, or raises."""


@dataclass(frozen=True)
class Exchange:
    """One request on its way, and what answers it."""

    wire: Wire
    service: str
    operation: str
    request: Any
    #: How AWS behaves to requests of this kind, where a test has said so.
    behaviour: Fault | None = None

    @property
    def call(self) -> str:
        """What is called, such as ``dynamodb.PutItem``."""
        return f"{self.service}.{self.operation}"

    @property
    def asked(self) -> dict[str, Any]:
        """What the request says."""
        return json.loads(self.request.body)

    def perform(self, **changes: Any) -> AWSResponse:
        """AWS does what is asked, where said with these parts of it changed."""
        if self.behaviour is not None and not changes:
            return self.behaviour(replace(self, behaviour=None))
        if self.operation == "GetItem":
            return self._item()
        request = self.request
        if changes:
            said = {name: value for name, value in (self.asked | changes).items() if value}
            request = AWSPreparedRequest(
                request.method, request.url, request.headers, json.dumps(said).encode(), False
            )
        response = botocore_stubber(f"before-send.{self.call}", request)
        if response.status_code == 200:
            self.wire.happened(self)
        return response

    def _item(self) -> AWSResponse:
        """The item as moto holds it: its own way of writing that takes longer than all else."""
        asked = self.asked
        item = _moto().get_item(asked["TableName"], asked["Key"])
        return self.answered({} if item is None else {"Item": item.to_json()["Attributes"]})

    def answered(self, body: dict[str, Any]) -> AWSResponse:
        """An answer of these words in AWS's place."""
        text = json.dumps(body, default=lambda binary: base64.b64encode(binary).decode())
        return AWSResponse(self.request.url, 200, {}, _Body(text.encode()))


class Wire:
    """The way to AWS: counts what passes, keeps what was done, and fails where a test says so."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bodies: list[tuple[str, bytes]] = []
        #: Every request so far, such as ``dynamodb.PutItem``.
        self.calls: list[str] = []
        #: Told of each request that AWS did, in the order in which it did them.
        self.observers: list[Callable[[Exchange], object]] = []
        self._faults: list[Fault] = []
        self._faults_at: dict[tuple[str, int], Fault] = {}
        self._faults_at_call: dict[int, Fault] = {}
        self._standing: dict[str, Fault] = {}
        self._is_watching = True
        self._lock = threading.RLock()

    def fail_next(self, fault: Fault, times: int = 1) -> None:
        """The next so many requests meet this fault."""
        self._faults += [fault] * times

    def fail_at(self, operation: str, number: int, fault: Fault, times: int = 1) -> None:
        """The so-many-eth request of an operation since the last reset meets it, and the next."""
        for n in range(number, number + times):
            self._faults_at[operation, n] = fault

    def fail_at_call(self, number: int, fault: Fault) -> None:
        """The so-many-eth request of all since the last reset, from 0, meets this fault."""
        self._faults_at_call[number] = fault

    def always(self, operation: str, fault: Fault) -> None:
        """So AWS behaves to every request of an operation, until the wire is mended."""
        self._standing[operation] = fault

    def cut(self) -> None:
        """No request gets through any more, until the wire is mended."""
        self._standing = dict.fromkeys(["*"], broken_line)

    def mend(self) -> None:
        """What follows passes unharmed."""
        self._faults.clear()
        self._faults_at.clear()
        self._faults_at_call.clear()
        self._standing.clear()

    def reset(self) -> None:
        """Counts from nothing again."""
        self.requests.clear()
        self.bodies.clear()
        self.calls.clear()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """What a test itself asks meanwhile passes unharmed and uncounted."""
        self._is_watching = False
        try:
            yield
        finally:
            self._is_watching = True

    def happened(self, exchange: Exchange) -> None:
        """AWS did this."""
        for observer in self.observers:
            observer(exchange)

    @contextmanager
    def under_every_client(self) -> Iterator[None]:
        """Lies under every client of every botocore session that is made meanwhile."""
        # botocore asks every handler and takes the first answer: moto's own would act on each
        # request as well, also on those that fail here.
        place = BUILTIN_HANDLERS.index(_MOTO)
        BUILTIN_HANDLERS[place] = ("before-send", self)
        try:
            yield
        finally:
            BUILTIN_HANDLERS[place] = _MOTO

    def lie_under(self, client: Any) -> None:
        """Lies under this client, from now on."""
        client.meta.events.unregister(*_MOTO)
        client.meta.events.register("before-send", self)

    def __call__(self, request: Any, event_name: str, **_: Any) -> Any:
        _, service, operation = event_name.split(".")
        exchange = Exchange(self, service, operation, request)
        if not self._is_watching:
            return exchange.perform()
        with self._lock:
            self.requests[operation] += 1
            self.bodies.append((operation, request.body))
            self.calls.append(exchange.call)
            behaviour = self._standing.get("*") or self._standing.get(operation)
            exchange = replace(exchange, behaviour=behaviour)
            fault = self._fault_for(operation)
        return exchange.perform() if fault is None else fault(exchange)

    def _fault_for(self, operation: str) -> Fault | None:
        at_call = self._faults_at_call.pop(len(self.calls) - 1, None)
        at = at_call or self._faults_at.get((operation, self.requests[operation]))
        return self._faults.pop(0) if at is None and self._faults else at


def moto_items(table_name: str) -> dict[str, dict[str, Any]]:
    """A table's items as moto holds them, by their keys."""
    items: dict[str, dict[str, Any]] = _moto().get_table(table_name).items
    return items


def _moto() -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]


def lost_answer(exchange: Exchange) -> Any:
    """AWS does it, and the line breaks before it can say so."""
    exchange.perform()
    raise ReadTimeoutError(endpoint_url=exchange.request.url)


def broken_line(_exchange: Exchange) -> Any:
    """The line breaks before AWS hears of it, though the caller cannot know."""
    raise HTTPClientError(error="connection reset")


def refusal(code: str, status: int = 400) -> Fault:
    """AWS refuses with this code."""
    return lambda exchange: _error(exchange, code, status)


def failure_after(code: str = "InternalServerError", status: int = 500) -> Fault:
    """AWS does it, and answers that it failed."""

    def fault(exchange: Exchange) -> Any:
        exchange.perform()
        return _error(exchange, code, status)

    return fault


def slow(clock: ManualClock, seconds: float) -> Fault:
    """AWS does it, and meanwhile so much time passes."""

    def fault(exchange: Exchange) -> Any:
        response = exchange.perform()
        clock.advance(seconds=seconds)
        return response

    return fault


def leaving_out(count: int) -> Fault:
    """BatchGetItem answers without the last so many of the keys, and says so."""

    def fault(exchange: Exchange) -> Any:
        ((table, asked),) = exchange.asked["RequestItems"].items()
        kept, left = asked["Keys"][:-count], asked["Keys"][-count:]
        unprocessed = {table: {**asked, "Keys": left}}
        if not kept:
            return exchange.answered({"Responses": {table: []}, "UnprocessedKeys": unprocessed})
        response = exchange.perform(RequestItems={table: {**asked, "Keys": kept}})
        answer = json.loads(response.content)
        return exchange.answered({**answer, "UnprocessedKeys": unprocessed})

    return fault


def some_entries_failed(places: set[int], code: str = "InternalFailure") -> Fault:
    """PutEvents takes the entries of a request but for those at these places."""

    def fault(exchange: Exchange) -> Any:
        entries = exchange.asked["Entries"]
        taken = [entry for place, entry in enumerate(entries) if place not in places]
        if taken:
            exchange = Exchange(
                exchange.wire, exchange.service, exchange.operation, _with(exchange, taken)
            )
            exchange.perform()
        results: list[dict[str, str]] = [
            {"ErrorCode": code, "ErrorMessage": "no"} if place in places else {"EventId": "1"}
            for place in range(len(entries))
        ]
        failed = len(entries) - len(taken)
        return exchange.answered({"FailedEntryCount": failed, "Entries": results})

    return fault


def _with(exchange: Exchange, entries: list[dict[str, Any]]) -> Any:
    request = exchange.request
    body = json.dumps(exchange.asked | {"Entries": entries}).encode()
    return AWSPreparedRequest(request.method, request.url, request.headers, body, False)


def _error(exchange: Exchange, code: str, status: int) -> AWSResponse:
    body = b'{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}' % code.encode()
    return AWSResponse(exchange.request.url, status, {}, _Body(body))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content
