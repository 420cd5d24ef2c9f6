"""Which processes the trackers in memory belong to."""

from __future__ import annotations

import pytest

from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessService,
    TimeoutCheckerService,
)


def test_the_service_says_whose_trackers_they_are():
    processes, trackers = InMemoryProcessRepository(), InMemoryStepTrackerRepository()

    ProcessService(processes, trackers)

    assert trackers.processes is processes


def test_trackers_of_no_processes_say_what_to_do():
    trackers = InMemoryStepTrackerRepository()

    with pytest.raises(RuntimeError, match="pass them to ProcessService"):
        _ = trackers.processes
    with pytest.raises(RuntimeError, match="pass them to ProcessService"):
        TimeoutCheckerService(trackers).check_for_timed_out_steps()


def test_several_services_may_share_one_store():
    processes, trackers = InMemoryProcessRepository(), InMemoryStepTrackerRepository()

    for _ in range(2):
        ProcessService(processes, trackers)

    assert trackers.processes is processes


def test_trackers_do_not_change_to_other_processes():
    processes = InMemoryProcessRepository()
    trackers = InMemoryStepTrackerRepository(processes)

    with pytest.raises(ValueError, match="another process repository already"):
        ProcessService(InMemoryProcessRepository(), trackers)

    assert trackers.processes is processes
