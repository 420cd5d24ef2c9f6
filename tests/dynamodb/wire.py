"""The wire to DynamoDB: what passes is counted, and what a test says so fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from botocore.awsrequest import AWSResponse
from botocore.exceptions import HTTPClientError, ReadTimeoutError
from moto.core.models import botocore_stubber

Fault: TypeAlias = Callable[[str, Any], Any]
"""What becomes of a request: given its operation and itself, answers in DynamoDB's place."""


class Wire:
    """The way to DynamoDB: counts what passes, and fails where a test says so."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.bodies: list[tuple[str, bytes]] = []
        self._faults: list[Fault] = []
        self._faults_at: dict[tuple[str, int], Fault] = {}

    def fail_next(self, fault: Fault, times: int = 1) -> None:
        """The next so many requests meet this fault."""
        self._faults += [fault] * times

    def fail_at(self, operation: str, number: int, fault: Fault, times: int = 1) -> None:
        """The so-many-eth request of an operation since the last reset meets it, and the next."""
        for n in range(number, number + times):
            self._faults_at[operation, n] = fault

    def reset(self) -> None:
        """Counts from nothing again."""
        self.requests.clear()
        self.bodies.clear()

    def __call__(self, request: Any, **_: Any) -> Any:
        operation = request.headers["X-Amz-Target"].decode().split(".")[1]
        self.requests[operation] += 1
        self.bodies.append((operation, request.body))
        fault = self._faults_at.get((operation, self.requests[operation]))
        if fault is None and self._faults:
            fault = self._faults.pop(0)
        return answer(request) if fault is None else fault(operation, request)


def answer(request: Any) -> Any:
    """What DynamoDB answers."""
    return botocore_stubber("before-send", request)


def lost_answer(_operation: str, request: Any) -> Any:
    """DynamoDB does it, and the line breaks before it can say so."""
    answer(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def broken_line(_operation: str, request: Any) -> Any:
    """The line breaks before DynamoDB hears of it, though the caller cannot know."""
    raise HTTPClientError(error="connection reset")


def refusal(code: str, status: int = 400) -> Fault:
    """DynamoDB refuses with this code."""

    def fault(_operation: str, request: Any) -> Any:
        return AWSResponse(request.url, status, {}, _ErrorBody(code))

    return fault


class _ErrorBody:
    def __init__(self, code: str) -> None:
        self._code = code.encode()

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b'{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}' % self._code
