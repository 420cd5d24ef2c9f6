"""What every store promises about listing processes in pages."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest

from trellis_process.application.repositories import ProcessPage, ProcessRepository
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput
from trellis_process.testing.builders import a_process, a_step
from trellis_process.testing.clock import START
from trellis_process.testing.store_contract import StoreContract, added, saved


class ListingContract(StoreContract):
    """A listing shows each process once, in order, whatever happens between its pages."""

    def test_a_listing_goes_by_type_from_z_to_a_and_newest_first_in_each(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for process_type, minutes in [("B", 1), ("A", 9), ("C", 5), ("B", 3), ("B", 2)]:
            self._listed(processes, tenant_id, process_type, minutes)
        self.settle()

        assert self._ids(processes, tenant_id) == ["C-5", "B-3", "B-2", "B-1", "A-9"]

    def test_a_listing_shows_processes_as_last_written(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, a_step("pay"), a_step("send"), tenant_id=tenant_id)
        process.complete_step("pay", {"receipt": 1}, now=START)
        saved(processes, process)
        self.settle()

        assert list(_listing(processes, tenant_id)) == [process]

    def test_an_unknown_tenants_listing_is_empty(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        assert list(_listing(processes, tenant_id)) == []

    def test_a_listing_of_one_type_holds_no_other(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for process_type in ("Order", "Order.Express", "OrderX", "Orde", "order", "Order-1"):
            self._listed(processes, tenant_id, process_type, 1)
            self._listed(processes, tenant_id, process_type, 2)
        self.settle()

        ids = self._ids(processes, tenant_id, process_type="Order")
        assert ids == ["Order-2", "Order-1"]
        assert self._ids(processes, tenant_id, process_type="Nothing") == []

    def test_a_listing_of_one_state_holds_no_other(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        self._one_in_each_state(processes, tenant_id)
        self.settle()

        for state in ("pending", "in_progress", "completed", "failed", "cancelled"):
            ids = self._ids(processes, tenant_id, states={ProcessState(state)})
            assert ids == [f"Z-{state}", f"A-{state}"]
        assert self._ids(processes, tenant_id, states={ProcessState.SUSPENDED}) == []

    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_a_listing_of_several_states_holds_all_of_these_in_one_order(
        self, processes: ProcessRepository, tenant_id: str, limit: int
    ) -> None:
        self._one_in_each_state(processes, tenant_id)
        self.settle()

        states = [ProcessState.PENDING, ProcessState.IN_PROGRESS, ProcessState.FAILED]
        ids = self._ids(processes, tenant_id, states=states, limit=limit)
        told = sorted((f"{kind}-{state}" for kind in "AZ" for state in states), reverse=True)
        assert ids == told

    def test_a_listing_may_be_of_one_type_and_state(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        self._one_in_each_state(processes, tenant_id)
        self.settle()

        ids = self._ids(processes, tenant_id, process_type="A", states={ProcessState.FAILED})
        assert ids == ["A-failed"]

    def test_a_process_moves_to_the_listing_of_its_new_state(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, a_step("pay"), a_step("send"), tenant_id=tenant_id)
        states = [process.state]
        for step in ("pay", "send"):
            process.complete_step(step, now=START)
            saved(processes, process)
            states.append(process.state)
            self.settle()

            for state in states[:-1]:
                assert self._ids(processes, tenant_id, states={state}) == []
            assert self._ids(processes, tenant_id, states={states[-1]}) == ["process-1"]

    @pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
    def test_pages_of_any_size_make_the_same_listing(
        self, processes: ProcessRepository, tenant_id: str, limit: int
    ) -> None:
        for n in range(7):
            self._listed(processes, tenant_id, "AB"[n % 2], n)
        self.settle()

        ids = self._ids(processes, tenant_id, limit=limit)
        assert ids == ["B-5", "B-3", "B-1", "A-6", "A-4", "A-2", "A-0"]

    @pytest.mark.parametrize("limit", [1, 2])
    def test_pages_of_one_type_and_state_make_a_whole(
        self, processes: ProcessRepository, tenant_id: str, limit: int
    ) -> None:
        self._one_in_each_state(processes, tenant_id)
        for n in range(5):
            self._listed(processes, tenant_id, "A", n)
        self.settle()

        of_state = self._ids(processes, tenant_id, states={ProcessState.PENDING}, limit=limit)
        of_both = self._ids(
            processes, tenant_id, process_type="A", states={ProcessState.PENDING}, limit=limit
        )
        assert of_both == ["A-4", "A-3", "A-2", "A-1", *sorted(["A-0", "A-pending"], reverse=True)]
        assert of_state == ["Z-pending", *of_both]

    def test_processes_started_at_the_same_moment_are_all_listed(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        ids = {f"process-{n}" for n in range(9)}
        for process_id in ids:
            added(processes, tenant_id=tenant_id, process_id=process_id)
        self.settle()

        listed = self._ids(processes, tenant_id, limit=2)
        assert len(listed) == 9
        assert set(listed) == ids

    def test_more_than_a_hundred_processes_are_listed(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for n in range(120):
            self._listed(processes, tenant_id, "A", n)
        self.settle()

        assert self._ids(processes, tenant_id) == [f"A-{n}" for n in reversed(range(120))]

    def test_a_listing_stays_complete_and_without_doubles_while_processes_change(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        there = [self._listed(processes, tenant_id, "A", n) for n in range(8)]
        self.settle()

        listed = []
        for process in _listing(processes, tenant_id, limit=2):
            listed.append(process.process_id)
            if len(listed) == 3:  # one is listed already, one is on this page, one is to come
                there[7].complete_step("pay", now=START)
                there[4].fail_step("pay", "no", now=START)
                there[1].cancel(now=START)
                for changed in (there[7], there[4], there[1]):
                    saved(processes, changed)
                self._listed(processes, tenant_id, "A", 99)
                self.settle()

        assert listed == [f"A-{n}" for n in reversed(range(8))]

    def test_a_tenants_listing_holds_no_other_tenants_process(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        for tenant in (tenant_id, other_tenant_id, f"{tenant_id}-1", f"{tenant_id}:A"):
            for n in range(3):
                self._listed(processes, tenant, "A", n)
        self.settle()

        listed = list(_listing(processes, tenant_id, limit=2))
        assert {process.tenant_id for process in listed} == {tenant_id}
        assert len(listed) == 3

    def test_a_cursor_opens_no_other_tenants_listing(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        for tenant in (tenant_id, other_tenant_id):
            for n in range(4):
                self._listed(processes, tenant, "A", n)
        self.settle()
        cursor = _page(processes, other_tenant_id, limit=1).cursor

        try:
            page = _page(processes, tenant_id, cursor=cursor)
        except InvalidInput:
            return  # refusing it is as good
        assert {process.tenant_id for process in page.processes} <= {tenant_id}

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "nonsense",
            "%%%",
            "ü",
            "{}",
            "a\x00b",
            "A" * 10_000,
            base64.urlsafe_b64encode(b"nonsense").decode(),
            base64.urlsafe_b64encode(b"\xff\xfe").decode(),
            base64.urlsafe_b64encode(b"A#0000#p\n").decode(),
        ],
    )
    def test_a_cursor_of_nonsense_is_refused(
        self, processes: ProcessRepository, tenant_id: str, cursor: str
    ) -> None:
        added(processes, tenant_id=tenant_id)

        with pytest.raises(InvalidInput, match=r"^cursor: ") as refused:
            _page(processes, tenant_id, cursor=cursor)

        assert refused.value.field == "cursor"

    def test_a_cursor_of_another_types_listing_is_refused(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for n in range(3):
            self._listed(processes, tenant_id, "A", n)
        self.settle()
        cursor = _page(processes, tenant_id, limit=1).cursor

        with pytest.raises(InvalidInput, match=r"^cursor: "):
            processes.page(tenant_id, process_type="B", states=None, limit=1, cursor=cursor)

    def test_what_is_open_is_counted_by_the_version_of_its_definition(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        for n, version in enumerate((1, 1, 2, 10, None)):
            self._of_version(processes, tenant_id, f"p-{n}", version)
        ended = self._of_version(processes, tenant_id, "p-ended", 2)
        ended.cancel(now=START)
        saved(processes, ended)
        self._of_version(processes, other_tenant_id, "p-0", 1)
        added(processes, tenant_id=tenant_id, process_type="OrderX")
        self.settle()

        assert processes.count_open(tenant_id, "Order") == {1: 2, 2: 1, 10: 1, None: 1}
        assert processes.count_open(tenant_id, "Orde") == {}

    def test_versions_of_a_definition_change_nothing_of_the_order(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for n, version in enumerate((9, 1, None, 10)):
            self._of_version(processes, tenant_id, f"p-{n}", version, n)
        self.settle()

        ids = [found.process_id for found in _listing(processes, tenant_id, limit=1)]
        assert ids == ["p-3", "p-2", "p-1", "p-0"]

    # -- what these tests are made of --------------------------------------------------------

    def _listed(
        self, processes: ProcessRepository, tenant_id: str, process_type: str, n: int
    ) -> Process:
        return added(
            processes,
            tenant_id=tenant_id,
            process_id=f"{process_type}-{n}",
            process_type=process_type,
            now=START + timedelta(minutes=n),
        )

    def _of_version(
        self,
        processes: ProcessRepository,
        tenant_id: str,
        process_id: str,
        version: int | None,
        minutes: int = 0,
    ) -> Process:
        process = a_process(
            tenant_id=tenant_id,
            process_id=process_id,
            process_type="Order",
            now=START + timedelta(minutes=minutes),
        )
        process.definition_version = version
        processes.add(process)
        process.saved()
        return process

    def _one_in_each_state(self, processes: ProcessRepository, tenant_id: str) -> None:
        for process_type in ("A", "Z"):
            for state in ("pending", "in_progress", "completed", "failed", "cancelled"):
                process = added(
                    processes,
                    tenant_id=tenant_id,
                    process_id=f"{process_type}-{state}",
                    process_type=process_type,
                )
                if state == "pending":
                    continue
                if state == "in_progress":
                    process.start_step("pay", now=START)
                elif state == "completed":
                    process.complete_step("pay", now=START)
                elif state == "failed":
                    process.fail_step("pay", "no", now=START)
                else:
                    process.cancel(now=START)
                saved(processes, process)

    def _ids(
        self,
        processes: ProcessRepository,
        tenant_id: str,
        *,
        process_type: str | None = None,
        states: Collection[ProcessState] | None = None,
        limit: int = 100,
    ) -> list[str]:
        found = _listing(
            processes, tenant_id, process_type=process_type, states=states, limit=limit
        )
        return [process.process_id for process in found]


def _page(
    processes: ProcessRepository, tenant_id: str, *, limit: int = 100, cursor: str | None = None
) -> ProcessPage:
    return processes.page(tenant_id, process_type=None, states=None, limit=limit, cursor=cursor)


def _listing(
    processes: ProcessRepository,
    tenant_id: str,
    *,
    process_type: str | None = None,
    states: Collection[ProcessState] | None = None,
    limit: int = 100,
) -> Iterator[Process]:
    """Everything that the pages hold, read on as it is asked for."""
    cursor: str | None = None
    for _ in range(1_000):
        page = processes.page(
            tenant_id, process_type=process_type, states=states, limit=limit, cursor=cursor
        )
        assert len(page.processes) <= limit, "a page holds more than its limit"
        yield from page.processes
        if page.cursor is None:
            return
        cursor = page.cursor
    pytest.fail("the pages have no end")
