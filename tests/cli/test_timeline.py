"""The timeline: what happened to a process, as a person would like to read it."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tests.definition_story import told_story
from tests.reaction_story import told_order
from tests.schedule_story import told_schedule
from trellis_process import (
    InMemoryProcessRepository,
    InMemoryStepTrackerRepository,
    ProcessService,
    ProcessStep,
    TimeoutCheckerService,
)
from trellis_process.cli.event_line import event_line
from trellis_process.cli.event_meaning import look, what
from trellis_process.cli.timeline import headed_timeline, timeline
from trellis_process.domain.events import EVENT_TYPES
from trellis_process.eventbridge import envelopes
from trellis_process.testing import ManualClock


def printed(renderable: Any, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    return console.export_text()


def told() -> list[dict[str, Any]]:
    """The events of processes that time out and fail, get there in the end, and are called off."""
    events: list[dict[str, Any]] = []
    clock = ManualClock()
    trackers = InMemoryStepTrackerRepository()
    processes = InMemoryProcessRepository(lambda process: events.extend(envelopes(process)))
    service = ProcessService(processes, trackers, clock=clock)
    checker = TimeoutCheckerService(trackers, clock=clock)

    def start() -> Any:
        return service.start_process(
            tenant_id="tenant-1",
            process_type="CaseCreation",
            aggregate_type="Referral",
            aggregate_id="ref-1",
            steps=[
                ProcessStep(name="check"),
                ProcessStep(name="create_case", timeout_ms=1500, retries_permitted=1),
            ],
        )

    late = start()
    service.complete_step(late, "check", {"text": "x" * 200})
    service.start_step(late, "create_case")
    for _attempt in (1, 2):
        clock.advance(milliseconds=1500)
        checker.check_for_timed_out_steps()
    good = start()
    service.complete_step(good, "check")
    service.start_step(good, "create_case")
    service.fail_step(good, "create_case", "busy", retry_after_ms=1_000, attempt=1)
    service.start_step(good, "create_case")
    service.suspend_step(good, "create_case", reason="waits for a signature")
    service.resume_step(good, "create_case")
    service.complete_step(good, "create_case")
    service.cancel_process(start(), reason="withdrawn by the patient")
    return events


def test_a_timeline_tells_each_event_with_the_time_since_the_start() -> None:
    events = told()
    late = [event for event in events if event["process_id"] == events[0]["process_id"]]

    lines = [line.split() for line in printed(timeline(late)).splitlines()]

    assert [" ".join(line[3:]) for line in lines] == [
        "process started steps: check, create_case",
        'check completed {"text": "' + "x" * 49 + "…",
        "create_case started attempt 1",
        "create_case timed out attempt 1, retries left: 1",
        "create_case started attempt 2, a retry",
        "create_case timed out attempt 2, retries left: 0",
        "create_case failed timed out",
        "process failed create_case: timed out",
    ]
    assert [line[0] for line in lines] == ["0.00", "0.00", "0.00", "1.50", "1.50", "3.00"] + [
        "3.00"
    ] * 2


def test_a_heading_names_the_process_and_how_it_stands() -> None:
    events = told()
    late = [event for event in events if event["process_id"] == events[0]["process_id"]]

    assert printed(headed_timeline(late, "A story.")).startswith(
        "CaseCreation of Referral ref-1: failed after 3.00 s\nA story.\n"
    )


def ordered() -> list[dict[str, Any]]:
    """The events of a process that a definition orders, in which every such event happens."""
    processes = [*told_story(), *told_schedule(), *told_order()]
    return [event for process in processes for event in envelopes(process)]


def test_a_timeline_says_what_each_event_of_a_definition_means_and_who_caused_it() -> None:
    lines = [" ".join(line.split()) for line in printed(timeline(ordered()), 160).splitlines()]

    for said in (
        "0.00 s ● process started version 3, child of month-2026-03, by payments",
        "0.00 s ▸ reserve started attempt 1, Budgets.reserve, by payments",
        "2.00 s ? review asks a person at expense_review, for manager, due in 7 d, by payments",
        "60 m 00 s ? review taken by user-anna",
        "2 h 00 m ? review released by user-anna: on holiday",
        "2 d 01 h ← signal received receipt, by payments",
        "5 d 00 h ! process takes longer than agreed max_duration: 5 d, late by 30 s",
        "6 d 00 h ✓ review completed approve, by user-anna",
        "6 d 00 h ↶ reserve is to be undone attempt 1, Budgets.free, by payments",
        "6 d 00 h ■ process failed pay: the account is closed, all undone, by payments",
        "7 d 00 h ▸ process goes on at pay by user-anna: paid by hand",
        "7 d 00 h → notify sends a message ExpensePaid to notifications, "
        "by user-anna: paid by hand",
        "7 d 00 h → record changes entities update Report rep-9, by user-anna: paid by hand",
    ):
        assert said in lines, said


def test_every_event_has_a_mark_and_words_of_its_own() -> None:
    events = {event["type"]: event for event in [*told(), *ordered()]}

    assert set(events) == set(EVENT_TYPES)
    for name, event in events.items():
        assert look(event)[0] != "·", name
        assert name not in what(event)


def test_every_event_has_a_line_of_its_own() -> None:
    events = [*told(), *ordered()]

    lines = [event_line(event).plain for event in events]

    for event, line in zip(events, lines, strict=True):
        assert event["type"] in line
        about = f"{event['process_type']} {event['aggregate_id']} {event['process_id']}"
        assert f"tenant-1 {about}" in line
    for ending in (
        "StepFailed           create_case #2 timed out",
        "StepAttemptFailed    create_case #1 busy, again in 1 s",
        "StepSuspended        create_case #2 waits for a signature",
        "ProcessCancelled     withdrawn by the patient",
        "WaitStarted          cool_off #2 for the signal objection, 24 h at most, "
        "by user-anna: paid by hand",
        "CompensationFailed   undo:reserve #1 no such hold, by payments",
    ):
        assert any(line.endswith(ending) for line in lines), ending


def test_in_a_narrow_terminal_a_line_is_short_and_stays_one() -> None:
    for event in [*told(), *ordered()]:
        line = event_line(event, 80).plain
        assert len(line) <= 80
        assert f"tenant-1 {event['process_id'][:8]} " in line
        assert event["type"] in line
    assert event_line({**told()[1], "reason": "so " * 50}, 80).plain.endswith("…")


def test_an_event_of_a_later_version_has_a_line_too() -> None:
    later = {**told()[0], "type": "StepMoved", "actor": "arn:aws:sts::1:role/a/ann"}

    assert event_line(later).plain.endswith("· StepMoved            by ann")
    assert "StepMoved  by ann" in printed(timeline([later]))


def test_nothing_heard_is_said() -> None:
    assert "nothing heard of it" in printed(timeline([]))
