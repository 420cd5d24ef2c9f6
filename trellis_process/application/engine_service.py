"""EngineService: processes that definitions order; registers these, and starts those by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from trellis_process.application import start_request
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Definitions, Pause
from trellis_process.application.process_service import ProcessService
from trellis_process.application.repositories import (
    ProcessRepository,
    StaleProcess,
    StepTrackerRepository,
)
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine import commands, relations
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.names import child_id
from trellis_process.domain.limits import JsonValue, check_aggregate_id, check_name
from trellis_process.domain.process import Parent, Process, ProcessKey
from trellis_process.domain.states import StepState
from trellis_process.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    ProcessNotFound,
    StepNotCompleted,
)


class DefinitionCatalog(Definitions, Protocol):
    """The definitions that there are, ready to be followed."""

    def register(self, definition: ProcessDefinition) -> None:
        """Adds a version; the same one again is a no-op.

        Raises InvalidDefinition with all that is wrong, DefinitionConflict where the version is
        there with other content, and StoreError.
        """

    def to_start(self, name: str, version: int | None) -> Engine:
        """The version that a new process follows: the newest one unless one is named.

        Raises DefinitionNotFound; DefinitionDraining where no process of it is started any more.
        """

    def course(self, name: str, version: int) -> Engine:
        """As Definitions.course."""

    def check_input(self, definition: ProcessDefinition, value: JsonValue) -> dict[str, JsonValue]:
        """What a process is started with, its defaults filled in. Raises InvalidInput."""


class EngineService(ProcessService):
    """What a program asks of Trellis about processes that definitions order.

    All that can be asked of ProcessService, and what only such processes can do. Any command may
    raise NoDefinition for a process without one, DefinitionNotFound where its definition is not
    registered here, and what a command of ProcessService may raise.
    """

    def __init__(
        self,
        processes: ProcessRepository,
        trackers: StepTrackerRepository | None = None,
        *,
        definitions: DefinitionCatalog,
        clock: Clock = system_clock,
        new_id: Callable[[], str] = start_request.random_process_id,
        pause: Pause = time.sleep,
    ) -> None:
        super().__init__(
            processes,
            trackers,
            clock=clock,
            new_id=new_id,
            pause=pause,
            definitions=definitions,
        )
        #: The definitions that there are.
        self.definitions = definitions

    def register(self, definition: ProcessDefinition) -> None:
        """Adds a version of a definition. As DefinitionCatalog.register."""
        self.definitions.register(definition)

    def start(
        self,
        definition: str,
        *,
        tenant_id: str,
        input: dict[str, JsonValue] | None = None,  # as definitions call it
        key: str | None = None,
        version: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Starts a process of a definition, in its newest version unless one is named.

        ``key`` (text as an aggregate id) names the process among the tenant's of this definition,
        and what it is about unless that is given: the same key returns the process that it started
        before, as it is now, whatever the input; its ``was_there`` tells.

        Raises DefinitionNotFound, DefinitionDraining, and InvalidInput where the input is not what
        the definition declares.
        """
        check_name("tenant_id", tenant_id)
        check_name("definition", definition)
        process_id = (
            self._new_id()
            if key is None
            else start_request.process_id_for(
                tenant_id, check_aggregate_id("key", key), definition=definition
            )
        )
        try:
            engine = self.definitions.to_start(definition, version)
            given = self.definitions.check_input(engine.compiled.definition, input or {})
        except (InvalidInput, NotFound, Conflict):
            # A repeat gets what was started, also where that could not be started now.
            before = None if key is None else self._processes.get(ProcessKey(tenant_id, process_id))
            if before is None:
                raise
            before.was_there = True
            return before
        return self._start(
            engine,
            ProcessKey(tenant_id, process_id),
            given,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id if aggregate_id is not None else key,
            metadata=metadata,
            actor=actor,
            reason=reason,
        )

    def start_child(
        self, parent: Process, told: Parent, child_id: str, definition: str, version: int | None
    ) -> Process:
        """Starts the child that a step of a parent waits for; the same one again is a no-op.

        Raises as ``start``.
        """
        engine = self.definitions.to_start(definition, version)
        given = parent.step(told.step_name).input
        return self._start(
            engine,
            ProcessKey(parent.tenant_id, child_id),
            self.definitions.check_input(engine.compiled.definition, given or {}),
            aggregate_type=parent.aggregate_type,
            aggregate_id=parent.aggregate_id,
            parent=told,
        )

    def start_part(
        self, parent: Process, told: Parent, items: list[JsonValue], first: int
    ) -> Process:
        """Starts the child for one part of the items of a parent's foreach, as start_child."""
        assert parent.definition_version is not None, "only a definition has items"
        assert told.part is not None, "it is about a part"
        engine = self.definitions.course(parent.process_type, parent.definition_version)
        return self._add(
            relations.start_part(
                engine.compiled,
                parent,
                told.step_name,
                told.part,
                items=items,
                first=first,
                now=self._clock(),
            )
        )

    def signal(
        self,
        process: Process | ProcessKey,
        signal: str,
        payload: JsonValue = None,
        *,
        signal_id: str | None = None,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Gives a process a signal, which is kept until a step waits for it.

        With ``signal_id`` a repeat is harmless. Raises TooManySignals.
        """
        return self._change(
            process,
            self._load(process),
            lambda current, now: commands.send_signal(
                current, signal, payload, now=now, signal_id=signal_id, actor=actor, reason=reason
            ),
            expected_version,
        )

    def claim_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        by: str,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's. Raises TaskTaken where it is somebody else's."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: commands.claim_task(
                current, step_name, by=by, now=now, actor=actor, reason=reason
            ),
            expected_version,
        )

    def release_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task is nobody's again."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: commands.release_task(
                current, step_name, now=now, actor=actor, reason=reason
            ),
            expected_version,
        )

    def reassign_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        to: str,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's, whoever's it was."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: commands.reassign_task(
                current, step_name, to=to, now=now, actor=actor, reason=reason
            ),
            expected_version,
        )

    def retry_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Opens a failed process again at its failed step; begins one now that waits for a retry.

        Raises Compensated where what had been completed before has been undone.
        """
        return self.start_step(
            process, step_name, expected_version=expected_version, actor=actor, reason=reason
        )

    def rerun_from(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """An open or failed process goes on from a step that has ended, as if no further yet."""
        return self._change(
            process,
            self._load(process),
            lambda current, now: commands.rerun_from(
                current, step_name, now=now, actor=actor, reason=reason
            ),
            expected_version,
        )

    def item_results(self, process: Process | ProcessKey, step_name: str) -> Iterator[JsonValue]:
        """What came of each item of a completed foreach, in order; None for one that failed.

        Those of a long list are read from the children that dealt with them, a part at a time.
        Raises StepNotFound, StepNotCompleted, and ProcessNotFound where a child is gone.
        """
        loaded = self._load(process)
        step = loaded.step(step_name)
        if step.state is not StepState.COMPLETED:
            raise StepNotCompleted("read the results", step_name, step.state)
        output = step.output
        if "parts" not in output:
            yield from output["results"]
            return
        for part in range(output["parts"]):
            child = child_id(loaded.process_id, step_name, step.attempt, part)
            yield from self.get_process(loaded.tenant_id, child).output["results"]

    def child_ended(self, parent: ProcessKey, told: Parent, child: Process) -> None:
        """Tells a parent how its child ended; what it waits for no more changes nothing."""
        ending = relations.ChildEnding.of(child)
        self._change(
            parent,
            self._load(parent),
            lambda current, now: relations.child_ended(current, told, ending, now=now),
        )

    def give_up_child(self, child: ProcessKey, round_: int | None, *, reason: str) -> None:
        """Has a child end whose parent gave it up, after so many rounds, unless it undoes.

        With None it ends whatever round it has heard of.
        """
        self._change(
            child,
            self._load(child),
            lambda current, now: relations.give_up_child(
                current, round_=round_, now=now, reason=reason
            ),
        )

    def child_reopened(self, parent: ProcessKey, told: Parent) -> None:
        """Tells a parent that its child goes on after it had failed, and has it go on as well."""
        self._change(
            parent,
            self._load(parent),
            lambda current, now: relations.child_reopened(current, told, now=now),
        )

    def try_part_again(self, part: ProcessKey, round_: int) -> Process:
        """Has a part of a foreach try again what failed in it, once for each round."""
        return self._change(
            part,
            self._load(part),
            lambda current, now: relations.try_part_again(current, round_, now=now),
        )

    def undo_part(self, part: ProcessKey, *, reason: str) -> Process:
        """Has a part of a foreach undo what it completed, whether it has ended or not."""
        return self._change(
            part,
            self._load(part),
            lambda current, now: relations.undo_part(current, now=now, reason=reason),
        )

    def part_undone(
        self,
        parent: ProcessKey,
        step_name: str,
        attempt: int,
        child_id: str,
        compensation: str | None,
    ) -> None:
        """Tells a parent how far a part could undo what it completed; None: it is not there."""
        self._change(
            parent,
            self._load(parent),
            lambda current, now: relations.part_undone(
                current,
                step_name,
                attempt=attempt,
                child_id=child_id,
                compensation=compensation,
                now=now,
            ),
        )

    def child_refused(self, parent: ProcessKey, told: Parent, error: str) -> None:
        """Tells a parent that its child cannot be started."""
        self._change(
            parent,
            self._load(parent),
            lambda current, now: relations.child_refused(current, told, error, now=now),
        )

    def _start(
        self,
        engine: Engine,
        key: ProcessKey,
        given: dict[str, JsonValue],
        *,
        aggregate_type: str | None,
        aggregate_id: str | None,
        metadata: dict[str, JsonValue] | None = None,
        parent: Parent | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        return self._add(
            commands.start(
                engine.compiled,
                process_id=key.process_id,
                tenant_id=key.tenant_id,
                input=given,
                now=self._clock(),
                aggregate_type=aggregate_type,
                aggregate_id=aggregate_id,
                metadata=metadata,
                parent=parent,
                actor=actor,
                reason=reason,
            )
        )

    def _add(self, process: Process) -> Process:
        """Stores a new process; where it was started before, that one as it is now."""
        try:
            self._processes.add(process)
        except StaleProcess as stale:
            if stale.current is None:
                raise ProcessNotFound(process.process_id) from None
            stale.current.was_there = True
            return stale.current
        process.saved()
        return process
