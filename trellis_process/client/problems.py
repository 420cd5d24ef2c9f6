"""Errors from answers: the library's own, raised where the caller is, from the problem document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from trellis_process import errors
from trellis_process.client.connections import Answer
from trellis_process.client.definition_answers import finding_from_json
from trellis_process.client.errors import (
    NotAuthorized,
    NotTried,
    TrackerFault,
    UnexpectedAnswer,
    Unreachable,
)
from trellis_process.errors import (
    Conflict,
    Described,
    InvalidDefinition,
    InvalidInput,
    StoreError,
    TrellisError,
    shown,
)
from trellis_process.representation import process_from_json

CONTENT_TYPE = "application/problem+json"

#: Where a field of a request has another name in the library.
_IN_THE_LIBRARY = {"Idempotency-Key": "idempotency_key"}


#: Which class a code stands for.
CLASSES: dict[str, type[TrellisError]] = {
    each.code: each
    for each in (
        errors.InvalidInput,
        errors.InvalidDefinition,
        errors.TooLarge,
        errors.IdempotencyKeyReused,
        errors.NotFound,
        errors.ProcessNotFound,
        errors.StepNotFound,
        errors.DefinitionNotFound,
        errors.ListNotFound,
        errors.ScheduleNotFound,
        errors.JobNotFound,
        errors.ReadModelsOff,
        errors.ExpressionError,
        errors.Conflict,
        errors.ProcessFinished,
        errors.StepFinished,
        errors.StepNotStarted,
        errors.OutcomeUnknown,
        errors.StepNotCompleted,
        errors.AttemptUnknown,
        errors.ResumptionUnknown,
        errors.DefinitionConflict,
        errors.DefinitionDraining,
        errors.DefinitionInUse,
        errors.NoDefinition,
        errors.NotASchedule,
        errors.KeyTaken,
        errors.ConstraintNotMet,
        errors.InvariantViolated,
        errors.NotReported,
        errors.TaskTaken,
        errors.TooManySignals,
        errors.Suspended,
        errors.Compensating,
        errors.Compensated,
        errors.VersionMismatch,
        errors.StoreError,
        errors.Throttled,
        errors.LostRace,
        errors.StoreUnavailable,
        NotTried,
        TrackerFault,
    )
}

#: What a code stands for that is not in the table, because the tracker is of a later version. Not
#: 404: nothing under the path is no process not found.
_BY_STATUS: dict[int, type[TrellisError]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    409: errors.Conflict,
    412: errors.Conflict,
    413: errors.TooLarge,
    422: errors.InvalidInput,
    503: errors.StoreError,
}


def is_problem(answer: Answer) -> bool:
    """Whether the tracker itself says no, rather than what stands before it."""
    content_type, _, _ = answer.headers.get("content-type", "").partition(";")
    return content_type.strip().lower() == CONTENT_TYPE


def error_from(answer: Answer, *, process_id: str = "") -> TrellisError:
    """The error that an answer other than 2xx stands for; ``process_id`` is whom it was about."""
    if not is_problem(answer):
        return _error_before_the_tracker(answer)
    try:
        return _error_of(json.loads(answer.body), answer, process_id)
    except (AttributeError, KeyError, TypeError, ValueError):
        return UnexpectedAnswer(answer.status, f"{beginning(answer)} is no problem document")


def beginning(answer: Answer) -> str:
    """How a body begins, as an error text may carry it."""
    return shown(answer.body.decode("utf-8", "replace")) if answer.body else "an empty body"


def _error_of(document: dict[str, Any], answer: Answer, process_id: str) -> TrellisError:
    code, detail = document["code"], document["detail"]
    kind = CLASSES.get(code) or _BY_STATUS.get(answer.status)
    if kind is None:
        return UnexpectedAnswer(answer.status, detail, problem=code)
    if code == InvalidDefinition.code:
        return InvalidDefinition([finding_from_json(each) for each in document["findings"]])
    if issubclass(kind, InvalidInput):
        return _refusal(kind, document["errors"])
    # Made without the arguments that its text is made from, because the text is here already.
    error = kind.__new__(kind, detail)
    if isinstance(error, errors.ProcessNotFound):
        error.process_id = process_id
    elif isinstance(error, Conflict) and "process" in document:
        error.process = process_from_json(document["process"])
    elif isinstance(error, StoreError) and not isinstance(error, NotTried):
        error.may_have_happened = document["may_have_happened"]
    return error


def _refusal(kind: type[InvalidInput], refused: list[dict[str, str]]) -> InvalidInput:
    """The error about the first refused field; the others stand in its notes."""
    first, *more = (
        kind(
            _IN_THE_LIBRARY.get(each["field"], each["field"]),
            Described(each["given"]),
            each["allowed"],
        )
        for each in refused
    )
    for each in more:
        first.add_note(str(each))
    return first


def _error_before_the_tracker(answer: Answer) -> TrellisError:
    """What API Gateway answers by itself, or something else on the way."""
    told = " ".join(_words_of(answer))
    if answer.status in (401, 403):
        return NotAuthorized(f"the step API answered {answer.status}: {told}")
    if answer.status == 429:
        return errors.Throttled(f"the step API takes no more calls at the moment: {told}")
    if answer.status >= 500:
        return Unreachable(
            f"the tracker did not answer ({answer.status}): {told}", may_have_happened=True
        )
    return UnexpectedAnswer(answer.status, told)


def _words_of(answer: Answer) -> Iterator[str]:
    try:
        yield shown(Described(json.loads(answer.body)["message"]))[:200]
    except (KeyError, TypeError, ValueError):
        yield beginning(answer)
