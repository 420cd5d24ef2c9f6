"""How the audit reads the table: everything, page by page, at a bounded rate.

Commands never Scan: what they need, a key or an index leads to. An audit has to, and so has the
archive when it is to keep what the stream no longer holds; nothing else may. What the indexes have
lost, no index can answer; and to query the listing one would have to know every tenant, whom
nothing lists. So the Scan is here and not in ``Table``, where commands could come by it, and only
the roles of these two may do it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.operand import Path

from trellis_process.dynamodb import schema
from trellis_process.dynamodb.failures import store_error
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import BATCH, PAGE, Table

UNITS_PER_SECOND = 1_000  # a third of what one partition takes, were all of it in one
THREADS = 16
ENTRIES = 2_500  # index entries a request: a quarter of a megabyte
ENTRIES_A_UNIT = 80  # index entries of 100 bytes, read eventually consistent

#: When which process is due: a shard and a moment in milliseconds, as the index has them.
DueAt = tuple[str, int]


class AuditReader:
    """Reads a table without a key to begin from. Its answers may be a moment old."""

    def __init__(
        self,
        table: Table,
        *,
        units_per_second: float = UNITS_PER_SECOND,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.table = table
        self._rate = units_per_second
        self._pause = pause
        self.monotonic = monotonic
        self._units = 0.0  # read since the last rest, as DynamoDB says; queries estimated
        self._rested_at = monotonic()
        #: What asking the due index directly has taken so far, estimated.
        self.units_asked = 0.0

    def scan(self, index: str | None, start: Item | None) -> tuple[list[Item], Item | None]:
        """A page of the table or of an index, and where the next begins. Raises StoreError."""
        answer = self._ask(
            self.table._connection.scan,
            limit=PAGE if index is None else ENTRIES,
            index_name=index,
            exclusive_start_key=start,
            return_consumed_capacity="TOTAL",
        )
        return answer["Items"], answer.get("LastEvaluatedKey")

    def index_keys(self, index: str, hash_keys: Sequence[str]) -> dict[str, Item]:
        """What the items of these processes say of an index: its keys, and ``v``, by hash key.

        Those that exist. Raises Throttled, and StoreError.
        """
        found: dict[str, Item] = {}
        for start in range(0, len(hash_keys), BATCH):
            asked = list(dict.fromkeys(hash_keys[start : start + BATCH]))
            answer = self._ask(
                self.table._connection.batch_get_item,
                [{schema.HASH_KEY: key, schema.RANGE_KEY: schema.PROCESS} for key in asked],
                attributes_to_get=[schema.HASH_KEY, "v", *schema.INDEX_KEYS[index]],
                return_consumed_capacity="TOTAL",
            )
            found |= {
                item[schema.HASH_KEY]["S"]: item for item in answer["Responses"][self.table.name]
            }
            left_out = answer.get("UnprocessedKeys", {}).get(self.table.name, {}).get("Keys", [])
            found |= self.table.get_many([key[schema.HASH_KEY]["S"] for key in left_out])
        return found

    def waiting_at(self, wanted: Mapping[DueAt, set[str]]) -> set[str]:
        """Which of the processes wanted at each moment the index of what is due holds there now."""
        if not wanted:
            return set()
        _ = self.table._connection.connection.client  # making it is not safe between threads
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(self._entries, wanted, wanted.values()))
        units = sum(max(1, read / ENTRIES_A_UNIT) / 2 for _, read in answers)
        self._units += units
        self.units_asked += units
        return {key for found, _ in answers for key in found}

    def holds(self, index: str, entry: Item) -> bool:
        """Whether an index holds this entry now."""
        hash_name, range_name = schema.INDEX_KEYS[index]
        (hash_value,) = entry[hash_name].values()
        ((kind, range_value),) = entry[range_name].items()
        at_entry = Path(range_name) == (int(range_value) if kind == "N" else range_value)
        found = self.table.query(index, hash_value, at_entry)
        return any(each[schema.HASH_KEY] == entry[schema.HASH_KEY] for each in found)

    def rest(self) -> None:
        """Waits until what was read since the last rest is no more than the rate allows."""
        now = self.monotonic()
        paid_at = self._rested_at + self._units / self._rate
        if paid_at > now:
            self._pause(paid_at - now)
        self._units = 0.0
        self._rested_at = max(now, paid_at)

    def _entries(self, moment: DueAt, wanted: set[str]) -> tuple[set[str], int]:
        """Which of these the index holds at a moment, and how many entries that took to read."""
        shard, due_at = moment
        found: set[str] = set()
        read = 0
        for entry in self.table.query(schema.DUE_INDEX, shard, Path("due_at") == due_at):
            read += 1
            if entry[schema.HASH_KEY]["S"] in wanted:
                found.add(entry[schema.HASH_KEY]["S"])
                if found == wanted:
                    break
        return found, read

    def _ask(self, request: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = request(*args, **kwargs)
        except PynamoDBException as error:
            raise store_error(error, writing=False) from error
        used = answer.get("ConsumedCapacity", [])
        for each in used if isinstance(used, list) else [used]:
            self._units += float(each.get("CapacityUnits", 0))
        return answer
