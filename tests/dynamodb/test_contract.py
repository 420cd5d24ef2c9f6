"""The store on DynamoDB passes the contract of every store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from moto import mock_aws

from trellis_process.dynamodb import (
    DynamoDBDefinitionRepository,
    DynamoDBJobRepository,
    DynamoDBListRepository,
    DynamoDBNotedEvents,
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
)
from trellis_process.testing import (
    DefinitionRepositoryContract,
    JobRepositoryContract,
    ListRepositoryContract,
    NotedEventsContract,
    ProcessRepositoryContract,
    StepTrackerRepositoryContract,
)


@pytest.fixture(scope="module", autouse=True)
def _cloud() -> Iterator[None]:
    """One cloud for all these tests, because starting one takes longer than most of them."""
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def shared_table(_cloud: None) -> Table:
    return _new_table()


class TestDynamoDBProcessRepository(ProcessRepositoryContract):
    @pytest.fixture
    def processes(self, shared_table: Table) -> DynamoDBProcessRepository:
        return DynamoDBProcessRepository(shared_table)


class TestDynamoDBStepTrackerRepository(StepTrackerRepositoryContract):
    @pytest.fixture
    def table(self) -> Table:
        """One for each test: what one leaves due, the next would have to read."""
        return _new_table()

    @pytest.fixture
    def processes(self, table: Table) -> DynamoDBProcessRepository:
        return DynamoDBProcessRepository(table)

    @pytest.fixture
    def trackers(self, table: Table) -> DynamoDBStepTrackerRepository:
        return DynamoDBStepTrackerRepository(table)


class TestDynamoDBDefinitionRepository(DefinitionRepositoryContract):
    @pytest.fixture
    def definitions(self, shared_table: Table) -> DynamoDBDefinitionRepository:
        return DynamoDBDefinitionRepository(shared_table)


class TestDynamoDBListRepository(ListRepositoryContract):
    @pytest.fixture
    def lists(self, shared_table: Table) -> DynamoDBListRepository:
        return DynamoDBListRepository(shared_table)


class TestDynamoDBJobRepository(JobRepositoryContract):
    @pytest.fixture
    def jobs(self, shared_table: Table) -> DynamoDBJobRepository:
        return DynamoDBJobRepository(shared_table)


class TestDynamoDBNotedEvents(NotedEventsContract):
    @pytest.fixture
    def noted(self, shared_table: Table) -> DynamoDBNotedEvents:
        return DynamoDBNotedEvents(shared_table)


def _new_table() -> Table:
    table = Table(f"processes-{uuid.uuid4()}", region="us-east-1")
    table.create()
    return table
