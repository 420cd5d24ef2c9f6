"""Wiring: what each function needs, built once from its environment and nowhere else.

Clients are made where they are first asked for, so that a function pays for no other's.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis_process import ProcessService, TimeoutCheckerService
    from trellis_process.application.audit import AuditService
    from trellis_process.dynamodb import Table
    from trellis_process.dynamodb.finished_reader import FinishedReader
    from trellis_process.eventbridge import EventPublisher
    from trellis_process.s3 import Archive

SWEEP_SIDE_BY_SIDE = 16  # a write is mostly waiting; that many keep one processor busy
MAX_ATTRIBUTE_CHARACTERS = 1_024  # of the 1 MiB that a message has, its body and all


@cache
def table() -> Table:
    """The table that ``TRELLIS_TABLE`` names."""
    from trellis_process.dynamodb import Table

    return Table(_setting("TRELLIS_TABLE"))


@cache
def process_service() -> ProcessService:
    """The commands and look-ups on the table's processes."""
    from trellis_process import ProcessService
    from trellis_process.dynamodb import DynamoDBProcessRepository

    return ProcessService(DynamoDBProcessRepository(table(), retention=_retention()))


def tenant_claim() -> str:
    """The claim of a caller's token that names its tenant: ``TRELLIS_TENANT_CLAIM``."""
    return _setting("TRELLIS_TENANT_CLAIM")


@cache
def timeout_checker() -> TimeoutCheckerService:
    """The sweep over what is due; who is told of a timeout is told by the events."""
    from trellis_process import TimeoutCheckerService
    from trellis_process.dynamodb import DynamoDBStepTrackerRepository

    trackers = DynamoDBStepTrackerRepository(table(), retention=_retention())
    return TimeoutCheckerService(trackers, side_by_side=SWEEP_SIDE_BY_SIDE)


@cache
def audit() -> AuditService:
    """The audit of everything in the table."""
    from trellis_process.application.audit import AuditService
    from trellis_process.dynamodb import DynamoDBProcessRepository
    from trellis_process.dynamodb.audit_source import DynamoDBAuditSource

    processes = DynamoDBProcessRepository(table(), retention=_retention())
    return AuditService(DynamoDBAuditSource(processes))


@cache
def event_publisher() -> EventPublisher:
    """The publisher to the bus that ``TRELLIS_EVENT_BUS`` names."""
    from trellis_process.eventbridge import EventPublisher

    return EventPublisher(_client("events"), _setting("TRELLIS_EVENT_BUS"), set_aside)


def set_aside(message: dict[str, Any]) -> None:
    """Keeps what cannot be sent in the queue that ``TRELLIS_UNDELIVERED_QUEUE_URL`` names."""
    _client("sqs").send_message(
        QueueUrl=_setting("TRELLIS_UNDELIVERED_QUEUE_URL"), MessageBody=json.dumps(message)
    )


@cache
def archive() -> Archive:
    """The archive in the bucket that ``TRELLIS_ARCHIVE_BUCKET`` names."""
    from trellis_process.s3 import Archive
    from trellis_process.s3.archive import CONNECTIONS

    # One of many objects that fails has the whole batch brought again, so each is tried again here.
    client = _client("s3", tries=4, connections=CONNECTIONS)
    return Archive(client, _setting("TRELLIS_ARCHIVE_BUCKET"), _setting("TRELLIS_ARCHIVE_PREFIX"))


@cache
def finished_reader() -> FinishedReader:
    """What is finished in the table."""
    from trellis_process.dynamodb.audit_reader import AuditReader
    from trellis_process.dynamodb.finished_reader import FinishedReader

    return FinishedReader(AuditReader(table()))


def leave_unarchived(message: dict[str, Any]) -> None:
    """Keeps what cannot be archived in the queue that ``TRELLIS_UNARCHIVED_QUEUE_URL`` names."""
    _client("sqs").send_message(
        QueueUrl=_setting("TRELLIS_UNARCHIVED_QUEUE_URL"), MessageBody=json.dumps(message)
    )


def refuse_command(body: str, attributes: dict[str, str]) -> None:
    """Keeps a command in the queue that ``TRELLIS_REFUSED_COMMANDS_QUEUE_URL`` names.

    The body as it came, so that it can be sent again as it is; why it is there, as attributes.
    """
    _client("sqs").send_message(
        QueueUrl=_setting("TRELLIS_REFUSED_COMMANDS_QUEUE_URL"),
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": _attribute_text(value)}
            for name, value in attributes.items()
        },
    )


def _attribute_text(text: str) -> str:
    """Text as the attribute of a message takes it: not empty, short, and free of controls."""
    readable = "".join(sign if sign.isprintable() else "�" for sign in text)
    return readable[:MAX_ATTRIBUTE_CHARACTERS] or "-"


@cache
def _client(service: str, *, tries: int = 1, connections: int = 10) -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    # Tried again by who asks, who knows how much time there is, unless that says otherwise.
    settings = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=connections,
    )
    return get_session().create_client(service, config=settings)


def _retention() -> timedelta | None:
    """How long finished processes are kept: ``TRELLIS_RETENTION_DAYS``, 0 for ever."""
    days = int(_setting("TRELLIS_RETENTION_DAYS"))
    return timedelta(days=days) if days else None


def _setting(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise RuntimeError(f"{name} is not set; the template sets it for each function") from None
