"""Units: the requests and capacity units of a process from its start to its completion."""

from __future__ import annotations

from benchmarks.local_table import Wire, local_cloud, new_table
from benchmarks.predecessor import VERSION, run_program
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process import ProcessService, ProcessStep
from trellis_process.cost import Journey, usage_of
from trellis_process.cost.usage import BEGINNING, PROCESS_ID
from trellis_process.dynamodb import DynamoDBStepTrackerRepository
from trellis_process.testing.clock import ManualClock

GOALS = {1: None, 5: 17, 20: 47, 100: 460}
STEP_SECONDS, TIMEOUT_SECONDS = 5, 600

#: The same journey on paper: what the emulator counts has to be what the items say.
ON_PAPER = {
    steps: Journey(
        steps,
        step_seconds=STEP_SECONDS,
        timeout_seconds=TIMEOUT_SECONDS,
        output_bytes=0,
        actor=None,
    )
    for steps in GOALS
}


def run() -> tuple[Section, str]:
    """Both on the local cloud, one after the other."""
    with local_cloud() as cloud:
        ours = {steps: _journey(steps) for steps in GOALS}
        old = run_program(
            "predecessor_units",
            *map(str, GOALS),
            old=True,
            environment=cloud.client_environment(),
        )
    rows, ratios, findings = [], [], []
    for steps, goal in GOALS.items():
        writes, units, reads, read_units = ours[steps]
        on_paper = usage_of(ON_PAPER[steps])
        usual = usage_of(Journey(steps))
        rows.append(
            [
                f"{steps}",
                f"{writes}",
                f"{units:g}",
                f"{on_paper.write_units:g}",
                "-" if goal is None else f"{goal}",
                f"{reads}",
                f"{read_units}",
                f"{usual.write_units:g} in {usual.writes:g}",
            ]
        )
        before = old[f"{steps}"]
        ratios.append(
            [
                f"{steps}",
                f"{writes + reads}",
                f"{before['writes'] + before['reads']}",
                f"{units:g}",
                f"{before['units']:g}",
                f"{before['units'] / units:.1f}",
            ]
        )
        if units != on_paper.write_units:
            findings.append(
                f"{steps} steps: the emulator's {units:g} units and the {on_paper.write_units:g} "
                "by "
                "size are apart because it counts a byte more for some numbers, which tells where "
                "an "
                "item is that near to a whole KB."
            )
        if goal is not None and units > goal:
            findings.append(f"**{steps} steps: missed the goal of {goal}.**")
    section = Section(
        "Requests and units of a process",
        "Each step has a timeout of ten minutes and three retries, takes five seconds, is started "
        "and completed by a call, and returns nothing. Write units, indexes included, are counted "
        "by MiniStack, and beside that from the sizes of the items; read units from the sizes "
        "alone, "
        "because MiniStack counts those wrong. The last column is the journey of "
        "[the docs](../docs/data-model.md#what-a-change-costs), by item sizes: 20 seconds of a "
        "timeout of 60, an output, an ARN as reporter, and sweeps that move the wake-up.",
        [
            Table(
                [
                    "steps",
                    "writes",
                    "write units",
                    "by size",
                    "goal",
                    "reads",
                    "read units",
                    "units, the docs' journey",
                ],
                rows,
            ),
            Table(
                [
                    "steps",
                    "requests",
                    f"of {VERSION}",
                    "write units",
                    f"of {VERSION}",
                    "times as many",
                ],
                ratios,
                f"Beside trellis-process {VERSION}",
            ),
        ],
        [
            *findings,
            f"trellis-process {VERSION} has two tables whose indexes have to project everything, "
            "and neither reads a process before it changes it nor makes its writes conditional, so "
            "it needs no read there, and loses updates. Its tracker cannot read back its own "
            "numbers; "
            "for the comparison that is patched (benchmarks/programs/predecessor_units.py).",
        ],
    )
    return section, surroundings("pynamodb", "botocore", ministack=True)


def _journey(steps: int) -> tuple[int, float, int, int]:
    """Writes, write units, reads and read units of one process."""
    table = new_table(f"processes-of-{steps}")
    wire = Wire()
    wire.watch(table)
    clock = ManualClock(BEGINNING)
    trackers = DynamoDBStepTrackerRepository(table)
    service = ProcessService(trackers.processes, trackers, clock=clock, new_id=lambda: PROCESS_ID)
    process = service.start_process(
        tenant_id="tenant-1",
        process_type="CaseCreation",
        aggregate_type="Referral",
        aggregate_id="ref-123",
        steps=[
            ProcessStep(name=f"step-{n:03}", timeout_ms=TIMEOUT_SECONDS * 1000, retries_permitted=3)
            for n in range(steps)
        ],
    )
    for name in process.steps:
        service.start_step(process.key, name)
        clock.advance(seconds=STEP_SECONDS)
        service.complete_step(process.key, name)
    asked = wire.requests
    return asked["PutItem"], wire.write_units, asked["GetItem"], wire.read_units
