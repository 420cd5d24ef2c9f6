"""CaseRun: a process to which comes what a case says, on a clock of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trellis_process.definitions import expressions
from trellis_process.definitions.data_schema import DataSchema
from trellis_process.definitions.finding import path_text
from trellis_process.definitions.input_schema import check_input, schema_of
from trellis_process.domain.calendar_span import CalendarSpan, zone_of
from trellis_process.domain.decide import Trigger as Move
from trellis_process.domain.decide import decide
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.reactions import EventDefinition, Trigger
from trellis_process.domain.engine import commands
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.correlation import COMPLETED_KEY, ENTITY_KEY, pattern_of
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.received import Received
from trellis_process.domain.engine.values import resolved
from trellis_process.domain.event_pattern import matches
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.process import Process
from trellis_process.domain.time import moment_from
from trellis_process.domain.tracker import Timer, TimerKind, Tracker
from trellis_process.errors import InvalidInput, TrellisError
from trellis_process.simulation.case import Case, CaseEvent
from trellis_process.simulation.walk import PROCESS_ID, START, TENANT_ID

MAX_SWEEPS = 10_000  # between two events; timers may set each other for ever


class NotSoFar(Exception):
    """A case does not come as far as what it is about."""


class CaseRun:
    """What happens in a case. Raises NotSoFar where something before is not as it says."""

    def __init__(self, case: Case, definition: ProcessDefinition) -> None:
        self._definition = definition
        self._compiled = CompiledDefinition(definition, expressions, DataSchema(definition.data))
        self._zone = zone_of("time_zone", definition.time_zone)
        self._start = START if case.start is None else moment_from(case.start)
        self._key: str | None = None
        self.now = self._start
        #: None where nothing has started it.
        self.process: Process | None = None
        #: The events of the last change.
        self.told: tuple[ProcessEvent, ...] = ()

        first = (*case.given, case.when)[0]
        is_started = first.event is not None and self._trigger(self._names(first)) is not None
        if case.input is not None or not is_started:
            self._start_with(case.input or {})
        for each in case.given:
            self._wait_for(each)
            if (refusal := self._come(each)) is not None:
                raise NotSoFar(f"{_place(each)}: it is refused: {refusal}")
        self._wait_for(case.when)
        #: The timers that run before the last event, or timer, comes.
        self.timers_before: dict[str, Timer] = self.timers()
        #: What refuses the last event.
        self.refusal: TrellisError | None = None
        if case.when.timer is None:
            self.refusal = self._come(case.when)
        else:
            self._ring(case.when)

    def timers(self) -> dict[str, Timer]:
        """The timers of reactions that run, by name."""
        timers = () if self.process is None else self.process.timers
        return {each.name: each for each in timers if each.kind is TimerKind.TIMER}

    def moment(self, text: str) -> datetime:
        """The moment that a span from now means, or text that is one."""
        if is_moment(text):
            return moment_from(text)
        return CalendarSpan.of("span", text).after(self.now, self._zone)

    # -- Starting --------------------------------------------------------------------------------

    def _trigger(self, names: tuple[str, ...]) -> Trigger | None:
        for trigger in self._definition.triggers:
            if trigger.event in names:
                return trigger
        return None

    def _start_with(self, given: Mapping[str, Any], received: Received | None = None) -> None:
        try:
            checked: Any = check_input(schema_of(self._definition.inputs), dict(given))
        except InvalidInput as error:
            raise NotSoFar(f"the start: it is refused: {error}") from error
        self._keep(
            commands.start(
                self._compiled,
                process_id=PROCESS_ID,
                tenant_id=TENANT_ID,
                input=checked,
                now=self.now,
                aggregate_id=self._key,  # by which it is named
                received=received,
            )
        )

    # -- Time ------------------------------------------------------------------------------------

    def _wait_for(self, coming: CaseEvent) -> None:
        """Until then, whatever is due rings and times out."""
        if coming.at is None:
            return
        until = CalendarSpan.of("at", coming.at).after(self._start, self._zone)
        if until < self.now:
            raise NotSoFar(f"{_place(coming)}.at: that is before the one before it")
        self._go_on(until)
        self.now = until

    def _go_on(self, until: datetime, but: Timer | None = None) -> None:
        for _ in range(MAX_SWEEPS):
            waiting = [] if self.process is None else self.process.trackers()
            due: list[Tracker] = [each for each in waiting if each != but and each.is_due(until)]
            if not due:
                return
            self.now = max(self.now, min(each.due_at for each in due))
            self._fire([each for each in due if each.is_due(self.now)])
        raise NotSoFar(f"something was due {MAX_SWEEPS:,} times, and is so still")

    def _ring(self, when: CaseEvent) -> None:
        """Goes on to when a timer is due, and lets it ring."""
        about, running = f"{_place(when)}.timer", self.timers()
        timer = running.get(str(when.timer))
        if timer is None:
            there = f"; there are {', '.join(running)}" if running else "; none does"
            raise NotSoFar(f"{about}: {when.timer!r} does not run{there}")
        self._go_on(timer.due_at, but=timer)
        if timer not in self.timers().values():
            raise NotSoFar(f"{about}: {when.timer!r} runs no more when it would ring")
        self.now = max(self.now, timer.due_at)
        self.timers_before = self.timers()
        self._fire([timer])

    def _fire(self, due: list[Tracker] | list[Timer]) -> None:
        def fire(process: Process, now: datetime) -> None:
            process.time_out(due, now=now)

        self._move(fire)

    # -- Events ----------------------------------------------------------------------------------

    def _come(self, coming: CaseEvent) -> TrellisError | None:
        """An event comes; what refuses it."""
        self.told = ()
        try:
            received = self._received(coming)
            if self.process is None:
                trigger = self._trigger(received.names)
                assert trigger is not None, "else the process was started before"
                seen = {"event": received.event}
                given = resolved(self._compiled.expressions, trigger.inputs or {}, seen)
                self._start_with(given, received)
            else:
                self._move(lambda process, now: commands.receive_event(process, received, now=now))
        except TrellisError as error:
            return error
        return None

    def _received(self, coming: CaseEvent) -> Received:
        """The event by all its names. Raises ExpressionError."""
        defined = next(each for each in self._definition.events if each.name == coming.event)
        key = self._value(_key_of(defined), coming)
        if self._key is not None and key != self._key:
            whose = f"its key is {key!r}, and that of the one before {self._key!r}"
            raise NotSoFar(f"{_place(coming)}: it is for another process; {whose}")
        self._key = key
        event_id = self._value(defined.id or "event.id", coming)
        return Received(self._names(coming), coming.value, event_id)

    def _names(self, coming: CaseEvent) -> tuple[str, ...]:
        events = self._definition.events
        return tuple(each.name for each in events if matches(pattern_of(each), dict(coming.value)))

    def _value(self, expression: str, coming: CaseEvent) -> str:
        return str(self._compiled.expressions.evaluate(expression, {"event": coming.value}))

    def _move(self, move: Move) -> None:
        assert self.process is not None, "it was started"
        process = self.process.copy()
        self.told = ()
        decide(Engine(self._compiled), process, move, self.now)
        if process.has_changed:
            self._keep(process)

    def _keep(self, process: Process) -> None:
        self.told = process.events
        process.saved()
        self.process = process


def is_moment(text: object) -> bool:
    """Whether text that is a span or a moment begins as a moment does."""
    return isinstance(text, str) and text[:4].isdecimal() and text[4:5] == "-"


def _key_of(defined: EventDefinition) -> str:
    return defined.key or (ENTITY_KEY if defined.entity is not None else COMPLETED_KEY)


def _place(coming: CaseEvent) -> str:
    """Where it stands in its case."""
    return path_text(coming.path[1:])
