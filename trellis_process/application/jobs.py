"""Jobs: a command for many processes, how far it has come, what became of each; and their store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from trellis_process.application.job_request import JobCommand, JobFilter, filter_from_json
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.domain.time import moment_from, to_text


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How many processes a job has dealt with."""

    #: Processes read, of which the filter matched some.
    looked_at: int = 0
    #: Those among them that the job is about; each has a result.
    matched: int = 0
    done: int = 0
    unchanged: int = 0
    refused: int = 0
    failed: int = 0

    def after(self, page: JobPage) -> JobProgress:
        """The numbers with those of a page more."""
        outcomes = [result.outcome for result in page.results]
        return JobProgress(
            looked_at=self.looked_at + page.looked_at,
            matched=self.matched + len(outcomes),
            **{each.value: getattr(self, each.value) + outcomes.count(each) for each in JobOutcome},
        )

    def as_json(self) -> dict[str, int]:
        """The numbers by their names."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What became of one process."""

    process_id: str
    #: None while the job has not come to it.
    outcome: JobOutcome | None = None
    #: The version of the process after the command, or at which it was refused.
    version: int | None = None
    #: The state of the process then.
    state: str | None = None
    #: The step that the command was about.
    step_name: str | None = None
    #: The events of the change, by their types.
    events: tuple[str, ...] = ()
    #: Why it was refused or failed, for programs, and in words.
    code: str | None = None
    message: str | None = None
    #: Which entry to the step, or which attempt at it, the command is about; it is given once.
    mark: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The result as JSON, without what there is not, and without the mark."""
        said = {
            "process_id": self.process_id,
            "outcome": None if self.outcome is None else self.outcome.value,
            "version": self.version,
            "state": self.state,
            "step_name": self.step_name,
            "events": list(self.events) or None,
            "code": self.code,
            "message": self.message,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """One piece of a job: the processes that it is about, and what became of each.

    It is written before the first of them is touched, so that whoever does the piece again does it
    with the same processes, and forgets none.
    """

    number: int
    results: tuple[JobResult, ...]
    looked_at: int
    #: Where the next piece begins; None where this is the last.
    cursor: str | None
    #: Counts its changes: 0 before it is stored.
    version: int = 0

    @property
    def is_done(self) -> bool:
        """Whether something has become of every process in it."""
        return all(result.outcome is not None for result in self.results)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command for every process of a tenant that a filter is about."""

    tenant_id: str
    job_id: str
    command: JobCommand
    filter: JobFilter
    #: Whether it only says what would happen.
    dry_run: bool
    #: The dry run whose processes it is about, and no others.
    of: str | None
    actor: str | None
    reason: str | None
    created_at: datetime
    changed_at: datetime
    state: JobState = JobState.PLANNED
    progress: JobProgress = field(default_factory=JobProgress)
    #: How many processes it will deal with, where a dry run has counted them.
    expected: int | None = None
    #: Where its next piece begins; None from the beginning.
    cursor: str | None = None
    #: How many pieces are done.
    pages: int = 0
    #: Counts its changes: 0 before it is stored.
    version: int = 0
    #: Whether a start found it there already, by its key; no part of what is stored.
    was_there: bool = field(default=False, compare=False)

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for, by which a repeated start is told from another one."""
        return {
            **self.command.as_json(),
            "filter": self.filter.as_json(),
            "dry_run": self.dry_run,
            "of": self.of,
            "reason": self.reason,
        }

    @property
    def recorded_reason(self) -> str:
        """The reason in the events of each change, which the job's id tells from any other."""
        return f"job {self.job_id}" if not self.reason else f"{self.reason} (job {self.job_id})"

    def after(self, page: JobPage, now: datetime) -> Job:
        """The job once a piece is done."""
        is_last = page.cursor is None
        ends = self.state if self.state is JobState.CANCELLED else JobState.COMPLETED
        goes_on = self.state if self.state is JobState.CANCELLED else JobState.RUNNING
        return replace(
            self,
            state=ends if is_last else goes_on,
            progress=self.progress.after(page),
            cursor=page.cursor,
            pages=self.pages + 1,
            changed_at=now,
        )


@dataclass(frozen=True)
class ResultPage:
    """Some results of a job, and where the next ones begin."""

    results: list[JobResult]
    #: What to pass to get the next page; None where there is none. A page may be short, even
    #: empty, and another follow all the same.
    cursor: str | None


@dataclass(frozen=True)
class JobListing:
    """Some of a tenant's jobs, and where the next ones begin."""

    jobs: list[Job]
    #: What to pass to get the next page; None where there is none. A page may be short, even
    #: empty, and another follow all the same.
    cursor: str | None


class JobRepository(Protocol):
    """Where jobs and their pages are kept, each bound to a tenant.

    Every write is made on the condition that what is stored is the version before it, and answers
    whether it was; one that was made although its answer was lost counts as made, and so may the
    very same write of another. Every method may raise Throttled and StoreUnavailable, after
    bounded tries.
    """

    def add(self, job: Job) -> bool:
        """Stores a new job; False where there is one of that id in that tenant."""

    def save(self, job: Job) -> bool:
        """Stores a change as the version after ``job.version``; False where another was stored."""

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        """The job as last written; None where there is none."""

    def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> JobListing:
        """Up to ``limit`` jobs of a tenant, the newest first.

        One added this moment may be missing yet. Raises InvalidInput for a cursor that this
        repository did not give.
        """

    def put_page(self, job: Job, page: JobPage) -> bool:
        """Stores a page as the version after ``page.version``; False where another was stored."""

    def page(self, tenant_id: str, job_id: str, number: int) -> JobPage | None:
        """A page of a job, counted from 0, as last written; None where there is none."""


def job_as_json(job: Job) -> dict[str, Any]:
    """A job as JSON, without what there is not and what only a store needs."""
    said = {
        "tenant_id": job.tenant_id,
        "job_id": job.job_id,
        **job.command.as_json(),
        "filter": job.filter.as_json(),
        "dry_run": job.dry_run,
        "of": job.of,
        "actor": job.actor,
        "reason": job.reason,
        "state": job.state.value,
        "progress": job.progress.as_json(),
        "expected": job.expected,
        "created_at": to_text(job.created_at),
        "changed_at": to_text(job.changed_at),
    }
    return {name: value for name, value in said.items() if value is not None}


def job_from_json(value: Mapping[str, Any]) -> Job:
    """The job that ``job_as_json`` gave this for; passes over fields it does not know.

    Raises ValueError for what is no such JSON.
    """
    try:
        names = ("command", "step_name", "compensate", "output")
        return Job(
            tenant_id=value["tenant_id"],
            job_id=value["job_id"],
            command=JobCommand(**{name: value[name] for name in names if name in value}),
            filter=filter_from_json(value["filter"]),
            dry_run=value["dry_run"],
            of=value.get("of"),
            actor=value.get("actor"),
            reason=value.get("reason"),
            state=JobState(value["state"]),
            progress=JobProgress(**value["progress"]),
            expected=value.get("expected"),
            created_at=moment_from(value["created_at"]),
            changed_at=moment_from(value["changed_at"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no job: {error!r}") from error


def result_from_json(value: Mapping[str, Any]) -> JobResult:
    """The result that ``as_json`` gave this for. Raises ValueError for what is no such JSON."""
    try:
        return JobResult(
            process_id=value["process_id"],
            outcome=JobOutcome(value["outcome"]) if "outcome" in value else None,
            version=value.get("version"),
            state=value.get("state"),
            step_name=value.get("step_name"),
            events=tuple(value.get("events", ())),
            code=value.get("code"),
            message=value.get("message"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"this is no result of a job: {error!r}") from error
