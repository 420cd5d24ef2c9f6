"""The seam to where lists are kept that are too large for one item: pages beside the processes."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from trellis_process.domain.engine.items import LIST
from trellis_process.domain.limits import JsonValue, check_json, check_name, check_whole_number
from trellis_process.errors import Described, InvalidInput, TooLarge

MAX_PAGE_ITEMS = 25
MAX_PAGE_BYTES = 100_000
MAX_ITEMS = 100_000
MAX_KEY_CHARACTERS = 256

Reference = dict[str, JsonValue]
"""``{"$list": id, "count": 10000, "page_size": 25}``: what stands in for a list, as JSON."""


class ListRepository(Protocol):
    """Where large lists are kept, each bound to a tenant; what was put in is never changed.

    Every method may raise Throttled and StoreUnavailable, after bounded tries of its own.
    """

    def put(
        self, tenant_id: str, items: Sequence[JsonValue], *, key: str | None = None
    ) -> Reference:
        """Keeps a list and returns what stands in for it.

        With a ``key`` (1 to 256 characters) the same list put again has the same reference, so
        that a repeat leaves nothing behind; without one each list has an id of its own. Raises
        TooLarge for an item of more than 100,000 bytes or more than 100,000 items, and
        InvalidInput for what is no JSON. Where it breaks off, some pages may be kept in vain.
        """

    def page(self, tenant_id: str, reference: Reference, number: int) -> list[JsonValue]:
        """A page of a list, counted from 0. Raises ListNotFound, and InvalidInput."""

    def items(
        self, tenant_id: str, reference: Reference, first: int, count: int
    ) -> list[JsonValue]:
        """So many items from that index on; fewer where the list ends. Raises as ``page``."""


def list_id_for(tenant_id: str, key: str | None, pages: Sequence[str]) -> str:
    """The id of a list: one of its own, or the one that this tenant's key and content lead to."""
    check_name("tenant_id", tenant_id)
    if key is None:
        return str(uuid.uuid4())
    if not isinstance(key, str) or not 0 < len(key) <= MAX_KEY_CHARACTERS:
        raise InvalidInput("key", key, f"allowed is text of 1 to {MAX_KEY_CHARACTERS} characters")
    digest = hashlib.sha256(json.dumps([tenant_id, key]).encode())
    for page in pages:  # of its content as well, because pages are never changed
        digest.update(page.encode())
    return digest.hexdigest()[:32]


def pages_of(items: Sequence[JsonValue]) -> tuple[list[str], int]:
    """A list as pages of JSON, and how many items are on each but the last.

    Raises TooLarge and InvalidInput.
    """
    if len(items) > MAX_ITEMS:
        given = Described(f"{len(items)} items")
        raise TooLarge("items", given, f"allowed are {MAX_ITEMS:,}; make it several lists")
    encoded = [_encoded(place, item) for place, item in enumerate(items)]
    for size in (MAX_PAGE_ITEMS, 12, 6, 3, 1):
        pages = [
            "[" + ",".join(encoded[first : first + size]) + "]"
            for first in range(0, len(encoded), size)
        ]
        if all(len(page.encode()) <= MAX_PAGE_BYTES + 2 for page in pages):
            break
    return pages, size


def reference_to(list_id: str, count: int, page_size: int) -> Reference:
    """What stands in for a list."""
    return {LIST: list_id, "count": count, "page_size": page_size}


def checked_reference(reference: Any) -> tuple[str, int, int]:
    """The id, the number of items and the page size that a reference holds. Raises InvalidInput."""
    if not isinstance(reference, dict) or not isinstance(reference.get(LIST), str):
        raise InvalidInput("reference", reference, 'allowed is {"$list": …, "count": …, …}')
    count = check_whole_number("reference.count", reference.get("count"), 0, MAX_ITEMS)
    size = check_whole_number("reference.page_size", reference.get("page_size"), 1, MAX_PAGE_ITEMS)
    return check_name("reference.$list", reference[LIST]), count, size


def page_numbers(reference: Reference, first: int, count: int) -> tuple[range, int]:
    """The pages that hold so many items from an index on, and how many of the first come before."""
    _, total, size = checked_reference(reference)
    check_whole_number("first", first, 0, MAX_ITEMS)
    check_whole_number("count", count, 0, MAX_ITEMS)
    end = min(total, first + count)
    if first >= end:
        return range(0), 0
    return range(first // size, (end - 1) // size + 1), first % size


def _encoded(place: int, item: JsonValue) -> str:
    checked = check_json(f"items[{place}]", item, MAX_PAGE_BYTES)
    return json.dumps(checked, ensure_ascii=False, separators=(",", ":"))
