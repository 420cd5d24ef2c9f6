"""EventService: brings events from outside to the processes that they start or that react."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.engine_service import EngineService
from trellis_process.application.listening import Listener, Listening
from trellis_process.domain.definition.reactions import EventDefinition, Trigger
from trellis_process.domain.engine.correlation import Correlation, correlate, pattern_of
from trellis_process.domain.engine.received import Received
from trellis_process.domain.engine.values import resolved
from trellis_process.domain.event_pattern import matches
from trellis_process.domain.process import Process
from trellis_process.errors import (
    Compensating,
    Conflict,
    ConstraintNotMet,
    ExpressionError,
    InvalidInput,
    KeyTaken,
    NotFound,
    ProcessFinished,
    ProcessNotFound,
    TrellisError,
)

LISTENING_FOR = timedelta(seconds=10)  # what is registered meanwhile is heard of after that
NOTED_FOR = timedelta(days=14)  # as long as a queue keeps an event at most


class Outcome(StrEnum):
    """What became of an event, for one definition that knows it."""

    #: It started a process.
    STARTED = "started"
    #: A process reacted to it, or keeps it until it is resumed, or had done so before.
    DELIVERED = "delivered"
    #: It starts nothing, and there is no process of its key.
    NO_PROCESS = "no_process"
    #: The process of its key has ended, or undoes what it did.
    ENDED = "ended"
    #: A constraint keeps it out.
    CONSTRAINED = "constrained"
    #: It came before, and is to be dealt with once at most.
    REPEATED = "repeated"
    #: It says nothing of its process, or its reactions cannot be; somebody has to look.
    REFUSED = "refused"


@dataclass(frozen=True)
class Delivery:
    """What became of an event for one definition."""

    definition: str
    outcome: Outcome
    #: Why it was refused.
    error: TrellisError | None = None
    process: Process | None = None
    #: Whose process it is for, where the event says so.
    tenant_id: str | None = None


class NotedEvents(Protocol):
    """Which events have been noted that are to be dealt with once at most."""

    def note(self, definition: str, event_id: str, until: datetime) -> bool:
        """Notes an event; False where that was done before. Raises StoreError."""


_Known: TypeAlias = tuple[Listener, EventDefinition, dict[str, Any]]
"""An event that a version of a definition knows, and the pattern by which it does."""


@dataclass(frozen=True)
class _Meaning:
    """An event as one version of a definition means it, and the process that it is for."""

    listener: Listener
    defined: EventDefinition
    told: Correlation


class EventService:
    """Deals with events as EventBridge delivers them: at least once, and in any order.

    For each definition that knows an event, the process of its key reacts to it; or one is
    started, where a trigger of the newest version says so. Two who start the same one at once
    start it once, and it reacts to both.
    """

    def __init__(
        self,
        engine: EngineService,
        listening: Listening,
        noted: NotedEvents,
        *,
        clock: Clock = system_clock,
        listening_for: timedelta = LISTENING_FOR,
    ) -> None:
        self._engine = engine
        self._listening = listening
        self._noted = noted
        self._clock = clock
        self._listening_for = listening_for
        self._known: list[_Known] = []
        self._listened_at: datetime | None = None

    def handle(self, event: dict[str, Any]) -> list[Delivery]:
        """What becomes of an event, for each definition that knows it; of none, nothing.

        Raises StoreError, and then wants it again: what was done of it is not done twice.
        """
        known: dict[str, list[tuple[Listener, EventDefinition]]] = {}
        for listener, defined, pattern in self._heard():
            if matches(pattern, event):
                known.setdefault(listener.definition.process, []).append((listener, defined))
        return [
            delivery for name, means in known.items() for delivery in self._tell(name, means, event)
        ]

    def _tell(
        self, name: str, known: list[tuple[Listener, EventDefinition]], event: dict[str, Any]
    ) -> Iterator[Delivery]:
        """What becomes of an event for one definition, whose versions may mean it differently."""
        processes: dict[tuple[str, str], list[_Meaning]] = {}
        refused: dict[str, TrellisError] = {}
        for listener, defined in known:
            try:
                told = correlate(listener.engine.compiled.expressions, defined, event)
            except (ExpressionError, InvalidInput) as error:
                refused[str(error)] = error  # which versions have in common, most often
            else:
                meaning = _Meaning(listener, defined, told)
                processes.setdefault((told.tenant_id, told.key), []).append(meaning)
        for refusal in refused.values():
            yield Delivery(name, Outcome.REFUSED, refusal)
        for (tenant_id, _), meanings in processes.items():
            try:
                delivery = self._deliver(name, meanings, event)
            except ConstraintNotMet as error:
                delivery = Delivery(name, Outcome.CONSTRAINED, error)
            except (ExpressionError, InvalidInput, Conflict, NotFound) as error:
                delivery = Delivery(name, Outcome.REFUSED, error)
            yield replace(delivery, tenant_id=tenant_id)

    def _deliver(self, name: str, meanings: list[_Meaning], event: Mapping[str, Any]) -> Delivery:
        """Brings an event to the process of its key, or starts that."""
        told = meanings[0].told
        if any(each.defined.delivery == "at_most_once" for each in meanings):
            noted = f"{name}/{told.tenant_id}/{told.key}"
            if not self._noted.note(noted, told.event_id, self._clock() + NOTED_FOR):
                return Delivery(name, Outcome.REPEATED)
        received = _received(meanings, event)
        trigger = _trigger(meanings)
        try:
            process = self._engine.latest(name, told.key, tenant_id=told.tenant_id)
            is_known = any(each.mark in process.event_ids for each in received.values())
            if trigger is not None and not is_known:
                on_duplicate = trigger.on_duplicate
                if on_duplicate == "reject":
                    raise KeyTaken(told.key, process.process_id)
                if on_duplicate == "new_if_finished" and process.state.is_final:
                    return self._start(meanings, trigger, received)
            process = self._engine.receive_event(process, received)
        except ProcessNotFound:
            if trigger is None:
                return Delivery(name, Outcome.NO_PROCESS)
            return self._start(meanings, trigger, received)
        except (ProcessFinished, Compensating):
            return Delivery(name, Outcome.ENDED)
        return Delivery(name, Outcome.DELIVERED, process=process)

    def _start(
        self, meanings: list[_Meaning], trigger: Trigger, received: Mapping[int, Received]
    ) -> Delivery:
        newest = _newest(meanings)
        name, version = newest.listener.definition.process, newest.listener.definition.version
        expressions = newest.listener.engine.compiled.expressions
        seen = {"event": received[version].event}
        process = self._engine.start_by_event(
            name,
            newest.told.key,
            received[version],
            tenant_id=newest.told.tenant_id,
            version=version,
            input=resolved(expressions, trigger.inputs or {}, seen),
            on_duplicate=trigger.on_duplicate,
        )
        if not process.was_there:
            return Delivery(name, Outcome.STARTED, process=process)
        process = self._engine.receive_event(process, received)  # another event started it
        return Delivery(name, Outcome.DELIVERED, process=process)

    def _heard(self) -> list[_Known]:
        now = self._clock()
        if self._listened_at is None or now - self._listened_at >= self._listening_for:
            self._known = [
                (listener, defined, pattern_of(defined))
                for listener in self._listening.listeners()
                for defined in listener.definition.events
            ]
            self._listened_at = now
        return self._known


def _received(meanings: list[_Meaning], event: Mapping[str, Any]) -> dict[int, Received]:
    """The event with its names, by the version of the definition that has them."""
    received: dict[int, Received] = {}
    for each in meanings:
        version = each.listener.definition.version
        names = received[version].names if version in received else ()
        received[version] = Received((*names, each.defined.name), event, each.told.event_id)
    return received


def _newest(meanings: list[_Meaning]) -> _Meaning:
    return next(each for each in meanings if each.listener.is_newest)


def _trigger(meanings: list[_Meaning]) -> Trigger | None:
    """What the newest version starts with the event; None for nothing."""
    for each in meanings:
        if each.listener.is_newest:
            for trigger in each.listener.definition.triggers:
                if trigger.event == each.defined.name:
                    return trigger
    return None
