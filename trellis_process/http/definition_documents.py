"""What answers about definitions look like, as models for the OpenAPI document."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from trellis_process.application.definitions import DefinitionStatus
from trellis_process.domain.limits import JsonValue

_STATUS = (
    "`active`: processes of it are started; `draining`: those that are open go on, and no other is "
    "started; `archived`: none is open."
)


class Finding(BaseModel):
    """One thing that is wrong with a definition, or doubtful."""

    path: str = Field(description="Where: steps[2].on_failure; empty for the whole document.")
    message: str = Field(description="What was given, and what is allowed.")
    code: str = Field(description="The rule, for programs: unknown_target.")
    severity: Literal["error", "warning"]
    line: int | None = Field(None, ge=1, description="Where in the text, counted from 1.")
    column: int | None = Field(None, ge=1)


class RegisteredDefinition(BaseModel):
    """A version of a definition, as it was registered now or before."""

    name: str
    version: int = Field(ge=1)
    status: DefinitionStatus = Field(description=_STATUS)
    warnings: list[Finding] = Field(
        description="What most likely is not meant, in the order of the document."
    )


class DefinitionNames(BaseModel):
    """Some names of definitions, from A to Z."""

    names: list[str]
    cursor: str | None = Field(
        None, description="Leads to the next page; missing where there is none."
    )


class VersionOfDefinition(BaseModel):
    """One version, and how many processes of it are open."""

    version: int = Field(ge=1)
    status: DefinitionStatus = Field(description=_STATUS)
    open: int | None = Field(
        None,
        ge=0,
        description="How many processes are open: of a tenant, now; of the whole stack, as the "
        "last round of the audit counted them, and missing before the first.",
    )


class DefinitionVersions(BaseModel):
    """The versions of a definition, in ascending order."""

    name: str
    newest: int | None = Field(
        None,
        ge=1,
        description="What new processes get: the highest active one; missing if none is.",
    )
    versions: list[VersionOfDefinition]


class DefinitionChange(BaseModel):
    """Where two versions differ."""

    path: str = Field(description="Where: steps.pay.timeout.")
    change: Literal["added", "removed", "changed", "moved"]
    before: JsonValue = Field(None, description="What stood there; missing where it was added.")
    after: JsonValue = Field(None, description="What stands there; missing where it was removed.")


class DefinitionDifference(BaseModel):
    """What one version of a definition changes in another, field by field."""

    name: str
    from_version: int = Field(ge=1)
    to_version: int = Field(ge=1)
    changes: list[DefinitionChange]
