"""What the tests of the services are made of: a watched store, a clock, no real waiting."""

from __future__ import annotations

import pytest

from tests.application.commands import STEPS
from tests.application.orders import an_order
from tests.application.stores import WatchedProcesses, no_pause
from trellis_process import (
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStepTimedOut,
    TimeoutCheckerService,
)
from trellis_process.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def processes() -> WatchedProcesses:
    return WatchedProcesses()


@pytest.fixture
def trackers(processes: WatchedProcesses) -> InMemoryStepTrackerRepository:
    return InMemoryStepTrackerRepository(processes)


@pytest.fixture
def service(
    processes: WatchedProcesses, trackers: InMemoryStepTrackerRepository, clock: ManualClock
) -> ProcessService:
    return ProcessService(processes, trackers, clock=clock, pause=no_pause)


@pytest.fixture
def checker(trackers: InMemoryStepTrackerRepository, clock: ManualClock) -> TimeoutCheckerService:
    return TimeoutCheckerService(trackers, clock=clock, pause=no_pause)


@pytest.fixture
def told() -> list[ProcessStepTimedOut]:
    """What the handler of ``telling`` was told."""
    return []


@pytest.fixture
def telling(
    trackers: InMemoryStepTrackerRepository, clock: ManualClock, told: list[ProcessStepTimedOut]
) -> TimeoutCheckerService:
    """A checker whose handler keeps what it is told."""
    return TimeoutCheckerService(trackers, told.append, clock=clock, pause=no_pause)


@pytest.fixture
def order(service: ProcessService, processes: WatchedProcesses, clock: ManualClock) -> Process:
    """A process whose step ``pay`` was started five seconds ago; it is at version 2."""
    process = an_order(service, *STEPS)
    service.start_step(process, "pay")
    processes.requests.clear()
    clock.advance(seconds=5)
    return process
