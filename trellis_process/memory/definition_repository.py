"""Definitions kept in memory."""

from __future__ import annotations

import threading
from bisect import bisect_right

from trellis_process.application.definitions import (
    DefinitionStatus,
    DefinitionVersions,
    NamePage,
)
from trellis_process.domain.limits import check_name


class InMemoryDefinitionRepository:
    """A DefinitionRepository that lives as long as the program. Safe for several threads."""

    def __init__(self) -> None:
        self._contents: dict[str, dict[int, str]] = {}
        self._statuses: dict[str, dict[int, DefinitionStatus]] = {}
        self._lock = threading.Lock()

    def add(self, name: str, version: int, content: str) -> str:
        """As DefinitionRepository.add."""
        with self._lock:
            self._statuses.setdefault(name, {}).setdefault(version, DefinitionStatus.ACTIVE)
            return self._contents.setdefault(name, {}).setdefault(version, content)

    def content(self, name: str, version: int) -> str | None:
        """As DefinitionRepository.content."""
        with self._lock:
            return self._contents.get(name, {}).get(version)

    def versions(self, name: str) -> DefinitionVersions | None:
        """As DefinitionRepository.versions."""
        with self._lock:
            if name not in self._statuses:
                return None
            return DefinitionVersions(name, dict(sorted(self._statuses[name].items())))

    def names(self, *, limit: int, cursor: str | None) -> NamePage:
        """As DefinitionRepository.names."""
        if cursor is not None:
            check_name("cursor", cursor)
        with self._lock:
            names = sorted(self._statuses)
        first = 0 if cursor is None else bisect_right(names, cursor)
        page = names[first : first + limit]
        return NamePage(page, page[-1] if first + limit < len(names) else None)

    def set_status(self, name: str, version: int, status: DefinitionStatus) -> bool:
        """As DefinitionRepository.set_status."""
        with self._lock:
            statuses = self._statuses.get(name, {})
            if version not in statuses:
                return False
            statuses[version] = status
            return True
