"""Processes that react, at each moment of a story in which all that they tell happens."""

from __future__ import annotations

from datetime import datetime

from tests.definition_story import BEGINNING, MANAGER
from trellis_process import InMemoryProcessRepository, Process
from trellis_process.application.engine_service import EngineService
from trellis_process.application.event_service import EventService
from trellis_process.application.manual_clock import ManualClock
from trellis_process.application.timeout_checker import TimeoutCheckerService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.memory import InMemoryStepTrackerRepository
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.noted_events import InMemoryNotedEvents

ORDER = """\
process: order
version: 1
events:
  - {name: placed, pattern: {source: [shop], detail-type: [OrderPlaced]}, key: event.detail.order}
triggers:
  - {event: placed, on_duplicate: new_if_finished}
data: {total: {type: number, default: 0.0}}
reactions:
  - event: placed
    set: {total: double(event.detail.amount)}
    send: [{channel: mails, message: thanks, inputs: {order: event.detail.order}}]
    set_timers: [{name: reminder, after: 3d}]
  - timer: reminder
    send: [{channel: mails, message: reminder, inputs: {total: data.total}}]
timeout: 60d
"""


def told_order(beginning: datetime = BEGINNING) -> list[Process]:
    """Each version of two orders of one key as it was saved, in that order."""
    saved: list[Process] = []
    clock = ManualClock(beginning)
    processes = InMemoryProcessRepository(lambda process: saved.append(process.copy()))
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    trackers = InMemoryStepTrackerRepository()
    engine = EngineService(processes, trackers, definitions=catalog, clock=clock)
    checker = TimeoutCheckerService(trackers, clock=clock, definitions=catalog)
    events = EventService(engine, catalog, InMemoryNotedEvents(), clock=clock)
    engine.register(ProcessDefinition.from_yaml(ORDER))

    def placed(event_id: str, amount: float) -> None:
        events.handle(
            {
                "id": event_id,
                "source": "shop",
                "detail-type": "OrderPlaced",
                "detail": {"tenant_id": "tenant-1", "order": "o-1", "amount": amount},
            }
        )

    placed("e-1", 30.5)
    clock.advance(days=3)
    checker.check_for_timed_out_steps()
    engine.suspend_process(saved[-1].key, actor=MANAGER)
    placed("e-2", 40.5)
    engine.cancel_process(saved[-1].key, actor=MANAGER)
    placed("e-3", 50.5)
    return saved
