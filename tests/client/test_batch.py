"""Several commands in one call, each with a result of its own."""

from __future__ import annotations

from typing import Any

import pytest

from trellis_process import ProcessKey, ProcessStep
from trellis_process.client import NotTried, TrellisClient
from trellis_process.client.batch import (
    MAX_COMMANDS,
    BatchCommand,
    CancelProcess,
    ClaimTask,
    CompleteStep,
    FailStep,
    Heartbeat,
    ReassignTask,
    ReleaseTask,
    RerunFrom,
    ResumeProcess,
    ResumeStep,
    RetryStep,
    Signal,
    SignalByKey,
    SkipStep,
    Start,
    StartProcess,
    StartStep,
    SuspendProcess,
    SuspendStep,
    results_from_json,
)
from trellis_process.commands.command import COMMANDS
from trellis_process.errors import (
    InvalidInput,
    ProcessFinished,
    ProcessNotFound,
    StepNotFound,
)
from trellis_process.http import batch as batch_of_the_tracker

from ..http.expenses import BIG, EXPENSES
from ..step_api_server import Fault, StepApi
from .orders import an_order, started


def a_start(**asked: Any) -> StartProcess:
    fields = {**an_order(), **asked}
    del fields["tenant_id"]
    return StartProcess(**fields)


def test_each_command_has_its_result_and_one_that_is_refused_does_not_stop_the_others(
    client: TrellisClient,
) -> None:
    process = started(client)
    gone = ProcessKey("tenant-1", "no-such-process")

    done, refused, new = client.batch(
        "tenant-1", [CompleteStep(process, "pay", {"paid": 7}), CancelProcess(gone), a_start()]
    )

    assert done.is_done
    assert done.process == process
    assert process.is_completed()  # brought up to date
    assert process.step("pay").output == {"paid": 7}
    assert isinstance(refused.error, ProcessNotFound)
    assert (refused.error.process_id, refused.process) == ("no-such-process", None)
    assert new.process is not None
    assert client.get_process("tenant-1", new.process_id or "") == new.process


def test_a_conflict_brings_the_process_that_was_passed_up_to_date(client: TrellisClient) -> None:
    process = started(client)
    client.cancel_process(process.key)

    (result,) = client.batch("tenant-1", [CompleteStep(process, "pay")])

    assert isinstance(result.error, ProcessFinished)
    assert process.state == "cancelled"


def test_an_unknown_step_is_named_with_those_that_there_are(client: TrellisClient) -> None:
    (result,) = client.batch("tenant-1", [StartStep(started(client), "ship")])

    assert isinstance(result.error, StepNotFound)
    assert (result.error.step_name, result.error.known) == ("ship", ["pay"])


def test_every_command_of_the_tracker_can_be_in_a_batch(client: TrellisClient) -> None:
    steps = [ProcessStep(name=name, timeout_ms=60_000) for name in ("pay", "ship", "tell")]
    process = started(client, steps=steps)
    asked: list[BatchCommand] = [
        a_start(idempotency_key="order-7", metadata={"a": 1}, timeout_ms=5_000, reason="why"),
        StartStep(process, "pay", attempt=1),
        Heartbeat(process, "pay", attempt=1, expected_version=2),
        SuspendStep(process, "pay", timeout_ms=1_000, resumption=0),
        ResumeStep(process, "pay", {"a": 1}, resumption=1),
        FailStep(process, "ship", "x" * 5_000, retry_after_ms=10, attempt=1),
        CompleteStep(process, "tell", attempt=1),
        CancelProcess(process, reason="withdrawn"),
    ]

    results = client.batch("tenant-1", asked)

    assert [type(each.error) for each in results[:5]] == [type(None)] * 5
    assert {type(each).__name__ for each in asked} | OF_DEFINITIONS == set(COMMANDS)
    assert [each.command for each in results] == asked


OF_DEFINITIONS = {
    "Start",
    "SuspendProcess",
    "ResumeProcess",
    "Signal",
    "SignalByKey",
    "RetryStep",
    "SkipStep",
    "RerunFrom",
    "ClaimTask",
    "ReleaseTask",
    "ReassignTask",
}


def test_what_a_definition_brings_can_be_in_a_batch(client: TrellisClient) -> None:
    client.definitions.register(EXPENSES)
    start = Start(definition="expense_approval", input=BIG["input"], key=BIG["key"])
    first, again = client.batch("tenant-1", [start, start])
    process = first.process
    assert process is not None
    assert again.process is not None
    asked: list[BatchCommand] = [
        start,
        SuspendProcess(process, reason="the bank is closed"),
        ResumeProcess(process),
        CompleteStep(process, "validate", attempt=1),
        ClaimTask(process, "review", by="maria"),
        ReleaseTask(process, "review"),
        ReassignTask(process, "review", to="ben"),
        SkipStep(process, "review", {"skipped": True}),
        FailStep(process, "pay", "no cover", attempt=1),
        RetryStep(process, "pay"),
        Signal(process, "receipt", {"no": 7}),
        SignalByKey("expense_approval", BIG["key"], "receipt", {"no": 8}),
        RerunFrom(process, "validate", reason="the amount was wrong"),
    ]

    results = client.batch("tenant-1", asked)

    assert [result.error for result in results] == [None] * len(asked)
    assert {type(each).__name__ for each in asked} >= OF_DEFINITIONS
    assert (process.was_there, again.process.was_there) == (False, True)
    assert process.step("validate").visits == 2


def test_a_batch_whose_answer_was_lost_starts_one_process(
    client: TrellisClient, step_api: StepApi
) -> None:
    step_api.faults.append(Fault(is_done=True, status=503))

    (result,) = client.batch("tenant-1", [a_start()])

    assert len(step_api.asked) == 2
    assert [each.key for each in client.list_processes("tenant-1")] == [
        ProcessKey("tenant-1", result.process_id or "")
    ]


def test_what_the_batch_had_no_time_for_is_told_as_such() -> None:
    problem = {"code": "not_tried", "detail": "the batch's time was up", "status": 503}
    command = CancelProcess(ProcessKey("t", "p"))

    (result,) = results_from_json([command], {"results": [{"status": 503, "problem": problem}]})

    assert isinstance(result.error, NotTried)
    assert not result.error.may_have_happened
    assert not result.is_done


def test_where_no_room_was_left_for_the_process_its_id_is_told() -> None:
    (result,) = results_from_json([a_start()], {"results": [{"status": 201, "process_id": "p-1"}]})

    assert (result.process, result.process_id, result.is_done) == (None, "p-1", True)


def test_what_is_no_result_is_said() -> None:
    with pytest.raises(ValueError, match="no results of a batch"):
        results_from_json([a_start()], {})
    with pytest.raises(ValueError, match="argument"):
        results_from_json([a_start()], {"results": []})


@pytest.mark.parametrize(
    ("commands", "field"),
    [
        ([], "commands"),
        ([a_start()] * (MAX_COMMANDS + 1), "commands"),
        ([a_start(), CancelProcess(ProcessKey("tenant-2", "p"))], "commands[1].tenant_id"),
        ([StartStep(ProcessKey("tenant-1", "p"), "a b")], "commands[0].step_name"),
        ([StartStep(ProcessKey("tenant-1", "p"), "a", attempt=0)], "commands[0].attempt"),
        (
            [CancelProcess(ProcessKey("tenant-1", "p"), expected_version=0)],
            "commands[0].expected_version",
        ),
        ([a_start(steps=[])], "commands[0].steps"),
    ],
)
def test_what_the_tracker_would_refuse_is_refused_before_it_is_sent(
    client: TrellisClient, step_api: StepApi, commands: list[BatchCommand], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        client.batch("tenant-1", commands)

    assert refused.value.field == field
    assert step_api.asked == []


def test_it_takes_as_many_as_the_tracker_does() -> None:
    assert MAX_COMMANDS == batch_of_the_tracker.MAX_COMMANDS
