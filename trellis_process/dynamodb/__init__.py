"""Processes on DynamoDB: one table, one item for each process, one conditional write a command.

``Table`` says which table; the two repositories are what the services take. Needs the extra
``trellis-process[dynamodb]``.
"""

from trellis_process.dynamodb.process_repository import DynamoDBProcessRepository
from trellis_process.dynamodb.step_tracker_repository import DynamoDBStepTrackerRepository
from trellis_process.dynamodb.table import Table

__all__ = ["DynamoDBProcessRepository", "DynamoDBStepTrackerRepository", "Table"]
