"""The seam to where definitions are kept: by name and version, immutable, with a status each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class DefinitionStatus(StrEnum):
    """What a version of a definition is there for."""

    ACTIVE = "active"  # processes of it are started
    DRAINING = "draining"  # those that are open go on, and no other is started
    ARCHIVED = "archived"  # none is open


@dataclass(frozen=True)
class DefinitionVersions:
    """The versions of one definition that there are, each with its status."""

    name: str
    #: In ascending order.
    statuses: Mapping[int, DefinitionStatus]

    @property
    def newest(self) -> int | None:
        """The version that new processes get: the highest that is active; None where none is.

        So draining a version makes the one before it the newest again, and making it active
        takes that back.
        """
        active = [
            version
            for version, status in self.statuses.items()
            if status is DefinitionStatus.ACTIVE
        ]
        return max(active, default=None)


@dataclass(frozen=True)
class NamePage:
    """Some names of definitions in alphabetical order, and where the next page begins."""

    names: list[str]
    #: What to pass to get the next page; None where there is none.
    cursor: str | None


class DefinitionRepository(Protocol):
    """Where definitions are kept, for all tenants; ``content`` is what one is written as.

    What was put in is never changed and never removed, but for its status. Every method may raise
    Throttled or StoreUnavailable, after bounded tries of its own.
    """

    def add(self, name: str, version: int, content: str) -> str:
        """Keeps a version, active; returns the content that is kept.

        That is another than what was given where the version was there before. Then nothing is
        changed, its status neither. Done again after it broke off, it completes what is missing.
        Raises TooLarge.
        """

    def content(self, name: str, version: int) -> str | None:
        """What a version is written as; None where there is no such version."""

    def versions(self, name: str) -> DefinitionVersions | None:
        """The versions of a definition, as last written; None where there is no such definition."""

    def names(self, *, limit: int, cursor: str | None) -> NamePage:
        """Up to ``limit`` names of definitions, from A to Z by their characters' codes.

        Raises InvalidInput for a cursor that this repository did not give.
        """

    def set_status(self, name: str, version: int, status: DefinitionStatus) -> bool:
        """Gives a version another status; False where there is no such version."""
