"""How many processes of a definition are open in the whole stack, as the audit counted last."""

from __future__ import annotations

from collections.abc import Callable

from trellis_process.dynamodb.audit_round_item import HASH_KEY, RANGE_KEY, round_from_item
from trellis_process.dynamodb.table import Table


def open_counts(table: Table) -> Callable[[str], dict[int, int] | None]:
    """Counts by version for a definition's name, by one read; None before the first full audit.

    No index leads to the processes of all tenants, and the audit goes through all of them anyway.
    """

    def count(name: str) -> dict[int, int] | None:
        item = table.get(HASH_KEY, RANGE_KEY)
        counted = None if item is None else round_from_item(item).counted
        if counted is None:
            return None
        found = {}
        for place, number in counted.items():
            of, _, version = place.rpartition("/")
            if of == name:
                found[int(version)] = number
        return found

    return count
