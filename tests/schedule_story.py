"""A schedule and a run of it, at each moment of a story in which all they tell happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tests.definition_story import BEGINNING, MANAGER
from trellis_process import InMemoryProcessRepository, Process
from trellis_process.application.children import ChildrenService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.manual_clock import ManualClock
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.schedule.terms import ScheduleTerms
from trellis_process.eventbridge import envelopes
from trellis_process.memory import InMemoryStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository

REPORT = """\
process: report
version: 1
inputs: {region: string}
steps:
  - {name: make, service: Reports.make, timeout: 90d}
"""
TERMS = ScheduleTerms(
    "report", cron="0 9 * * *", time_zone="Europe/London", input={"region": "north"}
)


def told_schedule(beginning: datetime = BEGINNING) -> list[Process]:
    """Each version of the schedule and of its run as it was saved, in that order."""
    saved: list[Process] = []
    clock = ManualClock(beginning)
    processes = InMemoryProcessRepository(lambda process: saved.append(process.copy()))
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    trackers = InMemoryStepTrackerRepository()
    engine = EngineService(processes, trackers, definitions=catalog, clock=clock)
    checker = TimeoutCheckerService(trackers, clock=clock, definitions=catalog)
    engine.register(ProcessDefinition.from_yaml(REPORT))

    engine.schedules.put("tenant-1", "nightly", TERMS, actor=MANAGER)
    clock.advance(hours=1)
    checker.check_for_timed_out_steps()
    for event in envelopes(saved[-1]):
        ChildrenService(engine).handle(event)
    clock.advance(days=1)
    checker.check_for_timed_out_steps()  # while the run is open
    clock.advance(hours=1)
    later = replace(TERMS, cron="0 18 * * *")
    engine.schedules.put("tenant-1", "nightly", later, actor=MANAGER, reason="too early")
    clock.advance(hours=1)
    engine.schedules.pause("tenant-1", "nightly", actor=MANAGER)
    before = clock() - timedelta(days=3)
    engine.schedules.backfill("tenant-1", "nightly", after=before, until=clock(), request_id="b-1")
    return saved
