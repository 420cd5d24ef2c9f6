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
    from trellis_process.application.children import ChildrenService
    from trellis_process.application.engine_service import EngineService
    from trellis_process.application.event_service import EventService
    from trellis_process.application.job_service import JobService
    from trellis_process.definitions.catalog import DefinitionCatalog
    from trellis_process.domain.course import Course
    from trellis_process.dynamodb import Table
    from trellis_process.dynamodb.finished_reader import FinishedReader
    from trellis_process.eventbridge import EventPublisher
    from trellis_process.s3 import Archive
    from trellis_process.views.feeder import ViewFeeder
    from trellis_process.views.store import ViewStore

SWEEP_SIDE_BY_SIDE = 16  # a write is mostly waiting; that many keep one processor busy
JOB_SIDE_BY_SIDE = 8  # the half of it, because nobody waits for a job
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

    processes = DynamoDBProcessRepository(table(), retention=_retention())
    return ProcessService(processes, definitions=Courses())


class Courses:
    """The definitions as a service needs them for a process that has one.

    Those with what they bring, pydantic and the engine, are loaded when the first such process
    comes, because a function that has none need not wait for them.
    """

    def course(self, name: str, version: int) -> Course:
        """As Definitions.course."""
        return definition_catalog().course(name, version)


@cache
def definition_catalog() -> DefinitionCatalog:
    """The definitions in the table, each read and compiled once."""
    from trellis_process.definitions.catalog import DefinitionCatalog
    from trellis_process.dynamodb.definition_repository import DynamoDBDefinitionRepository
    from trellis_process.dynamodb.open_counts import open_counts

    repository = DynamoDBDefinitionRepository(table())
    return DefinitionCatalog(repository, count_open=open_counts(table()))


@cache
def engine_service() -> EngineService:
    """The commands that only processes with a definition take."""
    from trellis_process.application.engine_service import EngineService
    from trellis_process.dynamodb import DynamoDBProcessRepository

    processes = DynamoDBProcessRepository(table(), retention=_retention())
    return EngineService(processes, definitions=definition_catalog())


@cache
def children() -> ChildrenService:
    """What starts children, and tells parents of their ends."""
    from trellis_process.application.children import ChildrenService
    from trellis_process.dynamodb.list_repository import DynamoDBListRepository

    return ChildrenService(engine_service(), DynamoDBListRepository(table()))


@cache
def event_service() -> EventService:
    """What brings events from outside to processes."""
    from trellis_process.application.event_service import EventService
    from trellis_process.dynamodb.noted_events import DynamoDBNotedEvents

    return EventService(engine_service(), definition_catalog(), DynamoDBNotedEvents(table()))


@cache
def jobs() -> JobService:
    """The jobs on the table's processes."""
    from trellis_process.application.job_service import JobService
    from trellis_process.dynamodb import DynamoDBProcessRepository
    from trellis_process.dynamodb.job_repository import DynamoDBJobRepository

    return JobService(
        DynamoDBProcessRepository(table(), retention=_retention()),
        DynamoDBJobRepository(table()),
        definitions=Courses(),
        tell=send_job,
        side_by_side=JOB_SIDE_BY_SIDE,
    )


def send_job(tenant_id: str, job_id: str) -> None:
    """Asks, in the queue that ``TRELLIS_JOBS_QUEUE_URL`` names, that a job go on.

    Raises StoreUnavailable: a job that is asked for again is sent again.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from trellis_process.errors import StoreUnavailable

    message = json.dumps({"tenant_id": tenant_id, "job_id": job_id})
    try:
        _client("sqs", tries=3).send_message(
            QueueUrl=_setting("TRELLIS_JOBS_QUEUE_URL"), MessageBody=message
        )
    except (BotoCoreError, ClientError) as error:
        told = f"the queue of jobs does not take job {job_id!r}; ask for it again"
        raise StoreUnavailable(told, may_have_happened=True) from error


@cache
def views() -> ViewStore | None:
    """The views in the table that ``TRELLIS_VIEW_TABLE`` names; None where it is empty."""
    name = _setting("TRELLIS_VIEW_TABLE")
    if not name:
        return None
    from trellis_process.dynamodb.view_store import DynamoDBViewStore
    from trellis_process.dynamodb.view_table import ViewTable

    return DynamoDBViewStore(ViewTable(name))


@cache
def view_feeder() -> ViewFeeder:
    """What brings events into the views."""
    from trellis_process.dynamodb.view_store import DynamoDBViewStore
    from trellis_process.dynamodb.view_table import ViewTable
    from trellis_process.views.feeder import ViewFeeder

    table = ViewTable(_setting("TRELLIS_VIEW_TABLE"))
    return ViewFeeder(DynamoDBViewStore(table, retention=_retention()))


def tenant_claim() -> str:
    """The claim of a caller's token that names its tenant: ``TRELLIS_TENANT_CLAIM``."""
    return _setting("TRELLIS_TENANT_CLAIM")


def operator_scope() -> str:
    """The scope of a caller's token that makes it an operator: ``TRELLIS_OPERATOR_SCOPE``."""
    return _setting("TRELLIS_OPERATOR_SCOPE")


@cache
def timeout_checker() -> TimeoutCheckerService:
    """The sweep over what is due; who is told of a timeout is told by the events."""
    from trellis_process import TimeoutCheckerService
    from trellis_process.dynamodb import DynamoDBStepTrackerRepository

    trackers = DynamoDBStepTrackerRepository(table(), retention=_retention())
    return TimeoutCheckerService(trackers, side_by_side=SWEEP_SIDE_BY_SIDE, definitions=Courses())


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
    """Keeps a command in the queue that ``TRELLIS_REFUSED_COMMANDS_QUEUE_URL`` names."""
    _put_aside(_setting("TRELLIS_REFUSED_COMMANDS_QUEUE_URL"), body, attributes)


def refuse_event(body: str, attributes: dict[str, str]) -> None:
    """Keeps an event in the queue that ``TRELLIS_REFUSED_EVENTS_QUEUE_URL`` names."""
    _put_aside(_setting("TRELLIS_REFUSED_EVENTS_QUEUE_URL"), body, attributes)


def _put_aside(queue_url: str, body: str, attributes: dict[str, str]) -> None:
    """Keeps what was refused: as it came, so that it can be sent again, and why, as attributes."""
    _client("sqs").send_message(
        QueueUrl=queue_url,
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

    from trellis_process.user_agent import USER_AGENT

    # Tried again by who asks, who knows how much time there is, unless that says otherwise.
    settings = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=connections,
        user_agent=USER_AGENT,
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
