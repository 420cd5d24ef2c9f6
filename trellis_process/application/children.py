"""ChildrenService: starts the children that processes ask for, and tells parents of their ends.

It follows the events, which come at least once and in any order between parent and child. A child
has the same id however often it is asked for, and a parent passes over what it waits for no more,
so each child is started once and counted once.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from trellis_process.application.engine_service import EngineService
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine.children import awaited, awaits, round_of, was_given_up
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.items import LIST, part_size
from trellis_process.domain.engine.relations import WITH_ITS_WHOLE
from trellis_process.domain.engine.undoing_parts import is_asked_for
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.own_services import RUNS, SCHEDULE
from trellis_process.domain.process import Parent, Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.errors import Conflict, InvalidInput, NotFound, ProcessNotFound

if TYPE_CHECKING:
    from trellis_process.application.schedule_runs import ScheduleRuns

logger = logging.getLogger(__name__)

MAX_DEPTH = 16  # parents above a child; a definition that starts itself ends there
NOT_NEEDED = "its parent does not need it any more"
#: What is asked of children: by their parent, or by whoever freezes it.
ASKED = ("ChildRequested", "ChildCancellationRequested", "ProcessSuspended", "ProcessResumed")
ENDINGS = ("ProcessCompleted", "ProcessFailed", "ProcessCancelled")
#: What a parent has to know of its children.
TOLD = (*ENDINGS, "ProcessReopened")


class Lists(Protocol):
    """Where lists are kept that are too large for one item."""

    def items(
        self, tenant_id: str, reference: dict[str, JsonValue], first: int, count: int
    ) -> list[JsonValue]:
        """So many items from that index on. Raises StoreError, and NotFound where it is gone."""


class ChildrenService:
    """Does what events about children ask for."""

    def __init__(self, service: EngineService, lists: Lists | None = None) -> None:
        self._service = service
        self._lists = lists

    def handle(self, event: dict[str, Any]) -> None:
        """Deals with one event, as the bus has it; one that is about no child is passed over.

        Raises StoreError, and then wants it again.
        """
        kind, tenant_id = event["type"], event["tenant_id"]
        if _is_about_a_run(event):
            self._runs.handle(event)
        elif kind == "ChildRequested":
            self._start(event)
        elif kind == "ChildCancellationRequested":
            self._give_up(
                ProcessKey(tenant_id, event["process_id"]),
                event["step_name"],
                event["attempt"],
                ProcessKey(tenant_id, event["child_id"]),
                event.get("compensate", False),
            )
        elif kind in ENDINGS and "parent" in event:
            self._report(ProcessKey(tenant_id, event["process_id"]))
        elif kind == "ProcessReopened" and "parent" in event:
            if event.get("reason") == WITH_ITS_WHOLE:
                return  # by its parent, which may have failed since, and not to be tried again
            self._reopen_parent(ProcessKey(tenant_id, event["process_id"]))
        elif kind in ("ProcessSuspended", "ProcessResumed") and "definition_version" in event:
            self._pass_on(ProcessKey(tenant_id, event["process_id"]))

    @cached_property
    def _runs(self) -> ScheduleRuns:
        # Loaded by those alone who have schedules.
        from trellis_process.application.schedule_runs import ScheduleRuns

        return ScheduleRuns(self._service)

    def _start(self, event: dict[str, Any]) -> None:
        key = ProcessKey(event["tenant_id"], event["process_id"])
        told = Parent(
            process_id=key.process_id,
            step_name=event["step_name"],
            attempt=event["attempt"],
            part=event.get("part"),
        )
        parent = self._waiting(key, told)
        if parent is None:
            self._end_what_was_started(key, told, ProcessKey(key.tenant_id, event["child_id"]))
            return
        told = replace(told, depth=1 + (parent.parent.depth if parent.parent else 0))
        if told.depth > MAX_DEPTH:
            why = f"it would be {told.depth} processes deep, and {MAX_DEPTH} are allowed"
            self._service.child_refused(key, told, why)
            return
        try:
            if "child_key" in event:
                self._start_by_key(parent, told, event)
                return
            if told.part is None:
                child = self._service.start_child(
                    parent,
                    told,
                    event["child_id"],
                    event["child_definition"],
                    event.get("child_definition_version"),
                )
            else:
                child = self._start_part(
                    parent, told, ProcessKey(key.tenant_id, event["child_id"]), event.get("round")
                )
        except (NotFound, Conflict, InvalidInput) as error:
            self._service.child_refused(key, told, str(error))
            return
        parent = self._process(key)
        if not awaits(parent, told):  # given up while it was being started
            compensate = is_asked_for(parent, told)
            self._give_up(key, told.step_name, told.attempt, child.key, compensate)
        elif child.state.is_final:
            self._report(child.key)
        elif parent.state is ProcessState.SUSPENDED:
            self._suspend_or_resume(key, child.key)

    def _start_by_key(self, parent: Process, told: Parent, event: dict[str, Any]) -> None:
        """Starts a process that is no child, with which the step that asks for it is done."""
        process = self._service.start(
            event["child_definition"],
            tenant_id=parent.tenant_id,
            input=parent.step(told.step_name).input or {},
            key=event["child_key"],
            version=event.get("child_definition_version"),
        )
        self._service.let_go(parent.key, told, process)

    def _start_part(
        self, parent: Process, told: Parent, child: ProcessKey, round_: int | None
    ) -> Process:
        """The child for a part; in a later round the one that there is, with the items it has."""
        if round_:
            try:
                return self._service.try_part_again(child, round_)
            except ProcessNotFound:
                pass  # given up before it began, or not asked for yet
        items, first = self._part(parent, told)
        started = self._service.start_part(parent, told, items, first)
        return self._service.try_part_again(started.key, round_) if round_ else started

    def _end_what_was_started(self, key: ProcessKey, told: Parent, child: ProcessKey) -> None:
        """Gives up a child that was started too late by one that died before it saw that."""
        try:
            parent = self._process(key)
            self._process(child)
        except ProcessNotFound:
            return
        if is_asked_for(parent, told):
            self._give_up(key, told.step_name, told.attempt, child, True)
        elif was_given_up(self._compiled(parent), parent, told):
            self._cancel(key, told.step_name, told.attempt, child)

    def _reopen_parent(self, key: ProcessKey) -> None:
        """A child goes on after it had failed, and with it who failed because of that."""
        child = self._process(key)
        if child.parent is None or child.state in (ProcessState.FAILED, ProcessState.CANCELLED):
            return  # it has ended again, with which its parent stands as it did
        try:
            parent = ProcessKey(child.tenant_id, child.parent.process_id)
            self._service.child_reopened(parent, child.parent)
            current = self._process(parent)
        except ProcessNotFound:
            logger.warning("a child goes on whose parent is gone", extra={"child_id": key})
            return
        self._report(key)  # it may have ended meanwhile, when nobody waited for it yet
        if current.state is ProcessState.SUSPENDED and key.process_id in self._awaited(current):
            self._suspend_or_resume(parent, key)

    def _pass_on(self, key: ProcessKey) -> None:
        """Has the children of a process that is suspended, or was, do as it does."""
        for child_id in self._awaited(self._process(key)):
            self._suspend_or_resume(key, ProcessKey(key.tenant_id, child_id))

    def _awaited(self, parent: Process) -> set[str]:
        """The ids of the children that a process waits for."""
        return set(awaited(self._compiled(parent), parent))

    def _compiled(self, parent: Process) -> CompiledDefinition:
        """What a process with children goes by."""
        assert parent.definition_version is not None, "no other process has children"
        engine = self._service.definitions.engine(parent.process_type, parent.definition_version)
        return engine.compiled

    def _suspend_or_resume(self, parent: ProcessKey, child: ProcessKey) -> None:
        """A child does as its parent does, also where that does otherwise meanwhile."""
        is_suspended = self._process(parent).state is ProcessState.SUSPENDED
        done = None
        try:
            while done is not is_suspended:
                if is_suspended:
                    self._service.suspend_process(child, reason="its parent is suspended")
                else:
                    self._service.resume_process(child, reason="its parent goes on")
                done = is_suspended
                is_suspended = self._process(parent).state is ProcessState.SUSPENDED
        except ProcessNotFound:
            logger.info("a child is to do as its parent does, and has not been started yet")
        except Conflict:
            logger.info("a child is to do as its parent does, and has ended or undoes")

    def _process(self, key: ProcessKey) -> Process:
        return self._service.get_process(key.tenant_id, key.process_id)

    def _waiting(self, key: ProcessKey, told: Parent) -> Process | None:
        """The parent, if it still waits for that child."""
        try:
            parent = self._process(key)
        except ProcessNotFound:
            return None
        return parent if awaits(parent, told) else None

    def _part(self, parent: Process, told: Parent) -> tuple[list[JsonValue], int]:
        """The items of a part, and the index of the first."""
        assert told.part is not None, "it is about a part"
        defined = self._compiled(parent).place(told.step_name).step
        assert isinstance(defined, ForEachStep), "only a foreach has parts"
        step = parent.step(told.step_name)
        size = part_size(defined.foreach)
        first = told.part * size
        if isinstance(step.input, list):
            return step.input[first : first + size], first
        if self._lists is None:
            why = "a list that is kept elsewhere, and nobody here knows where"
            raise InvalidInput(f"steps.{told.step_name}.items", step.input[LIST], why)
        return self._lists.items(parent.tenant_id, step.input, first, size), first

    def _give_up(
        self, parent: ProcessKey, step_name: str, attempt: int, child: ProcessKey, compensate: bool
    ) -> None:
        """Calls a child off; to ``compensate``, one that has ended undoes what it did as well."""
        if not compensate:
            self._cancel(parent, step_name, attempt, child)
            return
        try:
            undone = self._service.undo_part(child, reason=NOT_NEEDED)
        except ProcessNotFound:
            self._service.part_undone(parent, step_name, attempt, child.process_id, None)
        else:
            if undone.state.is_final:
                self._report(child)

    def _cancel(self, parent: ProcessKey, step_name: str, attempt: int, child: ProcessKey) -> None:
        try:
            # A part that was given up may have been asked for again meanwhile.
            current = self._process(parent)
            if child.process_id not in self._awaited(current):
                round_ = round_of(current, step_name, attempt)
                self._service.give_up_child(child, round_, reason=NOT_NEEDED)
        except ProcessNotFound:
            logger.info("a child was given up before it was started")
        except Conflict:
            logger.info("a child had ended before it was given up")

    def _report(self, key: ProcessKey) -> None:
        child = self._process(key)
        if child.parent is None or not child.state.is_final:
            return  # one that somebody has opened again ends later, and then is told of
        parent = ProcessKey(child.tenant_id, child.parent.process_id)
        told = child.parent
        try:
            self._service.child_ended(parent, told, child)
            if told.part is not None and child.compensation is not None:
                undone = child.compensation
                self._service.part_undone(
                    parent, told.step_name, told.attempt, key.process_id, undone
                )
        except ProcessNotFound:
            logger.warning("a child has ended whose parent is gone", extra={"child_id": key})


def _is_about_a_run(event: dict[str, Any]) -> bool:
    """Whether an event is a schedule's, or tells of a run of one.

    A run may have children of its own, and events about these are none about a run.
    """
    is_told = event["type"] in TOLD and event.get("parent", {}).get("step_name") == RUNS
    return is_told or event.get("process_type") == SCHEDULE
