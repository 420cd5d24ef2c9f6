"""Two worlds side by side: an engine over memory and one over DynamoDB, asked the same things.

What is asked of one is asked of the other, and both answer the same, tell the same and hold the
same. Every change is followed by what it has to keep, as ``engine_promises`` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.proof.engine_promises import Event, Ledger, check_standing
from tests.proof.promises import check_history
from tests.proof.stack import Stack, no_pause
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    Process,
    TimeoutCheckerService,
    TrellisError,
)
from trellis_process.application.children import ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.states import WaitingFor
from trellis_process.dynamodb import DynamoDBProcessRepository, DynamoDBStepTrackerRepository
from trellis_process.dynamodb.item import from_item, to_item
from trellis_process.errors import Conflict
from trellis_process.eventbridge import envelopes
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.testing import ManualClock

TENANT = "tenant-1"


@dataclass
class World:
    """A store with everything that works on it."""

    processes: Any
    trackers: Any
    catalog: DefinitionCatalog
    clock: ManualClock

    def __post_init__(self) -> None:
        told: dict[str, Any] = {"clock": self.clock, "pause": no_pause}
        self.service = EngineService(self.processes, definitions=self.catalog, **told)
        self.checker = TimeoutCheckerService(self.trackers, definitions=self.catalog, **told)
        self.children = ChildrenService(self.service)


Ask = Callable[[World], Any]


@dataclass
class Answer:
    """What one world said to what it was asked, and what changed by it."""

    code: str | None
    process: Process | None
    changes: list[Process] = field(default_factory=list)


class Worlds:
    """The two, with everything that has happened in them; or memory alone, without a stack."""

    def __init__(self, definitions: Iterable[ProcessDefinition], stack: Stack | None) -> None:
        self.clock = ManualClock() if stack is None else stack.clock
        catalog = DefinitionCatalog(InMemoryDefinitionRepository())
        for definition in definitions:
            catalog.register(definition)
        self.catalog = catalog
        self.stack = stack
        self._changes: list[Process] = []
        memory = InMemoryProcessRepository(on_saved=self._changes.append)
        trackers = InMemoryStepTrackerRepository(memory)
        self.memory = World(memory, trackers, catalog, self.clock)
        self.worlds = [self.memory]
        if stack is not None:
            stack.reset()
            table = stack.table
            in_table = DynamoDBProcessRepository(table), DynamoDBStepTrackerRepository(table)
            self.worlds.append(World(*in_table, catalog, self.clock))
        self._read = 0
        #: Every process as it stands, and every event of it in order.
        self.processes: dict[str, Process] = {}
        self.events: dict[str, list[Event]] = {}
        self.ledgers: dict[str, Ledger] = {}
        #: What was told about children, and nobody has dealt with yet.
        self.of_children: list[Event] = []
        self.changes = 0

    def ask(self, ask: Ask) -> Answer:
        """Asks each world the same; how both answered."""
        answers = [self._answer(world, ask) for world in self.worlds]
        first = answers[0]
        for other in answers[1:]:
            assert other.code == first.code, f"memory says {first.code}, DynamoDB {other.code}"
            assert other.process == first.process, "the answers hold other processes"
            assert _by_process(other) == _by_process(first), "another history"
        for changed in first.changes:
            self._follow(changed)
        return first

    def sweep(self) -> Answer:
        """A sweep, which fails nowhere."""

        def swept(world: World) -> None:
            sweep = world.checker.check_for_timed_out_steps()
            if sweep.failures:
                raise AssertionError("a sweep failed") from sweep.failures[0].error

        return self.ask(swept)

    def deliver(self, event: Event) -> Answer:
        """An event about a child is dealt with."""
        return self.ask(lambda world: world.children.handle(event))

    def compiled(self, process: Process) -> CompiledDefinition:
        """The definition that a process follows."""
        assert process.definition_version is not None
        return self.catalog.course(process.process_type, process.definition_version).compiled

    def awaits(self, child: Process) -> bool:
        """Whether the parent of a child waits for it."""
        told = child.parent
        assert told is not None
        step = self.processes[told.process_id].steps[told.step_name]
        waits = step.attempt == told.attempt and step.waits_for is WaitingFor.CHILDREN
        return waits and (told.part is None or told.part in step.progress["open"])

    def check_histories(self) -> None:
        """Raises AssertionError where the events of a process have a gap."""
        for process_id, process in self.processes.items():
            check_history(process, self.events[process_id])

    def _answer(self, world: World, ask: Ask) -> Answer:
        code, process = None, None
        try:
            answered = ask(world)
            process = answered if isinstance(answered, Process) else None
        except TrellisError as refused:
            code = refused.code
            process = refused.process if isinstance(refused, Conflict) else None
        return Answer(code, None if process is None else process.copy(), self._changed(world))

    def _changed(self, world: World) -> list[Process]:
        if world is self.memory:
            found = list(self._changes)
            self._changes.clear()
            return found
        assert self.stack is not None
        records = self.stack.records[self._read :]
        self._read += len(records)
        return [from_item(record["dynamodb"]["NewImage"]) for record in records]

    def _follow(self, process: Process) -> None:
        process_id = process.process_id
        compiled = self.compiled(process)
        before = self.processes.get(process_id)
        if before is not None and before.state.is_final:
            assert before.has_failed(), f"it was {before.state}, and is {process.state}"
        told = json.loads(json.dumps(envelopes(process)))
        self._check_kept(process)
        self.processes[process_id] = process
        self.events.setdefault(process_id, []).extend(told)
        self.ledgers.setdefault(process_id, Ledger(compiled)).follow(process, told)
        check_standing(process, compiled)
        kinds = ("ChildRequested", "ChildCancellationRequested")
        self.of_children += [
            event
            for event in told
            if event["type"] in kinds or ("parent" in event and event["process_state"] in _ENDS)
        ]
        self.changes += 1

    def _check_kept(self, process: Process) -> None:
        if self.stack is None:  # else it has come out of an item already
            unsaved = process.copy()
            unsaved.version -= 1
            assert from_item(to_item(unsaved)) == process, "its item says something else"


_ENDS = ("completed", "failed", "cancelled")


def _by_process(answer: Answer) -> list[Process]:
    """What changed; a sweep takes processes that are due at one moment in any order."""
    return sorted(answer.changes, key=lambda process: (process.process_id, process.version))
