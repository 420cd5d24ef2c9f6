"""DefinitionsClient: the definitions of a stack, registered, read, compared, drained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.client import requests
from trellis_process.client.calls import Calls
from trellis_process.client.definition_answers import (
    DefinitionChange,
    RegisteredDefinition,
    VersionsOfDefinition,
    changes_from_json,
    document_from_json,
    name_from_json,
    registered_from_json,
    versions_from_json,
)
from trellis_process.domain.limits import JsonValue


class DefinitionsClient:
    """What a TrellisClient asks about definitions: ``trellis.definitions.register(document)``.

    For operators. Any call may raise what all calls of the client raise, and those about one
    definition DefinitionNotFound.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def register(self, document: str, *, strict: bool = False) -> RegisteredDefinition:
        """Adds a version of a definition, written as YAML or JSON; the same again is a no-op.

        With ``strict`` what is merely doubtful is refused as well. Raises InvalidDefinition with
        all that is wrong, and DefinitionConflict where the version is there with other content.
        """
        body: dict[str, Any] = {"document": document}
        if strict:
            body["strict"] = True
        return self._calls.post(requests.definitions_path(), body, {}, read=registered_from_json)

    def names(self) -> Iterator[str]:
        """The names of all definitions, from A to Z by the codes of their characters."""
        path = requests.definitions_path()
        return self._calls.listed(path, {}, "names", name_from_json)

    def versions(self, definition: str) -> VersionsOfDefinition:
        """The versions of a definition with their statuses."""
        return self._calls.get(requests.definition_path(definition), read=versions_from_json)

    def get(self, definition: str, version: int) -> dict[str, JsonValue]:
        """A version as it was registered, as values of JSON.

        ``ProcessDefinition.from_dict`` of the library makes it an object.
        """
        path = requests.definition_path(definition, version)
        return self._calls.get(path, read=document_from_json)

    def diff(
        self, definition: str, *, from_version: int, to_version: int
    ) -> list[DefinitionChange]:
        """What one version changes in another, field by field."""
        query = {
            "from": str(requests.definition_version(from_version)),
            "to": str(requests.definition_version(to_version)),
        }
        path = f"{requests.definition_path(definition)}/diff"
        return self._calls.get(path, query, read=changes_from_json)

    def set_status(
        self, definition: str, version: int, status: DefinitionStatus
    ) -> VersionsOfDefinition:
        """Drains, archives or activates a version.

        Raises DefinitionInUse where processes of one that is to be archived are open, or
        InvalidInput where the audit has not counted these yet.
        """
        path = f"{requests.definition_path(definition, version)}/status"
        body = {"status": DefinitionStatus(status).value}
        return self._calls.post(path, body, {}, read=versions_from_json)
