"""What problems look like, as models for the OpenAPI document. The code tells which one it is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, RootModel

from trellis_process.errors import (
    Conflict,
    DefinitionConflict,
    DefinitionDraining,
    DefinitionInUse,
    InvalidDefinition,
    InvalidInput,
    KeyTaken,
    StoreError,
    TrellisError,
)
from trellis_process.http.definition_documents import Finding
from trellis_process.http.documents import Process
from trellis_process.http.problems import INTERNAL_ERROR, KINDS

#: The families of errors whose problems say more than every problem does; see ``problem_of``.
_SAYING_MORE = (InvalidDefinition, InvalidInput, Conflict, StoreError)
#: Those conflicts that are about no process, or about another one, so that there is none to show.
_ABOUT_NO_PROCESS = (DefinitionConflict, DefinitionDraining, DefinitionInUse, KeyTaken)
_NEVER_RAISED = (Conflict, StoreError)  # themselves; only what they are the family of


def _code(family: type[TrellisError] | None = None) -> Any:
    """The field of the code: one of those of a family, or of all errors that are in none."""
    codes = [
        kind.code
        for kind in KINDS
        if issubclass(kind, TrellisError) and kind not in _NEVER_RAISED and family == _family(kind)
    ]
    return Field(
        description="The kind of problem, for programs. What one means does not change; others may "
        "be added.",
        json_schema_extra={"enum": [*codes, *([] if family else [INTERNAL_ERROR])]},
    )


def _family(kind: type[Exception]) -> type[TrellisError] | None:
    if kind in _ABOUT_NO_PROCESS:
        return None
    return next((each for each in _SAYING_MORE if issubclass(kind, each)), None)


class _Problem(BaseModel):
    type: str = Field(description="urn:trellis:problem: and the code.")
    title: str = Field(description="A few words, the same for every problem with this code.")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="This problem in words for people; it may change.")


class PlainProblem(_Problem):
    """A problem of which there is nothing more to say."""

    code: str = _code()


class FieldError(BaseModel):
    """A field that was refused."""

    field: str = Field(description="Which one, as a path: steps[2].timeout_ms")
    given: str = Field(description="What was given, shortened.")
    allowed: str = Field(description="What is allowed.")


class InvalidInputProblem(_Problem):
    """Fields were refused, all of them named. Nothing was done."""

    code: str = _code(InvalidInput)
    errors: list[FieldError] = Field(min_length=1)


class InvalidDefinitionProblem(_Problem):
    """A definition has errors, all of them named. Nothing was registered."""

    code: str = _code(InvalidDefinition)
    findings: list[Finding] = Field(min_length=1, description="In the order of the document.")


class InvalidRegistrationProblem(RootModel[InvalidDefinitionProblem | InvalidInputProblem]):
    """Why a definition was not registered."""


class ConflictProblem(_Problem):
    """The request is sound, but the process has moved on. Nothing was changed."""

    code: str = _code(Conflict)
    process: Process = Field(description="The process as it is now; the ETag is its version.")


class StartOrConflictProblem(RootModel[ConflictProblem | PlainProblem]):
    """Why a process was not started, or could not be told anything."""


class BatchConflictProblem(_Problem):
    """The command is sound, but the process has moved on. Nothing was changed."""

    code: str = _code(Conflict)
    process: Process | None = Field(
        None,
        description="The process as it is now. Left out where the answer would get too large with "
        "it: more than 3 MB.",
    )


class UnavailableProblem(_Problem):
    """The store did not answer. Try again in a moment."""

    code: str = _code(StoreError)
    may_have_happened: bool = Field(
        description="Whether the change may have been made all the same. Repeating the command is "
        "harmless either way."
    )


class Problem(
    RootModel[
        PlainProblem
        | InvalidInputProblem
        | InvalidDefinitionProblem
        | ConflictProblem
        | UnavailableProblem
    ]
):
    """Why a request was refused or could not be carried out (RFC 9457)."""


class BatchProblem(
    RootModel[PlainProblem | InvalidInputProblem | BatchConflictProblem | UnavailableProblem]
):
    """Why a command of a batch was refused or could not be carried out.

    `not_tried` (503): the batch's time was up before it, and it is to be sent again.
    """
