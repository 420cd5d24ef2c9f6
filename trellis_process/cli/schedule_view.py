"""How schedules look in a terminal: one with its runs and its next time, and a table of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Group, RenderableType
from rich.text import Text

from trellis_process.cli.console import Console
from trellis_process.cli.event_meaning import recurrence_of, short
from trellis_process.cli.listing import print_listing
from trellis_process.cli.span import span
from trellis_process.domain.schedule.schedule import Schedule, ScheduleState
from trellis_process.domain.schedule.terms import Overlap, ScheduleTerms

_STATES = {"active": "green", "paused": "yellow", "deleted": "magenta"}
_OVERLAPS = {
    Overlap.SKIP: "a run is left out while another is open",
    Overlap.QUEUE: "a run waits while another is open",
    Overlap.CANCEL_PREVIOUS: "a run cancels those that are open",
    Overlap.ALLOW: "runs may be open side by side",
}
_RUNS = 20  # open at once, or waiting, that are named; --json has all of them


def schedule_view(schedule: Schedule, now: datetime) -> RenderableType:
    """One schedule: what it starts and when, when next, what is open and what waits."""
    terms = schedule.terms
    heading = Text.assemble(
        (schedule.name, "bold"),
        f" starts {terms.definition}, {recurrence_of(terms.as_json())}: ",
        (schedule.state.value, _STATES[schedule.state]),
    )
    facts = Text(
        f"process {schedule.process_id} of {schedule.tenant_id}, agreed "
        f"{_clock(schedule.created_at)}, {schedule.started:,} started, "
        f"{schedule.skipped:,} skipped",
        "dim",
    )
    return Group(heading, facts, *_terms(terms), "", *_standing(schedule, now))


def print_schedules(console: Console, schedules: Iterable[Schedule], now: datetime) -> None:
    """Prints schedules: which, how each stands, what it starts when, and its runs."""
    rows = [
        (
            each.name,
            Text(each.state.value, _STATES[each.state]),
            each.terms.definition,
            recurrence_of(each.terms.as_json()),
            "" if each.next_at is None else _until(each.next_at, now),
            f"{len(each.open_runs):,}",
            f"{len(each.queue):,}",
            f"{each.started:,}",
            f"{each.skipped:,}",
        )
        for each in schedules
    ]
    columns = ("name", "state", "starts", "when", "next", "open", "waiting", "started", "skipped")
    print_listing(console, columns, rows, below=("when", "starts"))


def print_times(
    console: Console, times: Iterable[datetime], terms: ScheduleTerms, now: datetime
) -> None:
    """Prints the next times of a schedule, here and on its own clock."""
    zone = _zone(terms)
    rows = [
        (_clock(each), "" if zone is None else _clock(each, zone), _until(each, now))
        for each in times
    ]
    if zone is None:
        print_listing(console, ("here", "left"), [(here, left) for here, _, left in rows])
    else:
        print_listing(console, ("here", terms.time_zone, "left"), rows)


def _terms(terms: ScheduleTerms) -> Iterator[Text]:
    said = [_OVERLAPS[terms.overlap]]
    if terms.catch_up:
        said.append("missed runs are caught up with")
    if terms.timeout is not None:
        said.append(f"each may take {terms.timeout}")
    yield Text(", ".join(said), "dim")
    if terms.input:
        yield Text(f"input {short(dict(terms.input))}", "dim")


def _standing(schedule: Schedule, now: datetime) -> Iterator[Text]:
    zone = _zone(schedule.terms)
    if schedule.state is ScheduleState.PAUSED:
        yield Text("nothing is started until it is resumed", "yellow")
    elif schedule.next_at is not None:
        left = _until(schedule.next_at, now)
        there = "" if zone is None else f", {_clock(schedule.next_at, zone)} there"
        yield Text(f"next {left}: {_clock(schedule.next_at)}{there}")
    elif schedule.state is ScheduleState.ACTIVE:
        yield Text("no time comes any more", "yellow")
    for process_id, at in list(schedule.open_runs.items())[:_RUNS]:
        yield Text.assemble(("open ", "cyan"), process_id, f" for {_clock(at)}")
    if len(schedule.open_runs) > _RUNS:
        yield Text(f"and {len(schedule.open_runs) - _RUNS:,} more that are open", "dim")
    for at in schedule.queue[:_RUNS]:
        yield Text.assemble(("waits ", "yellow"), f"for {_clock(at)}")
    if len(schedule.queue) > _RUNS:
        yield Text(f"and {len(schedule.queue) - _RUNS:,} more that wait", "dim")
    for each in schedule.backfills:
        how = "side by side" if each.side_by_side else "one after the other"
        told = f"after {_clock(each.after)} until {_clock(each.until)}, {how}"
        yield Text.assemble(("backfills ", "cyan"), told)


def _until(at: datetime, now: datetime) -> str:
    left = (at - now).total_seconds()
    return f"in {span(left)}" if left >= 0 else f"due for {span(-left)}"


def _clock(moment: datetime, zone: ZoneInfo | None = None) -> str:
    return moment.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S")


def _zone(terms: ScheduleTerms) -> ZoneInfo | None:
    """The zone whose clock the schedule means; None where it means none, or this machine has none.

    Of an interval no clock says anything.
    """
    if terms.cron is None:
        return None
    try:
        return ZoneInfo(terms.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
