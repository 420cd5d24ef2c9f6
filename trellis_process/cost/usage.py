"""Usage: what one process asks of AWS, counted by taking it through its journey in memory."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from trellis_process.application.engine_service import EngineService
from trellis_process.application.process_service import ProcessService
from trellis_process.application.repositories import ProcessRepository, StepTrackerRepository
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.cost.journey import Journey, Starting
from trellis_process.cost.units import read_units, stored_bytes, write_units
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import ServiceStep
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.schema import Item
from trellis_process.memory import InMemoryProcessRepository, InMemoryStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository

PROCESS_ID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"  # another may make an item a byte smaller
BEGINNING = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
_SWEEP_EVERY = timedelta(minutes=1)  # as the template has it


@dataclass(frozen=True)
class Usage:
    """What one process asks of AWS; a mean where some of its steps time out and some do not."""

    #: Of services: each reads the process once and writes it once, save that a start only writes.
    commands: float
    #: Writes of the item by commands and by sweeps.
    writes: float
    write_units: float
    read_units: float
    #: Writes that carry events, each of which the publisher is handed.
    changes: float
    events: float
    #: The item and its index entries once it is completed, as DynamoDB counts what it keeps.
    stored_bytes: float


@dataclass(frozen=True)
class Write:
    """One write of the item."""

    #: The last event that it carries; None where it only moves the wake-up.
    event: str | None
    events: int
    units: int


@cache
def usage_of(journey: Journey) -> Usage:
    """What a process of this kind asks of AWS."""
    usage = _summed(_Run(replace(journey, timing_out=0.0)))
    if not journey.timing_out:
        return usage
    timed_out = asdict(_summed(_Run(replace(journey, timing_out=1.0))))
    return Usage(
        **{
            name: number + journey.timing_out * (timed_out[name] - number)
            for name, number in asdict(usage).items()
        }
    )


def writes_of(journey: Journey) -> list[Write]:
    """Each write of such a process; all of its steps time out once, or none."""
    return _Run(journey).writes


def changes_of(journey: Journey, *, times_out: bool) -> list[Process]:
    """Such a process after each change that has events; all of its steps time out once, or none."""
    return _Run(replace(journey, timing_out=float(times_out))).changes


def _summed(run: _Run) -> Usage:
    return Usage(
        commands=run.commands,
        writes=len(run.writes),
        write_units=sum(each.units for each in run.writes),
        read_units=run.read_units,
        changes=sum(1 for each in run.writes if each.events),
        events=sum(each.events for each in run.writes),
        stored_bytes=stored_bytes(run.item),
    )


@dataclass
class _Run:
    """One process taken through its journey, and what it asked for on the way."""

    journey: Journey
    commands: int = 0
    read_units: int = 0
    writes: list[Write] = field(default_factory=list)
    item: Item = field(default_factory=dict)
    changes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._now = BEGINNING
        trackers = InMemoryStepTrackerRepository()
        processes = InMemoryProcessRepository(self._saved)
        if self.journey.starting is Starting.BY_DEFINITION:
            engine = self._engine(processes, trackers)
            self._service: ProcessService = engine
            self._checker = TimeoutCheckerService(
                trackers, clock=lambda: self._now, definitions=engine.definitions
            )
            self._process = self._start_by_definition(engine)
        else:
            self._service = ProcessService(
                processes, trackers, clock=lambda: self._now, new_id=lambda: PROCESS_ID
            )
            self._checker = TimeoutCheckerService(trackers, clock=lambda: self._now)
            self._process = self._start()
        for n in range(self.journey.steps):
            self._do(self._name(n))
        assert self._process.is_completed()

    def _start(self) -> Process:
        journey = self.journey
        begins_with_it = journey.starting is Starting.WITH_PROCESS
        # Steps that all begin at once wait for each other here, which is no timeout.
        room_ms = journey.timeout_seconds * 1000 * (journey.steps if begins_with_it else 1)
        self.commands += 1  # a start reads nothing
        return self._service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            steps=[
                ProcessStep(
                    name=self._name(n),
                    timeout_ms=int(room_ms) or None,
                    retries_permitted=3,
                )
                for n in range(journey.steps)
            ],
            metadata=_json_of(journey.metadata_bytes),
            auto_start_steps=begins_with_it,
            actor=journey.actor,
        )

    def _engine(
        self, processes: ProcessRepository, trackers: StepTrackerRepository
    ) -> EngineService:
        from trellis_process.definitions.catalog import DefinitionCatalog  # brings pydantic

        engine = EngineService(
            processes,
            trackers,
            definitions=DefinitionCatalog(InMemoryDefinitionRepository()),
            clock=lambda: self._now,
            new_id=lambda: PROCESS_ID,
        )
        engine.register(self._definition())
        return engine

    def _definition(self) -> ProcessDefinition:
        timeout = math.ceil(self.journey.timeout_seconds)
        return ProcessDefinition(
            "CaseCreation",
            version=1,
            steps=tuple(
                ServiceStep(
                    self._name(n),
                    service="Cases.create",
                    timeout=f"{timeout}s" if timeout else None,
                    retry=Retry(max_attempts=4),
                )
                for n in range(self.journey.steps)
            ),
        )

    def _start_by_definition(self, engine: EngineService) -> Process:
        self.commands += 1
        return engine.start(
            "CaseCreation",
            tenant_id="tenant-1",
            aggregate_type="Referral",
            aggregate_id="ref-123",
            metadata=_json_of(self.journey.metadata_bytes),
            actor=self.journey.actor,
        )

    def _name(self, n: int) -> str:
        # A definition takes no dash; both are as long.
        by_definition = self.journey.starting is Starting.BY_DEFINITION
        return f"step_{n:03}" if by_definition else f"step-{n:03}"

    def _do(self, step: str) -> None:
        journey, actor = self.journey, self.journey.actor
        if journey.starting is Starting.BY_CALL:
            self._command()
            self._service.start_step(self._process, step, actor=actor)
        if journey.timing_out:
            self._wait(until=self._now + timedelta(seconds=journey.timeout_seconds))
            self._sweep_at_the_minute(self._now)
        for _ in range(journey.heartbeats):
            self._wait(until=self._now + self._between_reports)
            self._command()
            self._service.heartbeat(self._process, step, actor=actor)
        self._wait(until=self._now + self._between_reports)
        self._command()
        output = _json_of(journey.output_bytes)
        self._service.complete_step(self._process, step, output, actor=actor)

    @property
    def _between_reports(self) -> timedelta:
        return timedelta(seconds=self.journey.step_seconds) / (self.journey.heartbeats + 1)

    def _command(self) -> None:
        self.commands += 1
        self.read_units += read_units(self.item)

    def _wait(self, until: datetime) -> None:
        """Lets time pass, with the sweeps that find the process due; others ask nothing of it."""
        while "due_at" in self.item:
            due_at = datetime.fromtimestamp(int(self.item["due_at"]["N"]) / 1000, UTC)
            if (sweep_at := _next_sweep(max(due_at, self._now))) > until:
                break
            if not self._sweep_at_the_minute(sweep_at):
                break
        self._now = until

    def _sweep_at_the_minute(self, moment: datetime) -> bool:
        """The sweep at this moment or next after it; whether it wrote."""
        written = len(self.writes)
        self._now = _next_sweep(moment)
        if self._checker.check_for_timed_out_steps().looked_at:
            self.read_units += read_units(self.item)
        return len(self.writes) > written

    def _saved(self, process: Process) -> None:
        item = to_item(replace(process, version=process.version - 1))  # as the write had it
        last = process.events[-1].type if process.events else None
        if process.events:
            self.changes.append(process.copy())
        self.writes.append(Write(last, len(process.events), write_units(self.item, item)))
        self.item = item


def _next_sweep(moment: datetime) -> datetime:
    passed = (moment - BEGINNING) % _SWEEP_EVERY
    return moment + (_SWEEP_EVERY - passed if passed else timedelta(0))


def _json_of(size: int) -> dict[str, str] | None:
    """An object that takes so many bytes as JSON, or nothing."""
    return {"case": "c" * max(size - len('{"case":""}'), 0)} if size else None
