"""DefinitionRegistry: the definitions of a store as objects, each read once."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trellis_process.application.definitions import (
    DefinitionRepository,
    DefinitionStatus,
    DefinitionVersions,
    NamePage,
)
from trellis_process.definitions.finding import Path, path_text
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.limits import check_name, check_whole_number
from trellis_process.errors import (
    DefinitionConflict,
    DefinitionDraining,
    DefinitionInUse,
    DefinitionNotFound,
    InvalidInput,
    shown,
)
from trellis_process.nearest import nearest

CACHED = 256  # definitions; of 20 steps they take some 10 MB together
MAX_VERSION = 2**31 - 1
MAX_PAGE = 1_000
_LOOKED_THROUGH = 1_000  # names, for one that is like the one that does not exist

OpenCounts = Callable[[str], Mapping[int, int] | None]
"""How many processes of a definition are open, by version; a version with none may be missing.

None where nobody has counted yet.
"""


class DefinitionRegistry:
    """Adds, finds and retires versions of definitions. Safe to use from several threads.

    A definition is immutable, so one that was read is kept as long as the program runs, the 256
    used last of them. Statuses are read each time. Without ``count_open`` nothing is archived.
    Every method may raise Throttled and StoreUnavailable.
    """

    def __init__(
        self, repository: DefinitionRepository, *, count_open: OpenCounts | None = None
    ) -> None:
        self._repository = repository
        self._count_open = count_open
        self._definitions: OrderedDict[tuple[str, int], ProcessDefinition] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, definition: ProcessDefinition) -> None:
        """Adds a version, active. One that is there with the same content stays as it is.

        The definition is taken to be checked. Raises DefinitionConflict where the version is there
        with other content, TooLarge, and InvalidInput for a name or version that is none.
        """
        from trellis_process.definitions.shape import definition_of  # brings pydantic
        from trellis_process.definitions.writing import to_dict  # brings YAML

        name = check_name("process", definition.process)
        version = _checked_version(definition.version)
        # Once through the reader, so that what was built in Python has the types of what was read.
        given = to_dict(definition_of(to_dict(definition)))
        content = json.dumps(given, ensure_ascii=False, separators=(",", ":"))
        kept = json.loads(self._repository.add(name, version, content))
        if _exactly(kept) != _exactly(given):
            raise DefinitionConflict(name, version, _first_difference(kept, given))

    def get(self, name: str, version: int) -> ProcessDefinition:
        """A version, whatever its status. Raises DefinitionNotFound."""
        key = (name, version)
        with self._lock:
            if key in self._definitions:
                self._definitions.move_to_end(key)
                return self._definitions[key]
        content = self._repository.content(
            check_name("definition", name), _checked_version(version)
        )
        if content is None:
            raise self._not_found(name, version)
        from trellis_process.definitions.shape import definition_of

        definition = definition_of(json.loads(content))
        with self._lock:
            self._definitions[key] = definition
            if len(self._definitions) > CACHED:
                self._definitions.popitem(last=False)
        return definition

    def to_start(self, name: str, version: int | None = None) -> ProcessDefinition:
        """The version that a new process gets: the highest active one unless one is named.

        Raises DefinitionNotFound, and DefinitionDraining where that one, or each, is not active.
        """
        known = self.versions(name)
        statuses = known.statuses
        if version is None:
            version = known.newest
            if version is None:
                raise DefinitionDraining(name, None, _said(statuses))
        elif _checked_version(version) not in statuses:
            raise self._not_found(name, version)
        elif statuses[version] is not DefinitionStatus.ACTIVE:
            raise DefinitionDraining(name, version, statuses[version].value)
        return self.get(name, version)

    def versions(self, name: str) -> DefinitionVersions:
        """The versions of a definition with their statuses. Raises DefinitionNotFound."""
        found = self._repository.versions(check_name("definition", name))
        if found is None:
            raise self._not_found(name, None)
        return found

    def names(self, *, limit: int = 100, cursor: str | None = None) -> NamePage:
        """Up to ``limit`` (1 to 1,000) names of definitions, in the order of characters' codes.

        Raises InvalidInput for a cursor that is no earlier answer's.
        """
        check_whole_number("limit", limit, 1, MAX_PAGE)
        return self._repository.names(limit=limit, cursor=cursor)

    def all_names(self) -> Iterator[str]:
        """The names of all definitions."""
        cursor: str | None = None
        while True:
            page = self.names(limit=MAX_PAGE, cursor=cursor)
            yield from page.names
            cursor = page.cursor
            if cursor is None:
                return

    def has(self, name: str, version: int) -> bool:
        """Whether there is such a version."""
        found = self._repository.versions(check_name("definition", name))
        return found is not None and version in found.statuses

    def count_open(self, name: str) -> dict[int, int] | None:
        """How many processes of each version are open, for all versions that there are.

        None where nobody has counted them. Raises DefinitionNotFound.
        """
        known = self.versions(name).statuses
        counted = None if self._count_open is None else self._count_open(name)
        return None if counted is None else dict.fromkeys(known, 0) | dict(counted)

    def set_status(self, name: str, version: int, status: DefinitionStatus) -> None:
        """Makes a version active, draining or archived; any of them may follow any other.

        To go back to an older version, drain those above it: new processes get the highest active
        one. Raises DefinitionNotFound, DefinitionInUse where a version with open processes is to
        be archived, and InvalidInput where nobody has counted these.
        """
        _checked_version(version)
        if status is DefinitionStatus.ARCHIVED:
            counts = self.count_open(name)
            if counts is None:
                allowed = "allowed once open processes have been counted, which the audit does"
                raise InvalidInput("status", status.value, allowed)
            if counts.get(version, 0):
                raise DefinitionInUse(name, version, counts[version])
        if not self._repository.set_status(check_name("definition", name), version, status):
            raise self._not_found(name, version)

    def _not_found(self, name: str, version: int | None) -> DefinitionNotFound:
        names = self._repository.names(limit=_LOOKED_THROUGH, cursor=None).names
        return DefinitionNotFound(name, version, None if name in names else nearest(name, names))


def _checked_version(version: int) -> int:
    return check_whole_number("version", version, 1, MAX_VERSION)


def _said(statuses: Mapping[int, DefinitionStatus]) -> str:
    return " or ".join(sorted({status.value for status in statuses.values()}))


def _exactly(value: Any) -> str:
    """A value in a form that tells 1 from 1.0 and from true, and no order of keys."""
    return json.dumps(value, sort_keys=True)


def _first_difference(kept: Any, given: Any, path: Path = ()) -> str:
    """Where two values differ first, and how."""
    if isinstance(kept, dict) and isinstance(given, dict):
        for name in dict.fromkeys([*kept, *given]):
            if name not in given:
                return f"{path_text((*path, name))} is not there any more"
            if name not in kept:
                return f"{path_text((*path, name))} is new"
            if _exactly(kept[name]) != _exactly(given[name]):
                return _first_difference(kept[name], given[name], (*path, name))
    if isinstance(kept, list) and isinstance(given, list):
        for place, (one, other) in enumerate(zip(kept, given, strict=False)):
            if _exactly(one) != _exactly(other):
                return _first_difference(one, other, (*path, place))
        return f"{path_text(path)} has {len(kept)} entries, and {len(given)} were given"
    return f"{path_text(path)} is {shown(kept)}, and {shown(given)} was given"
