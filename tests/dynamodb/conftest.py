"""A table in moto, a clock to move, and a wire between them that can be cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from trellis_process import ProcessService, TimeoutCheckerService
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
)
from trellis_process.testing.clock import ManualClock

from .wire import Wire


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
    client = table._connection.connection.client
    client.meta.events.register_first("before-send.dynamodb", wire)
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
