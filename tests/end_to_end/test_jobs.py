"""Jobs against the deployed stack: asked for over HTTP, done by the function behind the queue."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.job_states import JobState
from trellis_process.application.jobs import Job
from trellis_process.client import TrellisClient
from trellis_process.domain.process import Process
from trellis_process.domain.states import ProcessState
from trellis_process.local.ministack import REGION
from trellis_process.local.stack import LocalStack

SOON = 60.0  # seconds in which the index has what was written, and a job of this size is done
DEFINITION = """\
process: recall
version: {version}
steps:
  - {{name: pack, service: Orders.pack, timeout: 1d}}
  - {{name: pay, service: Orders.pay, timeout: 1d}}
timeout: 30d
"""
CANCEL = JobCommand(command=CommandName.CANCEL_PROCESS)


@pytest.fixture(scope="module", autouse=True)
def definitions(client: TrellisClient) -> None:
    for version in (1, 2):
        client.definitions.register(DEFINITION.format(version=version))


def started(client: TrellisClient, tenant_id: str, version: int, count: int) -> list[Process]:
    return [client.start("recall", tenant_id=tenant_id, version=version) for _ in range(count)]


def listed(client: TrellisClient, tenant_id: str, count: int) -> None:
    """Waits until the listing has so many processes."""
    ends = time.monotonic() + SOON
    while len(list(client.list_processes(tenant_id))) < count:
        assert time.monotonic() < ends
        time.sleep(0.2)


def ended(client: TrellisClient, job: Job) -> Job:
    """The job once it has ended."""
    ends = time.monotonic() + SOON
    while not (job := client.jobs.get(job.tenant_id, job.job_id)).state.is_final:
        assert time.monotonic() < ends, job
        time.sleep(0.3)
    return job


def test_a_dry_run_then_the_cancelling_of_one_version_of_sixty_processes(
    client: TrellisClient, tenant_id: str
) -> None:
    first = started(client, tenant_id, 1, 35)
    second = started(client, tenant_id, 2, 25)
    listed(client, tenant_id, 60)
    of_v1 = JobFilter(process_type="recall", definition_version=1)

    dry = ended(client, client.jobs.start(tenant_id, CANCEL, of_v1, dry_run=True))
    assert dry.state is JobState.COMPLETED
    assert (dry.progress.looked_at, dry.progress.matched, dry.progress.done) == (60, 35, 35)
    states = {each.state for each in client.list_processes(tenant_id)}
    assert states == {ProcessState.IN_PROGRESS}

    real = ended(client, client.jobs.start(tenant_id, of=dry.job_id, reason="recalled"))

    assert (real.expected, real.progress.matched, real.progress.done) == (35, 35, 35)
    results = list(client.jobs.results(tenant_id, real.job_id))
    assert {each.process_id for each in results} == {each.process_id for each in first}
    states = Counter(
        client.get_process(tenant_id, each.process_id).state for each in (*first, *second)
    )
    assert states == {ProcessState.CANCELLED: 35, ProcessState.IN_PROGRESS: 25}
    cancelled = client.get_process(tenant_id, first[0].process_id)
    assert cancelled.reason == f"recalled (job {real.job_id})"


def test_a_person_starts_follows_and_reads_a_job(
    deployed_stack: LocalStack, client: TrellisClient, tenant_id: str, tmp_path: Path
) -> None:
    started(client, tenant_id, 1, 3)
    listed(client, tenant_id, 3)
    shell = Shell(
        tmp_path,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "COLUMNS": "160",
            "AWS_ACCESS_KEY_ID": deployed_stack.caller.access_key_id,
            "AWS_SECRET_ACCESS_KEY": deployed_stack.caller.secret_access_key,
            "AWS_DEFAULT_REGION": REGION,
            "TRELLIS_API_URL": deployed_stack.api_url,
            "TRELLIS_TENANT": tenant_id,
        },
    )
    followed = shell.run("jobs", "start", "suspend", "--type", "recall", "--follow")
    assert followed.returncode == 0, followed.stderr
    assert "SuspendProcess for process type recall: completed" in followed.stdout
    assert "3  done" in followed.stdout
    states = {each.state for each in client.list_processes(tenant_id)}
    assert states == {ProcessState.SUSPENDED}
