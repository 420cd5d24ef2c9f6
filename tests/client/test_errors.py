"""What the tracker refuses is raised where the caller is, as the library's own error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from trellis_process import ProcessKey, errors
from trellis_process.client import (
    NotAuthorized,
    NotTried,
    TrackerFault,
    UnexpectedAnswer,
    Unreachable,
)
from trellis_process.client.connections import Answer
from trellis_process.client.problems import CLASSES, CONTENT_TYPE, error_from
from trellis_process.errors import (
    AttemptUnknown,
    Conflict,
    Described,
    IdempotencyKeyReused,
    InvalidInput,
    LostRace,
    NotFound,
    ProcessFinished,
    ProcessNotFound,
    ResumptionUnknown,
    StepFinished,
    StepNotFound,
    StepNotStarted,
    StoreError,
    StoreUnavailable,
    Throttled,
    TooLarge,
    TrellisError,
    VersionMismatch,
)
from trellis_process.http import refusals
from trellis_process.http.problems import problem_of
from trellis_process.testing import a_stored_process

PROBLEM = {"Content-Type": CONTENT_TYPE}


def answer_of(error: Exception) -> Answer:
    """What the step API answers where this is raised."""
    problem = problem_of(error)
    headers = {name.lower(): value for name, value in {**problem.headers, **PROBLEM}.items()}
    return Answer(problem.status, headers, json.dumps(problem.document).encode())


def classes_with_a_code(module: Any) -> list[type[TrellisError]]:
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, TrellisError) and "code" in vars(each)
    ]


def test_every_error_of_the_library_has_its_code_in_the_table() -> None:
    known = {each.code: each for each in classes_with_a_code(errors) if each is not TrellisError}

    assert known.items() <= CLASSES.items()
    assert set(CLASSES) - set(known) == {TrackerFault.code, NotTried.code}


RAISED = [
    InvalidInput("steps[2].timeout_ms", -1, "allowed is a whole number"),
    TooLarge("output", Described("40000 bytes of JSON"), "allowed are 32768"),
    IdempotencyKeyReused("idempotency_key", "order-1", "it started another process"),
    NotFound("no such thing"),
    ProcessNotFound("process-1"),
    StepNotFound("pay", ["ship"]),
    Conflict("moved on"),
    ProcessFinished("complete the step", "cancelled"),
    StepFinished("start the step", "pay", "completed"),
    StepNotStarted("extend the step", "pay", "pending"),
    AttemptUnknown("pay", 7, 1),
    ResumptionUnknown("pay", 7, 1),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was_raised(error: TrellisError) -> None:
    if isinstance(error, Conflict):
        error.process = a_stored_process()

    arrived = error_from(answer_of(error), process_id="process-1")

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    if isinstance(error, InvalidInput):
        assert isinstance(arrived, InvalidInput)
        assert (arrived.field, arrived.given, arrived.allowed) == (
            error.field,
            error.given,
            error.allowed,
        )
    if isinstance(error, ProcessNotFound):
        assert isinstance(arrived, ProcessNotFound)
        assert arrived.process_id == "process-1"
    if isinstance(error, Conflict):
        assert isinstance(arrived, Conflict)
        assert arrived.process is not None
        assert arrived.process.key == ProcessKey("tenant-1", "process-1")


@pytest.mark.parametrize(
    "error",
    [
        StoreError("?"),
        Throttled("too much"),
        LostRace("others won"),
        StoreUnavailable("gone", may_have_happened=False),
        StoreUnavailable("gone", may_have_happened=True),
    ],
    ids=lambda error: f"{type(error).__name__}-{error.may_have_happened}",
)
def test_a_store_error_says_whether_it_may_have_happened(error: StoreError) -> None:
    arrived = error_from(answer_of(error))

    assert type(arrived) is type(error)
    assert isinstance(arrived, StoreError)
    assert arrived.may_have_happened is error.may_have_happened


def test_of_several_refused_fields_the_first_is_raised_and_the_others_are_its_notes() -> None:
    first = InvalidInput("steps[0].name", "", "allowed is a name")
    second = InvalidInput("timeout_ms", 0, "allowed is more")

    arrived = error_from(answer_of(refusals.InvalidRequest([first, second])))

    assert str(arrived) == str(first)
    assert arrived.__notes__ == [str(second)]


def test_what_only_http_refuses_is_an_answer_that_this_client_should_never_get() -> None:
    for error in (refusals.PathNotFound(), refusals.MalformedRequest("not JSON")):
        arrived = error_from(answer_of(error))
        assert isinstance(arrived, UnexpectedAnswer)
        assert arrived.problem == error.code
        assert str(error) in str(arrived)


@pytest.mark.parametrize(
    ("error", "taken_for"),
    [
        (StepNotStarted("extend the step", "pay", "pending"), Conflict),
        (VersionMismatch(1, 2), Conflict),
        (IdempotencyKeyReused("idempotency_key", "order-1", "another"), InvalidInput),
        (TooLarge("output", "x", "less"), TooLarge),
        (Throttled("too much"), StoreError),
    ],
)
def test_an_error_of_a_later_version_is_the_nearest_that_is_known(
    error: TrellisError, taken_for: type[TrellisError]
) -> None:
    answer = answer_of(error)
    later = answer.body.replace(f'"{error.code}"'.encode(), b'"of_tomorrow"')

    assert type(error_from(replace(answer, body=later))) is taken_for


def test_a_token_of_another_tenant_is_not_authorized() -> None:
    arrived = error_from(answer_of(refusals.TenantNotAllowed("tenant")))

    assert isinstance(arrived, NotAuthorized)
    assert "claim" in str(arrived)


def test_an_error_that_nobody_meant_is_a_fault_of_the_tracker() -> None:
    assert isinstance(error_from(answer_of(ZeroDivisionError())), TrackerFault)


def test_unreachable_is_an_unavailable_store_for_whoever_tries_again_later() -> None:
    assert issubclass(Unreachable, StoreUnavailable)
