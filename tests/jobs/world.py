"""A world for tests of jobs: some orders, a store that can be cut, and what the job did to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.engine.driving import service as work
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_request import CommandName, JobCommand, JobFilter
from trellis_process.application.job_service import JobService
from trellis_process.application.jobs import Job, JobResult
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.process import Process
from trellis_process.memory import (
    InMemoryDefinitionRepository,
    InMemoryJobRepository,
    InMemoryProcessRepository,
)
from trellis_process.testing import ManualClock

TENANT = "tenant-1"


class Killed(BaseException):
    """The function was ended here, as by a lost machine: nothing catches it."""


class Cut:
    """Ends the program at one of its writes, before or after it took effect."""

    def __init__(self) -> None:
        self.at: int | None = None
        self.takes_effect = False
        self.writes = 0

    def around(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*given: Any) -> Any:
            self.writes += 1
            is_here = self.writes == self.at
            if is_here and not self.takes_effect:
                raise Killed
            done = write(*given)
            if is_here:
                raise Killed
            return done

        return cut


class World:
    """Orders with the steps pack, pay and send, of definition ``order`` in two versions."""

    def __init__(self, processes: Any = None, jobs: Any = None) -> None:
        self.clock = ManualClock()
        self.processes = processes or InMemoryProcessRepository()
        self.stored_jobs = jobs or InMemoryJobRepository()
        self.catalog = DefinitionCatalog(InMemoryDefinitionRepository())
        self.engine = EngineService(self.processes, definitions=self.catalog, clock=self.clock)
        self.cut = Cut()
        self.told: list[tuple[str, str]] = []
        for version in (1, 2):
            steps = (work("pack"), work("pay"), work("send"))
            self.engine.register(ProcessDefinition("order", version=version, steps=steps))
        self._watch()

    def service(self, **more: Any) -> JobService:
        """A service of its own on the same stores."""
        return JobService(
            self.processes,
            self.stored_jobs,
            definitions=self.catalog,
            clock=self.clock,
            pause=lambda _seconds: None,
            tell=lambda *job: self.told.append(job),
            **more,
        )

    def orders(self, count: int, *, version: int = 1, tenant_id: str = TENANT) -> list[Process]:
        started = []
        for _ in range(count):
            self.clock.advance(seconds=1)
            started.append(self.engine.start("order", tenant_id=tenant_id, version=version))
        return started

    def fail(self, process: Process, step: str = "pack") -> None:
        self.engine.fail_step(process, step, "no such article", fatal=True, attempt=1)

    def get(self, process: Process) -> Process:
        return self.engine.get_process(process.tenant_id, process.process_id)

    def results(self, job: Job, **more: Any) -> list[JobResult]:
        found, cursor = [], None
        while True:
            page = self.service().results(job.tenant_id, job.job_id, cursor=cursor, **more)
            found += page.results
            if (cursor := page.cursor) is None:
                return found

    def changes_by(self, job: Job) -> Counter[str]:
        """How often the job changed each process, by what was saved."""
        return Counter(
            process_id for process_id, reason in self._saved if reason == job.recorded_reason
        )

    def _watch(self) -> None:
        """Notes every change that is saved, and lets each write be cut."""
        self._saved: list[tuple[str, str | None]] = []
        save = self.processes.save

        def noted(process: Process) -> None:
            save(process)
            self._saved.append((process.process_id, process.events[0].reason))

        self.processes.save = self.cut.around(noted)
        for name in ("add", "save", "put_page"):
            setattr(self.stored_jobs, name, self.cut.around(getattr(self.stored_jobs, name)))


def cancel(**more: Any) -> JobCommand:
    return JobCommand(command=CommandName.CANCEL_PROCESS, **more)


def command(name: CommandName, step_name: str | None = None, **more: Any) -> JobCommand:
    return JobCommand(command=name, step_name=step_name, **more)


OF_V1 = JobFilter(process_type="order", definition_version=1)
