"""A table in moto, a clock to move, and a wire between them that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from moto import mock_aws

from tests.proof.wire import Wire
from trellis_process import Process, ProcessService, TimeoutCheckerService
from trellis_process.application.audit import AuditService
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
    audit_reader,
    schema,
)
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.testing.clock import ManualClock


@pytest.fixture(autouse=True)
def _cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    with mock_aws():
        yield


@pytest.fixture
def table(wire: Wire) -> Table:
    table = Table("processes", pause=lambda _seconds: None)
    table.create()
    wire.lie_under(table._connection.connection.client)
    wire.reset()
    return table


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def processes(table: Table) -> DynamoDBProcessRepository:
    return DynamoDBProcessRepository(table)


@pytest.fixture
def trackers(table: Table) -> DynamoDBStepTrackerRepository:
    return DynamoDBStepTrackerRepository(table)


@pytest.fixture
def service(
    processes: DynamoDBProcessRepository,
    trackers: DynamoDBStepTrackerRepository,
    clock: ManualClock,
) -> ProcessService:
    return ProcessService(processes, trackers, clock=clock, pause=lambda _seconds: None)


@pytest.fixture
def checker(trackers: DynamoDBStepTrackerRepository, clock: ManualClock) -> TimeoutCheckerService:
    return TimeoutCheckerService(trackers, clock=clock, pause=lambda _seconds: None)


@pytest.fixture
def source(processes: DynamoDBProcessRepository, table: Table) -> DynamoDBAuditSource:
    return DynamoDBAuditSource(processes, AuditReader(table, pause=lambda seconds: None))


@pytest.fixture
def audit(source: DynamoDBAuditSource, clock: ManualClock) -> AuditService:
    return AuditService(source, clock=clock, pause=lambda seconds: None)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_reader, "PAGE", 3)
    monkeypatch.setattr(audit_reader, "ENTRIES", 3)


@pytest.fixture
def change(table: Table) -> Callable[..., None]:
    """Writes a process's item by hand: attributes to set, and with None to take away."""

    def write(process: Process, **attributes: dict[str, str] | None) -> None:
        client = table._connection.connection.client
        key = {"pk": {"S": schema.hash_key(process.key)}, "sk": {"S": schema.PROCESS}}
        item = client.get_item(TableName=table.name, Key=key)["Item"]
        item |= {name: value for name, value in attributes.items() if value is not None}
        for name in [name for name, value in attributes.items() if value is None]:
            item.pop(name, None)
        client.put_item(TableName=table.name, Item=item)

    return write
