"""Simulation: how a process went, what it asked for on the way, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text
from trellis_process.simulation.entry import Entry, span_text, value_text


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked of a service, a person or another definition."""

    at: datetime
    step: str
    #: The service, the surface or the definition.
    whom: str
    input: JsonValue
    #: Of its visit, from 1.
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A step that is open at the end, and what it waits for."""

    step: str
    #: In words: ``service Payments.pay to report attempt 1``.
    text: str
    #: Until when, where there is a limit.
    due_at: datetime | None

    def __str__(self) -> str:
        return f"{self.step} waits for {self.text}"


@dataclass
class Simulation:
    """What became of a process of a definition; ``print`` it to read it.

    ``process`` is the process itself as it stands at the end, with all its steps.
    """

    definition: ProcessDefinition
    process: Process
    started_at: datetime
    #: What happened, in order; that of children among it.
    timeline: list[Entry] = field(default_factory=list)
    #: The events of the process itself, in order.
    events: list[ProcessEvent] = field(default_factory=list)
    #: What it asked for, in order, of services, people and other definitions.
    asked: list[Asked] = field(default_factory=list)
    #: What was made up because no answer was given: ``input``, or the name of a step.
    assumed: list[str] = field(default_factory=list)
    #: The steps whose answers nobody asked for.
    unused_answers: tuple[str, ...] = ()
    #: Why it was broken off while more would have happened; None where it was not.
    stopped: str | None = None
    #: The moment at which it ended or was broken off.
    ended_at: datetime | None = None

    @property
    def state(self) -> str:
        """How the process stands: ``completed``."""
        return self.process.state.value

    @property
    def output(self) -> JsonValue:
        """What it resulted in."""
        return self.process.output

    @property
    def reason(self) -> str | None:
        """Why it failed or was cancelled."""
        return self.process.reason

    @property
    def compensation(self) -> str | None:
        """How undoing went: ``done``, ``partial``, or None where nothing was to be undone."""
        return self.process.compensation

    @property
    def states(self) -> dict[str, str]:
        """The state of each step that was entered, by name."""
        return {name: step.state.value for name, step in self.process.steps.items()}

    @property
    def outputs(self) -> dict[str, JsonValue]:
        """What each step that is done resulted in, by name."""
        return {
            name: step.output for name, step in self.process.steps.items() if step.state.is_done
        }

    @property
    def path(self) -> list[str]:
        """The steps in the order in which they ended well, those that undo others among them."""
        done = (
            happened.StepCompleted
            | happened.StepSkipped
            | happened.MessageSent
            | happened.EffectsRequested
            | happened.CompensationCompleted
        )
        return [event.step_name for event in self.events if isinstance(event, done)]

    @property
    def messages(self) -> list[happened.MessageSent]:
        """The messages that it sent, in order."""
        return [event for event in self.events if isinstance(event, happened.MessageSent)]

    @property
    def lasted(self) -> timedelta:
        """From its start to its latest change."""
        return self.process.changed_at - self.started_at

    @property
    def waits_for(self) -> list[Waiting]:
        """What it waits for at the end; nothing where the process is final."""
        if self.process.state.is_final:
            return []
        return [
            Waiting(step=step.name, text=text, due_at=step.due_at)
            for step in self.process.steps.values()
            if step.is_open and (text := _text(step))
        ]

    def as_text(self) -> str:
        """All of it to read: the timeline, a line each, and how it stands."""
        width = max((len(each.subject) for each in self.timeline), default=0)
        lines = [
            f"{span_text(each.elapsed):>10}  {each.subject:<{width}}  {each.text}"
            + (" (assumed)" if each.is_assumed else "")
            + (f"  {each.why}" if each.why else "")
            for each in self.timeline
        ]
        return "\n".join([*lines, "", *self.summary()]) + "\n"

    def summary(self) -> list[str]:
        """How it stands, in a few lines."""
        why = "" if self.reason is None else f", {self.reason.replace('_', ' ')}"
        lines = [f"{self.state.replace('_', ' ')} after {span_text(self.lasted)}{why}"]
        if self.output is not None:
            lines.append(f"output: {value_text(self.output)}")
        for each in self.waits_for:
            until = (
                "" if each.due_at is None else f", until {span_text(each.due_at - self.started_at)}"
            )
            lines.append(f"waits: {each}{until}")
        if self.definition.reactions:
            lines.append("no event came; what events and timers do, cases show: trellis test")
        if self.stopped is not None:
            lines.append(f"broken off: {self.stopped}")
        if self.assumed:
            lines.append(f"assumed: {', '.join(self.assumed)}")
        if self.unused_answers:
            lines.append(f"not asked for: the answers of {', '.join(self.unused_answers)}")
        return lines

    def __str__(self) -> str:
        return self.as_text()

    def as_json(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            "process": self.definition.process,
            "version": self.definition.version,
            "state": self.state,
            "reason": self.reason,
            "compensation": self.compensation,
            "input": self.process.input,
            "output": self.output,
            "started_at": to_text(self.started_at),
            "lasted_ms": self.lasted // timedelta(milliseconds=1),
            "steps": {name: _as_json(step) for name, step in self.process.steps.items()},
            "timeline": [each.as_json() for each in self.timeline],
            "waits_for": [
                {"step": each.step, "for": each.text, "due_at": to_text(each.due_at)}
                for each in self.waits_for
            ],
            "stopped": self.stopped,
            "assumed": self.assumed,
            "unused_answers": list(self.unused_answers),
        }


def _as_json(step: ProcessStep) -> dict[str, Any]:
    told = {
        "state": step.state.value,
        "outcome": step.outcome,
        "attempts": step.attempt,
        "visits": step.visits,
        "output": step.output,
        "error": step.error,
    }
    return {name: value for name, value in told.items() if value is not None}


def _text(step: ProcessStep) -> str:
    """What an open step waits for, in words; nothing where its own steps wait."""
    if step.state is StepState.IN_PROGRESS:
        attempt = step.attempt - step.first_attempt + 1
        given = f", given {value_text(step.input)}" if step.input else ""
        return f"service {step.service} to report attempt {attempt}{given}"
    if step.waits_for is WaitingFor.PERSON and step.task is not None:
        whose = step.task.assignee or step.task.assignee_role or "somebody"
        choices = ", ".join(name for name, _ in step.task.outcomes)
        return f"{whose} to choose on {step.task.surface}: {choices}"
    progress = step.progress if isinstance(step.progress, dict) else {}
    if step.waits_for is WaitingFor.SIGNAL:
        return f"signal {progress['signal']}"
    if step.waits_for is WaitingFor.TIME:
        return "its time"
    if step.waits_for is WaitingFor.RETRY:
        return "its next attempt"
    if step.waits_for is WaitingFor.CHILDREN and not progress:
        return "its child"
    return ""
