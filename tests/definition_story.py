"""A process that a definition orders, at each moment of a story in which every event happens.

Built by hand, so that what stores, events and pages make of such a process is tested whatever the
engine does; the engine has tests of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trellis_process import Process, ProcessState, ProcessStep, StepState
from trellis_process.domain import events as happened
from trellis_process.domain.process import Parent
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.tracker import Timer, TimerKind, earliest

BEGINNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PROCESS_ID = "51e0a3c7-1b52-4b5e-9c1d-0f2f6a8b7d34"
SERVICE = "arn:aws:sts::123456789012:assumed-role/payments/payments"
MANAGER = "user-anna"

_TASK = HumanTaskTerms(
    surface="expense_review",
    assignee_role="manager",
    outcomes=(("approve", "Approve expense"), ("reject", "Reject")),
    priority=3,
)


class _Story:
    def __init__(self) -> None:
        self.process = Process(
            tenant_id="tenant-1",
            process_id=PROCESS_ID,
            process_type="expense_approval",
            aggregate_type="Report",
            aggregate_id="rep-9",
            steps={},
            started_at=BEGINNING,
            changed_at=BEGINNING,
            state=ProcessState.IN_PROGRESS,
            definition_version=3,
            input={"report_id": "rep-9", "amount": 1250},
            search_attributes={"department": "sales"},
            parent=Parent(process_id="month-2026-03", step_name="reports", attempt=1, part=4),
            timeout_ms=30 * 24 * 3_600_000,
            due_at=BEGINNING + timedelta(days=30),
        )
        self.saved: list[Process] = []

    def step(self, name: str, **fields: Any) -> None:
        """The step of that name stands like this now."""
        before = self.process.steps.get(name) or ProcessStep(name=name)
        self.process.steps[name] = replace(before, **fields)

    def change(
        self,
        after: timedelta,
        *told: tuple[type[happened.ProcessEvent], dict[str, Any]],
        **fields: Any,
    ) -> None:
        """A change so long after the beginning, in which this happened."""
        process = self.process
        for name, value in fields.items():
            setattr(process, name, value)
        if process.events:
            process.previous_event_version = process.version
        process.version += 1
        process.changed_at = BEGINNING + after
        process.events = tuple(self._event(event_type, said) for event_type, said in told)
        process.wake_up_at = None if process.state.is_final else earliest(process.trackers())
        self.saved.append(process.copy())

    def _event(self, event_type: type[happened.ProcessEvent], said: dict[str, Any]) -> Any:
        about = {} if "step_name" not in said else {"attempt": 1}
        if not issubclass(event_type, happened.StepEvent):
            about = {}
        return event_type(
            tenant_id=self.process.tenant_id,
            process_id=self.process.process_id,
            occurred_at=self.process.changed_at,
            **(about | said),
        )


def told_story() -> list[Process]:
    """Each version of the process as it was saved, from the first on."""
    story = _Story()
    _until_somebody_decides(story)
    _until_it_is_undone(story)
    _until_it_is_called_off(story)
    return story.saved


def _at(**after: float) -> datetime:
    return BEGINNING + timedelta(**after)


def _until_somebody_decides(story: _Story) -> None:
    by_service, by_manager = {"actor": SERVICE}, {"actor": MANAGER}
    story.process.timers = (
        _timer(TimerKind.SLA, "max_duration", timedelta(days=5)),
        _timer(TimerKind.ESCALATION, "escalate_after", timedelta(days=2), step_name="review"),
        _timer(TimerKind.SLA, "gold", timedelta(days=3), sends_event=False),
    )
    story.step(
        "reserve",
        state=StepState.IN_PROGRESS,
        attempt=1,
        timeout_ms=30_000,
        retries_permitted=2,
        started_at=_at(),
        due_at=_at(seconds=30),
        service="Budgets.reserve",
        input={"amount": 1250},
    )
    reserve, review = {"step_name": "reserve"}, {"step_name": "review"}
    story.change(
        timedelta(),
        (happened.ProcessStarted, by_service),
        (happened.StepStarted, reserve | by_service),
    )
    story.step(
        "reserve",
        state=StepState.COMPLETED,
        due_at=None,
        ended_at=_at(seconds=2),
        service=None,
        input=None,
        output={"hold": "h-1"},
        reported_by=SERVICE,
    )
    story.step(
        "review",
        state=StepState.WAITING,
        waits_for=WaitingFor.PERSON,
        attempt=1,
        started_at=_at(seconds=2),
        due_at=_at(days=7, seconds=2),
        task=_TASK,
        input={"amount": 1250},
    )
    story.change(
        timedelta(seconds=2),
        (happened.StepCompleted, reserve | by_service),
        (happened.TaskOpened, review | by_service),
        to_undo=("reserve",),
    )
    story.step("review", task=replace(_TASK, assignee=MANAGER))
    story.change(timedelta(hours=1), (happened.TaskClaimed, review | by_manager))
    story.step("review", task=_TASK)
    why = {"reason": "on holiday"}
    story.change(timedelta(hours=2), (happened.TaskReleased, review | by_manager | why))
    left = tuple(each for each in story.process.timers if each.kind is TimerKind.SLA)
    story.change(timedelta(days=2), (happened.TaskEscalated, review), timers=left)
    story.change(
        timedelta(days=2, hours=1),
        (happened.SignalReceived, {"signal": "receipt", **by_service}),
        signals={"receipt": ({"scan": "s-1"}, None)},
        signal_ids=("m-1", "m-2"),
    )
    breach = {"tier": "max_duration", "expected_ms": 432_000_000, "actual_ms": 432_030_000}
    story.change(
        timedelta(days=5, seconds=30),
        (happened.SlaBreached, breach),
        timers=(),
        breaches={"gold": 259_200_500, "max_duration": 432_030_000},
    )
    frozen = {"actor": MANAGER, "reason": "the year is closed"}
    story.change(
        timedelta(days=5, hours=1),
        (happened.ProcessSuspended, frozen),
        state=ProcessState.SUSPENDED,
    )
    story.change(
        timedelta(days=5, hours=2),
        (happened.ProcessResumed, by_manager),
        state=ProcessState.IN_PROGRESS,
    )


def _until_it_is_undone(story: _Story) -> None:
    by_manager = {"actor": MANAGER}
    story.step(
        "review",
        state=StepState.COMPLETED,
        waits_for=None,
        due_at=None,
        ended_at=_at(days=6),
        task=None,
        input=None,
        outcome="approve",
        reported_by=MANAGER,
    )
    story.step(
        "pay",
        state=StepState.IN_PROGRESS,
        attempt=1,
        started_at=_at(days=6),
        service="Payments.pay",
        priority=2,
        input={"amount": 1250},
    )
    review, pay, undo = ({"step_name": name} for name in ("review", "pay", "undo:reserve"))
    story.change(
        timedelta(days=6),
        (happened.StepCompleted, review | by_manager),
        (happened.StepStarted, pay | by_manager),
        signals={},
    )
    by_service = {"actor": SERVICE}
    story.step(
        "pay",
        state=StepState.FAILED,
        ended_at=_at(days=6, seconds=5),
        error="the account is closed",
        reported_by=SERVICE,
    )
    story.step(
        "undo:reserve",
        state=StepState.IN_PROGRESS,
        attempt=1,
        started_at=_at(days=6, seconds=5),
        service="Budgets.free",
        input={"hold": "h-1"},
    )
    story.change(
        timedelta(days=6, seconds=5),
        (happened.StepFailed, pay | by_service | {"code": "declined"}),
        (happened.ProcessCompensating, by_service | {"reason": "step_failed"}),
        (happened.CompensationStarted, undo | by_service),
        state=ProcessState.COMPENSATING,
        reason="step_failed",
        ends_as=ProcessState.FAILED,
        to_undo=(),
    )
    open_again = story.process.copy()
    story.step("undo:reserve", state=StepState.COMPLETED, ended_at=_at(days=6, seconds=9))
    story.step("undo:reserve", output={"freed": True}, service=None, input=None)
    story.change(
        timedelta(days=6, seconds=9),
        (happened.CompensationCompleted, undo | by_service),
        (happened.ProcessFailed, by_service | {"reason": "step_failed"}),
        state=ProcessState.FAILED,
        due_at=None,
        ends_as=None,
        compensation="done",
    )
    # The same once more, as it goes where the budget cannot be freed.
    story.process.steps = open_again.steps
    story.step("undo:reserve", state=StepState.FAILED, ended_at=_at(days=6, seconds=9))
    story.step("undo:reserve", error="no such hold")
    story.change(
        timedelta(days=6, seconds=9),
        (happened.CompensationFailed, undo | by_service),
        (happened.ProcessFailed, by_service | {"reason": "step_failed"}),
        compensation="partial",
    )


def _until_it_is_called_off(story: _Story) -> None:
    why = {"actor": MANAGER, "reason": "paid by hand"}
    pay, notify, record, wait, audit = (
        {"step_name": name, **why} for name in ("pay", "notify", "record", "cool_off", "audit")
    )
    ended_at = _at(days=7)
    story.step("pay", state=StepState.SKIPPED, ended_at=ended_at, error=None, reported_by=MANAGER)
    story.step("pay", output={"payment_id": None}, service=None, priority=None, input=None)
    for name in ("notify", "record"):
        story.step(
            name, state=StepState.COMPLETED, attempt=1, ended_at=ended_at, started_at=ended_at
        )
    story.step(
        "cool_off",
        state=StepState.WAITING,
        waits_for=WaitingFor.SIGNAL,
        attempt=2,
        visits=2,
        first_attempt=2,
        started_at=ended_at,
        due_at=_at(days=8),
        progress={"signal": "objection"},
    )
    told = {"channel": "notifications", "message": "ExpensePaid", "payload": {"report": "rep-9"}}
    effect = {"action": "update", "entity": "Report", "id": "rep-9", "set": {"paid": True}}
    story.change(
        timedelta(days=7),
        (happened.ProcessReopened, {"step_name": "pay", **why}),
        (happened.StepSkipped, pay),
        (happened.MessageSent, notify | told),
        (happened.StepCompleted, notify),
        (happened.EffectsRequested, record | {"effects": [effect]}),
        (happened.StepCompleted, record),
        (happened.WaitStarted, wait | {"attempt": 2}),
        state=ProcessState.IN_PROGRESS,
        due_at=_at(days=37),
        reason=None,
        compensation=None,
        unrouted=("notify",),
    )
    story.step(
        "audit",
        state=StepState.WAITING,
        waits_for=WaitingFor.CHILDREN,
        attempt=1,
        started_at=_at(days=7, hours=1),
    )
    child = {"child_id": f"{PROCESS_ID}:audit:1"}
    asked = {"child_definition": "expense_audit", "child_definition_version": 2}
    story.change(timedelta(days=7, hours=1), (happened.ChildRequested, audit | child | asked))
    story.step("audit", state=StepState.CANCELLED, waits_for=None, ended_at=_at(days=7, hours=2))
    story.step("cool_off", state=StepState.CANCELLED, waits_for=None, due_at=None)
    story.step("cool_off", ended_at=_at(days=7, hours=2))
    off = {"actor": MANAGER, "reason": "withdrawn"}
    story.change(
        timedelta(days=7, hours=2),
        (happened.StepCancelled, audit | off),
        (happened.ChildCancellationRequested, audit | child | off),
        (happened.ProcessCancelled, off),
        state=ProcessState.CANCELLED,
        due_at=None,
        reason="withdrawn",
        output={"paid": False},
    )


def _timer(kind: TimerKind, name: str, after: timedelta, **more: Any) -> Timer:
    return Timer(
        tenant_id="tenant-1",
        process_id=PROCESS_ID,
        kind=kind,
        name=name,
        due_at=BEGINNING + after,
        since=BEGINNING,
        **more,
    )
