"""EngineService: processes that definitions order; registers these, and starts those by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from trellis_process.application import start_request
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Definitions, Pause
from trellis_process.application.keys import Key, Keys, OnDuplicate
from trellis_process.application.process_service import ProcessService
from trellis_process.application.repositories import (
    ProcessRepository,
    StaleProcess,
    StepTrackerRepository,
)
from trellis_process.domain.definition.duration import in_ms
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.reactions import Trigger
from trellis_process.domain.engine import commands, relations
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.names import child_id
from trellis_process.domain.engine.received import Received
from trellis_process.domain.engine.values import resolved
from trellis_process.domain.limits import JsonValue, check_name
from trellis_process.domain.process import Parent, Process, ProcessKey
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.errors import (
    DefinitionDraining,
    ProcessNotFound,
    StepNotCompleted,
)

if TYPE_CHECKING:
    from trellis_process.application.schedule_service import ScheduleService


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

    def engine(self, name: str, version: int) -> Engine:
        """A version ready to be followed. Raises DefinitionNotFound, and StoreError."""

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
        self._keys = Keys(processes)

    @cached_property
    def schedules(self) -> ScheduleService:
        """What starts processes of these definitions at times."""
        # Loaded when it is asked for, which most functions never do.
        from trellis_process.application.schedule_service import ScheduleService

        return ScheduleService(
            self._processes, definitions=self.definitions, clock=self._clock, pause=self._pause
        )

    def register(self, definition: ProcessDefinition) -> None:
        """Adds a version of a definition, and puts the schedules that the newest one declares.

        As DefinitionCatalog.register. Where it breaks off it is done again as a whole.
        """
        self.definitions.register(definition)
        self.follow_schedules(definition.process)

    def follow_schedules(self, definition: str) -> None:
        """Puts the schedules that the newest version of a definition declares, if there are any.

        To be called when another version has become the newest. Raises StoreError.
        """
        try:
            newest = self.definitions.to_start(definition, None).compiled.definition
        except DefinitionDraining:
            return  # nothing is started of it
        if any(newest.schedules()):
            self.schedules.follow(newest)

    def start(
        self,
        definition: str,
        *,
        tenant_id: str,
        input: dict[str, JsonValue] | None = None,  # as definitions call it
        key: str | None = None,
        on_duplicate: OnDuplicate = "return_existing",
        version: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Starts a process of a definition, in its newest version unless one is named.

        ``key`` (text as an aggregate id) names the process among the tenant's of this definition,
        and what it is about unless that is given. What becomes of a start whose key names one
        already, ``on_duplicate`` says: it returns that process as it is now, whatever the input,
        and its ``was_there`` tells; it is refused (``reject``); or another one is started where
        that has ended (``new_if_finished``).

        Raises DefinitionNotFound, DefinitionDraining, KeyTaken, and InvalidInput where the input
        is not what the definition declares.
        """
        check_name("tenant_id", tenant_id)
        check_name("definition", definition)

        def begin(process: ProcessKey) -> Process:
            return self._start(
                definition,
                version,
                process,
                input or {},
                aggregate_type=aggregate_type,
                aggregate_id=aggregate_id if aggregate_id is not None else key,
                metadata=metadata,
                actor=actor,
                reason=reason,
            )

        if key is None:
            return begin(ProcessKey(tenant_id, self._new_id()))
        return self._keys.start(
            Key(tenant_id, definition, key), on_duplicate, begin, now=self._clock
        )

    def start_by_event(
        self,
        definition: str,
        key: str,
        received: Received,
        *,
        tenant_id: str,
        version: int,
        input: dict[str, JsonValue],
        on_duplicate: OnDuplicate,
    ) -> Process:
        """Starts a process as ``start``, which reacts to an event in the change that starts it.

        Raises as ``start`` and ``receive_event``.
        """

        def begin(process: ProcessKey) -> Process:
            return self._start(
                definition, version, process, input, aggregate_id=key, received=received
            )

        return self._keys.start(
            Key(tenant_id, definition, key), on_duplicate, begin, now=self._clock
        )

    def latest(self, definition: str, key: str, *, tenant_id: str) -> Process:
        """The process that a key names, the last one that was started. Raises ProcessNotFound."""
        found, process = self._keys.latest(Key(tenant_id, definition, key))
        if process is None:
            raise ProcessNotFound(found.process_id)
        return process

    def receive_event(self, process: Process, received: Mapping[int, Received]) -> Process:
        """An event from outside comes to a process, which was read a moment ago.

        With its names by the version of the definition; a process of one that does not know it
        stays as it is. Raises ConstraintNotMet, InvariantViolated, ExpressionError, and
        TooManySignals where too many are kept.
        """

        def receive(current: Process, now: datetime) -> None:
            known = received.get(current.definition_version or 0)
            if known is not None:
                commands.receive_event(current, known, now=now)

        return self._change(process.key, process, receive)

    def start_child(
        self, parent: Process, told: Parent, child_id: str, definition: str, version: int | None
    ) -> Process:
        """Starts the child that a step of a parent waits for; the same one again is a no-op.

        Raises as ``start``.
        """
        return self._start(
            definition,
            version,
            ProcessKey(parent.tenant_id, child_id),
            parent.step(told.step_name).input or {},
            aggregate_type=parent.aggregate_type,
            aggregate_id=parent.aggregate_id,
            parent=told,
        )

    def start_run(self, schedule: Process, told: Parent, run_id: str) -> Process:
        """Starts the run that a schedule asks for; the same one again is a no-op.

        Raises as ``start``.
        """
        # Loaded by those alone who have schedules.
        from trellis_process.domain.schedule.runs import Runs
        from trellis_process.domain.schedule.terms import ScheduleTerms

        terms = ScheduleTerms.of(schedule.input)
        return self._start(
            terms.definition,
            None,
            ProcessKey(schedule.tenant_id, run_id),
            dict(terms.input),
            parent=told,
            timeout_ms=in_ms("timeout", terms.timeout),
            scheduled_at=Runs.of(schedule.data).open[told.attempt],
        )

    def start_part(
        self, parent: Process, told: Parent, items: list[JsonValue], first: int
    ) -> Process:
        """Starts the child for one part of the items of a parent's foreach, as start_child."""
        assert parent.definition_version is not None, "only a definition has items"
        assert told.part is not None, "it is about a part"
        engine = self.definitions.engine(parent.process_type, parent.definition_version)
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

    def signal_by_key(
        self,
        definition: str,
        key: str,
        signal: str,
        payload: JsonValue = None,
        *,
        tenant_id: str,
        signal_id: str | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Gives the process of a key a signal, which may start it.

        It does where there is no process of that key, or only one that has ended and that another
        may follow, if the definition's newest version has a trigger for the signal. With
        ``signal_id`` a repeat is harmless. Raises ProcessNotFound where there is none and none is
        started, ProcessFinished, KeyTaken, TooManySignals, and what ``start`` raises.
        """
        told: dict[str, Any] = {"signal_id": signal_id, "actor": actor, "reason": reason}
        found, process = self._keys.latest(Key(tenant_id, definition, key))
        if process is None or process.state.is_final:
            trigger = self._signal_trigger(definition, signal)
            may_follow = trigger is not None and trigger.on_duplicate == "new_if_finished"
            is_repeat = process is not None and signal_id in process.signal_ids
            if trigger is not None and not is_repeat and (process is None or may_follow):
                seen = {"event": {"signal": signal, "payload": payload}}
                expressions = self.definitions.to_start(definition, None).compiled.expressions
                process = self.start(
                    definition,
                    tenant_id=tenant_id,
                    input=resolved(expressions, trigger.inputs or {}, seen),
                    key=key,
                    on_duplicate=trigger.on_duplicate,
                    actor=actor,
                    reason=reason,
                )
        if process is None:
            raise ProcessNotFound(found.process_id)
        return self.signal(process.key, signal, payload, **told)

    def _signal_trigger(self, definition: str, signal: str) -> Trigger | None:
        engine = self.definitions.to_start(definition, None)
        triggers = engine.compiled.definition.triggers
        return next((each for each in triggers if each.signal == signal), None)

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

    def let_go(self, parent: ProcessKey, told: Parent, started: Process) -> None:
        """Tells a parent that what it asked for by a key is started, and needs nobody's care."""
        output = {"process_id": started.process_id, "was_there": started.was_there}
        ending = relations.ChildEnding(ProcessState.COMPLETED, output)
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
        definition: str,
        version: int | None,
        key: ProcessKey,
        input: JsonValue,  # as definitions call it
        *,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
        parent: Parent | None = None,
        timeout_ms: int | None = None,
        scheduled_at: datetime | None = None,
        received: Received | None = None,
        actor: str | None = None,
        reason: str | None = None,
    ) -> Process:
        compiled = self.definitions.to_start(definition, version).compiled
        return self._add(
            commands.start(
                compiled,
                process_id=key.process_id,
                tenant_id=key.tenant_id,
                input=self.definitions.check_input(compiled.definition, input),
                now=self._clock(),
                aggregate_type=aggregate_type,
                aggregate_id=aggregate_id,
                metadata=metadata,
                parent=parent,
                timeout_ms=timeout_ms,
                scheduled_at=scheduled_at,
                received=received,
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
