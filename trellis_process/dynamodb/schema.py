"""The table's schema: its keys, its indexes, and the values that stand in them."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import Any, TypeAlias

from trellis_process.application.paging import position
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_ms

Item: TypeAlias = dict[str, dict[str, Any]]
"""An item as DynamoDB's wire format has it: ``{"pk": {"S": "…"}, …}``."""

HASH_KEY = "pk"
RANGE_KEY = "sk"

#: What is due: sparse, one entry for each process that waits. Its hash key is a shard, because
#: all wake-ups of a table would otherwise meet in one partition of 1,000 writes a second.
DUE_INDEX = "due"
DUE_SHARDS = 8

#: Processes by what they are about, to find the newest.
AGGREGATE_INDEX = "aggregate"

#: Processes by tenant, whether and how they ended, type and start; sharded like the due index.
LISTING_INDEX = "listing"
LISTING_SHARDS = 4

#: What the range key of a process's own item says; other kinds of item may stand beside it.
PROCESS = "process"

_SEPARATOR = "#"  # stands in no name

#: The states that share one part of the listing. A process moves between parts once, at its end,
#: so that its way from pending to in_progress costs no index write.
LISTING_GROUPS: dict[ProcessState, str] = {
    ProcessState.PENDING: "open",
    ProcessState.IN_PROGRESS: "open",
    ProcessState.SUSPENDED: "open",
    ProcessState.COMPENSATING: "open",
    ProcessState.COMPLETED: "completed",
    ProcessState.FAILED: "failed",
    ProcessState.CANCELLED: "cancelled",
}


def hash_key(key: ProcessKey) -> str:
    """The hash key of a process: its tenant comes first, so that a policy can bind a role to it."""
    return f"{key.tenant_id}{_SEPARATOR}{key.process_id}"


def process_key(value: str) -> ProcessKey:
    """The process that a hash key stands for."""
    tenant_id, process_id = value.split(_SEPARATOR)
    return ProcessKey(tenant_id, process_id)


def aggregate_key(tenant_id: str, aggregate_type: str, aggregate_id: str) -> str:
    """Where the aggregate index holds the processes about one aggregate."""
    return _SEPARATOR.join((tenant_id, aggregate_type, aggregate_id))


def aggregate_of(value: str) -> tuple[str, str]:
    """The type and id of the aggregate that a key of the aggregate index stands for."""
    _, aggregate_type, aggregate_id = value.split(_SEPARATOR, 2)  # the id may hold anything
    return aggregate_type, aggregate_id


def listing_key(process: Process) -> str:
    """Where the listing index holds a process."""
    shard = _shard(process.process_id, LISTING_SHARDS)
    return _listing_key(process.tenant_id, LISTING_GROUPS[process.state], shard)


def listing_keys(tenant_id: str, states: Collection[ProcessState] | None) -> list[str]:
    """Everywhere the listing index may hold a tenant's processes in these states, or in any."""
    asked = LISTING_GROUPS if states is None else states
    groups = sorted({LISTING_GROUPS[state] for state in asked})
    return [
        _listing_key(tenant_id, group, shard) for group in groups for shard in range(LISTING_SHARDS)
    ]


def listed_at(process: Process) -> str:
    """Where a process stands in its part of the listing."""
    return position(
        process.process_type,
        to_ms(process.started_at),
        process.process_id,
        process.definition_version,
    )


def process_type_at(listed: str) -> str:
    """The type of the process that stands there in its part of the listing."""
    return listed.split(_SEPARATOR, 1)[0]


def due_shard(process_id: str) -> int:
    """The shard of the due index that holds a process."""
    return _shard(process_id, DUE_SHARDS)


def _listing_key(tenant_id: str, group: str, shard: int) -> str:
    return _SEPARATOR.join((tenant_id, group, str(shard)))


def _shard(process_id: str, shards: int) -> int:
    return zlib.crc32(process_id.encode()) % shards


ATTRIBUTE_TYPES = {
    HASH_KEY: "S",
    RANGE_KEY: "S",
    "due_shard": "N",
    "due_at": "N",
    "aggregate": "S",
    "started_at": "N",
    "listing": "S",
    "listed": "S",
}

INDEX_KEYS = {
    DUE_INDEX: ("due_shard", "due_at"),
    AGGREGATE_INDEX: ("aggregate", "started_at"),
    LISTING_INDEX: ("listing", "listed"),
}


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
