"""What answers look like, as models for the OpenAPI document. Serving a request needs none."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState, StepState

_Version = Annotated[int, Field(ge=1)]


class Step(BaseModel):
    """One step of a process. What it does not have is left out."""

    name: str
    state: StepState = Field(description="Where the step stands.")
    attempt: int = Field(ge=0, description="The attempt under way, or the last one; 0 is none yet.")
    retries_permitted: int = Field(ge=0, description="Retries after the first attempt.")
    timeout_ms: int | None = Field(None, description="How long one attempt may take.")
    started_at: datetime | None = Field(None, description="When the current attempt started.")
    due_at: datetime | None = Field(
        None, description="When the current attempt times out, heartbeats counted in."
    )
    ended_at: datetime | None = Field(None, description="When the step became final.")
    output: JsonValue = Field(None, description="What it resulted in, as reported: any JSON.")
    error: str | None = Field(None, description="Why it failed, as reported; or timed out.")
    reported_by: str | None = Field(
        None, description="The authenticated principal that made the last report about it."
    )


class Process(BaseModel):
    """A process with its steps, in their order. What it does not have is left out, never null.

    Times are ISO 8601 in UTC with milliseconds.
    """

    tenant_id: str
    process_id: str
    process_type: str
    aggregate_type: str
    aggregate_id: str
    state: ProcessState = Field(description="Where the process as a whole stands.")
    version: _Version = Field(description="Counts the changes; the ETag carries it.")
    started_at: datetime
    changed_at: datetime
    ended_at: datetime | None = Field(None, description="When it became final.")
    due_at: datetime | None = Field(None, description="The deadline of the whole process.")
    timeout_ms: int | None = Field(None, description="How long the whole process may take.")
    reason: str | None = Field(None, description="Why it failed or was cancelled.")
    metadata: dict[str, JsonValue] = Field(description="What you keep with the process.")
    steps: list[Step]


class ProcessPage(BaseModel):
    """Some of the processes asked for, by type from Z to A and the newest first in each."""

    processes: list[Process]
    cursor: str | None = Field(
        None, description="Leads to the next page; missing where there is none."
    )


class Problem(BaseModel):
    """Why a request was refused or could not be carried out (RFC 9457)."""

    type: str = Field(description="urn:trellis:problem: and the code.")
    title: str = Field(description="A few words, the same for every problem with this code.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="This problem in words for people; it may change.")
    code: str = Field(description="The kind of problem, for programs; it does not change.")


class FieldError(BaseModel):
    """A field that was refused."""

    field: str = Field(description="Which one, as a path: steps[2].timeout_ms")
    given: str = Field(description="What was given, shortened.")
    allowed: str = Field(description="What is allowed.")


class InvalidInputProblem(Problem):
    """Fields were refused, all of them named. Nothing was done."""

    errors: list[FieldError] = Field(min_length=1)


class ConflictProblem(Problem):
    """The request is sound, but the process has moved on. Nothing was changed."""

    process: Process = Field(description="The process as it is now; the ETag is its version.")


class UnavailableProblem(Problem):
    """The store did not answer. Try again in a moment."""

    may_have_happened: bool = Field(
        description="Whether the change may have been made all the same. Repeating the command is "
        "harmless either way."
    )


class BatchResult(BaseModel):
    """What became of one command of a batch: a process, or a problem."""

    status: int = Field(
        ge=200, le=599, description="The HTTP status that the command alone would have had."
    )
    process_id: str | None = Field(
        None, description="The process that it changed or started, also where `process` is missing."
    )
    process: Process | None = Field(
        None,
        description="The process as it is then. Left out, also of a problem, where the answer "
        "would get too large with it: more than 3 MB.",
    )
    problem: InvalidInputProblem | ConflictProblem | UnavailableProblem | Problem | None = Field(
        None,
        description="Why it was refused or could not be carried out. `not_tried` (503): the "
        "batch's time was up before it, and it is to be sent again.",
    )


class BatchResults(BaseModel):
    """The results of a batch, one for each command, in their order."""

    results: list[BatchResult]


class GatewayRefusal(BaseModel):
    """What API Gateway itself answers where it lets a request go no further."""

    message: str
