"""Jobs in the table: what they ask of DynamoDB, how they stand in it, what its readers see."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.jobs.world import OF_V1, TENANT, cancel
from tests.proof.wire import Wire, lost_answer
from trellis_process import ProcessService, ProcessStep
from trellis_process.application.audit import AuditService
from trellis_process.application.job_request import JobFilter
from trellis_process.application.job_service import JobService
from trellis_process.application.job_states import JobState
from trellis_process.domain.states import ProcessState
from trellis_process.dynamodb import DynamoDBJobRepository, DynamoDBProcessRepository, Table
from trellis_process.dynamodb.schema import LISTING_SHARDS
from trellis_process.dynamodb.size import item_size
from trellis_process.dynamodb.stream import changed_process
from trellis_process.testing.clock import ManualClock

ORDERS = JobFilter(process_type="order")


@pytest.fixture
def jobs(table: Table, processes: DynamoDBProcessRepository, clock: ManualClock) -> JobService:
    repository = DynamoDBJobRepository(table)
    return JobService(processes, repository, clock=clock, pause=lambda _seconds: None)


def start(service: ProcessService, count: int) -> None:
    for n in range(count):
        service.start_process(
            tenant_id=TENANT,
            process_type="order",
            aggregate_type="Order",
            aggregate_id=f"o-{n}",
            steps=[ProcessStep(name="pay")],
        )


def keys_of_listing(table: Table) -> set[tuple[str, str]]:
    """Where jobs stand in the listing."""
    return {
        (item["listing"]["S"], item["listed"]["S"])
        for item in items_of_jobs(table)
        if "listing" in item
    }


def items_of_jobs(table: Table) -> list[dict[str, Any]]:
    found = table._connection.connection.client.scan(TableName=table.name)["Items"]
    return [item for item in found if item["sk"]["S"] != "process"]


def test_a_job_is_done_and_its_results_are_read(
    service: ProcessService, jobs: JobService, clock: ManualClock
) -> None:
    start(service, 60)
    clock.advance(seconds=1)

    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS).job_id)

    assert (job.state, job.progress.done, job.pages) == (JobState.COMPLETED, 60, 2)
    states = {each.state for each in service.list_processes(TENANT).processes}
    assert states == {ProcessState.CANCELLED}
    first = jobs.results(TENANT, job.job_id)
    assert len(first.results) == 60
    assert first.cursor is None


def test_a_piece_costs_three_writes_beside_those_of_its_processes(
    service: ProcessService, jobs: JobService, wire: Wire, table: Table
) -> None:
    start(service, 50)
    job = jobs.start(TENANT, cancel(), ORDERS)
    wire.reset()

    jobs.run_some(TENANT, job.job_id)

    assert wire.requests["PutItem"] == 50 + 3
    sizes = {item["sk"]["S"]: item_size(item) for item in items_of_jobs(table)}
    units = {name: math.ceil(size / 1024) for name, size in sizes.items()}
    # The piece is written twice, and costs its larger size each time at most.
    assert (2 * units["results#000000"] + units["job"]) / 50 <= 0.25


def test_a_dry_run_writes_nothing_but_its_results(
    service: ProcessService, jobs: JobService, wire: Wire
) -> None:
    start(service, 50)
    wire.reset()

    jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS, dry_run=True).job_id)

    assert wire.requests["PutItem"] == 3  # the job, its piece, the job


def test_a_page_of_jobs_is_one_read_of_the_index_and_one_of_the_jobs(
    jobs: JobService, wire: Wire, clock: ManualClock
) -> None:
    for _ in range(3):
        clock.advance(seconds=1)
        jobs.start(TENANT, cancel(), ORDERS)
    wire.reset()

    page = jobs.list(TENANT, limit=2)

    assert wire.requests == {"Query": 1, "BatchGetItem": 1}
    assert len(page.jobs) == 2


def test_a_job_enters_the_listing_once_and_is_written_there_no_more(
    service: ProcessService, jobs: JobService, table: Table
) -> None:
    start(service, 1)
    asked = jobs.start(TENANT, cancel(), ORDERS)
    before = keys_of_listing(table)
    jobs.run(TENANT, asked.job_id)

    assert keys_of_listing(table) == before
    assert len(before) == 1


def test_what_has_ended_is_not_read_for_a_command_about_what_is_open(
    service: ProcessService, jobs: JobService, wire: Wire, clock: ManualClock
) -> None:
    start(service, 120)
    clock.advance(seconds=1)
    jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS).job_id)
    start(service, 3)
    clock.advance(seconds=1)
    wire.reset()

    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS, dry_run=True).job_id)

    assert (job.progress.looked_at, job.progress.matched) == (3, 3)
    assert wire.requests["Query"] == LISTING_SHARDS
    assert wire.requests["BatchGetItem"] == 1


def test_an_answer_that_was_lost_is_not_a_second_job(
    service: ProcessService, jobs: JobService, wire: Wire, table: Table
) -> None:
    start(service, 1)
    wire.fail_next(lost_answer)

    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS).job_id)

    assert (job.state, job.progress.done) == (JobState.COMPLETED, 1)
    assert sorted(item["sk"]["S"] for item in items_of_jobs(table)) == ["job", "results#000000"]


def test_neither_the_stream_nor_the_audit_takes_a_job_for_a_process(
    service: ProcessService, jobs: JobService, audit: AuditService, table: Table
) -> None:
    start(service, 1)
    jobs.run(TENANT, jobs.start(TENANT, cancel(), ORDERS).job_id)

    for item in items_of_jobs(table):
        assert not {"events", "state"} & set(item)
        assert changed_process({"dynamodb": {"NewImage": item}}) is None
    found = audit.run()
    assert (found.looked_at, found.unrepaired) == (1, 0)


def test_a_job_leaves_the_table_after_90_days(jobs: JobService, table: Table) -> None:
    job = jobs.run(TENANT, jobs.start(TENANT, cancel(), OF_V1, reason="é").job_id)

    items = items_of_jobs(table)
    assert len(items) == 2
    for item in items:
        assert item["pk"] == {"S": f"{TENANT}#{job.job_id}"}
        kept = int(item["expires_at"]["N"]) - job.created_at.timestamp()
        assert kept == 90 * 24 * 3_600
    (stored,) = (item for item in items if item["sk"]["S"] == "job")
    assert json.loads(stored["job"]["S"])["reason"] == "é"
