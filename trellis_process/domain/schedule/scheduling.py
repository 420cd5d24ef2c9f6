"""Scheduling: one change of a schedule, in which runs that are due start, wait or are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.definition.duration import span_of
from trellis_process.domain.engine.names import child_id
from trellis_process.domain.events import ProcessEvent
from trellis_process.domain.limits import MAX_REASON_CHARACTERS
from trellis_process.domain.own_services import RUNS
from trellis_process.domain.process import Process
from trellis_process.domain.recurrence import Interval, Recurrence, occurrences
from trellis_process.domain.schedule.runs import Backfill, Runs
from trellis_process.domain.schedule.terms import Calendar, Overlap, ScheduleTerms
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.domain.time import MILLISECOND, to_text

MISSED_AFTER = timedelta(minutes=5)  # a sweep comes each minute, so this late nobody looked
MAX_AT_ONCE = 25  # runs asked for in one change, so that its events stay small
MAX_OPEN = 1_000  # runs of one schedule, of which it keeps the times
MAX_QUEUE = 100  # runs that wait for others to end

# Why a time was passed over, as RunSkipped tells it.
OVERLAP = "overlap"  # another run was open, or came later and took its place
MISSED = "missed"  # nobody looked in time, and nothing is to be caught up with
QUEUE_FULL = "queue_full"
TOO_MANY_OPEN = "too_many_open"


class Scheduling:
    """Used as a context: at its end the schedule keeps its runs, and waits for the next time."""

    def __init__(self, calendar: Calendar, change: Change) -> None:
        self.change = change
        self.process = change.process
        self.terms = ScheduleTerms.of(self.process.input)
        self.runs = Runs.of(self.process.data)
        self._calendar = calendar
        self._room = MAX_AT_ONCE

    def __enter__(self) -> Scheduling:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.process.data = self.runs.as_json()
            self.change.put(self._waiting())

    @property
    def recurrence(self) -> Recurrence:
        """When it is time."""
        terms = self.terms
        if terms.cron is not None:
            return self._calendar.cron(terms.cron, terms.time_zone)
        assert terms.every is not None, "terms have one of the two"
        return Interval(span_of("every", terms.every), self.runs.anchor)

    def tick(self) -> None:
        """Deals with the times that have come, the earliest first, as many as one change takes."""
        now, since, recurrence = self.change.now, self.runs.since, self.recurrence
        in_time = now - MISSED_AFTER
        if not self.terms.catch_up and since < in_time:
            first = recurrence.next_after(since)
            if first is not None and first < in_time:
                self._skip(first, MISSED)
            since = in_time - MILLISECOND
        due = occurrences(recurrence, since, now, self._room)
        is_all = len(due) < self._room
        for at in due:
            self.offer(at, self.terms.overlap)
        self.runs = self.runs._replace(since=now if is_all else due[-1])

    def offer(self, at: datetime, overlap: Overlap) -> None:
        """The run for a time starts, or what becomes of it while others are open."""
        runs = self.runs
        if overlap is Overlap.ALLOW or not (runs.open or runs.queue):
            self._start(at)
        elif overlap is Overlap.SKIP:
            self._skip(at, OVERLAP)
        elif overlap is Overlap.CANCEL_PREVIOUS:
            for waiting in runs.queue:
                self._skip(waiting, OVERLAP)
            self.runs = self.runs._replace(queue=(at,))
            self._stop_open()
        elif len(runs.queue) < MAX_QUEUE:
            self.runs = runs._replace(queue=(*runs.queue, at))
        else:
            self._skip(at, QUEUE_FULL)

    def go_on(self) -> None:
        """Starts what has waited and may start by now: the queue first, then what is backfilled."""
        runs = self.runs
        if runs.queue and not runs.open:
            first, *others = runs.queue
            self.runs = runs._replace(queue=tuple(others))
            self._start(first)
        left = tuple(self._backfilled())
        self.runs = self.runs._replace(backfills=left)

    def ended(self, number: int) -> None:
        """The run of that number is open no more."""
        runs = self.runs
        self.runs = runs._replace(
            open={each: at for each, at in runs.open.items() if each != number},
            stopping=tuple(each for each in runs.stopping if each != number),
        )

    def reopened(self, number: int, at: datetime) -> None:
        """The run of that number is open again."""
        self.runs = self.runs._replace(open={**self.runs.open, number: at})

    def refused(self, number: int, why: str) -> None:
        """The run of that number could not be started."""
        at = self.runs.open[number]
        self.ended(number)
        self._skip(at, why[:MAX_REASON_CHARACTERS])

    def _backfilled(self) -> Iterator[Backfill]:
        """Starts what may start of the ranges; yields what is left of them."""
        for each in self.runs.backfills:
            if each.side_by_side:  # what has no room yet waits for others to end
                room = min(self._room, MAX_OPEN - len(self.runs.open))
            else:
                room = 0 if self.runs.open or self.runs.queue else 1
            due = occurrences(self.recurrence, each.after, each.until, room) if room else []
            for at in due:
                self._start(at)
            left = each._replace(after=due[-1] if due else each.after)
            if occurrences(self.recurrence, left.after, left.until, 1):
                yield left

    def _start(self, at: datetime) -> None:
        runs = self.runs
        if len(runs.open) >= MAX_OPEN:
            self._skip(at, TOO_MANY_OPEN)
            return
        number = runs.started + 1
        self.runs = runs._replace(started=number, open={**runs.open, number: at})
        self._room -= 1
        self.change.record(
            happened.ChildRequested,
            step_name=RUNS,
            attempt=number,
            child_id=run_id(self.process, number),
            child_definition=self.terms.definition,
        )

    def _stop_open(self) -> None:
        for number in self.runs.open:
            if number not in self.runs.stopping:
                self.runs = self.runs._replace(stopping=(*self.runs.stopping, number))
                self.change.record(
                    happened.ChildCancellationRequested,
                    step_name=RUNS,
                    attempt=number,
                    child_id=run_id(self.process, number),
                )

    def _skip(self, at: datetime, why: str) -> None:
        self.runs = self.runs._replace(skipped=self.runs.skipped + 1)
        self.change.record(happened.RunSkipped, scheduled_at=to_text(at), reason=why)

    def _waiting(self) -> ProcessStep:
        """The step as it waits for the next time, or to go on with what one change was full of."""
        runs, step = self.runs, self.process.step(RUNS)
        has_room = len(runs.open) < MAX_OPEN  # otherwise it goes on when a run has ended
        is_full = has_room and any(each.side_by_side for each in runs.backfills)
        next_at = self.change.now if is_full else self.recurrence.next_after(runs.since)
        # What has passed is due from now on: nobody was late who was not to look before.
        return replace(step, due_at=None if next_at is None else max(next_at, self.change.now))


def new_step(now: datetime) -> ProcessStep:
    """The step of a schedule that begins."""
    return ProcessStep(name=RUNS).waiting(WaitingFor.TIME, now)


def run_id(schedule: Process, number: int) -> str:
    """The id of a run: always the same, so that it is started once.

    It says when the schedule began: one that is made anew, after the store forgot the one of that
    name, has the same process id and counts from the beginning, and its runs are others.
    """
    began = f"{schedule.process_id}@{to_text(schedule.started_at)}"
    return child_id(began, RUNS, number, None)


def asked_again(schedule: Process) -> Iterator[ProcessEvent]:
    """The events with which a schedule asks for the runs that are open, and for those to stop."""
    runs, terms = Runs.of(schedule.data), ScheduleTerms.of(schedule.input)
    about: dict[str, Any] = {
        "tenant_id": schedule.tenant_id,
        "process_id": schedule.process_id,
        "occurred_at": schedule.changed_at,
        "step_name": RUNS,
    }
    for number in runs.open:
        said = about | {"attempt": number, "child_id": run_id(schedule, number)}
        yield happened.ChildRequested(**said, child_definition=terms.definition)
        if number in runs.stopping:
            yield happened.ChildCancellationRequested(**said)
