"""Waits, signals and human tasks as they are written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from trellis_process.errors import OutcomeUnknown, StepFinished, TaskTaken
from trellis_process.memory import InMemoryViewStore
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder, by_process
from trellis_process.views.store import TaskFilter

from .written import START, Written, journey


def test_a_wait_of_three_days_waits_at_71_hours_59_and_is_done_at_72():
    started = Written(journey("steps: [{name: pause, wait: 3d}]")).start()
    started.advance(hours=71, minutes=59)
    assert started.states() == {"pause": "waiting"}
    started.advance(minutes=1)
    assert (started.state, started.seconds("StepCompleted")) == ("completed", [72 * 3600])


def test_a_wait_until_a_time_from_the_data_is_done_then():
    started = Written(journey("steps: [{name: pause, until: input.on}]")).start(
        on="2026-01-02T10:00:00+01:00"
    )
    assert started.advance(hours=23, minutes=59).open() == ["pause"]
    assert started.advance(minutes=1).state == "completed"


def test_a_time_may_be_worked_out_from_the_data_and_is_told_as_text():
    moment = 'timestamp(process.started_at) + duration("24h")'
    started = Written(journey(f"steps: [{{name: pause, until: 'string({moment})'}}]")).start()
    assert started.advance(hours=23, minutes=59).open() == ["pause"]
    assert started.advance(minutes=1).state == "completed"
    without = Written(journey(f"steps: [{{name: pause, until: '{moment}'}}]")).start()
    assert (without.state, without.reason) == ("failed", "expression_error")
    assert "string(…) makes text of it" in without.step("pause").error


def test_a_time_limit_never_ends_a_wait_for_a_span():
    started = Written(journey("steps: [{name: pause, wait: 3d, timeout: 2d}]")).start()
    assert started.advance(hours=71, minutes=59).open() == ["pause"]
    assert started.advance(minutes=1).state == "completed"


def test_a_signal_has_to_come_within_the_time_that_is_given():
    started = Written(
        journey(
            """\
            steps:
              - {name: go, wait_for_signal: approved, timeout: 1h, on_failure: late}
              - {name: paid, service: A, on_success: complete}
              - {name: late, wait: 2d}
            """
        )
    ).start()
    assert started.advance(minutes=59).open() == ["go"]
    assert started.advance(minutes=1).open() == ["late"]
    assert started.advance(days=2).state == "completed"


def test_a_wait_for_a_signal_without_a_timeout_waits_for_as_long_as_it_takes():
    started = Written(journey("steps: [{name: go, wait_for_signal: approved}]")).start()
    started.advance(days=1000)
    assert started.open() == ["go"]
    assert started.signal("approved").state == "completed"


SIGNALS = """\
steps:
  - {name: work, service: A}
  - {name: first, wait_for_signal: approved}
  - {name: second, wait_for_signal: approved}
"""


def test_a_signal_that_was_sent_before_the_wait_starts_is_taken_when_it_starts():
    started = Written(journey(SIGNALS)).start()
    started.signal("approved", 1).signal("approved", 2)
    assert started.complete("work").state == "completed"
    assert [started.step(name).output for name in ("first", "second")] == [1, 2]


def test_another_signal_wakes_nothing_and_an_empty_one_is_a_signal():
    started = Written(journey(SIGNALS)).start().complete("work")
    assert started.signal("other").open() == ["first"]
    assert started.signal("approved").open() == ["second"]
    assert started.signal("approved", {}).state == "completed"
    assert [started.step(name).output for name in ("first", "second")] == [None, {}]


REVIEW = """\
steps:
  - name: review
    human_task:
      surface: expense_review
      assignee_role: manager
      escalate_after: 2d
      outcomes:
        - {{name: approve, label: Approve, goto: complete}}
        - {{name: reject, label: Reject}}{more}
    on_failure: remind
  - {{name: pay, service: A, on_success: complete}}
  - {{name: remind, service: A}}
"""


def review(more: str = "") -> Written:
    return Written(journey(REVIEW.format(more=more)))


def test_a_task_that_is_approved_completes_the_process_and_a_later_step_is_not_run():
    started = review().start().complete("review", outcome="approve", output="by ann")
    assert (started.state, list(started.process.steps)) == ("completed", ["review"])


def test_the_second_completion_of_a_task_gets_the_result_of_the_first():
    started = review().start().complete("review", outcome="reject", output="by ann")
    version = started.process.version
    answered = started.engine.complete_step(started.key, "review", "by bob", outcome="approve")
    step = answered.step("review")
    assert (step.outcome, step.output, answered.version) == ("reject", "by ann", version)
    assert started.open() == ["pay"]


def test_a_completion_after_the_task_ended_its_process_gets_that_result_too():
    started = review().start().complete("review", outcome="approve", output="by ann")
    answered = started.engine.complete_step(started.key, "review", "by bob", outcome="reject")
    assert (answered.step("review").outcome, answered.step("review").output) == (
        "approve",
        "by ann",
    )


def test_an_unknown_outcome_is_refused_with_the_list_of_the_known_ones():
    started = review().start()
    with pytest.raises(OutcomeUnknown, match="approve, reject"):
        started.complete("review", outcome="aprove")
    assert started.open() == ["review"]


def test_a_task_says_what_is_asked_of_whom_until_when():
    (opened,) = review().start().events("TaskOpened")
    assert (opened["surface"], opened["assignee_role"]) == ("expense_review", "manager")
    assert [(each["name"], each["label"]) for each in opened["outcomes"]] == [
        ("approve", "Approve"),
        ("reject", "Reject"),
    ]
    assert opened["due_at"] == "2026-01-08T09:00:00.000Z"


def test_a_task_without_outcomes_has_one_which_is_completed():
    started = Written(journey("steps: [{name: sign, human_task: {surface: form}}]")).start()
    with pytest.raises(OutcomeUnknown, match="completed"):
        started.complete("sign", outcome="signed")
    assert started.complete("sign").step("sign").outcome == "completed"
    assert started.state == "completed"


def test_escalation_is_told_once_and_leaves_the_task_open_until_it_is_due():
    started = review().start().advance(days=6, hours=23)
    assert started.told("TaskEscalated") == ["review"]
    assert started.seconds("TaskEscalated") == [2 * 86400]
    assert started.open() == ["review"]
    started.advance(hours=1)
    assert started.step("review").outcome == "timed_out"
    assert started.open() == ["remind"]
    with pytest.raises(StepFinished):
        started.complete("review", outcome="approve")


def test_a_task_past_its_due_date_goes_the_way_of_timed_out_where_that_is_declared():
    started = review("\n        - {name: timed_out, goto: pay}").start().advance(days=7)
    assert (started.step("review").outcome, started.open()) == ("timed_out", ["pay"])


def test_a_task_may_be_somebodys_from_the_start_and_is_due_when_it_says():
    started = Written(
        journey(
            """\
            steps:
              - name: sign
                inputs: {total: input.total}
                human_task: {surface: form, assignee: input.boss, due: 2d}
            """
        )
    ).start(boss="ann", total=3)
    step = started.step("sign")
    assert (step.task.assignee, step.input) == ("ann", {"total": 3})
    assert step.due_at == START + timedelta(days=2)


def inbox(world: Written, tenant_id: str = "t", **wanted: Any) -> list[str]:
    """The surfaces of the open tasks that are asked for, as a stack lists them."""
    views = InMemoryViewStore()
    feeder = ViewFeeder(views, pause=lambda seconds: None)
    for events in by_process([read_event(event) for event in world.runner.events]):
        feeder.feed(events)
    page = views.tasks(tenant_id, TaskFilter(**wanted), limit=100, cursor=None)
    return [task.surface for task in page.tasks]


def test_open_tasks_are_listed_by_tenant_role_assignee_and_due_date():
    asked = "steps: [{{name: s, human_task: {{surface: {0}, assignee_role: {1}, due: {2}}}}}]"
    world = Written(
        journey(asked.format("late", "manager", "5d"), "late"),
        journey(asked.format("soon", "manager", "1d"), "soon"),
        journey(asked.format("other", "clerk", "3d"), "other"),
    )
    late, *_ = (world.start(name) for name in ("late", "soon", "other"))
    assert inbox(world) == ["soon", "other", "late"]
    assert inbox(world, "another") == []
    assert inbox(world, role="manager") == ["soon", "late"]
    assert inbox(world, due_before=START + timedelta(days=3)) == ["soon"]
    assert inbox(world, assignee="ann") == []
    late.engine.claim_task(late.key, "s", by="ann")
    world.runner.run()
    assert inbox(world, assignee="ann", role="manager") == ["late"]
    late.complete("s")
    assert inbox(world, role="manager") == ["soon"]


def test_a_task_is_claimed_by_one_released_and_reassigned():
    started = review().start()
    engine, key = started.engine, started.key
    engine.claim_task(key, "review", by="ann")
    with pytest.raises(TaskTaken, match="ann"):
        engine.claim_task(key, "review", by="bob")
    engine.release_task(key, "review")
    engine.claim_task(key, "review", by="bob")
    engine.reassign_task(key, "review", to="cleo")
    assert started.step("review").task.assignee == "cleo"
    assert started.complete("review", outcome="approve").state == "completed"
