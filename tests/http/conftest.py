"""The API over a store in memory, with a clock to move."""

from __future__ import annotations

import pytest

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.testing import ManualClock

from .client import Client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def repository() -> InMemoryProcessRepository:
    return InMemoryProcessRepository()


@pytest.fixture
def counted() -> dict[str, dict[int, int]]:
    """What the audit has counted of open processes, by definition and version."""
    return {}


@pytest.fixture
def engine(
    repository: InMemoryProcessRepository,
    clock: ManualClock,
    counted: dict[str, dict[int, int]],
) -> EngineService:
    catalog = DefinitionCatalog(InMemoryDefinitionRepository(), count_open=counted.get)
    return EngineService(repository, definitions=catalog, clock=clock, pause=lambda seconds: None)


@pytest.fixture
def client(
    repository: InMemoryProcessRepository, clock: ManualClock, engine: EngineService
) -> Client:
    service = ProcessService(
        repository, clock=clock, pause=lambda seconds: None, definitions=engine.definitions
    )
    jobs = JobService(
        repository, InMemoryJobRepository(), definitions=engine.definitions, clock=clock
    )
    return Client(service, engine, jobs)
