"""The items of the views, each with what it says as one text of JSON."""

from __future__ import annotations

import json
from typing import Any

from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.dynamodb import view_schema
from trellis_process.dynamodb.item_json import to_json
from trellis_process.dynamodb.schema import Item
from trellis_process.views.history import HistoryEntry
from trellis_process.views.process_row import ProcessRow, TaskMark
from trellis_process.views.seen import Seen
from trellis_process.views.task_entry import TaskEntry


def row_to_item(row: ProcessRow) -> Item:
    """The item of a row; without places in the indexes as long as it is in no list."""
    said = {
        "type": row.process_type,
        "definition": row.definition_version,
        "about": [row.aggregate_type, row.aggregate_id],
        "part": row.is_part or None,
        "state": row.state.value,
        "v": row.version,
        "changed": to_ms(row.changed_at),
        "started": None if row.started_at is None else to_ms(row.started_at),
        "search": row.search_attributes or None,
        "breached": row.is_breached or None,
        "tasks": {step: [*mark.place, mark.is_open] for step, mark in row.tasks.items()} or None,
        "closed": row.closed_through or None,
        "seen": row.seen.as_json(),
        "owed": row.owed or None,
    }
    item = _item(view_schema.process_key(row.key), view_schema.ROW, said)
    item["revision"] = {"N": str(row.revision)}
    if row.is_listed:
        tenant_id = row.key.tenant_id
        item["place"] = {"S": view_schema.place_of_row(row)}
        item["listed"] = {"S": view_schema.of_type(tenant_id, row.process_type)}
        item["divided"] = {
            "S": view_schema.of_type_in_group(tenant_id, row.process_type, row.group)
        }
    return item


def row_from_item(item: Item) -> ProcessRow:
    """The row that an item holds."""
    said = json.loads(item["said"]["S"])
    aggregate_type, aggregate_id = said["about"]
    return ProcessRow(
        key=_key(item),
        process_type=said["type"],
        definition_version=said.get("definition"),
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        is_part=said.get("part", False),
        state=ProcessState(said["state"]),
        version=said["v"],
        changed_at=from_ms(said["changed"]),
        started_at=from_ms(said["started"]) if "started" in said else None,
        search_attributes=said.get("search", {}),
        is_breached=said.get("breached", False),
        tasks={
            step: TaskMark((version, n), is_open)
            for step, (version, n, is_open) in said.get("tasks", {}).items()
        },
        closed_through=said.get("closed", 0),
        seen=Seen.from_json(said["seen"]),
        owed=said.get("owed", {}),
        revision=int(item["revision"]["N"]),
    )


def attributes_to_items(row: ProcessRow) -> list[Item]:
    """What leads to a listed row by each of its search attributes."""
    hash_key = view_schema.process_key(row.key)
    return [
        {
            "pk": {"S": hash_key},
            "sk": {"S": view_schema.attribute_key(name, value)},
            "listed": {"S": view_schema.with_attribute(row.key.tenant_id, name, value)},
            "place": {"S": view_schema.place_of_row(row)},
        }
        for name, value in row.attribute_values()
    ]


def task_to_item(task: TaskEntry) -> Item:
    """The item of an open task."""
    said = {
        "type": task.process_type,
        "definition": task.definition_version,
        "about": [task.aggregate_type, task.aggregate_id],
        "attempt": task.attempt,
        "surface": task.surface,
        "role": task.assignee_role,
        "person": task.assignee,
        "outcomes": task.outcomes,
        "priority": task.priority,
        "changed": to_ms(task.changed_at),
        "due": None if task.due_at is None else to_ms(task.due_at),
        "input": task.input,
    }
    tenant_id = task.key.tenant_id
    item = _item(view_schema.process_key(task.key), view_schema.task_key(task.step_name), said)
    item["place"] = {"S": view_schema.place_of_task(task)}
    item["listed"] = {"S": view_schema.tasks_of(tenant_id)}
    if task.assignee_role is not None:
        item["divided"] = {"S": view_schema.tasks_for_role(tenant_id, task.assignee_role)}
    if task.assignee is not None:
        item["assigned"] = {"S": view_schema.tasks_of_person(tenant_id, task.assignee)}
    return item


def task_from_item(item: Item) -> TaskEntry:
    """The task that an item holds."""
    said = json.loads(item["said"]["S"])
    aggregate_type, aggregate_id = said["about"]
    return TaskEntry(
        key=_key(item),
        step_name=item["sk"]["S"].partition("#")[2],
        attempt=said["attempt"],
        process_type=said["type"],
        definition_version=said.get("definition"),
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        surface=said["surface"],
        assignee_role=said.get("role"),
        assignee=said.get("person"),
        outcomes=tuple((name, label) for name, label in said["outcomes"]),
        priority=said["priority"],
        changed_at=from_ms(said["changed"]),
        due_at=from_ms(said["due"]) if "due" in said else None,
        input=said.get("input"),
    )


def entry_to_item(key: ProcessKey, entry: HistoryEntry) -> Item:
    """The item of an event in the history of a process."""
    place = {"before": entry.previous_version, "of": entry.event_count, "told": entry.said}
    return _item(view_schema.process_key(key), view_schema.event_key(entry.version, entry.n), place)


def entry_from_item(item: Item) -> HistoryEntry:
    """The event that an item holds."""
    said = json.loads(item["said"]["S"])
    _, version, n = item["sk"]["S"].split("#")
    return HistoryEntry(
        version=int(version),
        previous_version=said["before"],
        n=int(n),
        event_count=said["of"],
        said=said["told"],
    )


def _item(hash_key: str, range_key: str, said: dict[str, Any]) -> Item:
    told = {name: value for name, value in said.items() if value is not None}
    return {"pk": {"S": hash_key}, "sk": {"S": range_key}, "said": {"S": to_json(told)}}


def _key(item: Item) -> ProcessKey:
    tenant_id, _, process_id = item["pk"]["S"].split("#")
    return ProcessKey(tenant_id, process_id)
