"""Processes on DynamoDB: one table, one item for each process, one conditional write a command.

``Table`` says which table; the repositories are what the services take. Needs the extra
``trellis-process[dynamodb]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trellis_process.extras import from_extra

if TYPE_CHECKING:
    from trellis_process.dynamodb.definition_repository import DynamoDBDefinitionRepository
    from trellis_process.dynamodb.job_repository import DynamoDBJobRepository
    from trellis_process.dynamodb.list_repository import DynamoDBListRepository
    from trellis_process.dynamodb.noted_events import DynamoDBNotedEvents
    from trellis_process.dynamodb.process_repository import DynamoDBProcessRepository
    from trellis_process.dynamodb.step_tracker_repository import DynamoDBStepTrackerRepository
    from trellis_process.dynamodb.table import Table

__all__ = [
    "DynamoDBDefinitionRepository",
    "DynamoDBJobRepository",
    "DynamoDBListRepository",
    "DynamoDBNotedEvents",
    "DynamoDBProcessRepository",
    "DynamoDBStepTrackerRepository",
    "Table",
]

_HOMES = {
    "DynamoDBDefinitionRepository": "definition_repository",
    "DynamoDBJobRepository": "job_repository",
    "DynamoDBListRepository": "list_repository",
    "DynamoDBNotedEvents": "noted_events",
    "DynamoDBProcessRepository": "process_repository",
    "DynamoDBStepTrackerRepository": "step_tracker_repository",
    "Table": "table",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, because who only reads the stream needs no pynamodb."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with from_extra("dynamodb", name):
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
