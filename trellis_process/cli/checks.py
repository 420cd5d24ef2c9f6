"""Checks: what makes a stack sick besides its data, each with the runbook's heading to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from trellis_process.application.audit_round import Fault, Round
from trellis_process.cli.dead_letters import QUEUES, DeadLetterQueue, Letters, queues_of
from trellis_process.cli.deployment import Deployment
from trellis_process.cli.exit_codes import is_denied
from trellis_process.cli.span import span

SWEEP_MISSING = timedelta(minutes=5)  # one runs each minute, and its metric takes a while to show
LOOK_BACK = timedelta(hours=2)
LONGEST_OVERDUE = timedelta(minutes=15)  # as OverdueAlarm has it


#: The runbook about what brings a function its work, by the output that names the function.
_SOURCES = {
    "EventPublisherFunctionName": "StreamAgeAlarm",
    "QueueCommandsFunctionName": "CommandsWaitingAlarm",
    "ChildrenFunctionName": "ChildEventsWaitingAlarm",
    "ExternalEventsFunctionName": "ExternalEventsWaitingAlarm",
    "JobsFunctionName": "JobsWaitingAlarm",
    "ArchiveFunctionName": "ArchiveAgeAlarm",
}


#: Every heading in docs/operations.md that a check may name.
RUNBOOKS = {
    "AuditMissingAlarm",
    "OverdueAlarm",
    "SweepsMissingAlarm",
    "UnrepairedAlarm",
    "WithoutWakeupAlarm",
    *_SOURCES.values(),
    *(queue.runbook for queue in QUEUES),
}


class Health(StrEnum):
    """What a check came to."""

    WELL = "well"
    SICK = "sick"
    #: The right to look is missing, or there is nothing to tell by.
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Checked:
    """One check: what was looked at, what it came to, and where to read what to do about it."""

    check: str
    health: Health
    told: str
    #: A heading in docs/operations.md.
    runbook: str


def checks_of(stack: Deployment, now: datetime) -> Iterator[Checked]:
    """Looks at all that a stack has beside its table, as far as the rights allow."""
    for queue in queues_of(stack):
        yield _as_allowed(queue.name, queue.runbook, partial(_letters, stack, queue))
    for kind, look in (("Scheduler::Schedule", _schedule), ("Lambda::EventSourceMapping", _source)):
        yield from _of_each(stack, kind, look)
    yield _as_allowed("sweeps", "SweepsMissingAlarm", partial(_sweeps, stack, now))


def checks_of_round(found: Round) -> list[Checked]:
    """What an audit's whole round came to."""
    faults = ", ".join(f"{count} {fault}" for fault, count in sorted(found.faults.items()))
    seen = f"{found.looked_at:,} looked at, {found.open:,} open"
    runbook = "WithoutWakeupAlarm" if found.faults[Fault.WITHOUT_WAKEUP] else "UnrepairedAlarm"
    oldest = found.oldest_overdue
    late = f"the oldest deadline passed {span(oldest.total_seconds())} ago" if oldest else "none"
    return [
        Checked(
            "processes",
            Health.SICK if found.faults else Health.WELL,
            f"{seen}: {faults or 'all as it should be'}",
            runbook,
        ),
        Checked(
            "overdue",
            Health.SICK if oldest > LONGEST_OVERDUE else Health.WELL,
            late,
            "OverdueAlarm",
        ),
    ]


def _of_each(
    stack: Deployment, kind: str, look: Callable[[Deployment, str, str], Checked]
) -> Iterator[Checked]:
    """The same check of each resource of a type."""
    try:
        found = stack.resources(f"AWS::{kind}")
    except ClientError as error:
        yield _not_allowed(kind, "", error)
        return
    for name, at in found.items():
        yield _as_allowed(name, "", partial(look, stack, name, at))


def _as_allowed(check: str, runbook: str, look: Callable[[], Checked]) -> Checked:
    try:
        return look()
    except ClientError as error:
        return _not_allowed(check, runbook, error)


def _not_allowed(check: str, runbook: str, error: ClientError) -> Checked:
    """A check that a missing right keeps from being made. Raises any other error."""
    if not is_denied(error):
        raise error
    return Checked(check, Health.UNKNOWN, f"no right to {error.operation_name}", runbook)


def _letters(stack: Deployment, queue: DeadLetterQueue) -> Checked:
    count = Letters(stack, queue).count()
    told = f"about {count:,} waiting" if count else "empty"
    return Checked(queue.name, Health.SICK if count else Health.WELL, told, queue.runbook)


def _schedule(stack: Deployment, name: str, at: str) -> Checked:
    schedule = stack.client("scheduler").get_schedule(Name=at)
    runbook = "SweepsMissingAlarm" if _is_sweepers(stack, schedule) else "AuditMissingAlarm"
    is_on = schedule["State"] == "ENABLED"
    return Checked(name, Health.WELL if is_on else Health.SICK, schedule["State"].lower(), runbook)


def _is_sweepers(stack: Deployment, schedule: Mapping[str, Any]) -> bool:
    """Whether a schedule starts a sweeper, and not the audit."""
    function = stack.output("TimeoutCheckerFunctionName")
    return bool(schedule["Target"]["Arn"].endswith(f":{function}"))


def _sweepers(stack: Deployment) -> int:
    """How many sweepers there are: each has a schedule."""
    scheduler = stack.client("scheduler")
    names = stack.resources("AWS::Scheduler::Schedule").values()
    return sum(_is_sweepers(stack, scheduler.get_schedule(Name=name)) for name in names)


def _source(stack: Deployment, name: str, at: str) -> Checked:
    source = stack.client("lambda").get_event_source_mapping(UUID=at)
    state, result = source["State"], source.get("LastProcessingResult") or ""
    is_well = state not in ("Disabled", "Disabling") and not result.startswith("PROBLEM")
    told = f"{state.lower()}, {result}" if result.startswith("PROBLEM") else state.lower()
    function = source["FunctionArn"].split(":")[6]
    runbook = next(
        (runbook for output, runbook in _SOURCES.items() if stack.outputs.get(output) == function),
        "",
    )
    return Checked(name, Health.WELL if is_well else Health.SICK, told, runbook)


def _sweeps(stack: Deployment, now: datetime) -> Checked:
    """When the last sweep ended, by the metric that each one leaves; of several sweepers, all."""
    cloudwatch = stack.client("cloudwatch")
    metric = {"Namespace": f"Trellis/{stack.name}", "MetricName": "SweepLateness"}
    told, health = "none has left its metric yet", Health.UNKNOWN
    if cloudwatch.list_metrics(**metric)["Metrics"]:
        points = cloudwatch.get_metric_statistics(
            **metric,
            Dimensions=[{"Name": "service", "Value": "timeout-checker"}],
            StartTime=now - LOOK_BACK,
            EndTime=now,
            Period=60,
            Statistics=["SampleCount"],
        )["Datapoints"]
        sweepers = _sweepers(stack)
        of_all = [point for point in points if point["SampleCount"] >= sweepers]
        last = max((point["Timestamp"] for point in of_all), default=None)
        is_late = last is None or now - last > SWEEP_MISSING
        health = Health.SICK if is_late else Health.WELL
        none, the_last = (
            (f"never of all {sweepers} sweepers", f"the last of all {sweepers} sweepers")
            if sweepers > 1 and points
            else ("none", "the last one")
        )
        told = (
            f"{none} for {span(LOOK_BACK.total_seconds())}"
            if last is None
            else f"{the_last} {span((now - last).total_seconds())} ago"
        )
    return Checked("sweeps", health, told, "SweepsMissingAlarm")
