"""Jobs kept in memory."""

from __future__ import annotations

import threading
from dataclasses import replace

from trellis_process.application.jobs import Job, JobPage


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
