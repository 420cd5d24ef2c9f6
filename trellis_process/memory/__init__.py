"""A store in memory: for small programs, demonstrations and users' own tests."""

from trellis_process.memory.process_repository import InMemoryProcessRepository
from trellis_process.memory.step_tracker_repository import InMemoryStepTrackerRepository

__all__ = ["InMemoryProcessRepository", "InMemoryStepTrackerRepository"]
