"""Definitions on DynamoDB, beside the processes in their table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from trellis_process.application.definitions import (
    DefinitionStatus,
    DefinitionVersions,
    NamePage,
)
from trellis_process.domain.limits import check_name
from trellis_process.dynamodb import definition_item
from trellis_process.dynamodb.definition_item import NAMES, STATUSES
from trellis_process.dynamodb.table import ConditionFailed, Table
from trellis_process.errors import LostRace

TRIES = 20  # of a change that others make at the same moment; registering is rare


class DynamoDBDefinitionRepository:
    """A DefinitionRepository on the table of the processes.

    Every read is one strongly consistent request. A version is added by three conditional writes,
    of which the one that makes it known comes last: what broke off before is completed by the same
    ``add`` again.
    """

    def __init__(self, table: Table, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.table = table
        self._pause = pause

    def add(self, name: str, version: int, content: str) -> str:
        """As DefinitionRepository.add."""
        try:
            self.table.put(
                definition_item.content_to_item(name, version, content), expected_version=0
            )
        except ConditionFailed:
            stored = self.content(name, version)
            assert stored is not None, "what was there is never removed"
            content = stored
        self._change(name, version, DefinitionStatus.ACTIVE, is_new=True)
        return content

    def content(self, name: str, version: int) -> str | None:
        """As DefinitionRepository.content."""
        item = self.table.get(definition_item.hash_key(name), definition_item.range_key(version))
        return None if item is None else definition_item.content_from_item(item)

    def versions(self, name: str) -> DefinitionVersions | None:
        """As DefinitionRepository.versions."""
        return self._versions(name)[0]

    def names(self, *, limit: int, cursor: str | None) -> NamePage:
        """As DefinitionRepository.names."""
        if cursor is not None:
            check_name("cursor", cursor)
        names = self.table.range_keys(NAMES, after=cursor, limit=limit + 1)
        return NamePage(names[:limit], names[limit - 1] if len(names) > limit else None)

    def set_status(self, name: str, version: int, status: DefinitionStatus) -> bool:
        """As DefinitionRepository.set_status."""
        return self._change(name, version, status, is_new=False)

    def _versions(self, name: str) -> tuple[DefinitionVersions | None, int]:
        item = self.table.get(definition_item.hash_key(name), STATUSES)
        return (None, 0) if item is None else definition_item.statuses_from_item(name, item)

    def _change(self, name: str, version: int, status: DefinitionStatus, *, is_new: bool) -> bool:
        """Makes a version known, or gives one that is known another status."""
        for tried in range(TRIES):
            if tried:
                self._pause(random.uniform(0, min(0.25, 0.004 * 2**tried)))
            known, changes = self._versions(name)
            statuses = {} if known is None else dict(known.statuses)
            if is_new == (version in statuses):
                return is_new
            if statuses.get(version) is status:
                return True
            if known is None:
                self._add_name(name)
            statuses[version] = status
            try:
                self.table.put(
                    definition_item.statuses_to_item(name, statuses, changes),
                    expected_version=changes,
                )
            except ConditionFailed:
                continue
            return True
        raise LostRace(f"others changed the versions of {name!r} {TRIES} times; try again")

    def _add_name(self, name: str) -> None:
        try:
            self.table.put(definition_item.name_to_item(name), expected_version=0)
        except ConditionFailed:
            return  # it is in the list, which is all that was wanted
