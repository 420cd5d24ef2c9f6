"""Replay: a process rebuilt from its events alone, as a consumer that keeps its own copy would.

What does not travel in events, and so cannot be rebuilt: heartbeats, which move a step's deadline;
a resumption that came early, until it is taken; who reported last on a step; when the checker looks
next, and the versions of changes that had no events.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from trellis_process import Process

Event = dict[str, Any]

_ENDS = {
    "ProcessCompleted": "completed",
    "ProcessFailed": "failed",
    "ProcessCancelled": "cancelled",
}
_FINAL = {"completed", "failed", "cancelled"}


def replayed(events: Iterable[Event]) -> dict[str, Any]:
    """What a process's events, each once and in order, say that it is."""
    process: dict[str, Any] = {}
    for event in events:
        kind, time = event["type"], _time(event["time"])
        if kind == "ProcessStarted":
            process = _started(event, time)
        elif kind in _ENDS:
            _end(process, _ENDS[kind], event, time)
        elif kind != "ProcessStepTimedOut":  # what followed from it is told beside it
            _happened(process, process["steps"][event["step_name"]], event, time)
    return process


def as_replayed(process: Process) -> dict[str, Any]:
    """A process in the same words, with what its events do not tell left out."""
    steps = {
        name: {
            "state": step.state.value,
            "waits_for": None if step.waits_for is None else step.waits_for.value,
            "attempt": step.attempt,
            "started_at": step.started_at,
            "ended_at": step.ended_at,
            "due_at": step.due_at,
            "resumption": step.resumption,
            "resume_data": step.resume_data,
            "output": step.output,
            "error": step.error,
        }
        for name, step in process.steps.items()
    }
    return {
        "state": process.state.value,
        "reason": process.reason,
        "due_at": process.due_at,
        "limit": None if process.timeout_ms is None else timedelta(milliseconds=process.timeout_ms),
        "steps": steps,
    }


def _started(event: Event, time: datetime) -> dict[str, Any]:
    due_at = _time(event.get("due_at"))
    untouched: dict[str, Any] = {
        "state": "pending",
        "waits_for": None,
        "attempt": 0,
        "started_at": None,
        "ended_at": None,
        "due_at": None,
        "resumption": 0,
        "resume_data": None,
        "output": None,
        "error": None,
    }
    return {
        "state": "pending",
        "reason": None,
        "due_at": due_at,
        "limit": None if due_at is None else due_at - time,
        "steps": {step["name"]: dict(untouched) for step in event["steps"]},
    }


def _happened(process: dict[str, Any], step: dict[str, Any], event: Event, time: datetime) -> None:
    if process["state"] == "failed":
        _reopen(process, time)
    process["state"] = "in_progress"
    due_at = _time(event.get("due_at"))
    match event["type"]:
        case "StepStarted" | "StepResumed" as kind:
            if kind == "StepStarted":
                error = step["error"] if step["waits_for"] == "retry" else None
                step |= {"attempt": event["attempt"], "started_at": time, "error": error}
            step |= {"state": "in_progress", "waits_for": None, "due_at": due_at, "ended_at": None}
            if "resumption" in event:
                step |= {"resumption": event["resumption"], "resume_data": event.get("resume_data")}
        case "StepSuspended":
            step |= {"state": "waiting", "waits_for": "resumption", "due_at": due_at}
        case "StepAttemptFailed":
            step |= {"state": "waiting", "waits_for": "retry", "due_at": _time(event["retry_at"])}
            step |= {"attempt": event["attempt"], "error": event["error"]}
        case "StepCompleted":
            # The event names the attempt that succeeded, which may be an earlier one.
            attempt = step["attempt"] + (step["state"] == "pending")
            step |= {"state": "completed", "waits_for": None, "due_at": None, "ended_at": time}
            step |= {"attempt": attempt, "error": None, "resume_data": None}
            step["output"] = event.get("output")
        case "StepFailed":
            step |= {"state": "failed", "waits_for": None, "due_at": None, "ended_at": time}
            step |= {"attempt": event["attempt"], "error": event["error"]}
        case unknown:
            raise AssertionError(f"an event that replay does not know: {unknown}")


def _reopen(process: dict[str, Any], time: datetime) -> None:
    process["reason"] = None
    process["due_at"] = None if process["limit"] is None else time + process["limit"]
    for step in process["steps"].values():
        if step["state"] == "cancelled":
            step |= {"state": "pending", "started_at": None, "ended_at": None}


def _end(process: dict[str, Any], state: str, event: Event, time: datetime) -> None:
    process |= {"state": state, "reason": event.get("reason"), "due_at": None}
    for step in process["steps"].values():
        if step["state"] not in _FINAL:
            step |= {"state": "cancelled", "waits_for": None, "due_at": None, "ended_at": time}


def _time(text: Any) -> Any:
    return None if text is None else datetime.fromisoformat(text)
