"""A store in memory: for small programs, demonstrations and users' own tests."""

from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.memory.list_repository import InMemoryListRepository
from trellis_process.memory.noted_events import InMemoryNotedEvents
from trellis_process.memory.process_repository import InMemoryProcessRepository
from trellis_process.memory.step_tracker_repository import InMemoryStepTrackerRepository
from trellis_process.memory.view_store import InMemoryViewStore

__all__ = [
    "InMemoryDefinitionRepository",
    "InMemoryJobRepository",
    "InMemoryListRepository",
    "InMemoryNotedEvents",
    "InMemoryProcessRepository",
    "InMemoryStepTrackerRepository",
    "InMemoryViewStore",
]
