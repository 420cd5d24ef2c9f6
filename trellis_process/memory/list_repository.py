"""Large lists kept in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

from trellis_process.application.lists import (
    Reference,
    checked_reference,
    list_id_for,
    page_numbers,
    pages_of,
    reference_to,
)
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import ListNotFound


class InMemoryListRepository:
    """A ListRepository that lives as long as the program. Safe to use from several threads."""

    def __init__(self) -> None:
        self._pages: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def put(
        self, tenant_id: str, items: Sequence[JsonValue], *, key: str | None = None
    ) -> Reference:
        """As ListRepository.put."""
        pages, size = pages_of(items)
        list_id = list_id_for(tenant_id, key, pages)
        with self._lock:
            self._pages[tenant_id, list_id] = pages
        return reference_to(list_id, len(items), size)

    def page(self, tenant_id: str, reference: Reference, number: int) -> list[JsonValue]:
        """As ListRepository.page."""
        list_id, _, _ = checked_reference(reference)
        with self._lock:
            pages = self._pages.get((tenant_id, list_id), [])
        if not 0 <= number < len(pages):
            raise ListNotFound(list_id, number)
        page: list[JsonValue] = json.loads(pages[number])
        return page

    def items(
        self, tenant_id: str, reference: Reference, first: int, count: int
    ) -> list[JsonValue]:
        """As ListRepository.items."""
        numbers, before = page_numbers(reference, first, count)
        found = [item for n in numbers for item in self.page(tenant_id, reference, n)]
        return found[before : before + count]
