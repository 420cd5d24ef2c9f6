"""A program with schedules, a clock to move, and a service that works as long as it likes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trellis_process import Process, ProcessState
from trellis_process.application.manual_clock import ManualClock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.schedule.schedule import Schedule
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.runner import Runner

START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)  # a Monday
REPORT = """\
process: report
version: 1
inputs: {region: {type: string, default: north}}
steps:
  - {name: make, service: Reports.make, timeout: 90d}
"""


class World:
    """Schedules of the tenant ``t`` that start reports."""

    def __init__(self, start: datetime = START) -> None:
        self.clock = ManualClock(start)
        self.runner = Runner(clock=self.clock, allow_missing=True)
        self.engine = self.runner.engine
        self.schedules = self.engine.schedules
        self.engine.register(ProcessDefinition.from_yaml(REPORT))

    def put(self, name: str = "daily", **terms: Any) -> Schedule:
        """A schedule of reports; each day at nine unless said otherwise."""
        if "every" not in terms:
            terms.setdefault("cron", "0 9 * * *")
        return self.schedules.put("t", name, ScheduleTerms("report", **terms))

    def pass_(self, **span: float) -> None:
        """Lets so much time pass, a sweep whenever something is due."""
        self.runner.advance(**span)

    def sleep(self, **span: float) -> None:
        """Lets so much time pass in which nobody looks, and then somebody does."""
        self.clock.advance(**span)
        self.runner.run()

    def runs(self, state: ProcessState | None = None) -> list[Process]:
        """The reports that were started, the first one first."""
        page = self.engine.list_processes("t", process_type="report", state=state)
        return sorted(page.processes, key=lambda each: (each.started_at, each.scheduled_at))

    def times(self) -> list[str]:
        """The times that reports were started for."""
        return [f"{each.scheduled_at:%m-%d %H:%M}" for each in self.runs() if each.scheduled_at]

    def finish(self, run: Process) -> None:
        """The report is made."""
        self.engine.complete_step(run, "make")
        self.runner.run()

    def schedule(self, name: str = "daily") -> Schedule:
        """The schedule as it is now."""
        return self.schedules.get("t", name)

    def process(self) -> Process:
        """The process that it is."""
        return self.engine.get_process("t", self.schedule().process_id)

    def skipped(self) -> list[tuple[str, str]]:
        """The times that were passed over, and why."""
        return [
            (event["scheduled_at"][5:16].replace("T", " "), event["reason"])
            for event in self.runner.events
            if event["type"] == "RunSkipped"
        ]
