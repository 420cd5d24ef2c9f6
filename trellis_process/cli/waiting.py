"""What an open step waits for, in words: work, a person, a signal, a moment, what it started."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trellis_process.cli.event_meaning import short
from trellis_process.cli.span import span
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep

_LONGEST_ERROR = 80  # characters of why a branch or an item failed


def waits_for(step: ProcessStep) -> str:
    """Whom or what an open step waits for; empty where that is nothing but a report."""
    if step.waits_for is None:
        return step.service or ""
    if step.waits_for is WaitingFor.PERSON and step.task is not None:
        return _person(step)
    if step.waits_for is WaitingFor.SIGNAL:
        return f"the signal {step.progress['signal']}"
    if step.waits_for is WaitingFor.CHILDREN:
        return _children(step)
    return "suspended" if step.is_suspended else ""


def until(step: ProcessStep, now: datetime) -> str:
    """Until when an open step may take, or wait; empty where nothing limits it."""
    if step.due_at is None:
        return ""
    left = (step.due_at - now).total_seconds()
    if left < 0:
        return f"overdue for {span(-left)}"
    if step.waits_for in (WaitingFor.RESUMPTION, WaitingFor.SIGNAL):
        return f"for {span(left)} at most"
    if step.waits_for is WaitingFor.TIME:
        return f"goes on in {span(left)}"
    return f"{'tried again' if step.waits_for_retry else 'due'} in {span(left)}"


def _person(step: ProcessStep) -> str:
    assert step.task is not None, "an open task has terms"
    task = step.task
    whose = ", ".join(filter(None, (task.assignee, task.assignee_role))) or "anybody"
    outcomes = " or ".join(name for name, _ in task.outcomes)
    return f"{whose} at {task.surface}: {outcomes}"


def _children(step: ProcessStep) -> str:
    progress: dict[str, Any] = step.progress or {}
    if "count" in progress:
        return _items(progress)
    if "open" not in progress:
        return "its child"
    if "left" in progress:
        return _parts_undone(progress)
    if "undoing" in progress:
        return f"undoes its branches, after: {short(progress['undoing'], _LONGEST_ERROR)}"
    said = f"branches open: {', '.join(progress['open'])}"
    for branch, why in progress.get("failed", {}).items():
        said += f"; {branch} failed: {short(why, _LONGEST_ERROR)}"
    return said


def _items(progress: dict[str, Any]) -> str:
    if "parts" in progress:
        failed, done = progress["errors"], progress["processed"]
    else:
        failed, done = len(progress["failed"]), len(progress["done"]) + len(progress["failed"])
    said = f"{done:,} of {progress['count']:,} items done"
    if failed:
        index, why = progress["failed"][0]
        said += f", {failed:,} failed (item {index}: {short(why, _LONGEST_ERROR)})"
    return said


def _parts_undone(progress: dict[str, Any]) -> str:
    # Of an earlier round's attempts all that had begun is still to come.
    to_come = progress["left"] + sum(begun for _, begun in progress.get("before", ()))
    said = f"{len(progress['open']):,} of its parts to undo what they completed"
    return f"{said}, {to_come:,} after that" if to_come else said
