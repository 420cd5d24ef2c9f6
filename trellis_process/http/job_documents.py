"""What answers about jobs look like, as models for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from trellis_process.application.job_request import CommandName
from trellis_process.application.job_states import JobOutcome, JobState
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState


class JobFilter(BaseModel):
    """Which processes: those for which all of this is true."""

    process_type: str | None = None
    state: ProcessState | None = None
    definition_version: int | None = Field(None, ge=1)
    step_name: str | None = Field(None, description="The step that they are at: open, or failed.")
    started_after: datetime | None = Field(None, description="Not before this moment.")
    started_before: datetime | None = Field(None, description="Before this moment.")
    reason: str | None = Field(None, description="What their reason begins with.")
    search_attributes: dict[str, JsonValue] | None = None


class JobProgress(BaseModel):
    """How many processes the job has dealt with, or in a dry run would."""

    looked_at: int = Field(ge=0, description="Read, of which the filter matched some.")
    matched: int = Field(ge=0, description="The job is about them, and each has a result.")
    done: int = Field(ge=0, description="The command changed them.")
    unchanged: int = Field(ge=0, description="What the command asks for was true already.")
    refused: int = Field(ge=0, description="The rules refused it, or the filter matches no more.")
    failed: int = Field(ge=0, description="The store did not answer, again and again.")


class Job(BaseModel):
    """A command for many processes, and how far it has come."""

    tenant_id: str
    job_id: str
    command: CommandName
    step_name: str | None = None
    compensate: bool | None = None
    output: JsonValue = None
    filter: JobFilter
    dry_run: bool = Field(description="Whether it only says what would happen.")
    of: str | None = Field(None, description="The dry run whose processes it is about.")
    actor: str | None = Field(None, description="Who asked for it.")
    reason: str | None = None
    state: JobState
    progress: JobProgress
    expected: int | None = Field(
        None, ge=0, description="How many processes it will deal with, where a dry run counted."
    )
    created_at: datetime
    changed_at: datetime


class Jobs(BaseModel):
    """Some of a tenant's jobs, the newest first."""

    jobs: list[Job]
    cursor: str | None = Field(None, description="Leads to the next page; missing from the last.")


class JobResult(BaseModel):
    """What became of one process, or in a dry run what would."""

    process_id: str
    outcome: JobOutcome
    version: int | None = Field(
        None,
        ge=1,
        description="The process's version afterwards; in a dry run the one that it decided on.",
    )
    state: ProcessState | None = Field(None, description="The process's state afterwards.")
    step_name: str | None = Field(None, description="The step that the command was about.")
    events: list[str] | None = Field(None, description="The events of the change, at most 10.")
    code: str | None = Field(
        None,
        description="Why it was not done, for programs: the codes of problems, and "
        "`no_longer_matches`, `gone_on`.",
    )
    message: str | None = Field(None, description="The same in words for people.")


class JobResults(BaseModel):
    """Some results, in the order in which the job came to the processes."""

    results: list[JobResult]
    cursor: str | None = Field(None, description="Leads to the next page; missing from the last.")
