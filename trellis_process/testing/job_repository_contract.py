"""What every JobRepository does."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.application.jobs import Job, JobPage, JobProgress, JobRepository, JobResult
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput
from trellis_process.testing.clock import START

A_RESULT = JobResult(
    process_id="p-1",
    outcome=JobOutcome.REFUSED,
    version=7,
    state="failed",
    step_name="pay",
    mark=2,
    events=("StepStarted", "ProcessReopened"),
    code="step_finished",
    message="é🙂",
)


class JobRepositoryContract:
    """The contract; a subclass has a fixture ``jobs`` that gives the repository.

    Every test keeps to tenants of its own, so a store may be shared and need not be emptied.
    """

    @pytest.fixture
    def job(self) -> Job:
        """A job of a tenant that nobody used before."""
        return Job(
            tenant_id=f"tenant-{uuid.uuid4()}",
            job_id="job-1",
            command=JobCommand(
                command=CommandName.SKIP_STEP, step_name="pay", output={"by": ["hand", 1.5, None]}
            ),
            filter=JobFilter(
                process_type="order",
                state=ProcessState.FAILED,
                definition_version=3,
                step_name="pay",
                started_after=START - timedelta(days=1),
                started_before=START,
                reason="step",
                search_attributes={"region": "é", "vip": True},
            ),
            dry_run=False,
            of="job-0",
            actor="maria",
            reason="the bank was closed",
            created_at=START,
            changed_at=START,
            expected=60,
        )

    def test_a_job_is_read_as_it_was_stored(self, jobs: JobRepository, job: Job) -> None:
        assert jobs.add(job)

        assert jobs.get(job.tenant_id, job.job_id) == replace(job, version=1)

    def test_a_job_that_says_little_is_read_as_it_was_stored(
        self, jobs: JobRepository, job: Job
    ) -> None:
        little = replace(
            job,
            command=JobCommand(command=CommandName.CANCEL_PROCESS, compensate=True),
            filter=JobFilter(),
            dry_run=True,
            of=None,
            actor=None,
            reason=None,
            expected=None,
        )
        assert jobs.add(little)

        assert jobs.get(job.tenant_id, job.job_id) == replace(little, version=1)

    def test_a_job_is_added_once(self, jobs: JobRepository, job: Job) -> None:
        jobs.add(job)

        assert not jobs.add(replace(job, reason="another"))
        assert jobs.get(job.tenant_id, job.job_id) == replace(job, version=1)

    def test_a_change_is_stored_on_the_version_before_it_alone(
        self, jobs: JobRepository, job: Job
    ) -> None:
        jobs.add(job)
        stored = replace(job, version=1)
        progress = JobProgress(looked_at=90, matched=60, done=50, unchanged=4, refused=3, failed=3)
        further = replace(
            stored, state=JobState.RUNNING, progress=progress, cursor="b3JkZXI", pages=2
        )

        assert jobs.save(further)
        assert not jobs.save(replace(stored, state=JobState.CANCELLED))
        assert jobs.get(job.tenant_id, job.job_id) == replace(further, version=2)

    def test_a_tenants_jobs_are_listed_the_newest_first_in_pages_of_any_size(
        self, jobs: JobRepository, job: Job
    ) -> None:
        for n in (2, 0, 3, 1):
            asked_at = START + timedelta(minutes=n)
            jobs.add(replace(job, job_id=f"job-{n}", created_at=asked_at, changed_at=asked_at))
        jobs.add(replace(job, tenant_id=f"{job.tenant_id}x", job_id="job-9"))
        jobs.put_page(job, JobPage(number=0, results=(A_RESULT,), looked_at=1, cursor=None))

        for limit in (1, 2, 3, 4, 100):
            listed = _listed(jobs, job.tenant_id, limit)
            assert [each.job_id for each in listed] == ["job-3", "job-2", "job-1", "job-0"]
        assert listed[0] == jobs.get(job.tenant_id, "job-3")
        assert _listed(jobs, f"{job.tenant_id}y", 1) == []

    def test_jobs_of_the_same_moment_are_all_listed_as_they_are_now(
        self, jobs: JobRepository, job: Job
    ) -> None:
        for n in range(3):
            jobs.add(replace(job, job_id=f"job-{n}"))
        jobs.save(replace(job, job_id="job-1", version=1, state=JobState.COMPLETED))

        listed = _listed(jobs, job.tenant_id, 1)
        assert [(each.job_id, each.state) for each in listed] == [
            ("job-2", JobState.PLANNED),
            ("job-1", JobState.COMPLETED),
            ("job-0", JobState.PLANNED),
        ]

    @pytest.mark.parametrize("cursor", ["", "%%%", "é", "bm9uc2Vuc2U", "MTIzI2pvYg"])
    def test_a_cursor_of_nonsense_is_refused(
        self, jobs: JobRepository, job: Job, cursor: str
    ) -> None:
        with pytest.raises(InvalidInput, match=r"^cursor: .*of the same listing"):
            jobs.list(job.tenant_id, limit=1, cursor=cursor)

    def test_nothing_is_found_of_another_tenant_or_job(self, jobs: JobRepository, job: Job) -> None:
        jobs.add(job)
        jobs.put_page(job, JobPage(number=0, results=(A_RESULT,), looked_at=1, cursor=None))

        assert jobs.get(f"{job.tenant_id}x", job.job_id) is None
        assert jobs.get(job.tenant_id, "job-2") is None
        assert jobs.page(f"{job.tenant_id}x", job.job_id, 0) is None
        assert jobs.page(job.tenant_id, "job-2", 0) is None
        assert jobs.page(job.tenant_id, job.job_id, 1) is None

    def test_a_page_is_read_as_it_was_stored(self, jobs: JobRepository, job: Job) -> None:
        page = JobPage(
            number=3,
            results=(A_RESULT, JobResult(process_id="p-2"), JobResult(process_id="p-3", mark=1)),
            looked_at=20,
            cursor="b3JkZXI",
        )

        assert jobs.put_page(job, page)
        assert jobs.page(job.tenant_id, job.job_id, 3) == replace(page, version=1)

    def test_a_page_is_stored_on_the_version_before_it_alone(
        self, jobs: JobRepository, job: Job
    ) -> None:
        page = JobPage(number=0, results=(JobResult(process_id="p-1"),), looked_at=1, cursor=None)
        jobs.put_page(job, page)
        ended = replace(page, results=(A_RESULT,), version=1)

        assert not jobs.put_page(job, replace(page, looked_at=5))
        assert jobs.put_page(job, ended)
        assert not jobs.put_page(job, replace(ended, looked_at=5))
        assert jobs.page(job.tenant_id, job.job_id, 0) == replace(ended, version=2)


def _listed(jobs: JobRepository, tenant_id: str, limit: int) -> list[Job]:
    """All that the pages hold."""
    found: list[Job] = []
    cursor: str | None = None
    for _ in range(100):
        page = jobs.list(tenant_id, limit=limit, cursor=cursor)
        assert len(page.jobs) <= limit, "a page holds more than its limit"
        found += page.jobs
        if (cursor := page.cursor) is None:
            return found
    pytest.fail("the pages have no end")
