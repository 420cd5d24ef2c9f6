"""Fixtures for tests of programs that use Trellis, in memory or on DynamoDB as moto plays it.

In a ``conftest.py``: ``pytest_plugins = ["trellis_process.testing.fixtures"]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from trellis_process.application.process_service import ProcessService
from trellis_process.application.repositories import ProcessRepository, StepTrackerRepository
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.testing.clock import ManualClock


@dataclass(frozen=True)
class Workbench:
    """Everything that a test of a process needs, over one store and one clock."""

    clock: ManualClock
    processes: ProcessRepository
    trackers: StepTrackerRepository
    service: ProcessService
    #: Its handler is none; make a TimeoutCheckerService of the trackers for a test of one.
    checker: TimeoutCheckerService


@pytest.fixture
def trellis_clock() -> ManualClock:
    """The clock that the services of this test read; it stands still until the test moves it."""
    return ManualClock()


@pytest.fixture
def trellis_memory(trellis_clock: ManualClock) -> Workbench:
    """Trellis in memory, told the time by ``trellis_clock``."""
    processes = InMemoryProcessRepository()
    return _workbench(trellis_clock, processes, InMemoryStepTrackerRepository(processes))


@pytest.fixture
def trellis_moto(trellis_clock: ManualClock) -> Iterator[Workbench]:
    """Trellis on a DynamoDB table of moto's, told the time by ``trellis_clock``.

    Needs ``trellis-process[testing]``. AWS stays mocked until the test ends.
    """
    from moto import mock_aws

    from trellis_process.dynamodb import (
        DynamoDBProcessRepository,
        DynamoDBStepTrackerRepository,
        Table,
    )

    with mock_aws():
        table = Table("trellis", region="us-east-1")
        table.create()
        yield _workbench(
            trellis_clock, DynamoDBProcessRepository(table), DynamoDBStepTrackerRepository(table)
        )


def _workbench(
    clock: ManualClock, processes: ProcessRepository, trackers: StepTrackerRepository
) -> Workbench:
    return Workbench(
        clock,
        processes,
        trackers,
        service=ProcessService(processes, trackers, clock=clock),
        checker=TimeoutCheckerService(trackers, clock=clock),
    )
