"""The verdict of a soak: silent on a history that is sound, and never on one that is not."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from tests.soak.journeys import Command, Journey, journey
from tests.soak.ledger import Became, Entry, Record
from tests.soak.verdict import Evidence, Verdict, judge
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessService,
    TimeoutCheckerService,
)
from trellis_process.eventbridge import envelopes
from trellis_process.representation import process_as_json
from trellis_process.testing import ManualClock, a_step


class Soaked:
    """What a small soak leaves: a process that was heartbeaten, timed out, and completed."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.heard: list[dict[str, Any]] = []
        self.refused: Counter[str] = Counter()
        processes = InMemoryProcessRepository(on_saved=self._hear)
        trackers = InMemoryStepTrackerRepository()
        service = ProcessService(processes, trackers, clock=self.clock)
        self.process = service.start_process(
            tenant_id="north",
            process_type="Claim",
            aggregate_type="Order",
            aggregate_id="j-1",
            steps=[a_step("pay", timeout_ms=5_000, retries_permitted=1), a_step("send")],
            reason="j-1-start",
        )
        start = Entry(self._command("j-1-start", "start_process", None), Became.ACCEPTED)
        start.seen = process_as_json(self.process)
        asked = Journey(1, "north", "j-1", {}, [])
        self.record = Record(asked, start, self.process.process_id)
        service.start_step(self.process, "pay", attempt=1, reason="c-1")
        self.accepted("c-1", "start", "pay")
        self.clock.advance(seconds=4)
        service.heartbeat(self.process, "pay", attempt=1, reason="c-2")
        self.accepted("c-2", "heartbeat", "pay")
        self.clock.advance(seconds=6)
        TimeoutCheckerService(trackers, clock=self.clock).check_for_timed_out_steps()
        service.complete_step(self.process, "pay", {"id": 1}, attempt=1, reason="c-3")
        self.accepted("c-3", "complete", "pay")
        self.stored = process_as_json(self.process)

    def _hear(self, process: Any) -> None:
        self.heard += envelopes(process)

    @staticmethod
    def _command(name: str, verb: str, step: str | None) -> Command:
        return Command(name, verb, step, 0.0, False, {} if step is None else {"attempt": 1})

    def accepted(self, name: str, verb: str, step: str) -> None:
        entry = Entry(self._command(name, verb, step), Became.ACCEPTED)
        entry.seen = process_as_json(self.process)
        self.record.entries.append(entry)

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.record.entries if entry.command.name == name)

    def told(self, kind: str) -> dict[str, Any]:
        return next(event for event in self.heard if event["type"] == kind)

    def judged(self) -> Verdict:
        stored = {self.process.process_id: self.stored}
        return judge(Evidence([self.record], self.heard, stored, self.refused, self.clock()))


@pytest.fixture
def soaked() -> Soaked:
    return Soaked()


def finds(soaked: Soaked, what: str) -> bool:
    return any(what in finding for finding in soaked.judged().findings)


def test_nothing_is_found_where_all_is_well(soaked: Soaked) -> None:
    soaked.heard.append(deepcopy(soaked.heard[0]))

    verdict = soaked.judged()

    assert verdict.findings == []
    assert verdict.counts["doubles"] == 1
    assert verdict.lateness_s == [1.0]  # the heartbeat, which no event tells, counted in


@pytest.mark.parametrize(
    "kind", ["ProcessStarted", "StepStarted", "ProcessStepTimedOut", "StepCompleted"]
)
def test_a_lost_event_is_found(soaked: Soaked, kind: str) -> None:
    soaked.heard.remove(soaked.told(kind))

    assert finds(soaked, "missing") or finds(soaked, "otherwise than its events say")


def test_a_double_that_says_something_else_is_found(soaked: Soaked) -> None:
    soaked.heard.append({**soaked.heard[0], "tenant_id": "south"})

    assert finds(soaked, "a double that says something else")


def test_a_lost_change_is_found(soaked: Soaked) -> None:
    soaked.stored = soaked.entry("c-2").seen or {}

    assert finds(soaked, "is stored as it was before its last event")


def test_a_state_that_no_event_tells_of_is_found(soaked: Soaked) -> None:
    soaked.stored["steps"][1]["state"] = "completed"

    assert finds(soaked, "in the end it stood otherwise than its events say: send.state")


def test_an_answer_that_was_not_true_is_found(soaked: Soaked) -> None:
    seen = soaked.entry("c-1").seen
    assert seen is not None
    seen["steps"][0]["attempt"] = 2

    assert finds(soaked, "when c-1 was answered it stood otherwise than its events say")


def test_an_accepted_command_without_effect_is_found(soaked: Soaked) -> None:
    soaked.entry("c-3").seen = soaked.entry("c-1").seen

    assert finds(soaked, "c-3 was accepted, but step pay stands as")


def test_a_refused_command_that_was_done_is_found(soaked: Soaked) -> None:
    entry = soaked.entry("c-3")
    entry.became, entry.code, entry.seen = Became.REFUSED, "process_finished", None

    assert finds(soaked, "c-3 was refused (process_finished), and done")


def test_a_command_that_got_no_answer_may_have_been_done_or_not(soaked: Soaked) -> None:
    entry = soaked.entry("c-3")
    entry.became, entry.unanswered, entry.seen = Became.UNKNOWN, 3, None
    soaked.record.entries.append(
        Entry(Command("c-4", "cancel", None, 0.0, False), Became.UNKNOWN, unanswered=3)
    )

    verdict = soaked.judged()

    assert verdict.findings == []
    assert verdict.counts["unknown, done"] == verdict.counts["unknown, not done"] == 1


def test_a_command_done_twice_is_found(soaked: Soaked) -> None:
    for event in soaked.heard:
        if event["type"] == "StepStarted":
            event["reason"] = "c-1"

    assert finds(soaked, "c-1 was done more than once, as [2, 4]")


def test_a_change_that_nobody_asked_for_is_found(soaked: Soaked) -> None:
    del soaked.told("StepCompleted")["reason"]

    assert finds(soaked, "nobody asked for")


def test_an_early_timeout_is_found(soaked: Soaked) -> None:
    early = soaked.clock() - timedelta(seconds=2)
    soaked.told("ProcessStepTimedOut")["time"] = early.isoformat()

    assert finds(soaked, "came 1.000 s before its deadline")


def test_what_is_overdue_is_found(soaked: Soaked) -> None:
    soaked.stored["due_at"] = (soaked.clock() - timedelta(seconds=1)).isoformat()

    assert finds(soaked, "is overdue since")


def test_an_unexpected_refusal_is_found(soaked: Soaked) -> None:
    command = Command("c-4", "cancel", None, 0.0, False)
    soaked.record.entries.append(Entry(command, Became.REFUSED, code="process_not_found"))

    assert finds(soaked, "c-4 was refused as process_not_found")


def test_a_message_that_the_queue_took_and_nobody_dealt_with_is_found(soaked: Soaked) -> None:
    command = Command("c-4", "complete", "send", 0.0, True, {"attempt": 1})
    soaked.record.entries.append(Entry(command, Became.QUEUED))

    assert finds(soaked, "c-4 was taken by the queue, and neither done nor refused")

    soaked.refused["c-4"] += 1
    assert soaked.judged().findings == []


def test_a_message_that_says_what_is_true_already_need_do_nothing(soaked: Soaked) -> None:
    command = Command("c-4", "complete", "pay", 0.0, True, {"attempt": 1})
    soaked.record.entries.append(Entry(command, Became.QUEUED))

    assert soaked.judged().findings == []


def test_a_process_that_nobody_started_is_found(soaked: Soaked) -> None:
    soaked.record.process_id = "another"

    assert finds(soaked, "nobody started it")
    assert finds(soaked, "another: was started, and is not there")


def test_a_seed_gives_the_same_journeys_again() -> None:
    assert [journey(7, n) for n in range(50)] == [journey(7, n) for n in range(50)]
    assert journey(7, 1) != journey(8, 1)
