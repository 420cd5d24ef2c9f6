"""What every store gives back as it was given."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.events import (
    ChildCancellationRequested,
    ChildRequested,
    CommandSent,
    EffectsRequested,
    EventReceived,
    MessageSent,
    ProcessCompleted,
    ProcessReopened,
    ProcessStepTimedOut,
    RunSkipped,
    ScheduleChanged,
    SignalReceived,
    SlaBreached,
    TimerRang,
)
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.states import ProcessState, StepState, WaitingFor
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.tracker import Timer, TimerKind
from trellis_process.testing.builders import a_process, a_step
from trellis_process.testing.clock import START
from trellis_process.testing.store_contract import (
    StoreContract,
    added,
    as_json,
    saved,
    stored,
)

#: JSON that stores are known to change on the way.
ODD_VALUES: dict[str, Any] = {
    "none": None,
    "false": False,
    "true": True,
    "zero": 0,
    "float zero": 0.0,
    "negative zero": -0.0,
    "one": 1,
    "float one": 1.0,
    "tenth": 0.1,
    "tiny float": 1e-300,
    "smallest float": 5e-324,
    "largest float": 1.7976931348623157e308,
    "seventeen digits": 0.30000000000000004,
    "negative": -7,
    "beyond 2**53": 2**53 + 1,
    "beyond 38 digits": 10**40 + 1,
    "three hundred digits": 10**300 + 1,
    "negative big": -(10**100) - 1,
    "empty text": "",
    "spaces": "  ",
    "control characters": "a\x00b\x01\x1f\x7f\n\r\t",
    "quotes": 'say "no" \\ \'yes\' {"$": 1}',
    "unicode": "Grüße, 世界, שלום, 🧾, e\u0301",
    "separators": "a\u2028b\u2029c\ufeff",
    "beyond the basic plane": "\U0010ffff",
    "number as text": "1.0",
    "date as text": "2026-01-01T00:00:00+00:00",
    "empty list": [],
    "empty object": {},
    "list of empties": [[], {}, "", None, 0, False],
    "mixed list": [1, 1.0, True, "1", None],
    "nested": {"a": {"b": [{"c": [[], {"d": None}]}]}},
    "odd keys": {"": 1, " ": 2, "a.b": 3, "a#b": 4, "\x00": 5, "ü": 6, "#n": 7, ":v": 8, "S": "x"},
}
DEEP: Any = 1
for _ in range(31):
    DEEP = [DEEP]
ODD_VALUES["deep"] = DEEP


class RoundTripContract(StoreContract):
    """Every field of a process and its steps comes back as it was given."""

    def test_a_new_process_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            a_step("reserve", timeout_ms=30_000, retries_permitted=3),
            a_step("pay"),
            tenant_id=tenant_id,
            process_id="A.b_c:d-9",
            process_type="Order.Placed",
            aggregate_type="Shop:Order",
            aggregate_id="order 1/2#3",
            metadata={"channel": "web"},
            timeout_ms=3_600_000,
        )

        assert stored(processes, process) == process

    def test_a_process_with_nothing_but_a_step_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(processes, tenant_id=tenant_id)

        found = stored(processes, process)

        assert found == process
        assert (found.metadata, found.timeout_ms, found.due_at) == ({}, None, None)
        assert (found.reason, found.wake_up_at, found.start_fingerprint) == (None, None, None)

    def test_steps_keep_their_order(self, processes: ProcessRepository, tenant_id: str) -> None:
        names = ["zebra", "apple", "Mango", "10", "9", "a-b", "a.b"]
        process = added(processes, *map(a_step, names), tenant_id=tenant_id)
        process.complete_step("apple", now=START)
        saved(processes, process)

        assert list(stored(processes, process).steps) == names

    def test_every_state_of_a_step_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(
            a_step("failed", timeout_ms=5_000, retries_permitted=1),
            a_step("completed", timeout_ms=7_000),
            a_step("given_up", timeout_ms=9_000, retries_permitted=2),
            a_step("untouched"),
            tenant_id=tenant_id,
        )
        process.start_step("failed", now=START, actor="clerk")
        process.start_step("given_up", now=START, actor="robot")
        process.complete_step("completed", {"receipt": 7}, now=START, actor="bank")
        processes.add(process)
        process.saved()
        assert stored(processes, process) == process

        process.fail_step("failed", "no\nstock ü", now=START + timedelta(seconds=1), actor="ü")
        saved(processes, process)
        assert stored(processes, process) == process

        process.start_step("failed", now=START + timedelta(seconds=2), reason="stock is back")
        saved(processes, process)
        assert stored(processes, process) == process

    def test_a_timed_out_attempt_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(a_step(timeout_ms=1, retries_permitted=1), tenant_id=tenant_id)
        process.start_step("pay", now=START)
        processes.add(process)
        process.saved()
        for seconds in (1, 2):
            late = START + timedelta(seconds=seconds)
            process.time_out(process.due_trackers(late), now=late)
            saved(processes, process)

            assert stored(processes, process) == process

    def test_a_step_that_waits_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            a_step("approve", timeout_ms=5_000, retries_permitted=1),
            a_step("pay", retries_permitted=1),
            tenant_id=tenant_id,
            auto_start_steps=True,
        )
        later = START + timedelta(seconds=1)
        changes: list[Callable[[], object]] = [
            lambda: process.suspend_step("approve", now=later, timeout_ms=60_000, actor="worker"),
            lambda: process.fail_step(
                "pay", "no route", now=later, retry_after_ms=30_000, attempt=1
            ),
            lambda: process.resume_step("approve", {"approved": True}, now=later, actor="ann"),
            lambda: process.resume_step("approve", "early", now=later, resumption=2, actor="ben"),
            lambda: process.suspend_step("approve", now=later, resumption=1, reason="once more"),
            lambda: process.suspend_step("approve", now=later, resumption=2),
            lambda: process.fail_step("approve", "late", now=later, retry_after_ms=1, attempt=1),
            lambda: process.time_out(process.trackers(), now=later + timedelta(minutes=1)),
        ]
        for change in changes:
            change()
            saved(processes, process)

            assert stored(processes, process) == process

        assert process.steps["approve"].resumption == 2
        assert [step.attempt for step in process.steps.values()] == [2, 2]

    def test_what_a_definition_gives_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            *(a_step(each) for each in ("pay", "review", "pack", "ship", "undo:pay")),
            tenant_id=tenant_id,
        )
        _ordered_by_a_definition(process)
        saved(processes, process)

        found = stored(processes, process)

        assert found == process
        assert as_json(found.signals) == as_json(process.signals)
        assert as_json(found.steps["pack"].progress) == as_json(process.steps["pack"].progress)

    @pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES.keys())
    def test_what_a_definition_is_given_comes_back_as_it_was(
        self, processes: ProcessRepository, tenant_id: str, value: object
    ) -> None:
        process = a_process(tenant_id=tenant_id)
        process.definition_version = 1
        process.input = process.search_attributes = process.data = {"value": value}
        process.output = value
        process.signals = {"paid": (value, None, value)}
        process.kept_events = ({"names": ["paid"], "event": {"detail": value}},)
        step = process.steps["pay"]
        process.steps["pay"] = replace(step, input=value, progress=value)
        processes.add(process)
        found = stored(processes, process)

        whole = (process.input, process.output, process.search_attributes, process.signals)
        came = (found.input, found.output, found.search_attributes, found.signals)
        kept, keeps = (found.data, found.kept_events), (process.data, process.kept_events)
        assert as_json(kept) == as_json(keeps)
        assert as_json(came) == as_json(whole)
        again = found.steps["pay"]
        assert as_json([again.input, again.progress]) == as_json([value, value])

    def test_every_event_of_a_definition_comes_back_with_all_it_says(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(a_step("pay"), tenant_id=tenant_id)
        _ordered_by_a_definition(process)
        about: dict[str, Any] = {
            "tenant_id": tenant_id,
            "process_id": process.process_id,
            "occurred_at": START,
        }
        step = {**about, "step_name": "pay", "attempt": 3}
        process.events = (
            MessageSent(**step, channel="mail", message="Paid", payload=None, actor="ann"),
            EffectsRequested(**step, effects=[{"action": "delete", "entity": "E", "id": "1"}]),
            ChildRequested(
                **step, child_id="c-1", child_definition="audit", child_definition_version=2
            ),
            ChildRequested(**step, child_id="c-2", part=0),
            ChildRequested(**step, child_id="c-2", part=0, round=2),
            ChildCancellationRequested(**step, child_id="c-1", reason="late"),
            ChildCancellationRequested(**step, child_id="c-2", compensate=True),
            SignalReceived(**about, signal="paid", reason="late"),
            ProcessReopened(**about, step_name="pay"),
            SlaBreached(**about, tier="gold", expected_ms=1, actual_ms=2, step_name="pay"),
            SlaBreached(**about, tier="", expected_ms=0, actual_ms=0),
            EventReceived(**about, event="paid", event_id="e-1"),
            TimerRang(**about, timer="reminder"),
            CommandSent(**about, channel="mails", message="Paid", payload={"total": 7}),
            CommandSent(**about, channel="mails", message="Paid", payload=None),
            RunSkipped(**about, scheduled_at="2026-03-01T09:30:00.000Z", reason="overlap"),
            ScheduleChanged(**about),
            ProcessStepTimedOut(**step, retries_permitted=4, first_attempt=2),
            ProcessCompleted(**about),
        )
        processes.add(process)

        assert stored(processes, process).events == process.events

    def test_an_ended_process_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        completed, cancelled, overdue = (
            added(processes, process_id=each, tenant_id=tenant_id, timeout_ms=1_000)
            for each in ("completed", "cancelled", "overdue")
        )
        late = START + timedelta(seconds=1)
        completed.complete_step("pay", now=late)
        cancelled.cancel(now=late, actor="ann", reason="the customer changed her mind")
        overdue.time_out(overdue.trackers(), now=late)

        for process in (completed, cancelled, overdue):
            saved(processes, process)
            assert stored(processes, process) == process

    def test_times_are_kept_to_the_millisecond_and_in_utc(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        moment = START + timedelta(milliseconds=1)
        process = added(
            processes,
            a_step(timeout_ms=366 * 24 * 3_600_000),
            tenant_id=tenant_id,
            now=moment,
            auto_start_steps=True,
            timeout_ms=3,
        )

        found = stored(processes, process)

        assert found.started_at == moment
        assert found.steps["pay"].due_at == moment + timedelta(days=366)
        assert found.due_at == moment + timedelta(milliseconds=3)
        assert found.started_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES.keys())
    def test_an_output_comes_back_as_it_was(
        self, processes: ProcessRepository, tenant_id: str, value: object
    ) -> None:
        process = a_process(a_step("pay"), a_step("send"), tenant_id=tenant_id)
        process.complete_step("pay", value, now=START)
        processes.add(process)

        assert as_json(stored(processes, process).steps["pay"].output) == as_json(value)

    @pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES.keys())
    def test_what_a_step_is_resumed_with_comes_back_as_it_was(
        self, processes: ProcessRepository, tenant_id: str, value: object
    ) -> None:
        process = added(processes, tenant_id=tenant_id, auto_start_steps=True)
        process.resume_step("pay", value, now=START)
        saved(processes, process)
        early = stored(processes, process).steps["pay"]
        process.suspend_step("pay", now=START)
        saved(processes, process)
        taken = stored(processes, process).steps["pay"]

        assert (early.resumption, early.resumed_early) == (0, True)
        assert (taken.resumption, taken.resumed_early) == (1, False)
        assert as_json(early.resume_data) == as_json(taken.resume_data) == as_json(value)

    @pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES.keys())
    def test_metadata_come_back_as_they_were(
        self, processes: ProcessRepository, tenant_id: str, value: object
    ) -> None:
        process = added(processes, tenant_id=tenant_id, metadata={"value": value})

        assert as_json(stored(processes, process).metadata) == as_json({"value": value})

    def test_the_start_fingerprint_comes_back(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(tenant_id=tenant_id)
        process.start_fingerprint = "q83vEjRWeJCrze8SNFZ4kA"
        processes.add(process)
        process.saved()
        process.start_step("pay", now=START)
        saved(processes, process)

        assert stored(processes, process).start_fingerprint == "q83vEjRWeJCrze8SNFZ4kA"

    def test_the_wake_up_comes_back_also_where_it_is_early(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            a_step("quick", timeout_ms=1_000),
            a_step("slow", timeout_ms=9_000),
            tenant_id=tenant_id,
            auto_start_steps=True,
        )
        process.complete_step("quick", now=START)
        saved(processes, process)

        assert stored(processes, process).wake_up_at == START + timedelta(seconds=1)

    def test_the_events_of_the_latest_change_come_back_with_all_they_say(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(a_step(timeout_ms=1_000, retries_permitted=1), tenant_id=tenant_id)
        process.start_step("pay", now=START, actor="ann", reason="Grüße 🧾")
        processes.add(process)
        process.saved()
        assert _said(stored(processes, process)) == [
            ("ProcessStarted", None, None, None),
            ("StepStarted", 1, "ann", "Grüße 🧾"),
        ]

        late = START + timedelta(seconds=1)
        process.time_out(process.trackers(), now=late)
        saved(processes, process)
        found = stored(processes, process)
        assert found.events == process.events
        assert _said(found) == [
            ("ProcessStepTimedOut", 1, None, None),
            ("StepStarted", 2, None, None),
        ]

        process.complete_step("pay", now=late, attempt=1, actor="bank", reason="late")
        saved(processes, process)
        found = stored(processes, process)
        assert found.events == process.events
        assert _said(found) == [
            ("StepCompleted", 1, "bank", "late"),
            ("ProcessCompleted", None, "bank", "late"),
        ]

    def test_changes_saved_at_once_keep_the_time_of_each_event(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = a_process(tenant_id=tenant_id)
        process.start_step("pay", now=START + timedelta(seconds=5))
        processes.add(process)

        assert stored(processes, process).events == process.events

    def test_the_version_of_the_events_before_these_comes_back(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes, a_step(timeout_ms=1_000), tenant_id=tenant_id, auto_start_steps=True
        )
        process.heartbeat("pay", now=START + timedelta(milliseconds=500))
        saved(processes, process)
        silent = stored(processes, process)
        assert (silent.version, silent.previous_event_version, silent.events) == (2, 1, ())

        process.complete_step("pay", now=START + timedelta(milliseconds=600))
        saved(processes, process)
        telling = stored(processes, process)
        assert (telling.version, telling.previous_event_version) == (3, 1)

    def test_a_process_of_a_thousand_steps_comes_back_whole(
        self, processes: ProcessRepository, tenant_id: str
    ) -> None:
        process = added(
            processes,
            *(a_step(f"step-{n}", timeout_ms=60_000) for n in range(1_000)),
            tenant_id=tenant_id,
        )

        assert stored(processes, process) == process


def _ordered_by_a_definition(process: Process) -> None:
    """Gives a process of these steps all that only a definition gives, in one change."""
    process.definition_version = 12
    process.input = {"amount": 7}
    process.data = {"open": {"7": "2026-03-01T09:30:00.000Z"}}
    process.scheduled_at = START - timedelta(milliseconds=1)
    process.search_attributes = {"department": "sales"}
    process.parent = Parent(process_id="month", step_name="orders", attempt=2, part=0)
    process.output = [1]
    process.to_undo = tuple(name for name in ("ship", "pay") if name in process.steps)
    process.ends_as = ProcessState.CANCELLED
    process.compensation = "partial"
    process.signals = {"paid": ({}, None, "later")}
    process.signal_ids = ("m-2", "m-1")
    process.event_ids = ("x9-_k2", "a")
    process.kept_events = ({"names": ["paid", "noted"], "event": {"id": "e-1", "detail": {}}},)
    process.breaches = {"pay/gold": 31_000}
    process.unrouted = ("pay",)
    process.timers = tuple(
        Timer(
            tenant_id=process.tenant_id,
            process_id=process.process_id,
            kind=kind,
            name="gold",
            due_at=START + timedelta(days=3),
            since=START + timedelta(seconds=since),
            step_name=step_name,
            sends_event=not since,
        )
        for kind, since, step_name in (
            (TimerKind.SLA, 0, None),
            (TimerKind.ESCALATION, 5, "review"),
            (TimerKind.TIMER, 7, None),
        )
    )
    asked = HumanTaskTerms(
        surface="desk",
        outcomes=(("yes", "Ja"), ("no", "")),
        assignee="ann",
        assignee_role="boss",
        priority=0,
    )
    more: dict[str, dict[str, Any]] = {
        "pay": {"state": StepState.IN_PROGRESS, "service": "Pay", "input": [None], "attempt": 4},
        "review": {"waits_for": WaitingFor.PERSON, "task": asked, "visits": 3, "attempt": 1},
        "pack": {"waits_for": WaitingFor.CHILDREN, "progress": {"open": ["a"]}, "attempt": 1},
        "ship": {"state": StepState.COMPLETED, "outcome": "by_sea", "attempt": 1},
        "undo:pay": {"waits_for": WaitingFor.SIGNAL, "progress": {"signal": "s"}, "attempt": 1},
    }
    for name, fields in more.items():
        if name in process.steps:
            process.steps[name] = replace(
                process.steps[name], **({"state": StepState.WAITING} | fields)
            )
    process.has_changed = True


def _said(process: Process) -> list[tuple[str, int | None, str | None, str | None]]:
    return [
        (event.type, getattr(event, "attempt", None), event.actor, event.reason)
        for event in process.events
    ]
