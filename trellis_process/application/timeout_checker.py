"""TimeoutCheckerService: finds what is due and lets it fire, one process after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Definitions, Pause, decide_and_save
from trellis_process.application.repositories import StepTrackerRepository, WakeUp
from trellis_process.application.sweeper import ALONE, Sweeper
from trellis_process.domain.events import ProcessStepTimedOut
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.tracker import ProcessTracker, StepTracker, Tracker
from trellis_process.errors import StoreError

GROUP = 8  # processes a thread is given at a time: few, so that a sweep ends when its time is up

logger = logging.getLogger(__name__)

TimeoutHandler: TypeAlias = Callable[[ProcessStepTimedOut], object]
"""Told of a timed-out attempt before its consequence is saved; at least once for each."""


@dataclass(frozen=True)
class SweepFailure:
    """What one sweep could not deal with; the next one finds it again."""

    #: Which process; None where what is due could not be read any further.
    key: ProcessKey | None
    error: Exception
    step_name: str | None = None


@dataclass
class Sweep:
    """What one run of the checker, or a part of it, found and did."""

    #: Processes looked at, because their wake-up was due.
    looked_at: int = 0
    #: Attempts that timed out or were not resumed in time, and process deadlines that passed.
    timed_out: int = 0
    #: Attempts that began because their backoff was over.
    retried: int = 0
    #: Waits that were over, and what was to be told at a moment.
    fired: int = 0
    #: Processes that failed with it, no retry or no time being left.
    failed: int = 0
    #: How long the longest overdue wake-up had been due.
    lateness: timedelta = timedelta(0)
    #: What could not be dealt with.
    failures: list[SweepFailure] = field(default_factory=list)
    #: False where time was up, or what is due could not be read any further; the next sweep takes
    #: the rest.
    is_complete: bool = True

    def add(self, part: Sweep) -> None:
        """Counts in what another part found and did."""
        self.looked_at += part.looked_at
        self.timed_out += part.timed_out
        self.retried += part.retried
        self.fired += part.fired
        self.failed += part.failed
        self.lateness = max(self.lateness, part.lateness)
        self.failures += part.failures
        self.is_complete = self.is_complete and part.is_complete


class TimeoutCheckerService:
    """Looks at every process whose wake-up is due and lets what is due in it fire.

    An attempt with retries left is followed by the next; with none left its step fails, and a
    process past its own deadline fails. A backoff that is over is followed by its attempt.
    ``on_timeout`` is told of each timed-out attempt first, so a handler may fail the step in its
    own words, or send the work out again. If the handler raises, nothing is saved for that attempt
    and the next sweep tells it again.

    Running it twice, or two at once, is harmless: each change is decided on the stored process
    and saved only if nobody else changed it. With ``side_by_side`` it deals with so many processes
    at the same time, each in a thread; the store, and ``on_timeout``, have to bear that.
    """

    def __init__(
        self,
        trackers: StepTrackerRepository,
        on_timeout: TimeoutHandler | None = None,
        *,
        clock: Clock = system_clock,
        pause: Pause = time.sleep,
        side_by_side: int = 1,
        definitions: Definitions | None = None,
    ) -> None:
        self._trackers = trackers
        self._definitions = definitions
        self._on_timeout = on_timeout
        self._clock = clock
        self._pause = pause
        self._side_by_side = side_by_side

    def check_for_timed_out_steps(
        self, *, stop_at: datetime | None = None, sweeper: Sweeper = ALONE
    ) -> Sweep:
        """One sweep: everything due by now, the longest overdue first.

        Where several sweep side by side, ``sweeper`` says which of them this is, and it looks at
        its own part alone. It looks at no further process from ``stop_at`` on. One process that
        cannot be dealt with is logged and reported in ``failures``, and does not stop the others;
        where what is due cannot be read any further, that is reported too and the sweep ends there.

        Raises Throttled or StoreUnavailable where what is due cannot be read at all.
        """
        now = self._clock()
        sweep = Sweep()
        try:
            for part in self._parts(sweeper.due(self._trackers, now), now, stop_at):
                sweep.add(part)
        except StoreError as error:
            if not sweep.looked_at:
                raise
            sweep.add(_failed(SweepFailure(None, error), is_complete=False))
        return sweep

    def _parts(
        self, due: Iterator[WakeUp], now: datetime, stop_at: datetime | None
    ) -> Iterator[Sweep]:
        """What each wake-up came to, read as they are dealt with; an incomplete one at the end."""

        def is_time_up() -> bool:
            return stop_at is not None and self._clock() >= stop_at

        def part(wake_up: WakeUp) -> Sweep:
            if is_time_up():
                return Sweep(is_complete=False)
            return self._part(wake_up, now)

        is_alone = self._side_by_side == 1
        with ThreadPoolExecutor(self._side_by_side) as pool:
            run = map if is_alone else pool.map
            for group in _groups(due, 1 if is_alone else self._side_by_side * GROUP):
                if is_time_up():
                    yield Sweep(is_complete=False)
                    return
                yield from run(part, group)

    def _part(self, wake_up: WakeUp, now: datetime) -> Sweep:
        """What one wake-up came to."""
        part = Sweep(looked_at=1, lateness=now - wake_up.due_at)
        try:
            self._look_at(wake_up, part)
        except Exception as error:
            part.add(_failed(SweepFailure(wake_up.key, error)))
        return part

    def _look_at(self, wake_up: WakeUp, sweep: Sweep) -> None:
        process = wake_up.read()
        if process is None:
            return  # an index entry that lags behind
        due = process.due_trackers(self._clock())
        if self._on_timeout is not None and due:
            due = [tracker for tracker in due if self._tell(wake_up.key, tracker, sweep)]
            if not due:
                return  # its handler failed: left as it is, for the next sweep
            # The handler may have reported on this very process.
            process = self._trackers.processes.get(wake_up.key) or process
        fired: list[Tracker] = []

        def let_fire(current: Process, now: datetime) -> None:
            fired[:] = current.time_out(due, now=now)

        changed = decide_and_save(
            self._trackers.processes,
            process,
            let_fire,
            clock=self._clock,
            definitions=self._definitions,
            pause=self._pause,
        )
        retried = sum(isinstance(each, StepTracker) and each.is_backoff for each in fired)
        timed_out = sum(_is_time_limit(each) for each in fired)
        sweep.retried += retried
        sweep.timed_out += timed_out
        sweep.fired += len(fired) - retried - timed_out
        sweep.failed += 1 if fired and changed.has_failed() else 0

    def _tell(self, key: ProcessKey, tracker: Tracker, sweep: Sweep) -> bool:
        """Tells the handler of a timed-out attempt; False where it raised."""
        if self._on_timeout is None or not isinstance(tracker, StepTracker):
            return True  # there is nobody to tell, or nothing to tell of
        if not tracker.is_attempt:
            return True
        try:
            self._on_timeout(tracker.timed_out(self._clock()))
        except Exception as error:
            sweep.add(_failed(SweepFailure(key, error, tracker.step_name)))
            return False
        return True


def _is_time_limit(tracker: Tracker) -> bool:
    """Whether it bounded an attempt, or the process; a wait or a timer that is over did not."""
    if isinstance(tracker, StepTracker):
        return tracker.is_attempt
    return isinstance(tracker, ProcessTracker)


def _groups(due: Iterator[WakeUp], size: int) -> Iterator[list[WakeUp]]:
    """The wake-ups in groups; those read before a failure are dealt with before it is raised."""
    group: list[WakeUp] = []
    try:
        for wake_up in due:
            group.append(wake_up)
            if len(group) == size:
                yield group
                group = []
    except StoreError:
        yield group
        raise
    if group:
        yield group


def _failed(failure: SweepFailure, *, is_complete: bool = True) -> Sweep:
    """A failure as a part of a sweep, and on record."""
    logger.error(
        "left for the next sweep",
        exc_info=failure.error,
        extra={
            "tenant_id": failure.key.tenant_id if failure.key else None,
            "process_id": failure.key.process_id if failure.key else None,
            "step_name": failure.step_name,
        },
    )
    return Sweep(failures=[failure], is_complete=is_complete)
