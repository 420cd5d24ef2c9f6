"""The API over a store in memory, with a clock to move."""

from __future__ import annotations

import pytest

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.testing import ManualClock

from .client import Client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def repository() -> InMemoryProcessRepository:
    return InMemoryProcessRepository()


@pytest.fixture
def client(repository: InMemoryProcessRepository, clock: ManualClock) -> Client:
    return Client(ProcessService(repository, clock=clock, pause=lambda seconds: None))
