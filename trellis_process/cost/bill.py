"""A bill: what a workload costs in a month, part by part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trellis_process.cost.functions import (
    API_ACCESS_LOG_BYTES,
    BILLED_MS,
    EVENT_PUBLISHER,
    QUEUE_COMMANDS,
    STEP_COMMANDS,
    TIMEOUT_CHECKER,
    VIEWS,
)
from trellis_process.cost.prices import (
    ALARM,
    API_CALL,
    EVENT,
    LOGGED_GB,
    METRIC,
    QUEUE_REQUEST,
    READ_UNIT,
    STORED_GB,
    WRITE_UNIT,
)
from trellis_process.cost.usage import usage_of
from trellis_process.cost.workload import Channel, Workload
from trellis_process.domain.limits import check_whole_number
from trellis_process.dynamodb.schema import DUE_SHARDS

DAYS_OF_A_MONTH = 730 / 24
SWEEPS_OF_A_MONTH = 730 * 60
EMPTY_QUERY_UNITS = 0.5  # of a query that finds nothing

ALARMS = 53  # with the archive's and the views', in the template
#: One for each metric that each sweep, audit and publisher sends, and two, a count and a time, for
#: starting a process and starting and completing a step.
METRICS = 5 + 6 + 2 + 2 * 3


@dataclass(frozen=True)
class Bill:
    """Dollars by part. ``together`` is their sum."""

    parts: dict[str, float]

    @property
    def together(self) -> float:
        """Dollars in all."""
        return sum(self.parts.values())

    def __add__(self, other: Bill) -> Bill:
        parts = dict(self.parts)
        for part, dollars in other.parts.items():
            parts[part] = parts.get(part, 0.0) + dollars
        return Bill(parts)


def bill(workload: Workload) -> Bill:
    """What these processes cost in a month, beside what a stack costs in which nothing happens."""
    usage = usage_of(workload.journey)
    many = workload.processes
    changes, events = many * usage.changes, many * usage.events
    runs = changes / workload.changes_together
    channel, compute, logs = _commands(workload, many * usage.commands)
    kept_gb = many * usage.stored_bytes / 1024**3 * workload.kept_days / DAYS_OF_A_MONTH
    return Bill(
        {
            "channel": channel,
            "functions": compute + EVENT_PUBLISHER.compute(runs, changes, workload.billed_ms),
            "writes": many * usage.write_units * WRITE_UNIT.each,
            "reads": many * usage.read_units * READ_UNIT.each,
            "events": events * EVENT.each,
            "logs": logs + EVENT_PUBLISHER.logs(runs, changes),
            "storage": kept_gb * STORED_GB.each,
        }
        | ({"read models": _views(workload, events, changes)} if workload.read_models else {})
    )


def bill_together(workloads: Iterable[Workload], *, sweepers: int = 1) -> Bill:
    """What a stack costs in a month that has all of these to do.

    Raises InvalidInput as ``idle_bill`` does.
    """
    return sum(map(bill, workloads), idle_bill(sweepers))


def idle_bill(sweepers: int = 1) -> Bill:
    """What a stack costs in a month in which nothing happens; the hourly audit is not in it.

    ``sweepers`` is its parameter Sweepers. Raises InvalidInput for more than there are shards.
    """
    runs = check_whole_number("sweepers", sweepers, 1, DUE_SHARDS) * SWEEPS_OF_A_MONTH
    queries = SWEEPS_OF_A_MONTH * DUE_SHARDS * EMPTY_QUERY_UNITS
    return Bill(
        {
            "sweeps": queries * READ_UNIT.each
            + TIMEOUT_CHECKER.compute(runs, runs, BILLED_MS)
            + TIMEOUT_CHECKER.logs(runs, 0),
            "alarms and metrics": ALARMS * ALARM.each + METRICS * METRIC.each,
        }
    )


def _views(workload: Workload, events: float, changes: float) -> float:
    """Dollars of the views, but for what is kept in them."""
    from trellis_process.cost.views import view_usage_of  # brings botocore

    usage, runs = view_usage_of(workload.journey), changes / workload.changes_together
    requests = events + 2 * runs  # each event is sent by itself; a batch is received, and deleted
    return (
        workload.processes * usage.write_units * WRITE_UNIT.each
        + workload.processes * usage.read_units * READ_UNIT.each
        + requests * QUEUE_REQUEST.each
        + VIEWS.compute(runs, changes, workload.billed_ms)
        + VIEWS.logs(runs, 0)
    )


def _commands(workload: Workload, commands: float) -> tuple[float, float, float]:
    """Dollars of the channel, of the function behind it, and of the logs of both."""
    calls = commands / workload.together
    if workload.channel is Channel.LIBRARY:
        return 0.0, 0.0, 0.0
    if workload.channel is Channel.API:
        in_batches = commands if workload.together > 1 else 0
        access_log = calls * API_ACCESS_LOG_BYTES / 1024**3 * LOGGED_GB.each
        return (
            calls * API_CALL.each,
            STEP_COMMANDS.compute(calls, commands, workload.billed_ms),
            STEP_COMMANDS.logs(calls, in_batches) + access_log,
        )
    requests = commands + 2 * calls  # each is sent by itself; a batch is received, and deleted
    return (
        requests * QUEUE_REQUEST.each,
        QUEUE_COMMANDS.compute(calls, commands, workload.billed_ms),
        QUEUE_COMMANDS.logs(calls, commands),
    )
