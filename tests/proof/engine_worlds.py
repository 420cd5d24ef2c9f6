"""Two worlds side by side: an engine over memory and one over DynamoDB, asked the same things.

What is asked of one is asked of the other, and both answer the same, tell the same and hold the
same. Every change is followed by what it has to keep, as ``engine_promises`` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.proof.engine_promises import Event, Ledger, check_fired, check_goes_on, check_standing
from tests.proof.faulty_stream import FaultyStream
from tests.proof.hinted import Hinted
from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.promises import check_history, check_wake_ups
from tests.proof.stack import Crash, Stack, no_pause
from tests.proof.stopped_memory import StoppedJobs, StoppedProcesses, Writes
from tests.proof.trouble import meet
from trellis_process import (
    InMemoryStepTrackerRepository,
    Process,
    TimeoutCheckerService,
    TrellisError,
)
from trellis_process.application.children import ASKED, TOLD, ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.application.jobs import Job, JobRepository
from trellis_process.application.timeout_checker import Sweep
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine.children import awaits
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.undoing_parts import open_parts
from trellis_process.dynamodb import (
    DynamoDBProcessRepository,
    DynamoDBStepTrackerRepository,
    Table,
    schema,
)
from trellis_process.dynamodb.item import from_item, to_item
from trellis_process.dynamodb.job_repository import DynamoDBJobRepository
from trellis_process.errors import Conflict, StoreError
from trellis_process.eventbridge import envelopes
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.testing import ManualClock

TENANT = "tenant-1"


@dataclass
class World:
    """A store with everything that works on it."""

    processes: Any
    trackers: Any
    catalog: DefinitionCatalog
    clock: ManualClock
    job_items: JobRepository = field(default_factory=InMemoryJobRepository)

    def __post_init__(self) -> None:
        told: dict[str, Any] = {"clock": self.clock, "pause": no_pause}
        self.service = EngineService(self.processes, definitions=self.catalog, **told)
        self.checker = TimeoutCheckerService(self.trackers, definitions=self.catalog, **told)
        self.children = ChildrenService(self.service)
        self.jobs = JobService(self.processes, self.job_items, definitions=self.catalog, **told)


Ask = Callable[[World], Any]


@dataclass
class Answer:
    """What one world said to what it was asked, and what changed by it."""

    code: str | None
    answered: Process | Job | None
    changes: list[Process] = field(default_factory=list)
    #: Whether nobody was told what came of it: the store was in trouble, or the program died.
    is_lost: bool = False
    #: Whether it was said that nothing was written.
    is_denied: bool = False


class Worlds:
    """The two, with everything that has happened in them; or memory alone, without a stack.

    With ``indexes`` the table's AWS may be in trouble: then the table is asked first, and memory
    does as much as was done there, write for write. What is told arrives when the stream is read.
    """

    def __init__(
        self,
        definitions: Iterable[ProcessDefinition],
        stack: Stack | None,
        indexes: LaggingIndexes | None = None,
    ) -> None:
        self.clock = ManualClock() if stack is None else stack.clock
        catalog = DefinitionCatalog(InMemoryDefinitionRepository())
        for definition in definitions:
            catalog.register(definition)
        self.catalog = catalog
        self.stack = stack
        self._changes: list[Process] = []
        self._writes = Writes()
        memory = StoppedProcesses(on_saved=self._changes.append)
        jobs = StoppedJobs()
        memory.writes = jobs.writes = self._writes
        trackers = Hinted(InMemoryStepTrackerRepository(memory))
        self.memory = World(memory, trackers, catalog, self.clock, jobs)
        self.indexes = indexes
        self.stream = None if indexes is None else FaultyStream()
        if stack is not None:
            stack.reset()
            self.table = self._over(stack.table)
        if indexes is not None:
            indexes.forget()
            indexes.lag = timedelta(0)
        self._read = 0
        self._changed_at: dict[str, datetime] = {}
        #: Every process as it stands, and every event of it in order.
        self.processes: dict[str, Process] = {}
        self.events: dict[str, list[Event]] = {}
        self.ledgers: dict[str, Ledger] = {}
        #: What was told about children, and nobody has dealt with yet.
        self.of_children: list[Event] = []
        #: All that arrived about children: what was dealt with may come once more.
        self.heard_of_children: list[Event] = []
        self.changes = 0

    def ask(self, ask: Ask, trouble: str | None = None, *, writes_once: bool = True) -> Answer:
        """Asks each world the same, the table in this trouble; how they answered."""
        if self.indexes is None:
            return self._take(self._asked_both(ask))
        found, writes = self._asked_in_trouble(ask, trouble)
        if writes_once:
            assert writes <= 1, "a command is one write"
            assert not (found.is_denied and writes), "it happened, and was denied"
        return self._take(self._done_in_memory(found, ask, writes))

    def sweep(self, trouble: str | None = None, lag: timedelta = timedelta(0)) -> Answer:
        """A sweep, which fails nowhere but for trouble; by indexes that are so far behind."""
        if self.indexes is None:
            return self._take(self._asked_both(_swept), is_sweep=True)
        sweeps: list[Sweep] = []
        told = self.table.trackers  # it may die, and others take its place
        self.indexes.lag = lag
        found, writes = self._asked_in_trouble(
            lambda world: sweeps.append(world.checker.check_for_timed_out_steps()), trouble
        )
        self.indexes.lag = timedelta(0)
        failures = [failure for sweep in sweeps for failure in sweep.failures]
        for failure in failures:
            if trouble is None or not isinstance(failure.error, StoreError):
                raise AssertionError("a sweep failed") from failure.error
        keys = told.keys
        if trouble is None:
            known = self.clock() - lag
            due = {key for _, key in self.memory.processes.keys_due(self.clock())}
            old = {key for key in due if self._changed_at[key.process_id] <= known}
            assert old <= set(keys), "a sweep passed over what its index has shown for long"
            assert lag or set(keys) == due, "the two indexes hold something else"
        changed = {each.key for each in found.changes}
        failed = {failure.key for failure in failures} - changed
        trackers = self.memory.trackers
        trackers.keys, trackers.is_told = [key for key in keys if key not in failed], True
        done = self._done_in_memory(found, _swept, writes)
        trackers.is_told = False
        return self._take(done, is_sweep=True)

    def deliver(self, event: Event, trouble: str | None = None) -> Answer:
        """An event about a child is dealt with."""
        about = self.processes[event["process_id"]]
        tells_an_end = event["type"] not in ASKED and event["type"] != "ProcessReopened"
        # A part may tell two things, each in a write: that it ended, and that it is undone.
        is_of_part = about.parent is not None and about.parent.part is not None
        answer = self.ask(
            lambda world: world.children.handle(event),
            trouble,
            writes_once=tells_an_end and not is_of_part,
        )
        if tells_an_end and not about.state.is_final:
            assert not answer.changes, "a parent was told of the end of a child that is open"
        return answer

    def read_stream(self, records: int, **how: Any) -> None:
        """So many records are read, as ``FaultyStream.read`` does; what arrives is to be done."""
        assert self.stream is not None, "there is a stream only where an AWS is in trouble"
        arrived = self.stream.read(records, **how)
        self.of_children += filter(_is_about_children, arrived)
        self.heard_of_children += filter(_is_about_children, arrived)
        self.stream.check_arrived(self.events)

    @property
    def unread(self) -> int:
        """How many records of the stream nobody has read."""
        return 0 if self.stream is None else len(self.stream.unread)

    def compiled(self, process: Process) -> CompiledDefinition:
        """The definition that a process follows."""
        assert process.definition_version is not None
        return self.catalog.engine(process.process_type, process.definition_version).compiled

    def awaits(self, child: Process) -> bool:
        """Whether the parent of a child waits for it."""
        told = child.parent
        assert told is not None
        parent = self.processes[told.process_id]
        undoing = open_parts(parent, told.step_name, told.attempt)
        return awaits(parent, told) or child.process_id in undoing

    def check_histories(self) -> None:
        """Raises AssertionError where the events of a process have a gap, or the table another."""
        for process_id, process in self.processes.items():
            check_history(process, self.events[process_id])
        if self.stack is not None:
            with self.stack.wire.unwatched():
                stored = self.stack.processes()
                check_wake_ups(stored, self.stack.wake_ups())
            assert {each.process_id: each for each in stored} == self.processes

    def _over(self, table: Table) -> World:
        """A program that has just begun, over the table."""
        processes = DynamoDBProcessRepository(table)
        trackers = Hinted(DynamoDBStepTrackerRepository(table))
        trackers.attach(processes)
        return World(processes, trackers, self.catalog, self.clock, DynamoDBJobRepository(table))

    def _asked_both(self, ask: Ask) -> Answer:
        first = self._answer(self.memory, ask)
        if self.stack is not None:
            other = self._answer(self.table, ask)
            _check_same(first, other)
            self._records()
        return first

    def _asked_in_trouble(self, ask: Ask, trouble: str | None) -> tuple[Answer, int]:
        """How the table answered, and how many writes it made."""
        assert self.stack is not None
        assert self.indexes is not None
        with meet(self.stack.wire, trouble, self.indexes):
            found = self._answer(self.table, ask)
        self.stack.wire.mend()
        if found.is_lost and found.code is None:
            self.table = self._over(self.stack.table)  # the program died, and is begun anew
        return found, self._records()

    def _done_in_memory(self, found: Answer, ask: Ask, writes: int) -> Answer:
        """What memory does of the same until it has made as many writes as the table."""
        self._writes.left = writes if found.is_lost else None
        done = self._answer(self.memory, ask)
        self._writes.left = None
        if found.is_lost:
            assert done.changes == found.changes, "another history"
        else:
            _check_same(done, found)
        return replace(found, changes=done.changes)

    def _answer(self, world: World, ask: Ask) -> Answer:
        answer = Answer(None, None)
        try:
            answered = ask(world)
            if isinstance(answered, Process | Job):
                answer.answered = answered.copy() if isinstance(answered, Process) else answered
        except StoreError as error:
            answer.code, answer.is_lost = error.code, True
            answer.is_denied = not error.may_have_happened
        except TrellisError as refused:
            answer.code = refused.code
            if isinstance(refused, Conflict) and refused.process is not None:
                answer.answered = refused.process.copy()
        except Crash:
            answer.is_lost = True
        answer.changes = self._changed(world)
        return answer

    def _changed(self, world: World) -> list[Process]:
        if world is self.memory:
            found = list(self._changes)
            self._changes.clear()
            return found
        assert self.stack is not None
        found = []
        for record in self.stack.records[self._read :]:
            item = record["dynamodb"]["NewImage"]
            if item[schema.RANGE_KEY]["S"] == schema.PROCESS:
                found.append(from_item(item))
                check_wake_ups(found[-1:], [item] if "due_at" in item else [])
        return found

    def _records(self) -> int:
        """Takes note of the table's latest writes; how many there were."""
        assert self.stack is not None
        records = self.stack.records[self._read :]
        self._read += len(records)
        if self.stream is not None:
            self.stream.unread.extend(records)
        return len(records)

    def _take(self, answer: Answer, *, is_sweep: bool = False) -> Answer:
        for changed in answer.changes:
            self._follow(changed, is_sweep=is_sweep)
        return answer

    def _follow(self, process: Process, *, is_sweep: bool) -> None:
        process_id = process.process_id
        compiled = self.compiled(process)
        before = self.processes.get(process_id)
        told = json.loads(json.dumps(envelopes(process)))
        if before is not None and before.state.is_final:
            check_goes_on(before, process, told)
        if is_sweep and told:
            assert before is not None, "a sweep begins nothing"
            check_fired(before, told, self.clock())
        self._check_kept(process)
        self.processes[process_id] = process
        self._changed_at[process_id] = self.clock()
        self.events.setdefault(process_id, []).extend(told)
        self.ledgers.setdefault(process_id, Ledger(compiled)).follow(process, told)
        check_standing(process, compiled)
        if self.stream is None:
            self.of_children += filter(_is_about_children, told)
        self.changes += 1

    def _check_kept(self, process: Process) -> None:
        if self.stack is None:  # else it has come out of an item already
            unsaved = process.copy()
            unsaved.version -= 1
            assert from_item(to_item(unsaved)) == process, "its item says something else"


_ENDS = ("completed", "failed", "cancelled")


def _is_about_children(event: Event) -> bool:
    """Whether the stack's rules lead an event to the children's queue; or it comes with an end."""
    has_ended = "parent" in event and event["process_state"] in _ENDS
    return event["type"] in ASKED or ("parent" in event and event["type"] in TOLD) or has_ended


def _swept(world: World) -> None:
    sweep = world.checker.check_for_timed_out_steps()
    if sweep.failures:
        raise AssertionError("a sweep failed") from sweep.failures[0].error


def _check_same(first: Answer, other: Answer) -> None:
    assert other.code == first.code, f"memory says {first.code}, DynamoDB {other.code}"
    assert other.answered == first.answered, "the answers hold something else"
    assert _by_process(other) == _by_process(first), "another history"


def _by_process(answer: Answer) -> list[Process]:
    """What changed; a sweep takes processes that are due at one moment in any order."""
    return sorted(answer.changes, key=lambda process: (process.process_id, process.version))
