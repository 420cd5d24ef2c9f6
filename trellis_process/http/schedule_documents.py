"""What answers about schedules look like, as models for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.schedule.schedule import ScheduleState
from trellis_process.domain.schedule.terms import Overlap


class ScheduleTerms(BaseModel):
    """When a schedule starts processes of a definition: by `cron` or `every` so often."""

    definition: str
    cron: str | None = None
    every: str | None = None
    time_zone: str = Field(description="The zone whose clock `cron` means.")
    catch_up: bool = Field(
        description="Whether runs that nobody started in time are started later."
    )
    overlap: Overlap
    timeout: str | None = Field(None, description="How long a run may take.")
    input: dict[str, JsonValue] = Field(description="What each run is started with.")
    declared: bool = Field(description="Whether the definition itself declares it.")


class OpenRun(BaseModel):
    """A process that a schedule started, and that has not ended."""

    process_id: str
    scheduled_at: datetime = Field(description="The time that it is for.")


class Backfill(BaseModel):
    """A range of times in the past whose runs are yet to be started."""

    after: datetime
    until: datetime
    side_by_side: bool


class Schedule(BaseModel):
    """What starts processes of a definition at times."""

    tenant_id: str
    name: str
    state: ScheduleState
    terms: ScheduleTerms
    next_at: datetime | None = Field(
        None,
        description="The next time; missing while it is paused, and where none comes any more.",
    )
    open_runs: list[OpenRun]
    queue: list[datetime] = Field(description="The times whose runs wait for others to end.")
    backfills: list[Backfill]
    started: int = Field(ge=0, description="How many runs were started.")
    skipped: int = Field(ge=0, description="How many times were passed over.")
    process_id: str = Field(description="The process that it is, for its history.")
    created_at: datetime
    changed_at: datetime


class Schedules(BaseModel):
    """Some of a tenant's schedules, the newest first."""

    schedules: list[Schedule]
    cursor: str | None = Field(None, description="Leads to the next page; missing from the last.")


class UpcomingTimes(BaseModel):
    """The next times of a schedule, the soonest first."""

    times: list[datetime]
