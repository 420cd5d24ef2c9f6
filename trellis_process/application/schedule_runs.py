"""ScheduleRuns: starts the runs that schedules ask for, and tells schedules of their ends.

It follows the events as ChildrenService does, which hands it those about runs: each may come
twice, and in any order. A run has the same id however often it is asked for.
"""

from __future__ import annotations

import logging
from typing import Any

from trellis_process.application.engine_service import EngineService
from trellis_process.application.schedule_service import ScheduleService
from trellis_process.domain.process import Parent, Process, ProcessKey
from trellis_process.domain.schedule.commands import is_open
from trellis_process.domain.schedule.runs import Runs
from trellis_process.domain.states import ProcessState
from trellis_process.errors import Conflict, InvalidInput, NotFound, ProcessNotFound

logger = logging.getLogger(__name__)

CHANGED = "its definition declares it otherwise by now"
STOPPED = "its schedule starts the next run instead"


class ScheduleRuns:
    """Does what events about the runs of schedules ask for."""

    def __init__(self, engine: EngineService) -> None:
        self._engine = engine

    def handle(self, event: dict[str, Any]) -> None:
        """Deals with one event about a run, or a schedule. Raises StoreError."""
        kind, key = event["type"], ProcessKey(event["tenant_id"], event["process_id"])
        if kind == "ChildRequested":
            self._start(event)
        elif kind == "ChildCancellationRequested":
            self._stop(event)
        elif kind == "ProcessReopened":
            self._reopened(key)
        elif event.get("parent") is not None:
            self._ended(key)

    @property
    def _schedules(self) -> ScheduleService:
        return self._engine.schedules

    def _start(self, event: dict[str, Any]) -> None:
        """A run is asked for. One that the schedule has no need of any more is not started."""
        key = ProcessKey(event["tenant_id"], event["process_id"])
        told = Parent(
            process_id=key.process_id, step_name=event["step_name"], attempt=event["attempt"]
        )
        run_key = ProcessKey(key.tenant_id, event["child_id"])
        schedule = self._process(key)
        if schedule is None or not is_open(schedule, told):
            return
        if _is_stopping(schedule, told) and self._process(run_key) is None:
            self._schedules.run_ended(key, told)
            return
        try:
            if not self._schedules.is_as_declared(schedule) and self._process(run_key) is None:
                self._schedules.run_refused(key, told, CHANGED)
                return
            run = self._engine.start_run(schedule, told, run_key.process_id)
        except (NotFound, Conflict, InvalidInput) as error:
            self._schedules.run_refused(key, told, str(error))
            return
        if run.state.is_final:
            self._schedules.run_ended(key, told)
        elif (now := self._process(key)) is not None and _is_stopping(now, told):
            self._stop(event)  # which was asked for while it was being started

    def _stop(self, event: dict[str, Any]) -> None:
        """A run is to be cancelled, which its schedule waits for to start the next one."""
        run = ProcessKey(event["tenant_id"], event["child_id"])
        try:
            self._engine.cancel_process(run, reason=STOPPED)
        except ProcessNotFound:
            logger.info("a run was to stop before it was started", extra={"run_id": run})
        except Conflict:
            logger.info("a run had ended before it was to stop", extra={"run_id": run})

    def _ended(self, key: ProcessKey) -> None:
        """A run has ended, unless somebody opened it again since."""
        run = self._process(key)
        if run is not None and run.parent is not None and run.state.is_final:
            schedule = ProcessKey(key.tenant_id, run.parent.process_id)
            try:
                self._schedules.run_ended(schedule, run.parent)
            except ProcessNotFound:
                logger.warning("a run has ended whose schedule is gone", extra={"run_id": key})

    def _reopened(self, key: ProcessKey) -> None:
        """A run goes on after it had failed, and counts as open again."""
        run = self._process(key)
        if run is None or run.parent is None or run.state.is_final:
            return
        schedule = ProcessKey(key.tenant_id, run.parent.process_id)
        try:
            self._schedules.run_reopened(schedule, run.parent, run)
        except ProcessNotFound:
            logger.warning("a run goes on whose schedule is gone", extra={"run_id": key})
            return
        self._ended(key)  # it may have ended meanwhile, when it was not open for its schedule

    def _process(self, key: ProcessKey) -> Process | None:
        try:
            return self._engine.get_process(key.tenant_id, key.process_id)
        except ProcessNotFound:
            return None


def _is_stopping(schedule: Process, told: Parent) -> bool:
    return (
        schedule.state is not ProcessState.CANCELLED
        and told.attempt in Runs.of(schedule.data).stopping
    )
