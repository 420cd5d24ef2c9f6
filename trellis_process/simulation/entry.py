"""Entries: what happened in a simulation, one by one, as a person would like to read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.process import Process
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import to_text

_LONGEST_VALUE = 100


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened."""

    at: datetime
    #: How long after the start.
    elapsed: timedelta
    #: The type of the event: ``StepCompleted``; ``Refused`` for what the process did not take.
    event: str
    #: What happened, in words.
    text: str
    #: Where it leads, and why.
    why: str = ""
    #: The step that it is about; None for the process.
    step: str | None = None
    #: The child that it happened to, by the step that asked for it; None for the process itself.
    child: str | None = None
    #: Whether it comes of an answer that was made up, because none was given.
    is_assumed: bool = False

    @property
    def subject(self) -> str:
        """What it is about: the step, with the child that it belongs to."""
        named = self.step or ""
        return named if self.child is None else f"{self.child} › {named}".rstrip(" ›")

    @property
    def is_of_part(self) -> bool:
        """Whether it happened in a process that deals with a part of a foreach's items."""
        return self.child is not None and self.child.endswith("]")

    @property
    def elapsed_text(self) -> str:
        """How long after the start, as definitions write it."""
        return span_text(self.elapsed)

    def as_json(self) -> dict[str, Any]:
        """For programs; what is not there is left out."""
        said = {
            "at": to_text(self.at),
            "elapsed_ms": self.elapsed // timedelta(milliseconds=1),
            "event": self.event,
            "step": self.step,
            "child": self.child,
            "text": self.text,
            "why": self.why or None,
            "assumed": self.is_assumed or None,
        }
        return {name: value for name, value in said.items() if value is not None}


def text_of(event: ProcessEvent, process: Process) -> str:
    """What an event says, in words; the process is as the event's change left it."""
    tell = _TEXTS.get(type(event))
    return event.type if tell is None else tell(event, process)


def span_text(span: timedelta) -> str:
    """A span as definitions write it, with milliseconds where there are some: ``1d 2h``."""
    seconds, rest = divmod(span, timedelta(seconds=1))
    milliseconds = rest // timedelta(milliseconds=1)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    if milliseconds:
        parts.append(f"{milliseconds}ms")
    return " ".join(parts) or "0s"


def value_text(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _step(event: ProcessEvent, process: Process) -> ProcessStep:
    assert isinstance(event, happened.StepEvent)
    return process.step(event.step_name)


def _started(event: ProcessEvent, process: Process) -> str:
    told = f"{process.process_type} {process.definition_version} started"
    if process.parent is not None and process.parent.part is not None:
        return f"part {process.parent.part} started"
    return told + (f" with {value_text(process.input)}" if process.input else "")


def _work(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.StepEvent)
    step = process.step(event.step_name)
    attempt = event.attempt - step.first_attempt + 1
    given = f" with {value_text(step.input)}" if step.input else ""
    again = f", attempt {attempt}" if attempt > 1 else ""
    visit = f", visit {step.visits}" if step.visits > 1 else ""
    return f"{step.service} is asked{given}{again}{visit}"


def _attempt_failed(event: ProcessEvent, process: Process) -> str:
    step = _step(event, process)
    pause = "at once" if step.due_at is None else f"in {_until(step.due_at, event.occurred_at)}"
    return f"failed: {step.error}; tried again {pause}"


def _timed_out(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.ProcessStepTimedOut)
    if event.has_fully_timed_out():
        return "timed out, with no attempt left"
    step = process.step(event.step_name)
    later = step.waits_for is WaitingFor.RETRY and step.due_at is not None
    pause = f"in {_until(step.due_at, event.occurred_at)}" if later and step.due_at else "at once"
    return f"timed out; tried again {pause}"


def _completed(event: ProcessEvent, process: Process) -> str:
    step = _step(event, process)
    outcome = "" if step.outcome is None else f" as {step.outcome}"
    by = "" if event.actor is None else f" by {event.actor}"
    output = "" if step.output is None else f", with {value_text(step.output)}"
    return f"completed{outcome}{by}{output}"


def _waiting(event: ProcessEvent, process: Process) -> str:
    step = _step(event, process)
    limit = "" if step.due_at is None else _until(step.due_at, event.occurred_at)
    if step.waits_for is WaitingFor.SIGNAL and isinstance(step.progress, dict):
        most = f", {limit} at most" if limit else ""
        return f"waits for signal {step.progress['signal']}{most}"
    return f"waits {limit}" if limit else "waits"


def _task(event: ProcessEvent, process: Process) -> str:
    step = _step(event, process)
    if step.task is None or step.due_at is None:
        return "a person is asked"
    whose = step.task.assignee or step.task.assignee_role or "somebody"
    choices = " or ".join(name for name, _ in step.task.outcomes)
    due = _until(step.due_at, event.occurred_at)
    given = f", with {value_text(step.input)}" if step.input else ""
    return f"{whose} is asked on {step.task.surface}: {choices}; due in {due}{given}"


def _claimed(event: ProcessEvent, process: Process) -> str:
    task = _step(event, process).task
    return "claimed" if task is None else f"is {task.assignee}'s now"


def _message(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.MessageSent)
    told = f" {value_text(event.payload)}" if event.payload else ""
    return f"{event.message} is sent to {event.channel}{told}"


def _effects(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.EffectsRequested)
    return "; ".join(
        f"{each['action']} {each['entity']} "
        + value_text({name: each[name] for name in ("id", "set") if each.get(name)})
        for each in event.effects
    )


def _child(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.ChildRequested)
    if event.part is not None:
        return f"part {event.part} of the items is started"
    given = process.step(event.step_name).input
    return f"{event.child_definition} is started" + (f" with {value_text(given)}" if given else "")


def _undoing(event: ProcessEvent, process: Process) -> str:
    return f"to undo {_step(event, process).undoes}: {_work(event, process)}"


def _breach(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.SlaBreached)
    agreed = span_text(timedelta(milliseconds=event.expected_ms))
    actual = span_text(timedelta(milliseconds=event.actual_ms))
    return f"takes longer than agreed ({event.tier}): {actual}, agreed was {agreed}"


def _ended(word: str) -> Callable[[ProcessEvent, Process], str]:
    def tell(event: ProcessEvent, process: Process) -> str:
        why = "" if process.reason is None else f": {process.reason.replace('_', ' ')}"
        failed = process.last_failed_step() if process.has_failed() else None
        about = "" if failed is None else f" ({failed.name}: {failed.error})"
        undone = {
            None: "",
            "done": "; all was undone",
            "partial": "; not all could be undone",
        }.get(process.compensation, "")
        output = "" if process.output is None else f" with {value_text(process.output)}"
        return f"{word}{output}{why}{about}{undone}"

    return tell


def _error(word: str) -> Callable[[ProcessEvent, Process], str]:
    return lambda event, process: f"{word}: {_step(event, process).error}"


def _said(text: str) -> Callable[[ProcessEvent, Process], str]:
    def tell(event: ProcessEvent, process: Process) -> str:
        by = "" if event.actor is None else f" by {event.actor}"
        why = "" if event.reason is None else f": {event.reason}"
        return f"{text}{by}{why}"

    return tell


def _signal(event: ProcessEvent, process: Process) -> str:
    assert isinstance(event, happened.SignalReceived)
    kept = ", kept until a step waits for it" if event.signal in process.signals else ""
    return f"signal {event.signal} came{kept}"


def _until(due_at: datetime, now: datetime) -> str:
    return span_text(due_at - now)


_TEXTS: dict[type[ProcessEvent], Callable[[ProcessEvent, Process], str]] = {
    happened.ProcessStarted: _started,
    happened.StepStarted: _work,
    happened.StepAttemptFailed: _attempt_failed,
    happened.ProcessStepTimedOut: _timed_out,
    happened.StepCompleted: _completed,
    happened.StepFailed: _error("failed"),
    happened.StepSkipped: _said("skipped"),
    happened.StepCancelled: _said("given up"),
    happened.WaitStarted: _waiting,
    happened.TaskOpened: _task,
    happened.TaskClaimed: _claimed,
    happened.TaskReleased: _said("is nobody's again"),
    happened.TaskEscalated: _said("is escalated, and stays open"),
    happened.MessageSent: _message,
    happened.EffectsRequested: _effects,
    happened.ChildRequested: _child,
    happened.ChildCancellationRequested: _said("its child is called off"),
    happened.SignalReceived: _signal,
    happened.CompensationStarted: _undoing,
    happened.CompensationCompleted: _said("undone"),
    happened.CompensationFailed: _error("could not be undone"),
    happened.ProcessCompensating: _said("what was completed is undone"),
    happened.ProcessSuspended: _said("suspended"),
    happened.ProcessResumed: _said("resumed"),
    happened.ProcessReopened: _said("open again"),
    happened.SlaBreached: _breach,
    happened.ProcessCompleted: _ended("completed"),
    happened.ProcessFailed: _ended("failed"),
    happened.ProcessCancelled: _ended("cancelled"),
}
"""What each event says; others are told by their names."""
