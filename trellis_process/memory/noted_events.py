"""Noted events kept in memory."""

from __future__ import annotations

import threading
from datetime import datetime


class InMemoryNotedEvents:
    """NotedEvents that live as long as the program. Safe for several threads."""

    def __init__(self) -> None:
        self._noted: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def note(self, definition: str, event_id: str, until: datetime) -> bool:
        """As NotedEvents.note; ``until`` is of no matter here."""
        with self._lock:
            is_new = (definition, event_id) not in self._noted
            self._noted.add((definition, event_id))
            return is_new
