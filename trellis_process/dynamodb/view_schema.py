"""The views' own table: its keys, its indexes, and where in it things stand.

What belongs to a process stands under one hash key, which begins with its tenant:

========================= ======================= ==================================================
hash key                  range key               what
========================= ======================= ==================================================
tenant#process#id         row                     the process in the lists, and what was counted
tenant#process#id         attribute#name#value    leads to the row by a search attribute
tenant#process#id         task#step               an open task
tenant#process#id         event#version#n         an event of its history
tenant#counts#type        version#step#shard      what was counted of a definition, or type
========================= ======================= ==================================================

Three sparse indexes lead to these, in order of ``place``: the newest first for processes, what is
due first for tasks. All project keys alone, because what they lead to is read as it is now.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime
from typing import Any

from trellis_process.domain.process import ProcessKey
from trellis_process.domain.time import to_ms
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.statistics import CountKey
from trellis_process.views.task_entry import TaskEntry

HASH_KEY = "pk"
RANGE_KEY = "sk"
ROW = "row"
EVENT = "event#"
COUNT_SHARDS = 4  # so that processes side by side seldom meet in one item of counts
MAX_TEXT_BYTES = 256  # of a value in a key; of a longer one its hash stands there

_LAST_MS = 10**14 - 1  # what has no due date comes last

#: Each index with its hash key; the range key of all is ``place``.
INDEX_KEYS = {
    "listed": ("listed", "place"),
    "divided": ("divided", "place"),
    "assigned": ("assigned", "place"),
}
ATTRIBUTE_TYPES = {
    HASH_KEY: "S",
    RANGE_KEY: "S",
    "listed": "S",
    "divided": "S",
    "assigned": "S",
    "place": "S",
}


def process_key(key: ProcessKey) -> str:
    """Where everything about a process stands."""
    return f"{key.tenant_id}#process#{key.process_id}"


def task_key(step_name: str) -> str:
    """The range key of a step's task."""
    return f"task#{step_name}"


def attribute_key(name: str, value: str) -> str:
    """The range key of what leads to a process by a search attribute."""
    return f"attribute#{name}#{_short(value)}"


def event_key(version: int, n: int) -> str:
    """The range key of an event: text in the order of the events."""
    return f"{EVENT}{version:016d}#{n:07d}"


def counts_key(tenant_id: str, process_type: str) -> str:
    """Where a tenant's counts of a definition, or type, stand."""
    return f"{tenant_id}#counts#{process_type}"


def count_range_key(key: CountKey, process_id: str) -> str:
    """Where this process counts, among the shards."""
    shard = zlib.crc32(process_id.encode()) % COUNT_SHARDS
    return f"{key.definition_version or 0:016d}#{key.step_name or ''}#{shard}"


def count_key(hash_key: str, range_key: str) -> CountKey:
    """What is counted there."""
    tenant_id, _, process_type = hash_key.split("#")
    version, step_name, _ = range_key.split("#")
    return CountKey(tenant_id, process_type, int(version) or None, step_name or None)


# -- where the indexes hold what ---------------------------------------------------------------


def all_counts(process_type: str) -> str:
    """In ``listed``: every tenant's counts of a definition, or type."""
    return f"#counts#{process_type}"


def of_type(tenant_id: str, process_type: str) -> str:
    """In ``listed``: the tenant's processes of a definition, or type."""
    return f"{tenant_id}#type#{process_type}"


def of_type_in_group(tenant_id: str, process_type: str, group: str) -> str:
    """In ``divided``: those that are open, or ended so."""
    return f"{tenant_id}#type#{process_type}#{group}"


def with_attribute(tenant_id: str, name: str, value: str) -> str:
    """In ``listed``: the tenant's processes with a search attribute."""
    return f"{tenant_id}#attribute#{name}#{_short(value)}"


def tasks_of(tenant_id: str) -> str:
    """In ``listed``: the tenant's open tasks."""
    return f"{tenant_id}#tasks"


def tasks_for_role(tenant_id: str, role: str) -> str:
    """In ``divided``: those that a role may take."""
    return f"{tenant_id}#role#{_short(role)}"


def tasks_of_person(tenant_id: str, assignee: str) -> str:
    """In ``assigned``: those that are somebody's."""
    return f"{tenant_id}#person#{_short(assignee)}"


def place_of_row(row: ProcessRow) -> str:
    """Where a process stands in the lists: by its start."""
    assert row.started_at is not None, "it is listed"
    return f"{to_ms(row.started_at):014d}#{row.key.process_id}"


def place_of_task(task: TaskEntry) -> str:
    """Where a task stands in the inbox: by its due date."""
    due = _LAST_MS if task.due_at is None else to_ms(task.due_at)
    return f"{due:014d}#{task.key.process_id}#{task.step_name}"


def due_place(moment: datetime) -> str:
    """What the place of every task that is due before is less than."""
    return f"{to_ms(moment):014d}"


def table_description(table_name: str) -> dict[str, Any]:
    """The table as DynamoDB describes one; the deployed template says the same."""
    return {
        "TableName": table_name,
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in ATTRIBUTE_TYPES.items()
        ],
        "KeySchema": _key_schema(HASH_KEY, RANGE_KEY),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": _key_schema(*keys),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for name, keys in INDEX_KEYS.items()
        ],
    }


def _key_schema(hash_name: str, range_name: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_name, "KeyType": "HASH"},
        {"AttributeName": range_name, "KeyType": "RANGE"},
    ]


def _short(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= MAX_TEXT_BYTES:
        return text
    return "sha256:" + hashlib.sha256(encoded).hexdigest()
