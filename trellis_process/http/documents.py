"""What answers look like, as models for the OpenAPI document. Serving a request needs none."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState, StepState, WaitingFor

_Version = Annotated[int, Field(ge=1)]


class Outcome(BaseModel):
    """What may come of a task."""

    name: str = Field(description="What the task is completed with.")
    label: str = Field(description="What a person reads.")


class Task(BaseModel):
    """What a person is asked."""

    surface: str = Field(description="The form or page that shows it.")
    assignee_role: str | None = Field(None, description="Who may take it.")
    assignee: str | None = Field(None, description="Whose it is; missing while it is nobody's.")
    outcomes: list[Outcome] = Field(description="What it may be completed with; any if empty.")
    priority: int = Field(ge=0, le=9, description="The lower, the sooner.")


class Parent(BaseModel):
    """What a child process is for."""

    process_id: str
    step_name: str
    attempt: int = Field(ge=1, description="The attempt at that step.")
    part: int | None = Field(
        None, ge=0, description="Which part of the step's items; missing for a child of its own."
    )


class Step(BaseModel):
    """One step of a process. What it does not have is left out."""

    name: str
    state: StepState = Field(description="Where the step stands.")
    waits_for: WaitingFor | None = Field(None, description="What a waiting step waits for.")
    attempt: int = Field(ge=0, description="The attempt under way, or the last one; 0 is none yet.")
    retries_permitted: int = Field(ge=0, description="Retries after the first attempt.")
    timeout_ms: int | None = Field(None, description="How long one attempt may take.")
    started_at: datetime | None = Field(None, description="When the current attempt started.")
    due_at: datetime | None = Field(
        None,
        description="When the current attempt times out, heartbeats counted in; or when a waiting "
        "step has waited long enough.",
    )
    ended_at: datetime | None = Field(None, description="When the step became final.")
    output: JsonValue = Field(None, description="What it resulted in, as reported: any JSON.")
    error: str | None = Field(
        None, description="Why it, or the attempt before, failed; or timed out."
    )
    reported_by: str | None = Field(
        None, description="The authenticated principal that made the last report about it."
    )
    resumption: int | None = Field(
        None, ge=1, description="Which resumption its work began with; missing if it has none."
    )
    resume_data: JsonValue = Field(
        None, description="What the latest resumption brought along: any JSON."
    )
    resumed_early: bool | None = Field(
        None,
        description="Whether that resumption came early: the next suspension or attempt takes it.",
    )
    visits: int | None = Field(
        None, ge=2, description="How often it was entered; missing if not more than once."
    )
    first_attempt: int | None = Field(
        None, ge=2, description="The first attempt since it was last entered; missing if that is 1."
    )
    service: str | None = Field(None, description="The service that does its work, while open.")
    priority: int | None = Field(
        None, ge=0, le=9, description="How soon, the lower the sooner; missing is 5."
    )
    input: JsonValue = Field(None, description="What that service, or a person, is given.")
    task: Task | None = Field(None, description="What a person is asked, while it is open.")
    outcome: str | None = Field(None, description="Its named result, as a person chose it.")
    progress: JsonValue = Field(
        None, description="How far what is inside of it has come, or which signal it waits for."
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
    definition_version: int | None = Field(
        None, ge=1, description="The version of the definition that orders its steps, if one does."
    )
    parent: Parent | None = Field(None, description="The process and step that it is a child of.")
    metadata: dict[str, JsonValue] = Field(description="What you keep with the process.")
    input: dict[str, JsonValue] | None = Field(None, description="What it was started with.")
    output: JsonValue = Field(None, description="What it resulted in: any JSON.")
    data: dict[str, JsonValue] | None = Field(
        None, description="What it keeps between its triggers: of a schedule, its runs."
    )
    scheduled_at: datetime | None = Field(
        None, description="The time for which a schedule started it."
    )
    search_attributes: dict[str, JsonValue] | None = Field(
        None, description="Values to find it by."
    )
    signals: dict[str, int] | None = Field(
        None, description="How many signals of each name came and wait to be taken."
    )
    breaches: dict[str, int] | None = Field(
        None, description="Agreed times that were overrun, and the milliseconds that it took."
    )
    ends_as: ProcessState | None = Field(
        None, description="What it is to become once everything is undone."
    )
    compensation: str | None = Field(
        None, description="How undoing went: `done`, or `partial` where a step could not be undone."
    )
    steps: list[Step]


class ProcessPage(BaseModel):
    """Some of the processes asked for, by type from Z to A and the newest first in each."""

    processes: list[Process]
    cursor: str | None = Field(
        None, description="Leads to the next page; missing where there is none."
    )


class GatewayRefusal(BaseModel):
    """What API Gateway itself answers where it lets a request go no further."""

    message: str
