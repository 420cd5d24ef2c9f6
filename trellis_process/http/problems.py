"""Errors as answers: RFC 9457 problem documents, and which status each class of error has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis_process import errors
from trellis_process.errors import (
    Conflict,
    InvalidDefinition,
    InvalidInput,
    StoreError,
    TrellisError,
)
from trellis_process.http.preconditions import entity_tag
from trellis_process.http.refusals import (
    InvalidRequest,
    MalformedRequest,
    MethodNotAllowed,
    NotTried,
    OperatorsOnly,
    PathNotFound,
    TenantNotAllowed,
    UnsupportedMediaType,
)
from trellis_process.representation import process_as_json

if TYPE_CHECKING:
    from trellis_process.definitions.finding import Finding

CONTENT_TYPE = "application/problem+json"
INTERNAL_ERROR = "internal_error"
RETRY_AFTER_SECONDS = 1  # the command has been retried for a while already

#: What the library calls otherwise than the header that it came in.
_AS_HEADER = {"idempotency_key": "Idempotency-Key"}


@dataclass(frozen=True)
class ProblemKind:
    """What all problems of one class of error have in common."""

    status: int
    #: A few words for people, the same for every problem with this code.
    title: str


#: The one place that says which status an error has. The nearest class on its line of descent
#: counts, so a new error has a status before anybody thinks of one.
KINDS: dict[type[Exception], ProblemKind] = {
    MalformedRequest: ProblemKind(400, "The request cannot be read"),
    UnsupportedMediaType: ProblemKind(415, "The body is not JSON"),
    PathNotFound: ProblemKind(404, "There is nothing under this path"),
    MethodNotAllowed: ProblemKind(405, "The path does not take this method"),
    TenantNotAllowed: ProblemKind(403, "The tenant is not yours"),
    OperatorsOnly: ProblemKind(403, "This is for operators"),
    errors.InvalidInput: ProblemKind(422, "A field was refused"),
    errors.InvalidDefinition: ProblemKind(422, "The definition has errors"),
    errors.TooLarge: ProblemKind(413, "Something is too large"),
    errors.IdempotencyKeyReused: ProblemKind(422, "The key started another process"),
    errors.ExpressionError: ProblemKind(422, "An expression has no value"),
    errors.NotFound: ProblemKind(404, "There is no such thing"),
    errors.ProcessNotFound: ProblemKind(404, "There is no such process"),
    errors.StepNotFound: ProblemKind(404, "There is no such step"),
    errors.DefinitionNotFound: ProblemKind(404, "There is no such definition"),
    errors.ListNotFound: ProblemKind(404, "There is no such list"),
    errors.ScheduleNotFound: ProblemKind(404, "There is no such schedule"),
    errors.JobNotFound: ProblemKind(404, "There is no such job"),
    errors.ReadModelsOff: ProblemKind(404, "The stack keeps no read models"),
    errors.Conflict: ProblemKind(409, "The process has moved on"),
    errors.ProcessFinished: ProblemKind(409, "The process is finished"),
    errors.StepFinished: ProblemKind(409, "The step is finished"),
    errors.StepNotStarted: ProblemKind(409, "The step was never started"),
    errors.OutcomeUnknown: ProblemKind(409, "There is no such outcome"),
    errors.StepNotCompleted: ProblemKind(409, "The step was not completed"),
    errors.AttemptUnknown: ProblemKind(409, "There is no such attempt"),
    errors.ResumptionUnknown: ProblemKind(409, "There is no such resumption"),
    errors.DefinitionConflict: ProblemKind(409, "The version has other content"),
    errors.DefinitionDraining: ProblemKind(409, "The version is not started any more"),
    errors.DefinitionInUse: ProblemKind(409, "The version has open processes"),
    errors.NoDefinition: ProblemKind(409, "The process has no definition"),
    errors.NotASchedule: ProblemKind(409, "The process is no schedule"),
    errors.KeyTaken: ProblemKind(409, "The key names a process already"),
    errors.ConstraintNotMet: ProblemKind(409, "The event is not for the process"),
    errors.InvariantViolated: ProblemKind(409, "An invariant would not hold any more"),
    errors.NotReported: ProblemKind(409, "Nobody reports this step"),
    errors.TaskTaken: ProblemKind(409, "The task is somebody else's"),
    errors.TooManySignals: ProblemKind(409, "Too many signals wait"),
    errors.Suspended: ProblemKind(409, "The process is suspended"),
    errors.Compensating: ProblemKind(409, "The process is being undone"),
    errors.Compensated: ProblemKind(409, "What came before has been undone"),
    errors.VersionMismatch: ProblemKind(412, "The process is at another version"),
    NotTried: ProblemKind(503, "There was no time for it"),
    errors.StoreError: ProblemKind(503, "The store does not answer"),
    errors.Throttled: ProblemKind(503, "The store is overloaded"),
    errors.LostRace: ProblemKind(503, "Others kept changing the process"),
    errors.StoreUnavailable: ProblemKind(503, "The store cannot be reached"),
    Exception: ProblemKind(500, "Something went wrong in the tracker"),
}


@dataclass(frozen=True)
class Problem:
    """The answer to a request that was refused or could not be carried out."""

    status: int
    headers: dict[str, str]
    document: dict[str, Any]


def code_of(error: Exception) -> str:
    """The stable code of an error, also of one that nobody meant to raise."""
    return error.code if isinstance(error, TrellisError) else INTERNAL_ERROR


def problem_of(error: Exception, *, from_headers: bool = True) -> Problem:
    """The problem document of an error, and the headers that go with it.

    ``from_headers`` says whether an idempotency key and the version that a change is decided on
    came in headers, by the names of which the document then calls them.
    """
    kind = next(KINDS[each] for each in type(error).__mro__ if each in KINDS)
    document: dict[str, Any] = {
        "type": f"urn:trellis:problem:{code_of(error)}",
        "title": kind.title,
        "status": kind.status,
        "detail": _detail(error, from_headers),
        "code": code_of(error),
    }
    headers: dict[str, str] = {}
    if isinstance(error, InvalidDefinition):
        document["findings"] = [finding_as_json(each) for each in error.findings]
    elif isinstance(error, InvalidInput):
        document["errors"] = [_field_error(each, from_headers) for each in _refusals(error)]
    elif isinstance(error, Conflict) and error.process is not None:
        document["process"] = process_as_json(error.process)
        headers["ETag"] = entity_tag(error.process.version)
    elif isinstance(error, StoreError):
        document["may_have_happened"] = error.may_have_happened
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    elif isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    return Problem(kind.status, headers, document)


def _detail(error: Exception, from_headers: bool) -> str:
    if not isinstance(error, TrellisError):
        return "this is a fault of the tracker; it is on record"
    if isinstance(error, StoreError):
        # What a store says of itself is for the log.
        return (
            "try again in a moment: a command that was carried out is recognised and not carried "
            "out twice; to start a process, send an idempotency key for that"
        )
    if from_headers and isinstance(error, errors.VersionMismatch) and error.process is not None:
        return (
            f"the process is at version {error.process.version}, which If-Match does not name; "
            "read it and decide again"
        )
    if isinstance(error, InvalidDefinition):
        return _first_finding(error)
    if isinstance(error, InvalidInput):
        first, *more = (_field_error(each, from_headers) for each in _refusals(error))
        text = "{field}: got {given}; {allowed}".format_map(first)
        return f"{text}; {len(more)} more in errors" if more else text
    return str(error)


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """What is wrong, or doubtful, in a definition."""
    said = {
        "path": finding.path,
        "message": finding.message,
        "code": finding.code,
        "severity": finding.severity.value,
        "line": finding.line,
        "column": finding.column,
    }
    return {name: value for name, value in said.items() if value is not None}


def _first_finding(error: InvalidDefinition) -> str:
    first, *more = error.findings
    return f"{first}; {len(more)} more in findings" if more else str(first)


def _refusals(error: InvalidInput) -> Sequence[InvalidInput]:
    return error.refusals if isinstance(error, InvalidRequest) else [error]


def _field_error(refusal: InvalidInput, from_headers: bool) -> dict[str, str]:
    named = _AS_HEADER.get(refusal.field, refusal.field)
    return {
        "field": named if from_headers else refusal.field,
        "given": refusal.given,
        "allowed": refusal.allowed,
    }
