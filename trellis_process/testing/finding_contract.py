"""What every store promises about finding the newest process about an aggregate."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

from datetime import timedelta

import pytest

from trellis_process.application.repositories import ProcessRepository
from trellis_process.testing.clock import START
from trellis_process.testing.store_contract import StoreContract, added, saved, stored

ODD_AGGREGATE_IDS = [
    "ref#1",
    "#",
    "a/b/c",
    "two words",
    "Müller & Söhne",
    "参照 🧾",
    "e\u0301",
    "'quoted\" \\ %00 {}",
    "x" * 128,
    "世" * 128,
]


class FindingContract(StoreContract):
    """The newest process about an aggregate is found, however odd its id."""

    def test_a_process_is_found_by_its_aggregate(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id, aggregate_type="Case", aggregate_id="c-1")
        self.settle()

        assert processes.find(tenant_id, "Case", "c-1") == process

    def test_nothing_is_found_where_nothing_is(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        added(processes, tenant_id=tenant_id, aggregate_type="Case", aggregate_id="c-1")
        self.settle()

        assert processes.find(tenant_id, "Case", "c-2") is None
        assert processes.find(tenant_id, "Order", "c-1") is None
        assert processes.find(tenant_id, "Case", "c") is None
        assert processes.find(tenant_id, "Case", "C-1") is None

    def test_the_newest_of_several_is_found_in_whatever_order_they_came(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        for minutes in (5, 9, 1, 7):
            added(
                processes,
                tenant_id=tenant_id,
                process_id=f"after-{minutes}",
                now=START + timedelta(minutes=minutes),
            )
        self.settle()

        found = processes.find(tenant_id, "Order", "order-1")

        assert found is not None
        assert found.process_id == "after-9"

    def test_the_newest_is_the_last_started_not_the_last_changed(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        older = added(processes, tenant_id=tenant_id, process_id="older")
        later = START + timedelta(milliseconds=1)
        newer = added(processes, tenant_id=tenant_id, process_id="newer", now=later)
        older.complete_step("pay", now=later + timedelta(hours=1))
        saved(processes, older)
        self.settle()

        assert processes.find(tenant_id, "Order", "order-1") == newer

    def test_a_found_process_is_as_last_written(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)
        self.settle()
        process.complete_step("pay", now=START)
        saved(processes, process)
        self.settle()

        assert processes.find(tenant_id, "Order", "order-1") == process

    @pytest.mark.parametrize("aggregate_id", ODD_AGGREGATE_IDS)
    def test_an_odd_aggregate_id_is_found(
        self, processes: ProcessRepository, tenant_id: str, aggregate_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id, aggregate_id=aggregate_id)
        self.settle()

        assert processes.find(tenant_id, "Order", aggregate_id) == process
        assert stored(processes, process).aggregate_id == aggregate_id

    def test_aggregates_that_read_alike_are_told_apart(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        alike = [
            ("A", "b:c"),
            ("A:b", "c"),
            ("A", "b"),
            ("A", "b#c"),
            ("A", "B"),
            ("a", "b"),
            ("A", "\u00e9"),
            ("A", "e\u0301"),
            ("A", "1"),
            ("A", "01"),
        ]
        for n, (aggregate_type, aggregate_id) in enumerate(alike):
            added(
                processes,
                tenant_id=tenant_id,
                process_id=f"process-{n}",
                aggregate_type=aggregate_type,
                aggregate_id=aggregate_id,
            )
        self.settle()

        for n, about in enumerate(alike):
            found = processes.find(tenant_id, *about)
            assert found is not None
            assert found.process_id == f"process-{n}"

    def test_another_tenants_process_is_not_found(
        self, processes: ProcessRepository, tenant_id: str, other_tenant_id: str
    ) -> None:
        added(processes, tenant_id=tenant_id)
        theirs = added(processes, tenant_id=other_tenant_id, now=START + timedelta(hours=1))
        self.settle()

        found = processes.find(tenant_id, "Order", "order-1")

        assert found is not None
        assert found.tenant_id == tenant_id
        assert processes.find(other_tenant_id, "Order", "order-1") == theirs
