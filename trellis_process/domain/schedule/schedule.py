"""Schedule: what starts processes of a definition at times, as those see it who made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

from trellis_process.domain.own_services import RUNS
from trellis_process.domain.process import Process
from trellis_process.domain.schedule.runs import Backfill, Runs
from trellis_process.domain.schedule.scheduling import run_id
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.domain.states import ProcessState


class ScheduleState(StrEnum):
    """Whether a schedule starts anything."""

    ACTIVE = "active"
    #: Nothing is started until it is resumed.
    PAUSED = "paused"
    #: Nothing is started any more; the name may be used again.
    DELETED = "deleted"


_STATES = {
    ProcessState.SUSPENDED: ScheduleState.PAUSED,
    ProcessState.CANCELLED: ScheduleState.DELETED,
}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule as it is: a process, whose steps and states say less than this."""

    tenant_id: str
    #: What tells it from the tenant's others.
    name: str
    terms: ScheduleTerms
    state: ScheduleState
    #: The next time; None while it is paused, and where none comes any more.
    next_at: datetime | None
    #: The processes that it started and that are open, by their ids, each with its time.
    open_runs: Mapping[str, datetime]
    #: The times whose runs wait for others to end.
    queue: tuple[datetime, ...]
    #: The ranges of the past that are yet to be run.
    backfills: tuple[Backfill, ...]
    #: How many runs were started.
    started: int
    #: How many times were passed over.
    skipped: int
    #: The id of the process that it is.
    process_id: str
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, process: Process) -> Self:
        """The schedule that a process is."""
        runs, step = Runs.of(process.data), process.step(RUNS)
        state = _STATES.get(process.state, ScheduleState.ACTIVE)
        return cls(
            tenant_id=process.tenant_id,
            name=process.aggregate_id,
            terms=ScheduleTerms.of(process.input),
            state=state,
            next_at=step.due_at if state is ScheduleState.ACTIVE else None,
            open_runs={run_id(process, number): at for number, at in runs.open.items()},
            queue=runs.queue,
            backfills=runs.backfills,
            started=runs.started,
            skipped=runs.skipped,
            process_id=process.process_id,
            created_at=process.started_at,
            changed_at=process.changed_at,
        )
