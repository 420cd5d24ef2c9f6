"""The store in memory passes the contract of every store."""

from __future__ import annotations

import pytest

from trellis_process import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.memory import (
    InMemoryDefinitionRepository,
    InMemoryJobRepository,
    InMemoryListRepository,
    InMemoryNotedEvents,
)
from trellis_process.testing import (
    DefinitionRepositoryContract,
    JobRepositoryContract,
    ListRepositoryContract,
    NotedEventsContract,
    ProcessRepositoryContract,
    StepTrackerRepositoryContract,
)


@pytest.fixture
def processes() -> InMemoryProcessRepository:
    return InMemoryProcessRepository()


@pytest.fixture
def trackers(processes: InMemoryProcessRepository) -> InMemoryStepTrackerRepository:
    return InMemoryStepTrackerRepository(processes)


class TestInMemoryProcessRepository(ProcessRepositoryContract):
    pass


class TestInMemoryStepTrackerRepository(StepTrackerRepositoryContract):
    pass


class TestInMemoryDefinitionRepository(DefinitionRepositoryContract):
    @pytest.fixture
    def definitions(self) -> InMemoryDefinitionRepository:
        return InMemoryDefinitionRepository()


class TestInMemoryListRepository(ListRepositoryContract):
    @pytest.fixture
    def lists(self) -> InMemoryListRepository:
        return InMemoryListRepository()


class TestInMemoryJobRepository(JobRepositoryContract):
    @pytest.fixture
    def jobs(self) -> InMemoryJobRepository:
        return InMemoryJobRepository()


class TestInMemoryNotedEvents(NotedEventsContract):
    @pytest.fixture
    def noted(self) -> InMemoryNotedEvents:
        return InMemoryNotedEvents()
