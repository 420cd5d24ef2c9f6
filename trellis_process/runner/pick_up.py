"""What an open process asks for, worked out from itself: for a program that begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis_process.application.engine_service import DefinitionCatalog
from trellis_process.domain import events as happened
from trellis_process.domain.definition.steps import AnyStep, SubprocessStep
from trellis_process.domain.engine.children import awaits, is_let_go, key_of
from trellis_process.domain.engine.names import child_id
from trellis_process.domain.engine.progress import PartProgress, UndoProgress, progress_of
from trellis_process.domain.engine.values import Values
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.domain.process import Process
from trellis_process.domain.schedule import scheduling
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.runner.bus import Event, as_on_the_bus

OPEN = (
    ProcessState.PENDING,
    ProcessState.IN_PROGRESS,
    ProcessState.SUSPENDED,
    ProcessState.COMPENSATING,
)
_ASKING = ("type", "step_name", "attempt", "part", "child_id")


def asked_again(process: Process, definitions: DefinitionCatalog) -> list[Event]:
    """The events with which an open process asks for the work and the children it waits for.

    Without those that its latest change sent, which are to be delivered again themselves.
    """
    asked = [
        event for step in process.steps.values() for event in _asks(process, step, definitions)
    ]
    told = {_asking(event) for event in as_on_the_bus(process)}
    return [event for event in _made_of(process, asked) if _asking(event) not in told]


def not_needed(parent: Process, child: Process, definitions: DefinitionCatalog) -> list[Event]:
    """The event that gives up an open child, where its parent does not wait for it any more."""
    told = child.parent
    assert told is not None, "it is a child"
    step = parent.steps.get(told.step_name)
    if awaits(parent, told) or step is None or parent.process_type == SCHEDULE:
        return []
    defined = _defined(parent, step, definitions)
    if isinstance(defined, SubprocessStep) and is_let_go(defined):
        return []
    event = happened.ChildCancellationRequested(**_about(parent, step), child_id=child.process_id)
    return _made_of(parent, [event])


def _asks(
    process: Process, step: ProcessStep, definitions: DefinitionCatalog
) -> Iterator[ProcessEvent]:
    about = _about(process, step)
    if process.process_type == SCHEDULE:
        yield from scheduling.asked_again(process)
    elif step.state is StepState.IN_PROGRESS:
        if process.is_compensation(step):
            yield happened.CompensationStarted(**about)
        elif step.resumption:
            yield happened.StepResumed(**about)
        else:
            yield happened.StepStarted(**about)
    elif step.waits_for is WaitingFor.CHILDREN and step.undoes is not None:
        progress = UndoProgress.of(step.progress)
        for part in progress.open:
            yield happened.ChildCancellationRequested(
                **about | {"step_name": step.undoes, "attempt": progress.attempt},
                child_id=child_id(process.process_id, step.undoes, progress.attempt, part),
                compensate=True,
            )
    elif step.waits_for is WaitingFor.CHILDREN:
        defined = _defined(process, step, definitions)
        if isinstance(defined, SubprocessStep):
            yield happened.ChildRequested(
                **about,
                child_id=child_id(process.process_id, step.name, step.attempt, None),
                child_definition=defined.subprocess,
                child_definition_version=defined.version,
                child_key=_key(process, step, defined, definitions),
            )
        elif isinstance(parts := progress_of(step), PartProgress):
            for part in parts.open:
                child = child_id(process.process_id, step.name, step.attempt, part)
                asked = about | {"child_id": child, "part": part, "round": parts.round or None}
                yield happened.ChildRequested(**asked)


def _about(process: Process, step: ProcessStep) -> dict[str, Any]:
    return {
        "tenant_id": process.tenant_id,
        "process_id": process.process_id,
        "occurred_at": process.changed_at,
        "step_name": step.name,
        "attempt": step.attempt,
    }


def _defined(process: Process, step: ProcessStep, definitions: DefinitionCatalog) -> AnyStep:
    assert process.definition_version is not None, "only a definition has children"
    engine = definitions.engine(process.process_type, process.definition_version)
    return engine.compiled.place(step.name).step


def _key(
    process: Process, step: ProcessStep, defined: SubprocessStep, definitions: DefinitionCatalog
) -> str | None:
    assert process.definition_version is not None, "only a definition has children"
    engine = definitions.engine(process.process_type, process.definition_version)
    return key_of(Values(engine.compiled, process, step.name), defined)


def _made_of(process: Process, asked: list[ProcessEvent]) -> list[Event]:
    """These events as the bus has them, with ids of their own: they are no new ones."""
    again = process.copy()
    again.events = tuple(asked)
    return [{**event, "id": f"{event['id']}/again"} for event in as_on_the_bus(again)]


def _asking(event: Event) -> tuple[Any, ...]:
    return tuple(event.get(name) for name in _ASKING)
