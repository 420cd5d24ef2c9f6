"""DynamoDBSource: the items of a table as rows, of which DynamoDB reads as few as it can."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Collection, Iterator
from typing import Any

from trellis_process.domain.process import ProcessKey
from trellis_process.extras import from_extra
from trellis_process.queries.dynamodb_key import Partition
from trellis_process.queries.query import Query, QueryError
from trellis_process.queries.rows import Rows
from trellis_process.worker.endings import Failed

logger = logging.getLogger(__name__)

MOST_READ = 10_000  # items for one query: 1,250 read units where an item has 1 KB
PAGE = 1_000  # items read at a time where a filter decides how many are needed
CONNECT_TIMEOUT_SECONDS = 2
READ_TIMEOUT_SECONDS = 10
TRIES = 3

_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}


class DynamoDBSource:
    """A Source over one partition of a table, or of an ``index`` of it; it never scans.

    ``partition`` says what the partition key holds: the tenant's id unless said otherwise, so that
    no query reads another tenant's items. ``"{tenant_id}#{customer}"`` is the tenant's id and the
    value that a filter asks of ``customer``. Rows that are everybody's need ``all_tenants=True``.

    Filters and order on ``sort_key`` become part of the key's condition; other filters that
    DynamoDB knows are its work too, which saves time and not read units. Of an item only ``fields``
    become a row where they are given, and what the query looks at. More than ``most_read`` items
    are read for no query. Reads are eventually consistent unless ``consistent``, and cost half.

    ``region`` and ``endpoint_url`` come from the environment, as for any AWS client, unless given.
    Needs ``trellis-process[queries]``. Raises ValueError for a ``partition`` that tenants could
    share, or that is not written so.
    """

    def __init__(
        self,
        table: str,
        *,
        partition_key: str,
        partition: str = "{tenant_id}",
        sort_key: str | None = None,
        index: str | None = None,
        fields: Collection[str] = (),
        all_tenants: bool = False,
        consistent: bool = False,
        most_read: int = MOST_READ,
        region: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        with from_extra("queries", "DynamoDBSource"):
            from trellis_process.queries import dynamodb_conditions

        self._conditions = dynamodb_conditions
        self._partition_key = partition_key
        self._partition = Partition(partition, all_tenants=all_tenants)
        self._sort_key = sort_key
        self._fields = fields
        self._most_read = most_read
        self._asked: dict[str, Any] = {"TableName": table, "ConsistentRead": consistent}
        if index is not None:
            self._asked["IndexName"] = index
        self._place: dict[str, Any] = {"region_name": region, "endpoint_url": endpoint_url}
        self._client: Any = None

    def rows(self, query: Query, process: ProcessKey) -> Rows:
        """As Source.rows.

        Raises QueryError for a filter that is missing, for what DynamoDB refuses, and where more
        would be read than is allowed; Failed with the code ``throttled`` or ``unavailable``.
        """
        by_sort_key = query.order_by is not None and query.order_by == self._sort_key
        made_of = [query.equal_to(field) for field in self._partition.fields]
        return Rows(
            self._read(query, process, backwards=by_sort_key and query.descending),
            applied=[each.name for each in made_of if each is not None],
            is_ordered=by_sort_key,
        )

    def _read(self, query: Query, process: ProcessKey, *, backwards: bool) -> Iterator[Any]:
        try:
            key = self._conditions.key_condition(
                self._partition_key, self._partition.of(query, process), self._sort_key, query
            )
        except self._conditions.Nothing:
            return
        # DynamoDB takes the fields of a key in the key's condition only.
        keys = {self._partition_key, self._sort_key}
        others = [
            each
            for each in query.filters
            if each.field.split(".")[0] not in keys and each.field not in self._partition.fields
        ]
        asked = {
            **self._asked,
            **self._conditions.expressions(
                key, self._conditions.filter_conditions(others), self._looked_at(query)
            ),
            "ScanIndexForward": not backwards,
        }
        takes_all = query.order_by not in (None, self._sort_key)
        page = PAGE if others or takes_all else query.limit
        left = self._most_read
        while True:
            answer = self._query(query.source, {**asked, "Limit": min(page, left)})
            for item in answer["Items"]:
                yield {name: self._value(value) for name, value in item.items()}
            left -= answer["ScannedCount"]
            if "LastEvaluatedKey" not in answer:
                return
            if left <= 0:
                raise QueryError(
                    f"source {query.source!r} read {self._most_read:,} items and was not done; ask "
                    "for less by filters on its keys, order by its sort key, or allow it most_read"
                )
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _looked_at(self, query: Query) -> list[str]:
        """The attributes to read; none where that is all of them."""
        if not self._fields:
            return []
        filtered = [
            each.field for each in query.filters if each.field not in self._partition.fields
        ]
        asked = [*filtered, *([query.order_by] if query.order_by else [])]
        return list(dict.fromkeys([*self._fields, *(each.split(".")[0] for each in asked)]))

    def _query(self, source: str, asked: dict[str, Any]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._connected().query(**asked)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _THROTTLED:
                raise Failed(
                    f"DynamoDB refused source {source!r} for load ({code})", code="throttled"
                ) from error
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise Failed(f"source {source!r}: {code}", code="unavailable") from error
            # What it says of rights and tables is for whoever runs the source, and no tenant.
            logger.error("DynamoDB refuses source %s: %s", source, error)
            why = error.response["Error"]["Message"] if code == "ValidationException" else code
            raise QueryError(f"DynamoDB refuses source {source!r}: {why}") from error
        except BotoCoreError as error:
            logger.error("DynamoDB does not answer source %s: %s", source, error)
            raise Failed(
                f"source {source!r}: DynamoDB does not answer ({type(error).__name__})",
                code="unavailable",
            ) from error

    def _connected(self) -> Any:
        """The client, made when it is first needed, as a function's environment is known then."""
        if self._client is None:
            from botocore.config import Config
            from botocore.session import get_session

            settings = Config(
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                retries={"mode": "standard", "total_max_attempts": TRIES},
            )
            self._client = get_session().create_client("dynamodb", config=settings, **self._place)
        return self._client

    def _value(self, value: Any) -> Any:
        """A value as DynamoDB answers it, in terms of rows: sets as lists, binary as base64."""
        (kind,) = value
        if kind == "M":
            return {name: self._value(each) for name, each in value["M"].items()}
        if kind == "L":
            return [self._value(each) for each in value["L"]]
        found = self._conditions.deserialize(value)
        if kind in ("SS", "NS"):
            return sorted(found)
        if kind == "B":
            return _text(found)
        if kind == "BS":
            return sorted(map(_text, found))
        return found


def _text(binary: Any) -> str:
    return b64encode(bytes(binary)).decode()
