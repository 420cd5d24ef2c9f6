"""What answers from the views look like, as models for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.states import ProcessState

_CURSOR = "Leads to the next page; missing from the last."


class OutcomeToChoose(BaseModel):
    """One of the outcomes of a task."""

    name: str
    label: str


class OpenTask(BaseModel):
    """What a person is asked, and by which process."""

    tenant_id: str
    process_id: str
    step_name: str
    attempt: int = Field(ge=1)
    process_type: str
    definition_version: int | None = Field(None, ge=1)
    aggregate_type: str
    aggregate_id: str
    surface: str = Field(description="The form or page that shows it.")
    assignee_role: str | None = Field(None, description="Who may take it.")
    assignee: str | None = Field(None, description="Whose it is; missing where it is nobody's.")
    outcomes: list[OutcomeToChoose]
    priority: int = Field(description="The lower, the sooner: 0 to 9.")
    changed_at: datetime
    due_at: datetime | None = None
    input: JsonValue = Field(None, description="What the form or page is given.")


class OpenTasks(BaseModel):
    """Some open tasks, what is due first coming first."""

    tasks: list[OpenTask]
    cursor: str | None = Field(None, description=_CURSOR)


class ListedProcess(BaseModel):
    """A process as a list shows it."""

    tenant_id: str
    process_id: str
    process_type: str
    definition_version: int | None = Field(None, ge=1)
    aggregate_type: str
    aggregate_id: str
    state: ProcessState
    started_at: datetime
    changed_at: datetime = Field(description="When its latest event happened.")
    ended_at: datetime | None = None
    search_attributes: dict[str, JsonValue] | None = None


class ListedProcesses(BaseModel):
    """Some processes, the newest first."""

    processes: list[ListedProcess]
    cursor: str | None = Field(None, description=_CURSOR)


class ToldEvent(BaseModel):
    """An event in the history of a process."""

    id: str = Field(description="process_id/version/n, as on the bus.")
    version: int = Field(ge=1)
    type: str
    time: datetime
    process_state: ProcessState
    actor: str | None = Field(None, description="Who caused it.")
    reason: str | None = None
    step_name: str | None = None
    details: dict[str, JsonValue] | None = Field(
        None, description="What else it says; what is too large is named in `left_out`."
    )
    follows_gap: bool | None = Field(
        None, description="Whether an event before this one is missing."
    )


class History(BaseModel):
    """Some events of a process, in order."""

    events: list[ToldEvent]
    cursor: str | None = Field(None, description=_CURSOR)


class DurationsTaken(BaseModel):
    """How long something took, in milliseconds, each within 5 % of the true one."""

    count: int = Field(ge=0, description="How many were measured.")
    p50: int | None = Field(None, description="What half of them took at most.")
    p90: int | None = Field(None, description="What nine in ten took at most.")
    p99: int | None = Field(None, description="What 99 in a hundred took at most.")


class StatisticsOfStep(BaseModel):
    """What became of a step; of all items, where it is for many."""

    step_name: str
    retries: int = Field(description="Attempts after another one had failed or timed out.")
    timeouts: int
    completed: int
    failed: int
    skipped: int
    durations: DurationsTaken


class StatisticsOfVersion(BaseModel):
    """What became of the processes of one version."""

    definition_version: int | None = Field(
        None, ge=1, description="Missing for processes without a definition."
    )
    started: int
    open: int
    completed: int
    failed: int
    cancelled: int
    retries: int
    timeouts: int
    compensations: int = Field(description="Steps that were undone.")
    compensations_failed: int = Field(description="Steps that could not be undone.")
    sla_breaches: int = Field(description="Agreed times that were overrun, as events told.")
    sla_compliance: float | None = Field(
        None, description="The share of the ended processes in which no agreed time was overrun."
    )
    durations: DurationsTaken = Field(description="Of those that completed.")
    steps: list[StatisticsOfStep]


class DefinitionStatistics(BaseModel):
    """What became of the processes of a definition, or type, by version."""

    name: str
    versions: list[StatisticsOfVersion]
