"""The store in memory passes the contract of every store."""

from __future__ import annotations

import pytest

from trellis_process import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.testing import ProcessRepositoryContract, StepTrackerRepositoryContract


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
