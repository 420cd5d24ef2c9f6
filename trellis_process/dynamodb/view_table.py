"""The views' own table: the few requests that are made of it, paged, their failures told."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from pynamodb.exceptions import PynamoDBException

from trellis_process.dynamodb import view_schema
from trellis_process.dynamodb.connection import (
    CONNECT_TIMEOUT_SECONDS,
    READ_TIMEOUT_SECONDS,
    RETRIES,
)
from trellis_process.dynamodb.failures import CONDITION_FAILED, store_error
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import (
    BATCH,
    BATCH_TRIES,
    WRITE_BATCH,
    ConditionFailed,
    batches,
)
from trellis_process.errors import StoreError, Throttled
from trellis_process.user_agent import USER_AGENT

TRANSACTION = 100  # TransactWriteItems takes no more

#: Why a transaction is refused that may succeed when it is decided upon anew.
_CONTENDED = {CONDITION_FAILED.removesuffix("Exception"), "TransactionConflict"}
_THROTTLED = {"ProvisionedThroughputExceeded", "ThrottlingError"}


class ViewTable:
    """One DynamoDB table of the views' schema, in this process's region and account.

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
        settings = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": RETRIES + 1},
            user_agent=USER_AGENT,
        )
        self._client: Any = get_session().create_client(
            "dynamodb", region_name=region, endpoint_url=endpoint_url, config=settings
        )

    def create(self) -> None:
        """Makes the table, for tests and trials; a deployed stack brings its own."""
        self._ask(
            "create_table",
            writing=True,
            BillingMode="PAY_PER_REQUEST",
            **view_schema.table_description(self.name),
        )

    def get(self, hash_key: str, range_key: str) -> Item | None:
        """An item as last written. Raises StoreError."""
        answer = self._ask(
            "get_item",
            TableName=self.name,
            Key={"pk": {"S": hash_key}, "sk": {"S": range_key}},
            ConsistentRead=True,
        )
        item: Item | None = answer.get("Item")
        return item

    def get_many(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Item]:
        """The items under these keys as last written; those that exist.

        Raises Throttled where DynamoDB keeps leaving some out, and StoreError.
        """
        found: dict[tuple[str, str], Item] = {}
        wanted: list[Item] = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, sk in dict.fromkeys(keys)]
        for batch in batches(wanted, BATCH):
            left = batch
            for tried in range(BATCH_TRIES):
                if tried:
                    self._pause(random.uniform(0, 0.05 * 2**tried))
                asked = {self.name: {"Keys": left, "ConsistentRead": True}}
                answer = self._ask("batch_get_item", RequestItems=asked)
                for item in answer["Responses"].get(self.name, []):
                    found[item["pk"]["S"], item["sk"]["S"]] = item
                left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not left:
                    break
            else:
                raise Throttled(f"DynamoDB left out {len(left)} of a batch {BATCH_TRIES} times")
        return found

    def query(
        self,
        hash_value: str,
        *,
        index: str | None = None,
        after: str | None = None,
        before: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Item]:
        """What stands under a hash key, of the table or of an index, a page at a time.

        In the order of the range keys, those strictly between ``after`` and ``before``, where
        given. ``limit`` is how many are read in a request. Raises StoreError when the page that
        fails is reached.
        """
        if after is not None and before is not None and after >= before:
            return
        hash_name, range_name = view_schema.INDEX_KEYS[index] if index else ("pk", "sk")
        values = {":hash": {"S": hash_value}}
        condition = "#hash = :hash"
        # BETWEEN takes both ends in, so what stands at an end is passed over.
        if after is not None and before is not None:
            values |= {":after": {"S": after}, ":before": {"S": before}}
            condition += " AND #range BETWEEN :after AND :before"
        elif after is not None:
            values[":after"] = {"S": after}
            condition += " AND #range > :after"
        elif before is not None:
            values[":before"] = {"S": before}
            condition += " AND #range < :before"
        asked: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {"#hash": hash_name}
            | ({} if after is None and before is None else {"#range": range_name}),
            "ExpressionAttributeValues": values,
            "ScanIndexForward": not newest_first,
        }
        if index is not None:
            asked["IndexName"] = index
        if limit is not None:
            asked["Limit"] = limit
        while True:
            answer = self._ask("query", **asked)
            for item in answer["Items"]:
                if item[range_name]["S"] not in (after, before):
                    yield item
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def put_many(self, items: Sequence[Item]) -> None:
        """Writes items whatever is there.

        Raises Throttled where DynamoDB keeps leaving some out, and StoreError; some may be
        written then.
        """
        for batch in batches(items, WRITE_BATCH):
            left: list[Any] = [{"PutRequest": {"Item": item}} for item in batch]
            for tried in range(BATCH_TRIES):
                if tried:
                    self._pause(random.uniform(0, 0.05 * 2**tried))
                answer = self._ask("batch_write_item", writing=True, RequestItems={self.name: left})
                left = answer.get("UnprocessedItems", {}).get(self.name, [])
                if not left:
                    break
            else:
                raise Throttled(f"DynamoDB left out {len(left)} of a batch {BATCH_TRIES} times")

    def set_expiry(self, hash_key: str, range_key: str, expires_at: int | None) -> None:
        """Has DynamoDB remove an item at that time, in seconds since 1970; with None, no more.

        Raises StoreError.
        """
        asked: dict[str, Any] = {"UpdateExpression": "REMOVE expires_at"}
        if expires_at is not None:
            asked = {
                "UpdateExpression": "SET expires_at = :at",
                "ExpressionAttributeValues": {":at": {"N": str(expires_at)}},
            }
        try:
            self._client.update_item(
                TableName=self.name,
                Key={"pk": {"S": hash_key}, "sk": {"S": range_key}},
                ConditionExpression="attribute_exists(pk)",
                **asked,
            )
        except ClientError as error:
            if error.response["Error"].get("Code") != CONDITION_FAILED:
                raise _told(error, writing=True) from error
            # It is gone already, which is as good.
        except BotoCoreError as error:
            raise _told(error, writing=True) from error

    def write(self, writes: Sequence[dict[str, Any]]) -> None:
        """Makes up to 100 writes, all or nothing: ``{"Put": {"Item": …}}``, as DynamoDB has them.

        One alone costs half of what it costs among others. Raises ConditionFailed where a
        condition does not hold, or another transaction is about the same item; and StoreError.
        """
        for each in writes:
            for request in each.values():
                request["TableName"] = self.name
        try:
            if len(writes) == 1 and "Put" in writes[0]:
                self._client.put_item(**writes[0]["Put"])
            else:
                self._client.transact_write_items(TransactItems=list(writes))
        except ClientError as error:
            reasons = {
                each.get("Code") for each in error.response.get("CancellationReasons", [])
            } | {str(error.response["Error"].get("Code")).removesuffix("Exception")}
            if reasons & _CONTENDED:
                raise ConditionFailed from error
            if reasons & _THROTTLED:
                raise Throttled("DynamoDB refused for load; nothing was written") from error
            raise _told(error, writing=True) from error
        except BotoCoreError as error:
            raise _told(error, writing=True) from error

    def _ask(self, operation: str, *, writing: bool = False, **asked: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**asked)
        except (ClientError, BotoCoreError) as error:
            raise _told(error, writing=writing) from error
        return answer


def _told(error: Exception, *, writing: bool) -> StoreError:
    return store_error(PynamoDBException(str(error), error), writing=writing)
