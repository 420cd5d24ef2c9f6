"""What the step API answers about definitions: versions, what was registered, what changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.definitions.finding import Finding, Severity
from trellis_process.domain.limits import JsonValue


@dataclass(frozen=True)
class RegisteredDefinition:
    """A version of a definition that was registered, now or before."""

    name: str
    version: int
    status: DefinitionStatus
    #: What most likely is not meant, in the order of the document.
    warnings: tuple[Finding, ...]


@dataclass(frozen=True)
class VersionOfDefinition:
    """One version, and how many processes of it are open."""

    version: int
    status: DefinitionStatus
    #: Of a tenant, now; of the whole stack, as the last round of the audit counted. None before
    #: the first round.
    open: int | None


@dataclass(frozen=True)
class VersionsOfDefinition:
    """The versions of a definition, in ascending order."""

    name: str
    #: What new processes get; None where no version is active.
    newest: int | None
    versions: tuple[VersionOfDefinition, ...]


@dataclass(frozen=True)
class DefinitionChange:
    """Where two versions differ."""

    #: ``steps.pay.timeout``
    path: str
    #: ``added``, ``removed``, ``changed`` or ``moved``.
    change: str
    before: JsonValue = None
    after: JsonValue = None


def registered_from_json(value: Any) -> RegisteredDefinition:
    """What was registered. Raises ValueError for what is no such JSON, as all of these do."""
    try:
        return RegisteredDefinition(
            name=value["name"],
            version=value["version"],
            status=DefinitionStatus(value["status"]),
            warnings=tuple(map(finding_from_json, value["warnings"])),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no registered definition: {error!r}") from error


def versions_from_json(value: Any) -> VersionsOfDefinition:
    """The versions of a definition."""
    try:
        versions = tuple(
            VersionOfDefinition(each["version"], DefinitionStatus(each["status"]), each.get("open"))
            for each in value["versions"]
        )
        return VersionsOfDefinition(value["name"], value.get("newest"), versions)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no versions of a definition: {error!r}") from error


def changes_from_json(value: Any) -> list[DefinitionChange]:
    """What one version changes in another."""
    try:
        return [
            DefinitionChange(each["path"], each["change"], each.get("before"), each.get("after"))
            for each in value["changes"]
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"these are no changes of a definition: {error!r}") from error


def name_from_json(value: Any) -> str:
    """The name of a definition."""
    if not isinstance(value, str):
        raise ValueError("this is no name of a definition")
    return value


def document_from_json(value: Any) -> dict[str, JsonValue]:
    """A definition as it was registered."""
    if not isinstance(value, dict) or "process" not in value:
        raise ValueError("this is no definition")
    return value


def finding_from_json(value: Mapping[str, Any]) -> Finding:
    """What is wrong, or doubtful, in a definition."""
    return Finding(
        path=value["path"],
        message=value["message"],
        code=value["code"],
        severity=Severity(value["severity"]),
        line=value.get("line"),
        column=value.get("column"),
    )
