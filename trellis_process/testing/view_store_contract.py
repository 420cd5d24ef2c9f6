"""What every ViewStore does, told by the events of real processes."""
# ruff: noqa: D102 - a test's name is its documentation

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from trellis_process.application.manual_clock import START
from trellis_process.domain.definition.process_definition import Compensation, ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.sla import Sla
from trellis_process.domain.definition.steps import (
    AnyStep,
    Branch,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Parallel,
    ParallelStep,
    ServiceStep,
)
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput
from trellis_process.testing.local_tracker import LocalTracker
from trellis_process.views.adoption import adopt
from trellis_process.views.bus_event import BusEvent, read_event
from trellis_process.views.feeder import ViewFeeder, by_process
from trellis_process.views.projection import project
from trellis_process.views.statistics import VersionStatistics, statistics_of
from trellis_process.views.store import TaskFilter, ViewStore
from trellis_process.views.task_entry import TaskEntry

_ALL = TaskFilter()


class Story:
    """Processes of one definition, in a tenant of their own, and the events that they tell."""

    def __init__(self, *steps: AnyStep, tenant_id: str | None = None, **definition: Any) -> None:
        self.tenant_id = tenant_id or f"tenant-{uuid.uuid4()}"
        self.name = f"kind-{uuid.uuid4()}"
        self.definition = ProcessDefinition(self.name, version=1, steps=steps, **definition)
        self.tracker = LocalTracker(definitions=[self.definition])
        self.service = self.tracker.service

    def start(self, **given: Any) -> Process:
        return self.service.start(self.name, tenant_id=self.tenant_id, **given)

    def events(self) -> list[BusEvent]:
        self.tracker.run()
        return [read_event(event) for event in self.tracker.events]

    def feed(self, store: ViewStore) -> None:
        """Brings every event so far into the views, those that are there already once more."""
        feed(store, self.events())

    def statistics(self, store: ViewStore) -> VersionStatistics:
        (version,) = statistics_of(store.counts(self.tenant_id, self.name))
        return version


def feed(store: ViewStore, events: list[BusEvent]) -> None:
    """Brings events of any processes into the views."""
    feeder = ViewFeeder(store, pause=lambda seconds: None)
    for each in by_process(events):
        feeder.feed(each)


def review(name: str = "review", role: str = "manager", due: str = "7d") -> HumanTaskStep:
    """A step in which a person approves or rejects."""
    outcomes = (Outcome(name="approve"), Outcome(name="reject", goto="fail"))
    task = HumanTask(surface="review", assignee_role=role, due=due, outcomes=outcomes)
    return HumanTaskStep(name, human_task=task)


def work(name: str, **more: Any) -> ServiceStep:
    """A step that a service of its own name does."""
    return ServiceStep(name, service=f"Services.{name}", **more)


def side_by_side(name: str, *steps: AnyStep) -> ParallelStep:
    """These steps, each in a branch of its own."""
    branches = tuple(Branch(name=f"branch_{n}", steps=(step,)) for n, step in enumerate(steps))
    return ParallelStep(name, parallel=Parallel(branches=branches))


class ViewStoreContract:
    """The contract; a subclass has a fixture ``views`` that gives the store.

    Every test keeps to tenants and definitions of its own, so a store may be shared.
    """

    # -- the inbox ---------------------------------------------------------------------------

    def test_an_open_task_is_in_the_inbox_until_it_is_completed(self, views: ViewStore) -> None:
        story = Story(review(), work("pay"))
        process = story.start(input={})
        story.feed(views)

        (task,) = inbox(views, story.tenant_id)
        assert (task.key, task.step_name, task.attempt) == (process.key, "review", 1)
        assert (task.surface, task.assignee_role, task.assignee) == ("review", "manager", None)
        assert task.outcomes == (("approve", "approve"), ("reject", "reject"))
        assert task.due_at == START + timedelta(days=7)
        assert task.definition_version == 1

        story.service.complete_step(process, "review", outcome="approve")
        story.feed(views)
        assert inbox(views, story.tenant_id) == []

    def test_a_task_moves_when_it_is_claimed_reassigned_and_released(
        self, views: ViewStore
    ) -> None:
        story = Story(review())
        process = story.start(input={})

        def whose() -> tuple[int, int, int]:
            story.feed(views)
            everybody = inbox(views, story.tenant_id)
            anna, ben = (inbox(views, story.tenant_id, assignee=name) for name in ("anna", "ben"))
            assert len(inbox(views, story.tenant_id, role="manager")) == len(everybody)
            return len(everybody), len(anna), len(ben)

        assert whose() == (1, 0, 0)
        story.service.claim_task(process, "review", by="anna")
        assert whose() == (1, 1, 0)
        story.service.reassign_task(process, "review", to="ben")
        assert whose() == (1, 0, 1)
        story.service.release_task(process, "review")
        assert whose() == (1, 0, 0)

    @pytest.mark.parametrize("ending", ["cancel", "time out", "fail beside it", "skip"])
    def test_a_task_leaves_the_inbox_however_it_ends(self, views: ViewStore, ending: str) -> None:
        block = side_by_side("both", review(), work("pay"))
        story = Story(block if ending == "fail beside it" else review(), work("last"))
        process = story.start(input={})
        story.feed(views)
        assert len(inbox(views, story.tenant_id)) == 1

        if ending == "cancel":
            story.service.cancel_process(process)
        elif ending == "time out":
            story.tracker.advance(days=7)
        elif ending == "skip":
            story.service.skip_step(process, "review")
        else:
            story.service.fail_step(process, "pay", "no", attempt=1, fatal=True)
        story.feed(views)

        assert inbox(views, story.tenant_id) == []

    def test_tasks_come_in_order_of_their_due_dates_in_pages(self, views: ViewStore) -> None:
        tenant_id = f"tenant-{uuid.uuid4()}"
        for due, role in (("3d", "nurse"), ("1d", "nurse"), ("2d", "clerk"), ("5d", "nurse")):
            story = Story(review(role=role, due=due), tenant_id=tenant_id)
            story.start(input={})
            story.feed(views)

        def days(**wanted: Any) -> list[int]:
            found = [task.due_at for task in inbox(views, tenant_id, **wanted)]
            return [(due - START).days for due in found if due is not None]

        assert days() == [1, 2, 3, 5]
        assert days(role="nurse") == [1, 3, 5]
        assert days(due_before=START + timedelta(days=3)) == [1, 2]
        assert days(role="nurse", due_before=START + timedelta(days=5)) == [1, 3]
        assert days(role="nobody") == []

    # -- order and repeats --------------------------------------------------------------------

    @pytest.mark.parametrize("seed", range(8))
    def test_in_whatever_order_and_however_often_events_come_the_views_are_the_same(
        self, views: ViewStore, seed: int
    ) -> None:
        story = _eventful()
        events = story.events()
        chance = random.Random(seed)
        shuffled = events + chance.sample(events, len(events) // 2)
        chance.shuffle(shuffled)
        for first in range(0, len(shuffled), size := chance.randint(1, 9)):
            feed(views, shuffled[first : first + size])

        (key,) = {event.key for event in events}
        row = views.row(key)
        expected = project(None, events)
        assert expected is not None
        assert row is not None
        assert replace(row, revision=0) == replace(expected.row, revision=0)
        counted = {key: Counter(each) for key, each in expected.counts.items()}
        found = views.counts(story.tenant_id, story.name)
        assert {key: +Counter(each) for key, each in found.items()} == counted
        assert inbox(views, story.tenant_id) == []
        entries = views.history(key, limit=100, cursor=None).entries
        assert [(each.version, each.n) for each in entries] == [event.place for event in events]

    def test_after_every_prefix_of_a_history_the_inbox_holds_what_is_open(
        self, views: ViewStore
    ) -> None:
        story = Story(review("first"), review("second"))
        process = story.start(input={})
        opened = [["first"]]
        story.service.claim_task(process, "first", by="anna")
        opened.append(["first"])
        story.service.complete_step(process, "first", outcome="approve")
        opened.append(["second"])
        story.service.complete_step(process, "second", outcome="reject")
        opened.append([])
        events = story.events()

        for version, expected in enumerate(opened, start=1):
            feed(views, [event for event in events if event.version == version])
            assert [task.step_name for task in inbox(views, story.tenant_id)] == expected

    def test_many_who_feed_the_same_events_at_once_count_each_once(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        for _ in range(4):
            process = story.start(input={})
            story.service.complete_step(process, "pay")
        events = story.events()

        def feed_all(seed: int) -> None:
            mine = events.copy()
            random.Random(seed).shuffle(mine)
            feeder = ViewFeeder(views, pause=lambda seconds: None)
            for each in mine:
                feeder.feed([each])

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(feed_all, range(3)))

        told = story.statistics(views)
        assert (told.completed, told.open, told.steps[0].completed) == (4, 0, 4)

    # -- lists ---------------------------------------------------------------------------------

    def test_processes_are_found_by_a_search_attribute_the_newest_first(
        self, views: ViewStore
    ) -> None:
        story = Story(
            work("pay"),
            inputs={"city": "string", "amount": "number"},
            search_attributes={"city": "input.city", "large": "input.amount > 100.0"},
        )
        started = []
        for city, amount in (("Ghent", 50), ("Ghent", 500), ("Lyon", 500)):
            started.append(story.start(input={"city": city, "amount": amount}).process_id)
            story.tracker.advance(seconds=1)
        story.feed(views)

        def found(name: str, value: str) -> list[str]:
            pages = paged(
                lambda cursor: views.with_attribute(
                    story.tenant_id, name, value, limit=1, cursor=cursor
                )
            )
            return [row.key.process_id for page in pages for row in page.rows]

        assert found("city", "Ghent") == [started[1], started[0]]
        assert found("large", "true") == [started[2], started[1]]
        assert found("city", "ghent") == found("town", "Ghent") == []
        other = views.with_attribute("other", "city", "Ghent", limit=9, cursor=None)
        assert other.rows == []

    def test_processes_of_a_definition_are_listed_by_state_the_newest_first(
        self, views: ViewStore
    ) -> None:
        story = Story(work("pay"))
        first, second, third = (self._started(story) for _ in range(3))
        story.service.complete_step(first, "pay")
        story.service.cancel_process(second)
        story.feed(views)

        def listed(state: ProcessState | None) -> list[str]:
            pages = paged(
                lambda cursor: views.of_type(
                    story.tenant_id, story.name, state=state, limit=2, cursor=cursor
                )
            )
            return [row.key.process_id for page in pages for row in page.rows]

        ids = [each.process_id for each in (third, second, first)]
        assert listed(None) == ids
        assert listed(ProcessState.COMPLETED) == [first.process_id]
        assert listed(ProcessState.CANCELLED) == [second.process_id]
        assert listed(ProcessState.IN_PROGRESS) == [third.process_id]
        assert listed(ProcessState.PENDING) == []

    def _started(self, story: Story) -> Process:
        story.tracker.advance(seconds=1)
        return story.start(input={})

    # -- history -------------------------------------------------------------------------------

    def test_the_history_tells_every_event_in_order_with_who_caused_it_and_why(
        self, views: ViewStore
    ) -> None:
        story = Story(review())
        process = story.start(input={}, actor="intake", reason="new")
        story.service.claim_task(process, "review", by="anna", actor="desk")
        story.service.complete_step(process, "review", outcome="approve", actor="anna")
        story.feed(views)

        pages = list(paged(lambda cursor: views.history(process.key, limit=2, cursor=cursor)))
        entries = [entry for page in pages for entry in page.entries]

        assert [(each.said["type"], each.said["actor"]) for each in entries] == [
            ("ProcessStarted", "intake"),
            ("TaskOpened", "intake"),
            ("TaskClaimed", "desk"),
            ("StepCompleted", "anna"),
            ("ProcessCompleted", "anna"),
        ]
        assert entries[0].said["reason"] == "new"
        assert not any(each.follows_gap for each in entries)

    @pytest.mark.parametrize(("missing", "after_gap"), [(0, [1]), (2, [3]), (3, [4]), (4, [])])
    def test_the_history_marks_where_something_is_missing(
        self, views: ViewStore, missing: int, after_gap: list[int]
    ) -> None:
        story = Story(review())
        process = story.start(input={})
        story.service.claim_task(process, "review", by="anna")
        story.service.complete_step(process, "review", outcome="approve")
        events = story.events()
        feed(views, [event for n, event in enumerate(events) if n != missing])

        pages = paged(lambda cursor: views.history(process.key, limit=1, cursor=cursor))
        gaps = [entry for page in pages for entry in page.entries if entry.follows_gap]

        assert [(each.version, each.n) for each in gaps] == [events[n].place for n in after_gap]

    def test_what_is_large_is_left_out_of_the_history_by_name(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        process = story.start(input={})
        story.service.complete_step(process, "pay", {"text": "x" * 5_000})
        story.feed(views)

        entries = views.history(process.key, limit=100, cursor=None).entries
        (completed,) = [each for each in entries if each.said["type"] == "StepCompleted"]
        assert completed.said["left_out"] == ["output"]
        assert "output" not in completed.said

    # -- statistics ----------------------------------------------------------------------------

    def test_statistics_count_what_became_of_processes_and_steps(self, views: ViewStore) -> None:
        story = Story(
            work("reserve", compensate_with="free"),
            work("pay", timeout="60s", retry=Retry(max_attempts=3, interval="1s")),
            compensations=(Compensation("free", service="Services.free"),),
            sla=Sla(max_duration="1h"),
        )
        for seconds in (10, 20, 30):
            process = story.start(input={})
            story.service.complete_step(process, "reserve")
            story.tracker.advance(seconds=seconds)
            story.service.complete_step(process, "pay")
        late = story.start(input={})
        story.service.complete_step(late, "reserve")
        story.tracker.advance(seconds=61)  # timed out, and tried again
        story.tracker.advance(seconds=1)
        story.service.fail_step(late, "pay", "no", attempt=2, fatal=True)
        story.tracker.advance(hours=2)
        story.service.complete_step(late, "undo:reserve")
        story.start(input={})
        story.feed(views)

        told = story.statistics(views)
        assert (told.definition_version, told.started) == (1, 5)
        assert (told.open, told.completed, told.failed, told.cancelled) == (1, 3, 1, 0)
        assert (told.retries, told.timeouts, told.compensations) == (1, 1, 1)
        assert told.durations.count == 3
        assert told.durations.p50 == pytest.approx(20_000, rel=0.05)
        assert told.durations.p99 == pytest.approx(30_000, rel=0.05)
        steps = {step.step_name: step for step in told.steps}
        assert (steps["pay"].retries, steps["pay"].completed) == (1, 3)
        assert (steps["pay"].failed, steps["pay"].timeouts) == (1, 1)
        assert steps["pay"].durations.p90 == pytest.approx(30_000, rel=0.05)
        assert steps["undo:reserve"].completed == 1

    def test_a_process_that_took_longer_than_agreed_is_no_longer_compliant(
        self, views: ViewStore
    ) -> None:
        story = Story(work("pay"), sla=Sla(max_duration="30s"))
        for seconds in (10, 40, 10, 10):
            process = story.start(input={})
            story.tracker.advance(seconds=seconds)
            story.service.complete_step(process, "pay")
        story.feed(views)

        told = story.statistics(views)
        assert (told.sla_breaches, told.sla_compliance) == (1, 0.75)

    def test_a_breach_without_an_event_counts_against_compliance_all_the_same(
        self, views: ViewStore
    ) -> None:
        story = Story(work("pay"), sla=Sla(max_duration="30s", alert_on_breach=False))
        process = story.start(input={})
        story.tracker.advance(seconds=40)
        story.service.complete_step(process, "pay")
        story.feed(views)

        told = story.statistics(views)
        assert (told.sla_breaches, told.sla_compliance) == (0, 0.0)

    def test_a_process_that_is_opened_again_counts_as_open_again(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        process = story.start(input={})
        story.service.fail_step(process, "pay", "no", attempt=1, fatal=True)
        story.feed(views)
        before = story.statistics(views)
        story.service.retry_step(process, "pay")
        story.feed(views)
        after = story.statistics(views)

        assert (before.open, before.failed) == (0, 1)
        assert (after.open, after.failed, after.started) == (1, 0, 1)

    def test_statistics_are_a_tenants_own_and_of_all_together_for_the_operator(
        self, views: ViewStore
    ) -> None:
        story = Story(work("pay"))
        story.start(input={})
        other = f"tenant-{uuid.uuid4()}"
        for _ in range(2):
            story.service.start(story.name, tenant_id=other, input={})
        story.feed(views)

        (mine,) = statistics_of(views.counts(story.tenant_id, story.name))
        (theirs,) = statistics_of(views.counts(other, story.name))
        (all_of_them,) = statistics_of(views.counts(None, story.name))
        assert (mine.open, theirs.open, all_of_them.open) == (1, 2, 3)
        assert statistics_of(views.counts("nobody", story.name)) == []

    # -- tenants, cursors, commits ---------------------------------------------------------------

    def test_nothing_of_a_tenant_is_seen_by_another(self, views: ViewStore) -> None:
        story = Story(review())
        process = story.start(input={})
        story.feed(views)
        stranger = ProcessKey(f"tenant-{uuid.uuid4()}", process.process_id)

        assert views.row(stranger) is None
        assert views.history(stranger, limit=10, cursor=None).entries == []
        assert inbox(views, stranger.tenant_id) == []
        assert inbox(views, stranger.tenant_id, role="manager") == []
        page = views.of_type(stranger.tenant_id, story.name, state=None, limit=9, cursor=None)
        assert page.rows == []

    @pytest.mark.parametrize("cursor", ["x", "", "WzFd", "not a cursor\n", "é"])
    def test_a_cursor_of_something_else_is_refused(self, views: ViewStore, cursor: str) -> None:
        key = ProcessKey("t", "p")
        with pytest.raises(InvalidInput, match="cursor"):
            views.history(key, limit=1, cursor=cursor)
        with pytest.raises(InvalidInput, match="cursor"):
            views.tasks("t", _ALL, limit=1, cursor=cursor)
        with pytest.raises(InvalidInput, match="cursor"):
            views.of_type("t", "kind", state=None, limit=1, cursor=cursor)

    def test_of_two_changes_decided_on_the_same_row_one_is_kept(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        process = story.start(input={})
        story.service.complete_step(process, "pay")
        started, completed = (
            project(None, [event for event in story.events() if event.version == version])
            for version in (1, 2)
        )
        assert started is not None
        assert completed is not None

        assert views.commit(started)
        assert not views.commit(completed)
        assert not views.commit(started)
        row = views.row(process.key)
        assert row is not None
        assert row.state is ProcessState.IN_PROGRESS

    # -- adopting --------------------------------------------------------------------------------

    def test_a_process_whose_events_are_gone_is_adopted_as_it_is(self, views: ViewStore) -> None:
        story = Story(work("pay"), review())
        process = story.start(input={})
        story.tracker.advance(seconds=20)
        story.service.complete_step(process, "pay")
        self._adopt(views, process)

        (task,) = inbox(views, story.tenant_id)
        assert (task.step_name, task.assignee_role) == ("review", "manager")
        page = views.of_type(story.tenant_id, story.name, state=None, limit=9, cursor=None)
        assert [row.key for row in page.rows] == [process.key]
        told = story.statistics(views)
        assert told.open == 1
        assert told.steps[0].durations.p50 == pytest.approx(20_000, rel=0.05)

        story.feed(views)  # events that come late change nothing
        assert story.statistics(views) == told
        assert len(inbox(views, story.tenant_id)) == 1

        story.service.complete_step(process, "review", outcome="approve")
        story.feed(views)
        assert inbox(views, story.tenant_id) == []
        assert (story.statistics(views).open, story.statistics(views).completed) == (0, 1)

    def test_adopting_what_is_known_already_changes_nothing(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        process = story.start(input={})
        story.feed(views)
        before = views.row(process.key)
        self._adopt(views, process)

        assert views.row(process.key) == before

    def test_adopting_mends_what_lost_events_would_have_told(self, views: ViewStore) -> None:
        story = Story(review(), work("pay"))
        process = story.start(input={})
        story.feed(views)
        story.service.complete_step(process, "review", outcome="approve")
        story.service.complete_step(process, "pay")
        self._adopt(views, process)

        assert inbox(views, story.tenant_id) == []
        told = story.statistics(views)
        assert (told.open, told.completed) == (0, 1)
        story.feed(views)  # they were only late
        assert inbox(views, story.tenant_id) == []
        told = story.statistics(views)
        assert (told.open, told.completed, told.steps[0].completed) == (0, 1, 1)

    def test_what_was_read_before_the_latest_events_is_not_adopted(self, views: ViewStore) -> None:
        story = Story(work("pay"))
        process = story.start(input={})
        old = process.copy()
        story.service.complete_step(process, "pay")
        story.feed(views)
        self._adopt(views, old)

        assert story.statistics(views).completed == 1

    def test_a_process_with_very_many_tasks_is_kept_whole(self, views: ViewStore) -> None:
        story = Story(side_by_side("all", *(review(f"task_{n}") for n in range(130))))
        process = story.start(input={})
        story.feed(views)
        assert len(inbox(views, story.tenant_id)) == 130

        story.service.cancel_process(process)
        story.feed(views)
        assert inbox(views, story.tenant_id) == []
        assert story.statistics(views).cancelled == 1

    def _adopt(self, views: ViewStore, process: Process) -> None:
        feeder = ViewFeeder(views, pause=lambda seconds: None)
        feeder.change(process.key, lambda row: adopt(row, process))


def _eventful() -> Story:
    """A process with tasks, retries, a compensation, and an end."""
    story = Story(
        work("reserve", compensate_with="free"),
        review("first"),
        work("pay", timeout="60s", retry=Retry(max_attempts=2, interval="1s")),
        review("second"),
        compensations=(Compensation("free", service="Services.free"),),
        sla=Sla(max_duration="30s"),
    )
    process = story.start(input={})
    story.service.complete_step(process, "reserve")
    story.service.claim_task(process, "first", by="anna")
    story.tracker.advance(seconds=40)
    story.service.complete_step(process, "first", outcome="approve")
    story.tracker.advance(seconds=62)
    story.service.complete_step(process, "pay")
    story.service.complete_step(process, "second", outcome="reject")
    story.service.complete_step(process, "undo:reserve")
    assert process.has_failed()
    return story


def inbox(views: ViewStore, tenant_id: str, **wanted: Any) -> list[TaskEntry]:
    """All pages of the tasks that are wanted."""
    pages = paged(
        lambda cursor: views.tasks(tenant_id, TaskFilter(**wanted), limit=3, cursor=cursor)
    )
    return [task for page in pages for task in page.tasks]


def paged(read: Callable[[str | None], Any]) -> list[Any]:
    """Every page, by the cursors."""
    pages = [read(None)]
    while pages[-1].cursor is not None:
        assert len(pages) < 1_000
        pages.append(read(pages[-1].cursor))
    return pages
