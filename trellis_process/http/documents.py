"""What answers look like, as models for the OpenAPI document. Serving a request needs none."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState, StepState, WaitingFor

_Version = Annotated[int, Field(ge=1)]


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


class GatewayRefusal(BaseModel):
    """What API Gateway itself answers where it lets a request go no further."""

    message: str
