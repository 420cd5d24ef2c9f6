"""Timers of a definition: the time agreed for a process or step, and when a task is escalated."""

from __future__ import annotations

from trellis_process.domain.change import Change
from trellis_process.domain.definition.duration import Duration, span_of
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.tracker import Timer, TimerKind


def agree(change: Change, sla: Sla | None, step_name: str | None = None) -> None:
    """The time agreed for a step, or for the process, begins to count; None for no such time."""
    if sla is None:
        return
    for tier in sla.all_tiers():
        _set(change, TimerKind.SLA, tier.name, tier.max_duration, step_name, sla.alert_on_breach)


def escalate(change: Change, step_name: str, after: Duration) -> None:
    """The time begins to count after which somebody is told of a task that is still open."""
    _set(change, TimerKind.ESCALATION, "escalation", after, step_name, True)


def _set(
    change: Change,
    kind: TimerKind,
    name: str,
    after: Duration,
    step_name: str | None,
    sends_event: bool,
) -> None:
    process = change.process
    timer = Timer(
        tenant_id=process.tenant_id,
        process_id=process.process_id,
        kind=kind,
        name=name,
        due_at=change.now + span_of("after", after),
        since=change.now,
        step_name=step_name,
        sends_event=sends_event,
    )
    process.timers = (*process.timers, timer)
