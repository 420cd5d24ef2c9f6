"""What processes of 1, 5, 20 and 100 steps cost in DynamoDB's write units: the table in the docs.

Run it with ``python examples/write_units.py`` after ``pip install 'trellis-process[dynamodb]'``. It
asks nothing of AWS: it counts by DynamoDB's published rules, from the items that the code writes.
"""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
)
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.schema import INDEX_KEYS
from trellis_process.dynamodb.size import item_size

REPORTER = "arn:aws:sts::123456789012:assumed-role/case-service-CaseFunctionRole/case-service"
PROCESS_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"  # another may make an item a byte smaller
#: The writes of a process by the last event that each carries.
COLUMNS = {
    "ProcessStarted": "start it",
    "StepStarted": "start its steps",
    "StepCompleted": "complete all but the last",
    "ProcessCompleted": "complete the last",
    "wake-up": "wake-ups moved",
}
DOLLARS_PER_UNIT = 0.625 / 1_000_000  # on demand, us-east-1, 2026


def item_of(process: Process) -> dict[str, dict[str, object]]:
    """The item that made this version."""
    return to_item(replace(process, version=process.version - 1))


def units(before: dict[str, dict[str, object]], after: dict[str, dict[str, object]]) -> int:
    """A unit for each started KB of the larger image; one for each index entry made or removed."""
    total = math.ceil(max(item_size(before), item_size(after)) / 1024)
    for keys in INDEX_KEYS.values():
        old, new = ([item.get(key) for key in keys] for item in (before, after))
        if old != new:  # the keys are the whole entry, and a key is changed by making it anew
            total += (None not in old) + (None not in new)
    return total


def journey(steps: int) -> list[tuple[str, int]]:
    """What each write of one process was for and cost: steps one after another, 20 seconds each."""
    now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    saved: list[Process] = []
    trackers = InMemoryStepTrackerRepository()
    service = ProcessService(
        InMemoryProcessRepository(saved.append),
        trackers,
        clock=lambda: now,
        new_id=lambda: PROCESS_ID,
    )
    checker = TimeoutCheckerService(trackers, clock=lambda: now)
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[
            ProcessStep(name=f"step-{n:03}", timeout_ms=60_000, retries_permitted=3)
            for n in range(steps)
        ],
        actor=REPORTER,
    )
    for name in process.steps:
        service.start_step(process, name, actor=REPORTER)
        now += timedelta(seconds=20)
        if now.second == 0:  # as the deployed checker, each minute
            checker.check_for_timed_out_steps()
        service.complete_step(process, name, {"case": "c-77"}, actor=REPORTER)
    assert process.is_completed()
    items = [{}, *map(item_of, saved)]
    purposes = [change.events[-1].type if change.events else "wake-up" for change in saved]
    return list(zip(purposes, map(units, items, items[1:]), strict=False))


def row(steps: int) -> list[str]:
    """One line of the table."""
    made = journey(steps)
    spent = {purpose: [units for each, units in made if each == purpose] for purpose in COLUMNS}
    total = sum(units for _, units in made)
    return [
        f"{steps}",
        *(f"{sum(each)} in {len(each)}" if each else "-" for each in spent.values()),
        f"{total} in {len(made)}",
        f"{total / steps:.1f}",
        f"${total / steps * DOLLARS_PER_UNIT * 1_000_000:.2f}",
    ]


def table() -> str:
    """The table as Markdown."""
    head = ["steps", *COLUMNS.values(), "all writes", "units a step", "a million steps"]
    lines = [head, ["---:"] * len(head), *(row(steps) for steps in (1, 5, 20, 100))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(table())
