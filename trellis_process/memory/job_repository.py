"""Jobs kept in memory."""

from __future__ import annotations

import threading
from dataclasses import replace

from trellis_process.application.jobs import Job, JobListing, JobPage
from trellis_process.application.paging import cursor_after, job_position, job_position_of
from trellis_process.domain.time import to_ms


class InMemoryJobRepository:
    """A JobRepository that lives as long as the program. Safe to use from several threads."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], Job] = {}
        self._pages: dict[tuple[str, str, int], JobPage] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> bool:
        """As JobRepository.add."""
        return self.save(job)

    def save(self, job: Job) -> bool:
        """As JobRepository.save."""
        place = (job.tenant_id, job.job_id)
        with self._lock:
            stored = self._jobs.get(place)
            if job.version != (0 if stored is None else stored.version):
                return False
            self._jobs[place] = replace(job, version=job.version + 1, was_there=False)
            return True

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        """As JobRepository.get."""
        with self._lock:
            return self._jobs.get((tenant_id, job_id))

    def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> JobListing:
        """As JobRepository.list."""
        before = job_position_of(cursor)
        with self._lock:
            of_tenant = [job for job in self._jobs.values() if job.tenant_id == tenant_id]
        placed = {job_position(to_ms(job.created_at), job.job_id): job for job in of_tenant}
        left = [place for place in sorted(placed, reverse=True) if not before or place < before]
        shown = left[:limit]
        more = cursor_after(shown[-1]) if len(left) > limit else None
        return JobListing([placed[place] for place in shown], more)

    def put_page(self, job: Job, page: JobPage) -> bool:
        """As JobRepository.put_page."""
        place = (job.tenant_id, job.job_id, page.number)
        with self._lock:
            stored = self._pages.get(place)
            if page.version != (0 if stored is None else stored.version):
                return False
            self._pages[place] = replace(page, version=page.version + 1)
            return True

    def page(self, tenant_id: str, job_id: str, number: int) -> JobPage | None:
        """As JobRepository.page."""
        with self._lock:
            return self._pages.get((tenant_id, job_id, number))
