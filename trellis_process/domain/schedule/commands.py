"""What can be asked of a schedule, beside what can be of any process."""

from __future__ import annotations

from datetime import UTC, datetime

from trellis_process.domain import events as happened
from trellis_process.domain.change import Change
from trellis_process.domain.limits import check_name, check_time
from trellis_process.domain.own_services import RUNS, SCHEDULE
from trellis_process.domain.process import Parent, Process
from trellis_process.domain.recurrence import occurrences
from trellis_process.domain.schedule.course import ScheduleCourse
from trellis_process.domain.schedule.runs import Backfill, Runs
from trellis_process.domain.schedule.scheduling import Scheduling, new_step
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms
from trellis_process.domain.states import ProcessState
from trellis_process.errors import InvalidInput, NotASchedule, ProcessFinished

VERSION = 1  # of what orders them
AGGREGATE_TYPE = "schedule"
MAX_BACKFILLS = 10  # ranges at a time, of one schedule
MAX_REQUEST_IDS = 20  # remembered, to know a repeated request
MAX_UPCOMING = 1_000  # times told at once
_EVER = datetime.max.replace(tzinfo=UTC)


def start_schedule(
    course: ScheduleCourse,
    *,
    process_id: str,
    tenant_id: str,
    name: str,
    terms: ScheduleTerms,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> Process:
    """Begins a schedule; its first time is the first one after now.

    Raises InvalidInput for a name, an id, or terms that cannot be read.
    """
    process = Process(
        tenant_id=check_name("tenant_id", tenant_id),
        process_id=check_name("process_id", process_id),
        process_type=SCHEDULE,
        aggregate_type=AGGREGATE_TYPE,
        aggregate_id=check_name("schedule", name),
        steps={},
        definition_version=VERSION,
        started_at=now,
        changed_at=now,
    )
    process.course = course
    with Change(process, now, actor, reason) as change:
        process.started_at = change.now
        change.start_process()
        _agree(course, change, terms, Runs(change.now, change.now))
    return process


def change_terms(
    process: Process,
    terms: ScheduleTerms,
    *,
    now: datetime,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A schedule goes on by other terms, its runs as they are; one that was cancelled begins anew.

    The times of the new terms count from now, and what was to be backfilled is not. The same terms
    again change nothing. Raises NotASchedule, InvalidInput.
    """
    course = course_of(process)
    was_ended = process.state.is_final
    if not was_ended and process.input == terms.as_json():
        return
    with Change(process, now, actor, reason) as change:
        runs = Runs.of(process.data)
        if was_ended:
            change.open_again()
            runs = runs._replace(open={}, stopping=())  # it was let go, and has not heard of them
        _agree(course, change, terms, runs)
        change.record(happened.ScheduleChanged)


def start_run(
    process: Process,
    *,
    now: datetime,
    overlap: Overlap | None = None,
    request_id: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """A run is wanted now, whatever the time; while others are open, as ``overlap`` says.

    Unless given it is that of the schedule. With ``request_id`` a repeat changes nothing, as long
    as it is one of the latest 20. Raises NotASchedule, ProcessFinished, InvalidInput.
    """
    course = _open_course_of(process, "start a run")
    if _is_repeat(process, request_id):
        return
    with Change(process, now, actor, reason) as change:
        _remember(process, request_id)
        with Scheduling(course.calendar, change) as scheduling:
            scheduling.offer(change.now, overlap or scheduling.terms.overlap)


def backfill(
    process: Process,
    *,
    after: datetime,
    until: datetime,
    now: datetime,
    side_by_side: bool = False,
    request_id: str | None = None,
    actor: str | None = None,
    reason: str | None = None,
) -> None:
    """The runs for the times of a range that has passed are started, each with its own time.

    One after the other, the oldest first, unless ``side_by_side``. With ``request_id`` as
    start_run. Raises NotASchedule, ProcessFinished, and InvalidInput for a range that is none or
    has not passed, and where ten are under way.
    """
    course = _open_course_of(process, "backfill")
    after, until = check_time("after", after), check_time("until", until)
    if not after < until <= now:
        raise InvalidInput("until", until, f"allowed are times from {after} to {now}")
    if _is_repeat(process, request_id):
        return
    waiting = Runs.of(process.data).backfills
    if len(waiting) >= MAX_BACKFILLS:
        raise InvalidInput("after", after, f"{MAX_BACKFILLS} ranges are under way; wait for one")
    with Change(process, now, actor, reason) as change:
        _remember(process, request_id)
        with Scheduling(course.calendar, change) as scheduling:
            asked = Backfill(after, until, side_by_side)
            scheduling.runs = scheduling.runs._replace(backfills=(*waiting, asked))
            if process.state is not ProcessState.SUSPENDED:
                scheduling.go_on()


def run_ended(process: Process, told: Parent, *, now: datetime) -> None:
    """A run has ended, and what waited for that starts; one that is not open changes nothing."""
    course = course_of(process)
    if is_open(process, told):
        with Change(process, now) as change, Scheduling(course.calendar, change) as scheduling:
            scheduling.ended(told.attempt)
            if process.state is not ProcessState.SUSPENDED:
                scheduling.go_on()


def run_reopened(process: Process, told: Parent, scheduled_at: datetime, *, now: datetime) -> None:
    """A run that had failed goes on, and is open again."""
    course = course_of(process)
    if not process.state.is_final and not is_open(process, told):
        with Change(process, now) as change, Scheduling(course.calendar, change) as scheduling:
            scheduling.reopened(told.attempt, scheduled_at)


def run_refused(process: Process, told: Parent, why: str, *, now: datetime) -> None:
    """A run could not be started, which is told and counted as one that was passed over."""
    course = course_of(process)
    if is_open(process, told):
        with Change(process, now) as change, Scheduling(course.calendar, change) as scheduling:
            scheduling.refused(told.attempt, why)
            if process.state is not ProcessState.SUSPENDED:
                scheduling.go_on()


def upcoming(process: Process, count: int, *, now: datetime) -> list[datetime]:
    """The next so many times of a schedule, from 1 to 1,000. Raises NotASchedule, InvalidInput."""
    course = course_of(process)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_UPCOMING:
        raise InvalidInput("count", count, f"allowed is a whole number from 1 to {MAX_UPCOMING}")
    scheduling = Scheduling(course.calendar, Change(process, now))
    return occurrences(scheduling.recurrence, max(now, scheduling.runs.since), _EVER, count)


def is_open(process: Process, told: Parent) -> bool:
    """Whether the run that was told this of its schedule is open for it."""
    return (
        not process.state.is_final
        and told.step_name == RUNS
        and told.attempt in Runs.of(process.data).open
    )


def course_of(process: Process) -> ScheduleCourse:
    """What orders a schedule. Raises NotASchedule for any other process."""
    if not isinstance(process.course, ScheduleCourse):
        raise NotASchedule(process.process_id)
    return process.course


def _open_course_of(process: Process, action: str) -> ScheduleCourse:
    course = course_of(process)
    if process.state.is_final:
        raise ProcessFinished(action, process.state)
    return course


def _agree(course: ScheduleCourse, change: Change, terms: ScheduleTerms, runs: Runs) -> None:
    process, now = change.process, change.now
    change.bring(dict(terms.input) or None)
    process.input = terms.as_json()
    process.data = runs._replace(since=now, anchor=now, queue=(), backfills=()).as_json()
    change.put(new_step(now))
    with Scheduling(course.calendar, change):
        pass  # which reads the terms, and waits for the first time


def _is_repeat(process: Process, request_id: str | None) -> bool:
    return request_id is not None and check_name("request_id", request_id) in process.signal_ids


def _remember(process: Process, request_id: str | None) -> None:
    if request_id is not None:
        process.signal_ids = (*process.signal_ids, request_id)[-MAX_REQUEST_IDS:]
