"""Views on DynamoDB, in a table of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb import view_schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import ConditionFailed
from trellis_process.dynamodb.view_item import (
    attributes_to_items,
    entry_from_item,
    entry_to_item,
    row_from_item,
    row_to_item,
    task_from_item,
    task_to_item,
)
from trellis_process.dynamodb.view_table import TRANSACTION, ViewTable
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.history import HistoryPage, history_entry, with_gaps
from trellis_process.views.process_row import GROUPS, ProcessRow
from trellis_process.views.projection import Changes
from trellis_process.views.statistics import CountKey
from trellis_process.views.store import RowPage, TaskFilter, TaskPage, cursor_at, place_of
from trellis_process.views.task_entry import TaskEntry

_Found = TypeVar("_Found")

_NOT_COUNTED = {"pk", "sk", "listed", "place"}


class DynamoDBViewStore:
    """A ViewStore on a ViewTable.

    With a ``retention`` DynamoDB removes what is kept of a process that long after it ended, or
    soon afterwards; what was counted of it stays.

    What a change adds and counts is one transaction with the row, so that it counts once. Where
    very many tasks end at once they are taken out before it, some at a time: should it break off
    there, or another change come between, that may be done again.
    """

    def __init__(self, table: ViewTable, *, retention: timedelta | None = None) -> None:
        self.table = table
        self._retention = retention

    def row(self, key: ProcessKey) -> ProcessRow | None:
        """As ViewStore.row."""
        item = self.table.get(view_schema.process_key(key), view_schema.ROW)
        return None if item is None else row_from_item(item)

    def keep_history(self, events: Sequence[BusEvent]) -> None:
        """As ViewStore.keep_history."""
        items = {}
        # One that comes late, or again, leaves with what is there already.
        row = self.row(events[0].key) if events and self._retention is not None else None
        for event in events:
            item = entry_to_item(event.key, history_entry(event))
            ended_at = event.time if event.state.is_final else None
            if row is not None and row.version >= event.version:
                ended_at = row.ended_at
            items[event.place] = item | self._expiry(ended_at)
        self.table.put_many(list(items.values()))

    def commit(self, changes: Changes) -> bool:
        """As ViewStore.commit."""
        row, before = changes.row, changes.before
        condition = _is_still(before)
        expiry = self._expiry(row.ended_at)
        kept = {"Put": {"Item": row_to_item(row) | expiry, **condition}}
        pk = view_schema.process_key(row.key)
        check = {
            "ConditionCheck": {"Key": {"pk": {"S": pk}, "sk": {"S": view_schema.ROW}}, **condition}
        }
        removals = [_removal(pk, step) for step, task in changes.tasks.items() if task is None]
        writes = [kept, *_entries(changes, expiry)]
        writes += [_addition(key, each, row) for key, each in changes.counts.items()]
        # Before the row says that it is so, to be done again till then. After an end that another
        # change has overtaken, too: what was set for it is taken back.
        was = self._expiry(None if before is None else before.ended_at)
        if was != expiry or (changes.is_of_end and self._retention is not None):
            self._expire(pk, expiry)
        try:
            while len(removals) + len(writes) > TRANSACTION:
                self.table.write([check, *removals[: TRANSACTION - 1]])
                removals = removals[TRANSACTION - 1 :]
            self.table.write([*writes, *removals])
        except ConditionFailed:
            return False
        return True

    def _expiry(self, ended_at: datetime | None) -> Item:
        """The attribute by which DynamoDB removes what is kept of a process that ended then."""
        if self._retention is None or ended_at is None:
            return {}
        return {"expires_at": {"N": str(to_ms(ended_at + self._retention) // 1000)}}

    def _expire(self, pk: str, expiry: Item) -> None:
        """Has what is kept of a process removed then, or no more; but for its row."""
        expires_at = int(expiry["expires_at"]["N"]) if expiry else None
        for item in self.table.query(pk):
            if item["sk"]["S"] != view_schema.ROW and item.get("expires_at") != expiry.get(
                "expires_at"
            ):
                self.table.set_expiry(pk, item["sk"]["S"], expires_at)

    def history(self, key: ProcessKey, *, limit: int, cursor: str | None) -> HistoryPage:
        """As ViewStore.history."""
        place = place_of(cursor, int, int)
        pk = view_schema.process_key(key)
        before = None
        after = view_schema.EVENT
        if place is not None:
            after = view_schema.event_key(*place)
            last = self.table.get(pk, after)
            before = None if last is None else entry_from_item(last)
        found = self.table.query(pk, after=after, before=view_schema.EVENT + "~", limit=limit + 1)
        items = [item for item, _ in zip(found, range(limit + 1), strict=False)]
        entries = [entry_from_item(item) for item in items[:limit]]
        more = cursor_at(entries[-1].version, entries[-1].n) if len(items) > limit else None
        return HistoryPage(with_gaps(entries, before), more)

    def tasks(
        self, tenant_id: str, wanted: TaskFilter, *, limit: int, cursor: str | None
    ) -> TaskPage:
        """As ViewStore.tasks."""
        if wanted.assignee is not None:
            index, hash_value = (
                "assigned",
                view_schema.tasks_of_person(tenant_id, wanted.assignee),
            )
        elif wanted.role is not None:
            index, hash_value = "divided", view_schema.tasks_for_role(tenant_id, wanted.role)
        else:
            index, hash_value = "listed", view_schema.tasks_of(tenant_id)

        def read(item: Item) -> TaskEntry | None:
            task = task_from_item(item)
            # The index may be a moment behind the task itself.
            is_wanted = (
                wanted.assignee in (None, task.assignee)
                and wanted.role in (None, task.assignee_role)
                and (
                    wanted.due_before is None
                    or (task.due_at is not None and task.due_at < wanted.due_before)
                )
            )
            return task if is_wanted else None

        due_before = wanted.due_before
        tasks, more = self._page(
            index,
            hash_value,
            read,
            limit=limit,
            cursor=cursor,
            before=None if due_before is None else view_schema.due_place(due_before),
        )
        return TaskPage(tasks, more)

    def with_attribute(
        self, tenant_id: str, name: str, value: str, *, limit: int, cursor: str | None
    ) -> RowPage:
        """As ViewStore.with_attribute."""
        hash_value = view_schema.with_attribute(tenant_id, name, value)

        def read(item: Item) -> ProcessRow | None:
            row = row_from_item(item)
            return row if row.is_listed and (name, value) in row.attribute_values() else None

        rows, more = self._page(
            "listed", hash_value, read, limit=limit, cursor=cursor, newest_first=True
        )
        return RowPage(rows, more)

    def of_type(
        self,
        tenant_id: str,
        process_type: str,
        *,
        state: ProcessState | None,
        limit: int,
        cursor: str | None,
    ) -> RowPage:
        """As ViewStore.of_type."""
        index, hash_value = "listed", view_schema.of_type(tenant_id, process_type)
        if state is not None:
            index = "divided"
            hash_value = view_schema.of_type_in_group(tenant_id, process_type, GROUPS[state])

        def read(item: Item) -> ProcessRow | None:
            row = row_from_item(item)
            return row if row.is_listed and state in (None, row.state) else None

        rows, more = self._page(
            index, hash_value, read, limit=limit, cursor=cursor, newest_first=True
        )
        return RowPage(rows, more)

    def counts(
        self, tenant_id: str | None, process_type: str
    ) -> Mapping[CountKey, Mapping[str, int]]:
        """As ViewStore.counts."""
        if tenant_id is not None:
            items = list(self.table.query(view_schema.counts_key(tenant_id, process_type)))
        else:
            entries = self.table.query(view_schema.all_counts(process_type), index="listed")
            keys = [(entry["pk"]["S"], entry["sk"]["S"]) for entry in entries]
            items = list(self.table.get_many(keys).values())
        counted: dict[CountKey, Counter[str]] = {}
        for item in items:
            key = view_schema.count_key(item["pk"]["S"], item["sk"]["S"])
            counted.setdefault(key, Counter()).update(
                {name: int(value["N"]) for name, value in item.items() if name not in _NOT_COUNTED}
            )
        return counted

    def _page(
        self,
        index: str,
        hash_value: str,
        read: Callable[[Item], _Found | None],
        *,
        limit: int,
        cursor: str | None,
        before: str | None = None,
        newest_first: bool = False,
    ) -> tuple[list[_Found], str | None]:
        """What the entries of an index lead to, as it is now; those of it that ``read`` takes."""
        place = place_of(cursor, str)
        last = None if place is None else str(place[0])
        found = self.table.query(
            hash_value,
            index=index,
            after=None if newest_first else last,
            before=last if newest_first else before,
            newest_first=newest_first,
            limit=limit + 1,
        )
        entries = [entry for entry, _ in zip(found, range(limit + 1), strict=False)]
        keys = [_led_to(entry) for entry in entries[:limit]]
        items = self.table.get_many(keys)
        taken = [read(items[key]) for key in keys if key in items]
        more = cursor_at(entries[limit - 1]["place"]["S"]) if len(entries) > limit else None
        return [each for each in taken if each is not None], more


def _led_to(entry: Item) -> tuple[str, str]:
    """The key of what an entry leads to: a task itself, or the row of a process."""
    pk, sk = entry["pk"]["S"], entry["sk"]["S"]
    return pk, sk if sk.startswith("task#") else view_schema.ROW


def _is_still(before: ProcessRow | None) -> dict[str, Any]:
    """The condition that the row is the one that was read."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "revision = :revision",
        "ExpressionAttributeValues": {":revision": {"N": str(before.revision)}},
    }


def _entries(changes: Changes, expiry: Item) -> list[dict[str, Any]]:
    """Open tasks, and what leads to a row that is newly listed."""
    row, before = changes.row, changes.before
    writes: list[dict[str, Any]] = []
    if row.is_listed and (
        before is None
        or (before.started_at, before.search_attributes) != (row.started_at, row.search_attributes)
    ):
        writes += [{"Put": {"Item": item | expiry}} for item in attributes_to_items(row)]
    tasks = [task for task in changes.tasks.values() if task is not None]
    return writes + [{"Put": {"Item": task_to_item(task)}} for task in tasks]


def _removal(pk: str, step: str) -> dict[str, Any]:
    return {"Delete": {"Key": {"pk": {"S": pk}, "sk": {"S": view_schema.task_key(step)}}}}


def _addition(key: CountKey, counted: Mapping[str, int], row: ProcessRow) -> dict[str, Any]:
    """The write that counts; the first one makes the item, and enters it in the index."""
    names = {f"#{place}": name for place, name in enumerate(counted)}
    values = {f":{place}": {"N": str(n)} for place, n in enumerate(counted.values())}
    added = ", ".join(f"#{place} :{place}" for place in range(len(counted)))
    sk = view_schema.count_range_key(key, row.key.process_id)
    return {
        "Update": {
            "Key": {
                "pk": {"S": view_schema.counts_key(key.tenant_id, key.process_type)},
                "sk": {"S": sk},
            },
            "UpdateExpression": f"ADD {added} SET #listed = :listed, #place = :place",
            "ExpressionAttributeNames": {**names, "#listed": "listed", "#place": "place"},
            "ExpressionAttributeValues": {
                **values,
                ":listed": {"S": view_schema.all_counts(key.process_type)},
                ":place": {"S": f"{key.tenant_id}#{sk}"},
            },
        }
    }
