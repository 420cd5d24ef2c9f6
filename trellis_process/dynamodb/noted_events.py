"""Noted events on DynamoDB, beside the processes in their table."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime

from trellis_process.domain.time import to_ms
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import ConditionFailed, Table

NOTE = "note"  # the range key of every note


class DynamoDBNotedEvents:
    """NotedEvents on the table of the processes.

    A note is one conditional write, and one read more only where the condition failed. It leaves
    the table some time after ``until``, by DynamoDB's TTL.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def note(self, definition: str, event_id: str, until: datetime) -> bool:
        """As NotedEvents.note."""
        hash_key = _hash_key(definition, event_id)
        note: Item = {
            "pk": {"S": hash_key},
            "sk": {"S": NOTE},
            "v": {"N": "1"},
            # By which a call knows its own: others note the same, to the second.
            "call": {"S": uuid.uuid4().hex},
            "expires_at": {"N": str(to_ms(until) // 1000)},  # TTL counts seconds
        }
        try:
            self.table.put(note, expected_version=0)
        except ConditionFailed:
            # Our own write, made by a try whose answer was lost: then it is new.
            return self.table.get(hash_key, NOTE) == note
        return True


def _hash_key(definition: str, event_id: str) -> str:
    """Of any length, and in any characters, they make one key that is no tenant's."""
    said = json.dumps([definition, event_id]).encode()
    return f"#noted#{hashlib.sha256(said).hexdigest()}"
