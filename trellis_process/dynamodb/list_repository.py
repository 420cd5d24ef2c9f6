"""Large lists on DynamoDB: an item for each page, beside the processes in their table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.lists import (
    Reference,
    checked_reference,
    list_id_for,
    page_numbers,
    pages_of,
    reference_to,
)
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import Table
from trellis_process.errors import ListNotFound


class DynamoDBListRepository:
    """A ListRepository on the table of the processes.

    A list is written 25 pages a request, that is 625 items, and a page is read by one strongly
    consistent request. With a ``retention`` it leaves the table that long after it was put in, by
    DynamoDB's TTL: it has to be longer than the processes run that look at the list.
    """

    def __init__(
        self, table: Table, *, retention: timedelta | None = None, clock: Clock = system_clock
    ) -> None:
        self.table = table
        self._retention = retention
        self._clock = clock

    def put(
        self, tenant_id: str, items: Sequence[JsonValue], *, key: str | None = None
    ) -> Reference:
        """As ListRepository.put."""
        pages, size = pages_of(items)
        list_id = list_id_for(tenant_id, key, pages)
        self.table.put_many(
            [self._item(tenant_id, list_id, number, page) for number, page in enumerate(pages)]
        )
        return reference_to(list_id, len(items), size)

    def page(self, tenant_id: str, reference: Reference, number: int) -> list[JsonValue]:
        """As ListRepository.page."""
        list_id, _, _ = checked_reference(reference)
        item = self.table.get(_hash_key(tenant_id, list_id), _range_key(number))
        if item is None:
            raise ListNotFound(list_id, number)
        page: list[JsonValue] = json.loads(item["items"]["S"])
        return page

    def items(
        self, tenant_id: str, reference: Reference, first: int, count: int
    ) -> list[JsonValue]:
        """As ListRepository.items."""
        numbers, before = page_numbers(reference, first, count)
        found = [item for n in numbers for item in self.page(tenant_id, reference, n)]
        return found[before : before + count]

    def _item(self, tenant_id: str, list_id: str, number: int, page: str) -> Item:
        item: Item = {
            "pk": {"S": _hash_key(tenant_id, list_id)},
            "sk": {"S": _range_key(number)},
            "v": {"N": "1"},
            "items": {"S": page},
        }
        if self._retention is not None:
            expires_at = to_ms(self._clock() + self._retention) // 1000  # TTL counts seconds
            item["expires_at"] = {"N": str(expires_at)}
        return item


def _hash_key(tenant_id: str, list_id: str) -> str:
    """The tenant comes first, as with a process, so that a policy binds both to it."""
    return schema.hash_key(ProcessKey(tenant_id, list_id))


def _range_key(number: int) -> str:
    return f"list#{number:06d}"
