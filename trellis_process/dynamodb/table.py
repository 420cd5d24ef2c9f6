"""The table: the few requests that Trellis makes of DynamoDB, paged, their failures told."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from trellis_process.dynamodb import schema
from trellis_process.dynamodb.connection import Connection
from trellis_process.dynamodb.failures import is_condition_failed, store_error
from trellis_process.dynamodb.schema import Item
from trellis_process.errors import Throttled

BATCH = 100  # BatchGetItem takes no more
WRITE_BATCH = 25  # nor does BatchWriteItem
PAGE = 500  # index entries a request: a sweep that stops early has read little in vain
BATCH_TRIES = 6  # for what a batch leaves out under load


class ConditionFailed(Exception):
    """A conditional write was refused."""


class Table:
    """One DynamoDB table of Trellis's schema, in this process's region and account.

    ``region`` and ``endpoint_url`` come from the environment, as for any AWS client, unless given.
    Safe to use from several threads.
    """

    def __init__(
        self,
        name: str,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._pause = pause
        self._connection = Connection(name, region, endpoint_url)

    def create(self) -> None:
        """Makes the table, for tests and trials; a deployed stack brings its own."""
        description = schema.table_description(self.name)
        self._connection.create_table(
            attribute_definitions=[
                {"attribute_name": name, "attribute_type": kind}
                for name, kind in schema.ATTRIBUTE_TYPES.items()
            ],
            key_schema=[
                {"attribute_name": key["AttributeName"], "key_type": key["KeyType"]}
                for key in description["KeySchema"]
            ],
            global_secondary_indexes=[
                {
                    "index_name": index["IndexName"],
                    "key_schema": index["KeySchema"],
                    "projection": index["Projection"],
                }
                for index in description["GlobalSecondaryIndexes"]
            ],
            billing_mode="PAY_PER_REQUEST",
            stream_specification={
                "stream_enabled": True,
                "stream_view_type": "NEW_AND_OLD_IMAGES",
            },
        )

    def get(self, hash_key: str, range_key: str = schema.PROCESS) -> Item | None:
        """An item, a process's unless said, as last written. Raises StoreError."""
        try:
            answer = self._connection.get_item(hash_key, range_key, consistent_read=True)
        except PynamoDBException as error:
            raise store_error(error, writing=False) from error
        return answer.get("Item")

    def put(self, item: Item, *, expected_version: int) -> None:
        """Writes an item, if the stored one has this version; 0 stands for no item at all.

        Raises ConditionFailed, and StoreError.
        """
        stored_version = Path("v")
        condition: Condition = (
            stored_version == expected_version if expected_version else ~Path("pk").exists()
        )
        attributes = dict(item)
        hash_key = attributes.pop(schema.HASH_KEY)["S"]
        range_key = attributes.pop(schema.RANGE_KEY)["S"]
        try:
            self._connection.put_item(hash_key, range_key, attributes, condition=condition)
        except PynamoDBException as error:
            if is_condition_failed(error):
                raise ConditionFailed from error
            raise store_error(error, writing=True) from error

    def get_many(
        self, hash_keys: Sequence[str], range_key: str = schema.PROCESS
    ) -> dict[str, Item]:
        """The items with these hash keys as last written, processes unless said; by hash key.

        Those that exist.

        Raises Throttled where DynamoDB keeps leaving some out, and StoreError.
        """
        found: dict[str, Item] = {}
        for start in range(0, len(hash_keys), BATCH):
            keys = [
                {schema.HASH_KEY: key, schema.RANGE_KEY: range_key}
                for key in hash_keys[start : start + BATCH]
            ]
            for tried in range(BATCH_TRIES):
                if tried:
                    self._pause(random.uniform(0, 0.05 * 2**tried))
                items, keys = self._get_batch(keys)
                found.update((item[schema.HASH_KEY]["S"], item) for item in items)
                if not keys:
                    break
            else:
                raise Throttled(f"DynamoDB left out {len(keys)} of a batch {BATCH_TRIES} times")
        return found

    def _get_batch(self, keys: list[dict[str, str]]) -> tuple[list[Item], list[dict[str, str]]]:
        """The items DynamoDB read, and the keys it had no capacity, or no room, left for."""
        try:
            answer = self._connection.batch_get_item(
                keys,  # type: ignore[arg-type]  # it takes a mapping for each key, and says str
                consistent_read=True,
            )
        except PynamoDBException as error:
            raise store_error(error, writing=False) from error
        left_out = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        return answer["Responses"].get(self.name, []), [
            {name: value["S"] for name, value in key.items()} for key in left_out
        ]

    def query(
        self,
        index: str,
        hash_key: str,
        condition: Condition | None = None,
        *,
        newest_first: bool = False,
        page_size: int = PAGE,
    ) -> Iterator[Item]:
        """The keys that one hash key of an index holds, in order, read a page at a time.

        Raises StoreError when the page that fails is reached.
        """
        start: Item | None = None
        while True:
            try:
                answer = self._connection.query(
                    hash_key,
                    condition,
                    index_name=index,
                    limit=page_size,
                    scan_index_forward=not newest_first,
                    exclusive_start_key=start,
                )
            except PynamoDBException as error:
                raise store_error(error, writing=False) from error
            yield from answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def range_keys(self, hash_key: str, *, after: str | None, limit: int) -> list[str]:
        """Up to ``limit`` range keys of a hash key of the table itself, in order, after this one.

        Raises StoreError.
        """
        found: list[str] = []
        start: Item | None = None
        condition = None if after is None else Path(schema.RANGE_KEY) > after
        while len(found) < limit:
            try:
                answer = self._connection.query(
                    hash_key,
                    condition,
                    consistent_read=True,
                    limit=limit - len(found),
                    exclusive_start_key=start,
                )
            except PynamoDBException as error:
                raise store_error(error, writing=False) from error
            found += [item[schema.RANGE_KEY]["S"] for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                break
        return found

    def put_many(self, items: Sequence[Item]) -> None:
        """Writes items whatever is there, as many as 25 in a request.

        Raises Throttled where DynamoDB keeps leaving some out, and StoreError; some may be
        written then.
        """
        for batch in batches(items, WRITE_BATCH):
            left: Sequence[Item] = batch
            for tried in range(BATCH_TRIES):
                if tried:
                    self._pause(random.uniform(0, 0.05 * 2**tried))
                left = self._put_batch(left)
                if not left:
                    break
            else:
                raise Throttled(f"DynamoDB left out {len(left)} of a batch {BATCH_TRIES} times")

    def _put_batch(self, items: Sequence[Item]) -> list[Item]:
        """The items that DynamoDB had no capacity for."""
        try:
            answer = self._connection.batch_write_item(put_items=items)
        except PynamoDBException as error:
            raise store_error(error, writing=True) from error
        left_out = answer.get("UnprocessedItems", {}).get(self.name, [])
        return [request["PutRequest"]["Item"] for request in left_out]

    def side_by_side(self, queries: Sequence[Iterator[Item]]) -> list[Iterator[Item]]:
        """The same queries with their first pages read at the same time."""
        if not queries:
            return []
        _ = self._connection.connection.client  # made before the threads: making it is not safe
        with ThreadPoolExecutor(len(queries)) as pool:
            return list(pool.map(_with_first_page, queries))


def _with_first_page(query: Iterator[Item]) -> Iterator[Item]:
    return chain(list(islice(query, 1)), query)


def batches(entries: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """The entries in lists of at most so many, taken only as needed."""
    remaining = iter(entries)
    while batch := list(islice(remaining, size)):
        yield batch
