"""The functions as Lambda runs them, their wiring replaced where a test says so."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

# As the template sets them; Powertools reads them when a function is imported.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Trellis",
    "POWERTOOLS_SERVICE_NAME": "function",
    "TRELLIS_TABLE": "processes",
    "TRELLIS_RETENTION_DAYS": "0",
    "TRELLIS_TENANT_CLAIM": "tenant_id",
    "TRELLIS_OPERATOR_SCOPE": "trellis/operator",
    "TRELLIS_EVENT_BUS": "stack-bus",
    "TRELLIS_UNDELIVERED_QUEUE_URL": "http://queue",
    "TRELLIS_REFUSED_COMMANDS_QUEUE_URL": "http://refused",
    "TRELLIS_REFUSED_EVENTS_QUEUE_URL": "http://refused-events",
    "TRELLIS_ARCHIVE_BUCKET": "finished-processes",
    "TRELLIS_ARCHIVE_PREFIX": "finished/",
    "TRELLIS_UNARCHIVED_QUEUE_URL": "http://unarchived",
    "TRELLIS_JOBS_QUEUE_URL": "http://jobs",
    "TRELLIS_VIEW_TABLE": "",
}


@dataclass
class Context:
    """What Lambda tells a function about its run."""

    remaining_ms: int = 55_000
    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """The lines that the functions and the library have logged so far."""
    written = io.StringIO()
    for handler in logging.getLogger("trellis_process").handlers:
        # Each function's logger writes where standard output was when it was imported.
        if isinstance(handler.formatter, LambdaPowertoolsFormatter):
            monkeypatch.setattr(handler, "stream", written)
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The lines so far that carry metrics, and what they say besides."""
    lines: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        lines.extend(json.loads(line) for line in capsys.readouterr().out.splitlines())
        return lines

    return read


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was sent to the queue of the refused."""
    sent: list[dict[str, Any]] = []

    class Sqs:
        def send_message(self, **message: Any) -> None:
            sent.append(message)

    monkeypatch.setattr("lambdas.wiring._client", {"sqs": Sqs()}.__getitem__)
    return sent
