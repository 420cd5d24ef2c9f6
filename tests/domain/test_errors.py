"""The errors: a tree, stable codes, and texts that are safe to log."""

from __future__ import annotations

import inspect

import pytest

from trellis_process import errors
from trellis_process.errors import InvalidInput, ProcessNotFound, StoreUnavailable, TrellisError

CODES = {
    "TrellisError": "error",
    "InvalidInput": "invalid_input",
    "InvalidDefinition": "invalid_definition",
    "TooLarge": "too_large",
    "IdempotencyKeyReused": "idempotency_key_reused",
    "ExpressionError": "expression_error",
    "NotFound": "not_found",
    "ProcessNotFound": "process_not_found",
    "StepNotFound": "step_not_found",
    "DefinitionNotFound": "definition_not_found",
    "ListNotFound": "list_not_found",
    "ReadModelsOff": "read_models_off",
    "ScheduleNotFound": "schedule_not_found",
    "JobNotFound": "job_not_found",
    "Conflict": "conflict",
    "ProcessFinished": "process_finished",
    "StepFinished": "step_finished",
    "StepNotStarted": "step_not_started",
    "OutcomeUnknown": "outcome_unknown",
    "StepNotCompleted": "step_not_completed",
    "AttemptUnknown": "attempt_unknown",
    "ResumptionUnknown": "resumption_unknown",
    "DefinitionConflict": "definition_conflict",
    "DefinitionDraining": "definition_draining",
    "DefinitionInUse": "definition_in_use",
    "NoDefinition": "no_definition",
    "NotASchedule": "not_a_schedule",
    "KeyTaken": "key_taken",
    "ConstraintNotMet": "constraint_not_met",
    "InvariantViolated": "invariant_violated",
    "NotReported": "not_reported",
    "TaskTaken": "task_taken",
    "TooManySignals": "too_many_signals",
    "Suspended": "suspended",
    "Compensating": "compensating",
    "Compensated": "compensated",
    "VersionMismatch": "version_mismatch",
    "StoreError": "store_error",
    "Throttled": "throttled",
    "LostRace": "lost_race",
    "StoreUnavailable": "store_unavailable",
}


def the_errors() -> dict[str, type[TrellisError]]:
    return {
        name: member
        for name, member in vars(errors).items()
        if inspect.isclass(member) and issubclass(member, TrellisError)
    }


def test_every_error_has_a_stable_code_of_its_own():
    assert {name: error.code for name, error in the_errors().items()} == CODES


def test_the_tree_in_the_docstring_shows_every_error_under_its_parent():
    path: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.strip(" │├└─").split(" ")[0]
        if name in CODES:
            depth = (len(line) - len(line.lstrip(" │├└─"))) // 4
            path[depth - 1 :] = [name]
            drawn[name] = path[-2] if len(path) > 1 else "Exception"

    assert drawn == {name: error.__bases__[0].__name__ for name, error in the_errors().items()}


@pytest.mark.parametrize("value", ["\ud800", "x" * 10_000, b"\xff" * 10_000, {"a": ["\udfff"]}])
def test_a_refused_value_is_shown_short_and_safe_to_encode(value):
    error = InvalidInput("field", value, "allowed is something else")

    assert len(str(error)) < 200
    str(error).encode("utf-8")


def test_a_refused_value_that_cannot_be_shown_is_named_by_its_kind():
    endless: object = 1
    for _ in range(100_000):
        endless = [endless]

    assert InvalidInput("limit", 10**5_000, "allowed is less").given == "a value of type int"
    assert InvalidInput("limit", endless, "allowed is less").given == "a value of type list"


def test_an_unknown_process_is_named_short_and_safe_to_encode():
    error = ProcessNotFound("\ud800" * 1_000)

    assert len(str(error)) < 1_000
    str(error).encode("utf-8")


@pytest.mark.parametrize("may_have_happened", [True, False])
def test_a_store_that_broke_off_says_whether_the_write_may_have_happened(may_have_happened):
    assert StoreUnavailable("broken", may_have_happened=may_have_happened).may_have_happened is (
        may_have_happened
    )


def test_throttled_and_lost_race_say_that_nothing_was_written():
    assert errors.Throttled("slow down").may_have_happened is False
    assert errors.LostRace("others").may_have_happened is False
