"""An examination is the audit's whole round, which mends only if it is asked to."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from trellis_process import Process, ProcessKey, ProcessService, ProcessStep
from trellis_process.application.audit import AuditService
from trellis_process.application.audit_round import Round
from trellis_process.cli.checks import Health, checks_of_round
from trellis_process.cli.examination import Found, examine
from trellis_process.dynamodb import DynamoDBProcessRepository, Table
from trellis_process.dynamodb.audit_reader import AuditReader
from trellis_process.dynamodb.audit_source import DynamoDBAuditSource
from trellis_process.testing import ManualClock


@pytest.fixture(autouse=True)
def _cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


class Shop:
    """A table with processes, some of which somebody wrote past Trellis."""

    def __init__(self) -> None:
        self.table = Table("processes")
        self.table.create()
        self.clock = ManualClock()
        self.processes = DynamoDBProcessRepository(self.table)
        self.service = ProcessService(self.processes, clock=self.clock)
        self.reader = AuditReader(self.table, pause=lambda seconds: None)
        self.source = DynamoDBAuditSource(self.processes, self.reader)
        self.reports: list[int] = []

    def start(self) -> Process:
        return self.service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-1",
            steps=[ProcessStep(name="pay", timeout_ms=30_000)],
            auto_start_steps=True,
        )

    def take_from_index(self, process: Process) -> None:
        self._update(process, "REMOVE due_at, due_shard")

    def make_unreadable(self, process: Process) -> None:
        self._update(process, "REMOVE steps")

    def _update(self, process: Process, expression: str) -> None:
        self.table._connection.connection.client.update_item(
            TableName=self.table.name,
            Key={
                "pk": {"S": f"{process.tenant_id}#{process.process_id}"},
                "sk": {"S": "process"},
            },
            UpdateExpression=expression,
        )

    def items(self) -> list[Any]:
        found: list[Any] = self.table._connection.connection.client.scan(TableName="processes")[
            "Items"
        ]
        return sorted(found, key=str)

    def examine(self, *, repair: bool) -> tuple[Round, list[Found]]:
        return examine(
            self.source,
            repair=repair,
            report=lambda so_far: self.reports.append(so_far.looked_at),
            pause=lambda seconds: None,
            clock=self.clock,
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_what_is_wrong_is_told_and_nothing_is_written(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    lost, broken, _ = shop.start(), shop.start(), shop.start()
    shop.take_from_index(lost)
    shop.make_unreadable(broken)
    before = shop.items()

    whole, found = shop.examine(repair=False)

    assert shop.items() == before
    told = {each.process_id: (each.faults, each.outcome) for each in found}
    assert told == {
        lost.process_id: (["without_wakeup"], "to be mended"),
        broken.process_id: (["unreadable"], "needs a person"),
    }
    assert (whole.repaired, whole.unrepaired, whole.is_complete) == (0, 2, True)
    assert caplog.records == []  # it is shown, and not written over the terminal as well
    assert logging.getLogger("trellis_process.application.audit").handlers == []


def test_what_can_be_mended_is_if_asked(shop: Shop) -> None:
    lost = shop.start()
    shop.take_from_index(lost)

    whole, (found,) = shop.examine(repair=True)

    assert (found.process_id, found.tenant_id, found.outcome) == (
        lost.process_id,
        "tenant-1",
        "mended",
    )
    assert whole.repaired == 1
    assert shop.examine(repair=True)[1] == []
    assert "due_at" in shop.items()[0]


def test_its_round_is_its_own(shop: Shop) -> None:
    audit = AuditService(shop.source, clock=shop.clock, pause=lambda seconds: None)
    shop.start()
    shop.clock.advance(seconds=1)
    audit.run(stop_at=shop.clock())  # a round is under way
    before = shop.items()

    whole, _ = shop.examine(repair=True)

    assert (whole.looked_at, whole.covers_lookups) == (1, True)
    assert shop.items() == before
    assert shop.reports == [1] * 4  # after the table and each of its indexes
    assert audit.run().is_complete


def test_a_round_that_found_something_is_sick_and_names_the_runbook(shop: Shop) -> None:
    def health() -> dict[str, tuple[str, str]]:
        whole, _ = shop.examine(repair=False)
        return {each.check: (each.health, each.runbook) for each in checks_of_round(whole)}

    process = shop.start()
    assert {check: state for check, (state, _) in health().items()} == {
        "processes": Health.WELL,
        "overdue": Health.WELL,
    }
    shop.clock.advance(minutes=14)
    assert health()["overdue"] == (Health.WELL, "OverdueAlarm")
    shop.clock.advance(minutes=2)
    assert health()["overdue"] == (Health.SICK, "OverdueAlarm")
    shop.take_from_index(process)
    assert health()["processes"] == (Health.SICK, "WithoutWakeupAlarm")
    shop.service.cancel_process(ProcessKey("tenant-1", process.process_id))
    shop.make_unreadable(process)
    assert health()["processes"] == (Health.SICK, "UnrepairedAlarm")
