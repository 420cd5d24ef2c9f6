"""What each event means to a person: its mark, what happened, and the details worth a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from trellis_process.cli.span import span
from trellis_process.domain.own_services import SCHEDULE

Envelope = Mapping[str, Any]
"""An event of Trellis, as its detail says it."""

#: How each event is marked, in which colour, and what it says of the step that it is about.
_LOOKS = {
    "ProcessStarted": ("●", "bold", "process started"),
    "StepStarted": ("▸", "cyan", "{step} started"),
    "StepAttemptFailed": ("✗", "yellow", "{step} failed, tried again"),
    "StepSuspended": ("‖", "yellow", "{step} suspended"),
    "StepResumed": ("▸", "cyan", "{step} resumed"),
    "StepCompleted": ("✓", "green", "{step} completed"),
    "StepFailed": ("✗", "red", "{step} failed"),
    "ProcessStepTimedOut": ("◔", "yellow", "{step} timed out"),
    "StepSkipped": ("↷", "magenta", "{step} skipped"),
    "StepCancelled": ("✗", "magenta", "{step} given up"),
    "WaitStarted": ("‖", "yellow", "{step} waits"),
    "TaskOpened": ("?", "yellow", "{step} asks a person"),
    "TaskClaimed": ("?", "cyan", "{step} taken"),
    "TaskReleased": ("?", "yellow", "{step} released"),
    "TaskEscalated": ("!", "yellow", "{step} escalated"),
    "MessageSent": ("→", "cyan", "{step} sends a message"),
    "EffectsRequested": ("→", "cyan", "{step} changes entities"),
    "ChildRequested": ("→", "cyan", "{step} starts a child"),
    "ChildCancellationRequested": ("→", "magenta", "{step} calls a child off"),
    "SignalReceived": ("←", "cyan", "signal received"),
    "CompensationStarted": ("↶", "yellow", "{undoes} is to be undone"),
    "CompensationCompleted": ("↶", "green", "{undoes} undone"),
    "CompensationFailed": ("↶", "red", "{undoes} not undone"),
    "ProcessCompensating": ("↶", "bold yellow", "process undoes what was completed"),
    "ProcessSuspended": ("‖", "bold yellow", "process suspended"),
    "ProcessResumed": ("▸", "bold", "process resumed"),
    "ProcessReopened": ("▸", "bold", "process goes on at {step}"),
    "SlaBreached": ("!", "yellow", "{whose} takes longer than agreed"),
    "EventReceived": ("←", "cyan", "event received"),
    "TimerRang": ("◔", "cyan", "timer rang"),
    "CommandSent": ("→", "cyan", "message sent"),
    "RunSkipped": ("↷", "magenta", "run left out"),
    "ScheduleChanged": ("▸", "bold", "schedule goes by other terms"),
    "ProcessCompleted": ("■", "bold green", "process completed"),
    "ProcessFailed": ("■", "bold red", "process failed"),
    "ProcessCancelled": ("■", "bold magenta", "process cancelled"),
}
_UNKNOWN = ("·", "")  # the stack may be of a later version
_LONGEST = 60


def look(event: Envelope) -> tuple[str, str]:
    """The mark of an event, and its colour."""
    mark, style, *_ = _LOOKS.get(event["type"], _UNKNOWN)
    return mark, style


def what(event: Envelope) -> str:
    """What happened, to which step; the event's name where that is of a later version."""
    step = event.get("step_name", "")
    if event["type"] not in _LOOKS:
        return f"{step} {event['type']}".lstrip()
    *_, says = _LOOKS[event["type"]]
    return says.format(step=step, undoes=event.get("undoes", step), whose=step or "process")


def details(event: Envelope) -> str:
    """What else a person wants to know of it; empty where the name says it all."""
    said = _DETAILS.get(event["type"])
    return "" if said is None else said(event)


def by_whom(event: Envelope) -> str:
    """Who caused it, and why, as far as that is known."""
    actor, reason = event.get("actor"), event.get("reason")
    # Of the ARN of a role's session, the part that says who it was.
    by = f"by {actor.rsplit('/', 1)[-1]}" if actor else ""
    # Where the step is named of which a process failed, its reason says nothing more.
    why = None if "failed_step" in event else reason
    return ": ".join(filter(None, (by, _words(why))))


def recurrence_of(terms: Mapping[str, Any]) -> str:
    """When a schedule starts something, as its terms say."""
    if "every" in terms:
        return f"every {terms['every']}"
    return f"{terms['cron']} in {terms.get('time_zone', 'UTC')}"


def moment(event: Envelope) -> datetime:
    """When it happened."""
    return datetime.fromisoformat(event["time"])


def short(value: Any, longest: int = _LONGEST) -> str:
    """A value of JSON as text on one line, cut where it is long; empty for none."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _words(text: str | None) -> str:
    return short(text.replace("_", " ") if text else None, 200)


def _until(event: Envelope, name: str, says: str) -> str:
    """How long from the event to the moment that a field of it says."""
    if name not in event:
        return ""
    left = datetime.fromisoformat(event[name]) - moment(event)
    return says.format(span(left.total_seconds()))


def _list(*said: str) -> str:
    return ", ".join(filter(None, said))


def _utc(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"


def _started(event: Envelope) -> str:
    if event["process_type"] == SCHEDULE:
        return f"{event['input']['definition']}, {recurrence_of(event['input'])}"
    if "scheduled_at" in event:
        return f"version {event['definition_version']}, scheduled at {_utc(event['scheduled_at'])}"
    if "definition_version" in event:
        steps = f"version {event['definition_version']}"
    else:
        steps = "steps: " + ", ".join(step["name"] for step in event["steps"])
    parent = event.get("parent")
    return steps if parent is None else f"{steps}, child of {parent['process_id']}"


def _timed_out(event: Envelope) -> str:
    return f"retries left: {event['retries_permitted'] - event['retry_count']}"


def _why(event: Envelope) -> str:
    code = event.get("code")
    return _list(short(event["error"]), "" if code in (None, "timeout") else f"code {code}")


def _completed(event: Envelope) -> str:
    return _list(event.get("outcome", ""), short(event.get("output")))


def _task(event: Envelope) -> str:
    role = event.get("assignee_role")
    return _list(
        f"at {event['surface']}",
        f"for {role}" if role else "",
        f"{event['assignee']}'s" if "assignee" in event else "",
        _until(event, "due_at", "due in {}"),
    )


def _claimed(event: Envelope) -> str:
    # Who claims a task for himself stands at the end of the line anyway.
    return "" if event.get("actor") == event["assignee"] else f"is {event['assignee']}'s"


def _wait(event: Envelope) -> str:
    if "signal" in event:
        return f"for the signal {event['signal']}" + _until(event, "due_at", ", {} at most")
    return _until(event, "due_at", "for {}")


def _effects(event: Envelope) -> str:
    return short(
        ", ".join(
            f"{each['action']} {each['entity']} {each.get('id', '')}".rstrip()
            for each in event["effects"]
        )
    )


def _child(event: Envelope) -> str:
    of = event.get("child_definition", "")
    if version := event.get("child_definition_version"):
        of += f" {version}"
    part = f"part {event['part']} of the items" if "part" in event else ""
    again = f"tried again, round {event['round']}" if "round" in event else ""
    undoing = "to undo what it did" if "compensate" in event else ""
    return _list(of, part, again, undoing, event["child_id"])


def _breach(event: Envelope) -> str:
    late_s = (event["actual_ms"] - event["expected_ms"]) / 1000
    return f"{event['tier']}: {span(event['expected_ms'] / 1000)}, late by {span(late_s)}"


def _failed(event: Envelope) -> str:
    if "failed_step" not in event:
        return _undone(event)
    return _list(f"{event['failed_step']}: {short(event['error'])}", _undone(event))


def _undone(event: Envelope) -> str:
    return {"done": "all undone", "partial": "not all undone"}.get(
        event.get("compensation", ""), ""
    )


_DETAILS: dict[str, Callable[[Envelope], str]] = {
    "ProcessStarted": _started,
    "StepStarted": lambda event: str(event.get("service", "")),
    "StepAttemptFailed": lambda event: _list(_why(event), _until(event, "retry_at", "again in {}")),
    "StepSuspended": lambda event: _until(event, "due_at", "for {} at most"),
    "StepResumed": lambda event: short(event.get("resume_data")),
    "StepCompleted": _completed,
    "StepFailed": _why,
    "ProcessStepTimedOut": _timed_out,
    "StepSkipped": lambda event: short(event.get("output")),
    "WaitStarted": _wait,
    "TaskOpened": _task,
    "TaskClaimed": _claimed,
    "TaskEscalated": _task,
    "MessageSent": lambda event: f"{event['message']} to {event['channel']}",
    "EffectsRequested": _effects,
    "ChildRequested": _child,
    "ChildCancellationRequested": _child,
    "SignalReceived": lambda event: str(event["signal"]),
    "CompensationStarted": lambda event: str(event.get("service", "")),
    "CompensationCompleted": lambda event: short(event.get("output")),
    "CompensationFailed": _why,
    "SlaBreached": _breach,
    "EventReceived": lambda event: str(event["event"]),
    "TimerRang": lambda event: str(event["timer"]),
    "CommandSent": lambda event: f"{event['message']} to {event['channel']}",
    "RunSkipped": lambda event: f"of {_utc(event['scheduled_at'])}",
    "ScheduleChanged": lambda event: recurrence_of(event["input"]),
    "ProcessCompleted": lambda event: short(event.get("output")),
    "ProcessFailed": _failed,
    "ProcessCancelled": _undone,
}
