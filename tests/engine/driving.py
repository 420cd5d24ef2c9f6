"""Drives one process through a definition, without any store, and holds it to what always holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from textwrap import dedent
from typing import Any

from trellis_process.definitions import expressions
from trellis_process.definitions.data_schema import DataSchema
from trellis_process.domain.decide import Trigger, decide
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.steps import AnyStep, ServiceStep
from trellis_process.domain.engine import commands, relations
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.engine.received import Received
from trellis_process.domain.engine.relations import ChildEnding
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, StepState
from trellis_process.domain.tracker import TimerKind
from trellis_process.dynamodb.item import from_item, to_item

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def service(name: str, **more: Any) -> ServiceStep:
    """A step that a service of its own name does."""
    return ServiceStep(name, **({"service": f"Services.{name}"} | more))


def undo(name: str, **more: Any) -> Compensation:
    """A compensation that a service of its own name does."""
    return Compensation(name, **({"service": f"Services.{name}"} | more))


class Drive:
    """A process of a definition, the time, and everything that has happened."""

    def __init__(self, *steps: AnyStep, **definition: Any) -> None:
        self._follow(ProcessDefinition("journey", version=1, steps=steps, **definition))
        self.now = START
        self.process: Process = None  # type: ignore[assignment]
        self.events: list[ProcessEvent] = []
        self.writes = 0
        self._events_made = 0

    @classmethod
    def written(cls, text: str) -> Drive:
        """A definition as it is written, but for its name and version."""
        drive = cls()
        drive._follow(ProcessDefinition.from_yaml("process: journey\nversion: 1\n" + dedent(text)))
        return drive

    def _follow(self, definition: ProcessDefinition) -> None:
        self.definition = definition
        self.compiled = CompiledDefinition(definition, expressions, DataSchema(definition.data))

    def start(self, **given: Any) -> Drive:
        """Starts the process with this input."""
        process = commands.start(
            self.compiled, process_id="p1", tenant_id="t1", input=given, now=self.now
        )
        return self._note(process)

    def start_by(self, *names: str, input: dict[str, Any] | None = None, **detail: Any) -> Drive:
        """Starts the process with an event that has these names, and this to say."""
        process = commands.start(
            self.compiled,
            process_id="p1",
            tenant_id="t1",
            input=input or {},
            now=self.now,
            received=self.event(*names, **detail),
        )
        return self._note(process)

    def event(self, *names: str, event_id: str | None = None, **detail: Any) -> Received:
        """An event of these names, unlike all before unless its id is given."""
        self._events_made += 1
        event_id = event_id or f"e{self._events_made}"
        return Received(names, {"id": event_id, "source": "shop", "detail": detail}, event_id)

    def receive(self, *names: str, **more: Any) -> Drive:
        """An event comes, as it is made by ``event``."""
        received = self.event(*names, **more)
        return self.do(lambda process, now: commands.receive_event(process, received, now=now))

    def start_part(self, of: Drive, part: int, items: list[Any], first: int) -> Drive:
        """Starts the process of a part of another's foreach."""
        process = relations.start_part(
            self.compiled, of.process, "all", part, items=items, first=first, now=self.now
        )
        return self._note(process)

    def do(self, trigger: Trigger) -> Drive:
        """Lets a trigger move a copy of the process, as a service does, and keeps it."""
        process = self.process.copy()
        decide(Engine(self.compiled), process, trigger, self.now)
        return self._note(process)

    def complete(self, name: str, output: Any = None, **more: Any) -> Drive:
        return self.do(lambda process, now: process.complete_step(name, output, now=now, **more))

    def fail(self, name: str, error: str = "it broke", **more: Any) -> Drive:
        attempt = {"attempt": self.process.step(name).attempt}
        return self.do(
            lambda process, now: process.fail_step(name, error, now=now, **(attempt | more))
        )

    def signal(self, name: str, payload: Any = None, **more: Any) -> Drive:
        return self.do(
            lambda process, now: commands.send_signal(process, name, payload, now=now, **more)
        )

    def later(self, span: str) -> Drive:
        """So much later, without a sweep."""
        self.now += span_of("span", span)
        return self

    def sweep(self, span: str | None = None) -> Drive:
        """So much later, with a sweep then."""
        if span is not None:
            self.later(span)
        return self.do(lambda process, now: process.time_out(process.due_trackers(now), now=now))

    def sweep_until(self, span: str) -> Drive:
        """So much later, with a sweep at each moment at which something is due."""
        until = self.now + span_of("span", span)
        while self.process.wake_up_at is not None and self.process.wake_up_at <= until:
            self.now = max(self.now, self.process.wake_up_at)
            self.sweep()
        self.now = until
        return self

    def child_ended(
        self,
        name: str,
        state: ProcessState = ProcessState.COMPLETED,
        *,
        attempt: int | None = None,
        part: int | None = None,
        **more: Any,
    ):
        told = Parent(
            process_id=self.process.process_id,
            step_name=name,
            attempt=attempt or self.process.step(name).attempt,
            part=part,
        )
        ending = ChildEnding(state, **more)
        return self.do(lambda process, now: relations.child_ended(process, told, ending, now=now))

    # -- What is asked about it --------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.process.state.value

    @property
    def reason(self) -> str | None:
        return self.process.reason

    @property
    def compensation(self) -> str | None:
        return self.process.compensation

    def states(self) -> dict[str, str]:
        return {name: step.state.value for name, step in self.process.steps.items()}

    def open(self) -> list[str]:
        return [name for name, step in self.process.steps.items() if step.is_open]

    def told(self, *types: str) -> list[str]:
        """The events of these types, in order: their type, and the step if it is about one."""
        return [
            event.type + (f" {event.step_name}" if getattr(event, "step_name", None) else "")
            for event in self.events
            if not types or event.type in types
        ]

    def sent(self) -> list[tuple[str, str, Any]]:
        """What reactions sent, in order: the channel, the message and what it says."""
        return [
            (event.channel, event.message, event.payload)
            for event in self.events
            if event.type == "CommandSent"
        ]

    def timers(self) -> dict[str, datetime]:
        """The timers that reactions have set, and when they ring."""
        timers = self.process.timers
        return {each.name: each.due_at for each in timers if each.kind is TimerKind.TIMER}

    def started(self) -> list[str]:
        """The steps that were begun, in order."""
        return [
            event.step_name
            for event in self.events
            if event.type in ("StepStarted", "CompensationStarted")
        ]

    def _note(self, process: Process) -> Drive:
        if process.has_changed:
            self.events += process.events
            self.writes += 1
            stored = from_item(to_item(process))
            process.saved()
            self._check_stored(stored, process)
        self.process = process
        self._check()
        return self

    def _check(self) -> None:
        """What holds after every change of every process."""
        process = self.process
        assert process.wakes_in_time()
        if process.state.is_final:
            assert not self.open()
            assert not process.timers
        undone = [event.step_name for event in self.events if event.type == "CompensationStarted"]
        assert all(event is not None for event in undone)
        if process.state is ProcessState.COMPENSATING:
            assert any(name.startswith("undo:") for name in self.open())
        for step in process.steps.values():
            assert (step.waits_for is not None) == (step.state is StepState.WAITING)

    def _check_stored(self, stored: Process, process: Process) -> None:
        """What reactions keep is there again as it was when the process is read."""
        for name in ("data", "event_ids", "kept_events", "timers"):
            assert getattr(stored, name) == getattr(process, name), name


def parent(step_name: str = "child") -> Parent:
    return Parent(process_id="p0", step_name=step_name, attempt=1)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)
