"""The engine: what a process of five service steps takes when its definition orders them."""

from __future__ import annotations

from benchmarks.local_table import Wire, local_cloud, new_table
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process.application.engine_service import EngineService
from trellis_process.cost import Channel, Journey, Starting, Workload, bill, usage_of
from trellis_process.cost.bill import Bill
from trellis_process.cost.others import price_elsewhere
from trellis_process.cost.prices import MILLION
from trellis_process.cost.usage import BEGINNING, PROCESS_ID
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.dynamodb import DynamoDBStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.testing.clock import ManualClock

STEPS = (1, 5, 20)
MEASURED = 5  # the steps of the process that the goals are about
MOST_COMMANDS = MOST_WRITES = 6
STEP_SECONDS, TIMEOUT_SECONDS = 5, 600
GOAL = 10.0
STANDARD = "Step Functions Standard"

#: How steps come to be worked on, in words.
BEGINNINGS = {
    Starting.BY_DEFINITION: "by a definition",
    Starting.BY_CALL: "tracked, begun by a call",
    Starting.NEVER: "tracked, only their ends",
}
WAYS = {
    "API": {},
    "API, 25 in a call": {"together": 25, "changes_together": 25},
    "queue, 10 in a run": {"channel": Channel.QUEUE, "together": 10, "changes_together": 10},
    "library": {"channel": Channel.LIBRARY, "changes_together": 100},
}
_FLOOR = ("channel", "writes", "reads", "events")


def run() -> tuple[Section, str]:
    """Counted on the local cloud, and beside that on paper; dollars from the latter."""
    with local_cloud():
        counted = {steps: _journey(steps) for steps in STEPS}
    commands, writes, *_ = counted[MEASURED]
    findings = [
        f"A process of {MEASURED} service steps takes {commands} commands from outside and "
        f"{writes} write requests: the start begins the first step, and each completion the next. "
        f"The goal is {MOST_COMMANDS} of each at most."
    ]
    if commands > MOST_COMMANDS or writes > MOST_WRITES:
        findings.append("**The goal was missed.**")
    section = Section(
        "A process that a definition orders",
        "Steps one after the other, each the work of a service, with a timeout of ten minutes and "
        "four attempts, done after five seconds and reported by a call. Requests and write units "
        "are counted by MiniStack, and beside that from the sizes of the items. Dollars are those "
        "of [the docs' journey](../docs/costs.md): 20 seconds of a timeout of 60, an output, an "
        "ARN as reporter, sweeps that move the wake-up, logs included.",
        [_requests(counted), _dollars()],
        [*findings, *_about_dollars()],
    )
    return section, surroundings("pynamodb", "botocore", ministack=True)


def _requests(counted: dict[int, tuple[int, int, float, int]]) -> Table:
    rows = []
    for steps, (commands, writes, units, reads) in counted.items():
        journey = {
            starting: Journey(
                steps,
                starting,
                step_seconds=STEP_SECONDS,
                timeout_seconds=TIMEOUT_SECONDS,
                output_bytes=0,
                actor=None,
            )
            for starting in BEGINNINGS
        }
        tracked = usage_of(journey[Starting.BY_CALL])
        rows.append(
            [
                f"{steps}",
                f"{commands}",
                f"{writes}",
                f"{units:g}",
                f"{usage_of(journey[Starting.BY_DEFINITION]).write_units:g}",
                f"{reads}",
                f"{tracked.commands:g}",
                f"{tracked.writes:g}",
                f"{tracked.write_units:g}",
            ]
        )
    return Table(
        ["steps", "commands", "writes", "units", "by size", "reads", "tracked", "writes", "units"],
        rows,
        "Commands and requests, beside a tracked process whose steps are begun by a call",
    )


def _dollars() -> Table:
    rows = []
    for way in WAYS:
        bills = [_a_million_steps(starting, way).together for starting in BEGINNINGS]
        standard = _standard()
        rows.append(
            [way, *(f"${each:,.2f}, {standard / each:.1f}×" for each in bills)],
        )
    title = (
        f"Dollars for a million steps, {MEASURED} to a process, and how many times as much "
        f"{STANDARD} costs (${_standard():,.2f}, its own price alone)"
    )
    return Table(["by", *BEGINNINGS.values()], rows, title)


def _about_dollars() -> list[str]:
    found = []
    best = max(_standard() / _a_million_steps(Starting.BY_DEFINITION, way).together for way in WAYS)
    api = _a_million_steps(Starting.BY_DEFINITION, "API")
    floor = sum(api.parts[part] for part in _FLOOR)
    usage = usage_of(Journey(MEASURED, Starting.BY_DEFINITION))
    if best < GOAL:
        found.append(
            f"**A tenth of {STANDARD} is not reached by any of these ways; the best is "
            f"{best:.1f} times below.** Over the API prices that no code can change, of calls, "
            f"units and events, are ${floor:,.2f} of ${api.together:,.2f}."
        )
    found.append(
        f"A definition asks for half the commands and writes of steps that are begun by a call, "
        f"and for as many events ({usage.events:g} for {MEASURED} steps), because `StepStarted` is "
        f"what brings the work to its service; of a million steps these events are "
        f"${api.parts['events']:,.2f}. Steps that only report their ends are cheaper still: nobody "
        "asks for their work, and nothing has a deadline."
    )
    return found


def _a_million_steps(starting: Starting, way: str) -> Bill:
    workload = Workload(Journey(MEASURED, starting), **WAYS[way])  # type: ignore[arg-type]
    steps = workload.processes * MEASURED
    return Bill({part: amount / steps * MILLION for part, amount in bill(workload).parts.items()})


def _standard() -> float:
    return price_elsewhere(Journey(MEASURED))[STANDARD] / MEASURED * MILLION


def _journey(steps: int) -> tuple[int, int, float, int]:
    """Commands, writes, write units and reads of one process."""
    table = new_table(f"ordered-{steps}")
    wire = Wire()
    wire.watch(table)
    clock = ManualClock(BEGINNING)
    trackers = DynamoDBStepTrackerRepository(table)
    # Definitions are read once in the life of a function; so they are not counted here.
    engine = EngineService(
        trackers.processes,
        trackers,
        definitions=DefinitionCatalog(InMemoryDefinitionRepository()),
        clock=clock,
        new_id=lambda: PROCESS_ID,
    )
    engine.register(ordered(steps))
    process = engine.start(
        "CaseCreation", tenant_id="tenant-1", aggregate_type="Referral", aggregate_id="ref-123"
    )
    commands = 1
    for n in range(steps):
        clock.advance(seconds=STEP_SECONDS)
        process = engine.complete_step(process.key, f"step_{n:03}", attempt=1)
        commands += 1
    assert process.is_completed(), process.state
    asked = wire.requests
    return commands, asked["PutItem"], wire.write_units, asked["GetItem"]


def ordered(steps: int) -> ProcessDefinition:
    """A definition of so many service steps, one after the other."""
    return ProcessDefinition(
        "CaseCreation",
        version=1,
        steps=tuple(
            ServiceStep(
                f"step_{n:03}",
                service="Cases.create",
                timeout=f"{TIMEOUT_SECONDS}s",
                retry=Retry(max_attempts=4),
            )
            for n in range(steps)
        ),
    )
