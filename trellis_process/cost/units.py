"""Units: what DynamoDB charges for a read or a write of an item, by its published rules."""

from __future__ import annotations

import math
from collections.abc import Mapping

from trellis_process.dynamodb import schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.size import item_size

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
STORED_OVERHEAD_BYTES = 100  # that DynamoDB counts for each item and each entry of an index


def write_units(
    before: Item, after: Item, indexes: Mapping[str, tuple[str, str]] = schema.INDEX_KEYS
) -> int:
    """The units of a put; ``before`` is empty for a new item.

    One for each started KB of the larger image, and one for each index entry made or removed.
    ``indexes`` has the keys of each, those of the table of processes unless said.
    """
    total = math.ceil(max(item_size(before), item_size(after)) / WRITE_UNIT_BYTES)
    for keys in indexes.values():
        old, new = ([item.get(key) for key in keys] for item in (before, after))
        if old != new:  # the keys are the whole entry, and a key is changed by making it anew
            total += (None not in old) + (None not in new)
    return total


def read_units(item: Item) -> int:
    """The units of a strongly consistent read: one for each started 4 KB."""
    return math.ceil(item_size(item) / READ_UNIT_BYTES)


def stored_bytes(item: Item) -> int:
    """What DynamoDB counts as kept for an item and its entries in the indexes."""
    total = item_size(item) + STORED_OVERHEAD_BYTES
    for keys in schema.INDEX_KEYS.values():
        entry = {
            name: item[name] for name in (schema.HASH_KEY, schema.RANGE_KEY, *keys) if name in item
        }
        if len(entry) == 2 + len(keys):
            total += item_size(entry) + STORED_OVERHEAD_BYTES
    return total
