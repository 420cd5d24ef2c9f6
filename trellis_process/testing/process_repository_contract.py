"""What every store of processes promises, as tests to run on one's own."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest

from trellis_process.application.repositories import ProcessRepository, StaleProcess
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.testing.builders import a_process, a_step, a_stored_process
from trellis_process.testing.clock import START
from trellis_process.testing.finding_contract import FindingContract
from trellis_process.testing.listing_contract import ListingContract
from trellis_process.testing.round_trip_contract import RoundTripContract
from trellis_process.testing.store_contract import added, saved, stored


class ProcessRepositoryContract(RoundTripContract, FindingContract, ListingContract):
    """A ProcessRepository that passes these tests can carry Trellis.

    Subclass it and provide a fixture ``processes``, in the class or beside it; override
    ``settle`` where the store's indexes lag behind its writes::

        class TestMyRepository(ProcessRepositoryContract):
            @pytest.fixture
            def processes(self):
                return MyRepository(...)
    """

    def test_what_is_not_there_reads_as_none(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        assert processes.get(ProcessKey(tenant_id, "nobody")) is None

    def test_a_new_process_is_stored_as_version_one(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)

        found = stored(processes, process)

        assert found.version == 1
        assert not found.has_changed

    def test_a_change_is_stored_as_the_next_version(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)
        process.start_step("pay", now=START)
        processes.save(process)

        found = stored(processes, process)

        assert found.version == 2
        assert not found.has_changed

    def test_the_callers_object_is_left_as_it_is(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(tenant_id=tenant_id)
        processes.add(process)
        assert (process.version, process.has_changed) == (0, True)

        process.saved()
        process.start_step("pay", now=START)
        processes.save(process)
        assert (process.version, process.has_changed) == (1, True)

    def test_a_taken_key_is_refused_with_the_process_that_has_it(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        first = added(processes, tenant_id=tenant_id, aggregate_id="first")
        first.start_step("pay", now=START)
        saved(processes, first)

        with pytest.raises(StaleProcess) as refused:
            processes.add(a_process(tenant_id=tenant_id, aggregate_id="second"))

        assert refused.value.current == first
        assert stored(processes, first) == first
        self.settle()
        assert processes.find(tenant_id, "Order", "second") is None

    def test_a_change_of_an_older_version_is_refused_with_the_stored_process(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        mine = added(processes, tenant_id=tenant_id)
        theirs = mine.copy()
        theirs.complete_step("pay", "theirs", now=START)
        saved(processes, theirs)
        mine.fail_step("pay", "mine", now=START)

        with pytest.raises(StaleProcess) as refused:
            processes.save(mine)

        assert refused.value.current == theirs
        assert stored(processes, mine) == theirs

    def test_a_change_of_a_later_version_than_the_stored_one_is_refused(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)
        ahead = process.copy()
        ahead.version = 2
        ahead.start_step("pay", now=START)

        with pytest.raises(StaleProcess) as refused:
            processes.save(ahead)

        assert refused.value.current == process
        assert stored(processes, process) == process

    def test_a_change_of_what_is_not_stored_is_refused_with_none(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_stored_process(tenant_id=tenant_id)
        process.start_step("pay", now=START)

        with pytest.raises(StaleProcess) as refused:
            processes.save(process)

        assert refused.value.current is None
        assert processes.get(process.key) is None

    def test_of_several_writers_of_one_version_one_wins(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)

        def write(writer: int) -> bool:
            mine = process.copy()
            mine.complete_step("pay", writer, now=START)
            try:
                processes.save(mine)
            except StaleProcess:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))

        assert won.count(True) == 1
        found = stored(processes, process)
        assert (found.version, found.steps["pay"].output) == (2, won.index(True))

    def test_of_several_writers_of_one_new_key_one_wins(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        def write(writer: int) -> bool:
            try:
                processes.add(a_process(tenant_id=tenant_id, aggregate_id=f"order-{writer}"))
            except StaleProcess:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))

        assert won.count(True) == 1
        found = processes.get(ProcessKey(tenant_id, "process-1"))
        assert found is not None
        assert (found.version, found.aggregate_id) == (1, f"order-{won.index(True)}")

    def test_a_read_is_never_older_than_the_last_write(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        steps = [f"step-{n}" for n in range(20)]
        process = added(processes, *map(a_step, steps), tenant_id=tenant_id)
        for step in steps:
            process.complete_step(step, now=START)
            saved(processes, process)

            assert stored(processes, process) == process

    # -- objects of their own ----------------------------------------------------------------

    def test_what_the_caller_does_to_its_object_changes_nothing_stored(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = _full_of_containers(tenant_id)
        processes.add(process)
        process.saved()
        before = deepcopy(process)

        _spoil(process)

        assert stored(processes, before) == before
        self.settle()
        assert processes.find(tenant_id, "Order", "order-1") == before

    def test_two_reads_share_nothing_that_can_be_changed(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = _full_of_containers(tenant_id)
        processes.add(process)
        process.saved()
        before = deepcopy(process)
        self.settle()

        _spoil(stored(processes, process))
        found = processes.find(tenant_id, "Order", "order-1")
        assert found == before
        _spoil(found)
        page = processes.page(tenant_id, process_type=None, states=None, limit=1, cursor=None)
        assert page.processes == [before]
        _spoil(page.processes[0])
        with pytest.raises(StaleProcess) as refused:
            processes.add(a_process(tenant_id=tenant_id, aggregate_id="another"))
        assert refused.value.current == before
        _spoil(refused.value.current)

        assert stored(processes, process) == before

    # -- tenants -----------------------------------------------------------------------------

    def test_the_same_id_in_two_tenants_is_two_processes(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        ours = added(processes, tenant_id=tenant_id, metadata={"of": "ours"})
        theirs = added(processes, tenant_id=other_tenant_id, metadata={"of": "theirs"})
        ours.complete_step("pay", now=START)
        saved(processes, ours)

        assert stored(processes, ours) == ours
        assert stored(processes, theirs) == theirs

    def test_an_id_leads_to_nothing_in_another_tenant(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)

        assert processes.get(ProcessKey(other_tenant_id, process.process_id)) is None

    @pytest.mark.parametrize("separator", [":", ".", "-", "_"])
    def test_keys_that_read_alike_are_told_apart(
        self, processes: ProcessRepository, tenant_id: str, separator: str
    ) -> None:
        tenant_id = tenant_id[:40]
        one = added(processes, tenant_id=tenant_id, process_id=f"a{separator}b")
        two = added(processes, tenant_id=f"{tenant_id}{separator}a", process_id="b")

        assert stored(processes, one) == one
        assert stored(processes, two) == two
        assert processes.get(ProcessKey(tenant_id, "b")) is None

    def test_keys_that_differ_in_case_are_told_apart(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        added(processes, tenant_id=tenant_id, process_id="Process-1")

        assert processes.get(ProcessKey(tenant_id, "process-1")) is None


def _full_of_containers(tenant_id: str) -> Process:
    """A process in which everything is that could be changed in place."""
    process = a_process(
        *map(a_step, ["pay", "send", "file", "wait"]),
        tenant_id=tenant_id,
        metadata={"list": [1], "empty": {}},
    )
    for step, output in {"pay": {"a": [1]}, "send": {}, "file": []}.items():
        process.complete_step(step, output, now=START)
    return process


def _spoil(process: Process | None) -> None:
    """Changes everything in a process that can be changed in place."""
    assert process is not None
    process.metadata["list"].append(2)
    process.metadata["empty"]["new"] = True
    process.steps["pay"].output["a"].append(2)
    process.steps["send"].output["new"] = True
    process.steps["file"].output.append("new")
    del process.steps["wait"]
