"""TimeoutCheckerService: finds what is due and lets it fire, one process after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Pause, decide_and_save
from trellis_process.application.repositories import StepTrackerRepository, WakeUp
from trellis_process.domain.events import ProcessStepTimedOut
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.tracker import StepTracker, Tracker
from trellis_process.errors import StoreError

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
    """What one run of the checker found and did."""

    #: Processes looked at, because their wake-up was due.
    looked_at: int = 0
    #: Attempts that timed out, and process deadlines that passed.
    timed_out: int = 0
    #: Processes that failed with it, no retry or no time being left.
    failed: int = 0
    #: How long the longest overdue wake-up had been due.
    lateness: timedelta = timedelta(0)
    #: What could not be dealt with.
    failures: list[SweepFailure] = field(default_factory=list)
    #: False where time was up, or what is due could not be read any further; the next sweep takes
    #: the rest.
    is_complete: bool = True


class TimeoutCheckerService:
    """Looks at every process whose wake-up is due and lets what is due in it fire.

    An attempt with retries left is followed by the next; with none left its step fails, and a
    process past its own deadline fails. ``on_timeout`` is told of each timed-out attempt first,
    so a handler may fail the step in its own words, or send the work out again. If the handler
    raises, nothing is saved for that attempt and the next sweep tells it again.

    Running it twice, or two at once, is harmless: each change is decided on the stored process
    and saved only if nobody else changed it.
    """

    def __init__(
        self,
        trackers: StepTrackerRepository,
        on_timeout: TimeoutHandler | None = None,
        *,
        clock: Clock = system_clock,
        pause: Pause = time.sleep,
    ) -> None:
        self._trackers = trackers
        self._on_timeout = on_timeout
        self._clock = clock
        self._pause = pause

    def check_for_timed_out_steps(self, *, stop_at: datetime | None = None) -> Sweep:
        """One sweep: everything due by now, the longest overdue first.

        It looks at no further process from ``stop_at`` on. One process that cannot be dealt with
        is logged and reported in ``failures``, and does not stop the others; where what is due
        cannot be read any further, that is reported too and the sweep ends there.

        Raises Throttled or StoreUnavailable where what is due cannot be read at all.
        """
        now = self._clock()
        sweep = Sweep()
        try:
            for wake_up in self._trackers.due(now):
                if stop_at is not None and self._clock() >= stop_at:
                    sweep.is_complete = False
                    break
                sweep.looked_at += 1
                sweep.lateness = max(sweep.lateness, now - wake_up.due_at)
                try:
                    self._look_at(wake_up, sweep)
                except Exception as error:
                    self._report(sweep, SweepFailure(wake_up.key, error))
        except StoreError as error:
            if not sweep.looked_at:
                raise
            sweep.is_complete = False
            self._report(sweep, SweepFailure(None, error))
        return sweep

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

        def let_fire(current: Process) -> None:
            fired[:] = current.time_out(due, now=self._clock())

        changed = decide_and_save(self._trackers.processes, process, let_fire, pause=self._pause)
        sweep.timed_out += len(fired)
        sweep.failed += 1 if fired and changed.has_failed() else 0

    def _tell(self, key: ProcessKey, tracker: Tracker, sweep: Sweep) -> bool:
        """Tells the handler of a timed-out attempt; False where it raised."""
        if self._on_timeout is not None and isinstance(tracker, StepTracker):
            try:
                self._on_timeout(tracker.timed_out(self._clock()))
            except Exception as error:
                self._report(sweep, SweepFailure(key, error, tracker.step_name))
                return False
        return True

    def _report(self, sweep: Sweep, failure: SweepFailure) -> None:
        sweep.failures.append(failure)
        logger.error(
            "left for the next sweep",
            exc_info=failure.error,
            extra={
                "tenant_id": failure.key.tenant_id if failure.key else None,
                "process_id": failure.key.process_id if failure.key else None,
                "step_name": failure.step_name,
            },
        )
