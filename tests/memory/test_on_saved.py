"""What the store in memory tells of each save."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from trellis_process import InMemoryProcessRepository, Process, ProcessService, StaleProcess
from trellis_process.testing import START, a_process, a_step, a_stored_process


@pytest.fixture
def told() -> list[Process]:
    return []


@pytest.fixture
def processes(told: list[Process]) -> InMemoryProcessRepository:
    return InMemoryProcessRepository(on_saved=told.append)


def test_each_save_is_told_with_the_process_as_saved(processes, told):
    process = a_process()
    processes.add(process)
    process.saved()
    process.complete_step("pay", now=START)
    processes.save(process)

    assert [each.version for each in told] == [1, 2]
    assert [event.type for each in told for event in each.events] == [
        "ProcessStarted",
        "StepCompleted",
        "ProcessCompleted",
    ]


def test_a_refused_save_is_not_told(processes, told):
    processes.add(a_process())
    for refused in (processes.add, processes.save):
        with pytest.raises(StaleProcess):
            refused(a_process(aggregate_id="another"))

    assert len(told) == 1


def test_what_is_told_is_the_listeners_own(processes, told):
    process = a_process(metadata={"tags": []})
    processes.add(process)

    told[0].metadata["tags"].append("spoiled")

    stored = processes.get(process.key)
    assert stored is not None
    assert stored.metadata == {"tags": []}


def test_it_is_told_after_the_fact():
    seen = []
    processes = InMemoryProcessRepository(on_saved=lambda p: seen.append(processes.get(p.key)))

    processes.add(a_process())

    assert seen == [a_stored_process()]


def test_the_listener_may_call_back():
    def complete_what_started(process: Process) -> None:
        if not process.state.is_final:
            service.complete_step(process.key, "pay")

    processes = InMemoryProcessRepository(on_saved=complete_what_started)
    service = ProcessService(processes)
    processes.add(a_process())

    stored = processes.get(a_process().key)
    assert stored is not None
    assert stored.is_completed()


def test_saves_of_many_threads_are_told_in_the_order_of_their_versions(processes, told):
    service = ProcessService(processes, pause=lambda seconds: None)
    process = a_process(*(a_step(f"step-{n}") for n in range(64)))
    processes.add(process)

    with ThreadPoolExecutor(16) as pool:
        for name in process.steps:
            pool.submit(service.complete_step, process.key, name)

    assert [each.version for each in told] == list(range(1, 66))
