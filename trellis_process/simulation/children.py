"""Children: processes that a process starts, walked with it or answered as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trellis_process.application.children import NOT_NEEDED
from trellis_process.definitions.data_schema import DataSchema
from trellis_process.definitions.input_schema import check_input, schema_of
from trellis_process.domain import events as happened
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.engine import commands as engine_commands
from trellis_process.domain.engine import names, relations
from trellis_process.domain.engine.children import awaited, awaits, round_of
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.items import LIST, part_size
from trellis_process.domain.engine.relations import ChildEnding
from trellis_process.domain.engine.undoing_parts import DONE
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import InvalidInput
from trellis_process.simulation.example import Examples
from trellis_process.simulation.outside import Outside
from trellis_process.simulation.route import WatchedExpressions
from trellis_process.simulation.world import Followed, World


class Children:
    """Does for a simulation what ChildrenService does for a store.

    Walked are children of ``known`` definitions, and the parts of a foreach.
    """

    def __init__(
        self,
        world: World,
        outside: Outside,
        known: Mapping[str, ProcessDefinition],
        lists: Mapping[str, Sequence[JsonValue]],
    ) -> None:
        self._world = world
        self._outside = outside
        self._known = known
        self._lists = lists

    def start(self, followed: Followed, step: ProcessStep, event: happened.ChildRequested) -> None:
        """A child is asked for."""
        parent = followed.process
        told = Parent(
            process_id=parent.process_id,
            step_name=step.name,
            attempt=step.attempt,
            part=event.part,
        )
        if event.part is not None:
            self._world.plan(self._world.now, lambda: self._ask_for_part(followed, told, event))
            return
        definition = self._known.get(str(event.child_definition))
        version = event.child_definition_version
        if definition is None or version not in (None, definition.version):
            self._answer_child(followed, step, told)
            return
        self._world.plan(
            self._world.now,
            lambda: self._start_definition(followed, told, event.child_id, definition),
        )

    def _start_definition(
        self, followed: Followed, told: Parent, child_id: str, definition: ProcessDefinition
    ) -> None:
        if not awaits(followed.process, told):
            return
        given = followed.process.step(told.step_name).input
        try:
            checked = check_input(schema_of(definition.inputs), given or {})
        except InvalidInput as error:
            why = str(error)
            self._world.change(
                followed,
                lambda process, now: relations.child_refused(process, told, why, now=now),
            )
            return
        assert isinstance(checked, dict)
        compiled_child, watched = compiled(definition)
        child = engine_commands.start(
            compiled_child,
            process_id=child_id,
            tenant_id=followed.process.tenant_id,
            input=checked,
            now=self._world.now,
            aggregate_type=followed.process.aggregate_type,
            aggregate_id=followed.process.aggregate_id,
            parent=told,
        )
        name = followed.name_of(told.step_name)
        self._follow(
            Followed(child, compiled_child, watched, Examples(definition, self._world.start), name)
        )

    def _ask_for_part(
        self, followed: Followed, told: Parent, event: happened.ChildRequested
    ) -> None:
        """A part begins, or tries again what failed of it."""
        part = self._world.followed.get(event.child_id)
        if part is None:
            self._start_part(followed, told, event.child_id)
        elif awaits(followed.process, told):
            round_ = event.round or 0
            changed = self._world.change(
                part,
                lambda process, now: relations.try_part_again(process, round_, now=now),
            )
            if not changed and part.process.state.is_final:
                self.end(part)

    def _start_part(self, followed: Followed, told: Parent, child_id: str) -> None:
        if not awaits(followed.process, told):
            return
        assert told.part is not None, "it is about a part"
        step = followed.process.step(told.step_name)
        place = followed.compiled.places[names.defined_name(told.step_name)]
        assert isinstance(place.step, ForEachStep), "only a foreach has parts"
        foreach = place.step.foreach
        size = part_size(foreach)
        first = told.part * size
        items: Any = step.input
        if not isinstance(items, list):
            # A list that is kept elsewhere: what was given for it, or examples.
            kept = self._lists.get(items[LIST])
            if kept is None:
                kept = followed.examples.items(foreach.items, items["count"])
                self._world.assumed[f"the items of {foreach.items}"] = None
            items = kept
        watched = WatchedExpressions()
        compiled = CompiledDefinition(followed.compiled.definition, watched)
        child = relations.start_part(
            compiled,
            followed.process,
            told.step_name,
            told.part,
            items=list(items[first : first + size]),
            first=first,
            now=self._world.now,
        )
        assert child.process_id == child_id, "the id of a part follows from its parent"
        name = f"{followed.name_of(told.step_name)}[{told.part}]"
        self._follow(Followed(child, compiled, watched, followed.examples, name))

    def _follow(self, child: Followed) -> None:
        self._world.followed[child.process.process_id] = child
        self._world.note(child)

    def _answer_child(self, followed: Followed, step: ProcessStep, told: Parent) -> None:
        answer = self._outside.answer(followed, step)
        if answer is None:
            return
        state = ProcessState.COMPLETED if answer.error is None else ProcessState.FAILED
        ending = ChildEnding(state, answer.output, answer.error or "")

        def trigger(process: Process, now: datetime) -> None:
            relations.child_ended(process, told, ending, now=now)

        self._world.plan(
            self._world.now + answer.delay,
            lambda: self._world.attempt(followed, step.name, trigger),
        )

    def end(self, followed: Followed) -> None:
        """Tells the parent of a child's end, as ChildrenService does."""
        child = followed.process
        told = child.parent
        if told is None:
            return
        parent = self._world.followed[told.process_id]
        ending = ChildEnding.of(child)
        if told.part is None:  # a part may be tried again, or undo what it completed
            self._world.followed.pop(child.process_id)

        def trigger(process: Process, now: datetime) -> None:
            relations.child_ended(process, told, ending, now=now)

        self._world.plan(self._world.now, lambda: self._world.change(parent, trigger))
        if told.part is not None and child.compensation is not None:
            self._part_undone(
                parent, told.step_name, told.attempt, child.process_id, child.compensation
            )

    def call_off(self, followed: Followed, event: happened.ChildCancellationRequested) -> None:
        """A child is not needed any more; where asked it undoes what it completed."""
        child = self._world.followed.get(event.child_id)
        if child is not None:
            compensate = bool(event.compensate)
            round_ = round_of(followed.process, event.step_name, event.attempt)
            self._world.plan(self._world.now, lambda: self._give_up(child, compensate, round_))
        elif event.compensate:  # it completed nothing that could be undone
            self._part_undone(followed, event.step_name, event.attempt, event.child_id, DONE)

    def pass_on(self, followed: Followed) -> None:
        """The children of a process that is suspended, or was, do as it does."""
        parent = followed.process
        for child_id in list(awaited(followed.compiled, parent)):
            child = self._world.followed.get(child_id)
            if child is not None:
                trigger = _suspend if parent.state is ProcessState.SUSPENDED else _resume
                self._world.attempt(child, None, trigger)

    def _give_up(self, child: Followed, compensate: bool, round_: int | None) -> None:
        if compensate:
            self._world.change(
                child,
                lambda process, now: relations.undo_part(process, now=now, reason=NOT_NEEDED),
            )
        else:
            self._world.attempt(
                child,
                None,
                lambda process, now: relations.give_up_child(
                    process, round_=round_, now=now, reason=NOT_NEEDED
                ),
            )

    def _part_undone(
        self, parent: Followed, step_name: str, attempt: int, child_id: str, compensation: str
    ) -> None:
        def trigger(process: Process, now: datetime) -> None:
            relations.part_undone(
                process,
                step_name,
                attempt=attempt,
                child_id=child_id,
                compensation=compensation,
                now=now,
            )

        self._world.plan(self._world.now, lambda: self._world.change(parent, trigger))


def compiled(definition: ProcessDefinition) -> tuple[CompiledDefinition, WatchedExpressions]:
    """A definition to follow, and what its expressions are evaluated to."""
    watched = WatchedExpressions()
    return CompiledDefinition(definition, watched, DataSchema(definition.data)), watched


def _suspend(process: Process, now: datetime) -> None:
    process.suspend(now=now, reason="its parent is suspended")


def _resume(process: Process, now: datetime) -> None:
    process.resume(now=now, reason="its parent goes on")
