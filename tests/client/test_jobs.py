"""Commands for many processes, through the client: asked for, listed, their results read."""

from __future__ import annotations

import pytest

from tests.client.orders import started
from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.client import TrellisClient
from trellis_process.errors import InvalidInput, JobNotFound

CANCEL = JobCommand(command=CommandName.CANCEL_PROCESS)
ORDERS = JobFilter(process_type="Order")


def test_a_dry_run_is_done_as_it_said_and_its_results_are_read(client: TrellisClient) -> None:
    process = started(client)
    dry_run = client.jobs.start("tenant-1", CANCEL, ORDERS, dry_run=True)
    job = client.jobs.start("tenant-1", of=dry_run.job_id, reason="closed")

    job = client.jobs.get("tenant-1", job.job_id)
    assert (job.state, job.progress.done, job.expected) == (JobState.COMPLETED, 1, 1)
    (result,) = client.jobs.results("tenant-1", job.job_id, outcome=JobOutcome.DONE)
    assert (result.process_id, result.state) == (process.process_id, "cancelled")
    assert list(client.jobs.results("tenant-1", job.job_id, outcome=JobOutcome.FAILED)) == []


def test_all_jobs_of_a_tenant_are_listed_over_any_number_of_pages(client: TrellisClient) -> None:
    asked = {client.jobs.start("tenant-1", CANCEL, ORDERS).job_id for _ in range(101)}
    client.jobs.start("tenant-2", CANCEL, ORDERS)

    listed = list(client.jobs.list("tenant-1"))

    assert len(listed) == 101
    assert {job.job_id for job in listed} == asked
    assert listed == sorted(listed, key=lambda job: (job.created_at, job.job_id), reverse=True)
    assert listed[0] == client.jobs.get("tenant-1", listed[0].job_id)


def test_the_same_key_is_the_same_job(client: TrellisClient) -> None:
    first = client.jobs.start("tenant-1", CANCEL, ORDERS, key="recall-7")
    again = client.jobs.start("tenant-1", CANCEL, ORDERS, key="recall-7")

    assert (first.was_there, again.was_there) == (False, True)
    assert first.job_id == again.job_id
    assert client.jobs.cancel("tenant-1", first.job_id).state is JobState.COMPLETED
    assert client.jobs.resume("tenant-1", first.job_id).state is JobState.COMPLETED


def test_what_is_not_there_or_not_allowed_is_told(client: TrellisClient) -> None:
    job = client.jobs.start("tenant-1", CANCEL, ORDERS)

    with pytest.raises(JobNotFound):
        client.jobs.get("tenant-2", job.job_id)
    with pytest.raises(InvalidInput, match=r"^tenant_id: "):
        list(client.jobs.list("no tenant"))
    with pytest.raises(InvalidInput, match=r"^outcome: .*allowed are done"):
        list(client.jobs.results("tenant-1", job.job_id, outcome="lost"))  # type: ignore[arg-type]
