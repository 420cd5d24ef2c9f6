"""Statistics of a kind of process: what is counted, and what the counts say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from trellis_process.domain.states import StepState
from trellis_process.domain.step import UNDO, ProcessStep
from trellis_process.domain.time import moment_from
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.durations import PERCENTILES, bucket_of, percentile
from trellis_process.views.process_row import ProcessRow

_BUCKET = "d"  # begins the name of a bucket of durations: d57


@dataclass(frozen=True)
class CountKey:
    """What is counted together: a tenant's processes of a version, or one step of theirs."""

    tenant_id: str
    process_type: str
    #: None for processes that no definition orders.
    definition_version: int | None
    #: None for the processes themselves.
    step_name: str | None = None


Counts = dict[CountKey, Counter[str]]
"""How often each thing was counted; in a change, by how much more or less."""


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long something took, in milliseconds, each number within 5 % of the true one."""

    #: How many were measured.
    count: int
    #: What half of them took at most, nine in ten, and 99 in a hundred; None where there is none.
    p50: int | None
    p90: int | None
    p99: int | None


@dataclass(frozen=True, kw_only=True)
class StepStatistics:
    """What became of a step in all processes of a version; of all items, where it is for many."""

    step_name: str
    #: Attempts that came after another one had failed or timed out.
    retries: int
    timeouts: int
    completed: int
    failed: int
    skipped: int
    #: From the start of the attempt that completed it, or of the waiting.
    durations: Durations


@dataclass(frozen=True, kw_only=True)
class VersionStatistics:
    """What became of the processes of one version; None is for those without a definition."""

    definition_version: int | None
    started: int
    open: int
    completed: int
    failed: int
    cancelled: int
    #: Of all steps together.
    retries: int
    timeouts: int
    #: Steps that were undone, and those that could not be.
    compensations: int
    compensations_failed: int
    #: Agreed times of processes and steps that were overrun.
    sla_breaches: int
    #: Of the processes that ended, the share in which no agreed time was overrun, 0 to 1; None
    #: where none has ended.
    sla_compliance: float | None
    #: Of those that completed, from start to end.
    durations: Durations
    steps: tuple[StepStatistics, ...]


def standing(row: ProcessRow | None) -> Counter[str]:
    """What a process counts for as it stands: the sum over all rows is what is counted of them."""
    if row is None or row.is_part:
        return Counter()
    counted = Counter({row.group: 1})
    if row.is_breached:
        counted["breached"] = 1
        if row.state.is_final:
            counted["breached_ended"] = 1
    if row.group == "completed" and row.started_at is not None and row.ended_at is not None:
        counted[_bucket(row.ended_at - row.started_at)] = 1
    return counted


def count_key(row: ProcessRow, step_name: str | None = None) -> CountKey:
    """Where a process, or one of its steps, is counted."""
    return CountKey(row.key.tenant_id, row.process_type, row.definition_version, step_name)


def counted_step(name: str, definition_version: int | None) -> str:
    """The step as it is counted: all items of a foreach as the one step of the definition."""
    if definition_version is None:
        return name
    undoes = name.startswith(UNDO)
    return (UNDO if undoes else "") + name.removeprefix(UNDO).partition(":")[0]


def counted_of(event: BusEvent) -> tuple[Counter[str], Counter[str]]:
    """What an event counts for by itself: for the process, and for its step."""
    of_process: Counter[str] = Counter()
    of_step: Counter[str] = Counter()
    match event.type:
        case "StepStarted" | "CompensationStarted":
            if event.detail["attempt"] > event.detail.get("first_attempt", 1):
                of_step["retries"] = 1
        case "StepCompleted" | "CompensationCompleted":
            of_step["completed"] = 1
            if "started_at" in event.detail:
                started_at = moment_from(event.detail["started_at"])
                of_step[_bucket(event.time - started_at)] = 1
        case "StepFailed" | "CompensationFailed":
            of_step["failed"] = 1
        case "StepSkipped":
            of_step["skipped"] = 1
        case "ProcessStepTimedOut":
            of_step["timeouts"] = 1
        case "SlaBreached":
            of_process["sla_breaches"] = 1
    if event.type == "CompensationCompleted":
        of_process["compensations"] = 1
    if event.type == "CompensationFailed":
        of_process["compensations_failed"] = 1
    return of_process, of_step


def counted_in(step: ProcessStep) -> Counter[str]:
    """What the events of a step's last visit counted for, as far as the step still shows it."""
    counted: Counter[str] = Counter()
    if step.started_at is not None:
        counted["retries"] = step.attempt - step.first_attempt
    if step.state in (StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED):
        counted[step.state.value] = 1
    if step.state is StepState.COMPLETED and step.started_at and step.ended_at:
        counted[_bucket(step.ended_at - step.started_at)] = 1
    return +counted


def statistics_of(counts: Mapping[CountKey, Mapping[str, int]]) -> list[VersionStatistics]:
    """What the counts of one kind of process say, by version, those without one first.

    Where they are of several tenants, they are added up.
    """
    versions: dict[int | None, dict[str | None, Counter[str]]] = {}
    for key, counted in counts.items():
        steps = versions.setdefault(key.definition_version, {})
        steps.setdefault(key.step_name, Counter()).update(counted)
    ordered = sorted(versions, key=lambda version: version or 0)
    return [_version(version, versions[version]) for version in ordered]


def _bucket(duration: timedelta) -> str:
    return f"{_BUCKET}{bucket_of(duration)}"


def _version(version: int | None, counted: Mapping[str | None, Counter[str]]) -> VersionStatistics:
    own = counted.get(None, Counter())
    steps = [_step(name, counted[name]) for name in sorted(name for name in counted if name)]
    ended = own["completed"] + own["failed"] + own["cancelled"]
    return VersionStatistics(
        definition_version=version,
        started=own["open"] + ended,
        open=own["open"],
        completed=own["completed"],
        failed=own["failed"],
        cancelled=own["cancelled"],
        retries=sum(step.retries for step in steps),
        timeouts=sum(step.timeouts for step in steps),
        compensations=own["compensations"],
        compensations_failed=own["compensations_failed"],
        sla_breaches=own["sla_breaches"],
        sla_compliance=None if ended <= 0 else 1 - own["breached_ended"] / ended,
        durations=_durations(own),
        steps=tuple(steps),
    )


def _step(name: str, counted: Counter[str]) -> StepStatistics:
    return StepStatistics(
        step_name=name,
        retries=counted["retries"],
        timeouts=counted["timeouts"],
        completed=counted["completed"],
        failed=counted["failed"],
        skipped=counted["skipped"],
        durations=_durations(counted),
    )


def _durations(counted: Mapping[str, int]) -> Durations:
    buckets = {
        int(name.removeprefix(_BUCKET)): count
        for name, count in counted.items()
        if name.startswith(_BUCKET) and count > 0
    }
    told: Iterable[int | None] = (percentile(buckets, each) for each in PERCENTILES)
    p50, p90, p99 = told
    return Durations(count=sum(buckets.values()), p50=p50, p90=p90, p99=p99)
