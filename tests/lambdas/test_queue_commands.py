"""The queue commands function: what it does, brings again, puts aside, logs and counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from lambdas import queue_commands, wiring
from trellis_process import InMemoryProcessRepository, ProcessKey, ProcessService
from trellis_process.errors import StoreUnavailable, Throttled
from trellis_process.testing import ManualClock

from .conftest import Context

Logged = Callable[[], list[dict[str, Any]]]

START = {
    "command": "StartProcess",
    "tenant_id": "tenant-1",
    "process_type": "Order",
    "aggregate_type": "Order",
    "aggregate_id": "secret-order",
    "steps": [{"name": "pay"}],
    "metadata": {"secret-key": "secret-value"},
}


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> InMemoryProcessRepository:
    repository = InMemoryProcessRepository()
    service = ProcessService(repository, clock=ManualClock(), pause=lambda seconds: None)
    monkeypatch.setattr(wiring, "process_service", lambda: service)
    return repository


def receive(*messages: tuple[str, object], remaining_ms: int = 30_000) -> list[str]:
    """Has the function take messages, each an id and a body; returns those to bring again."""
    records = [
        {
            "messageId": message_id,
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {"SenderId": "AROA1234:case-service"},
        }
        for message_id, body in messages
    ]
    answer = queue_commands.handler({"Records": records}, Context(remaining_ms=remaining_ms))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def process_id(repository: InMemoryProcessRepository) -> str:
    """A process that a message has started."""
    assert receive(("m-0", START)) == []
    (process,) = wiring.process_service().list_processes("tenant-1").processes
    return process.process_id


def a_report(process_id: str, command: str, **said: Any) -> dict[str, Any]:
    return {
        "command": command,
        "tenant_id": "tenant-1",
        "process_id": process_id,
        "step_name": "pay",
        **said,
    }


def test_commands_change_the_process_in_their_order_and_name_who_sent_them(
    repository: InMemoryProcessRepository, process_id: str
) -> None:
    left = receive(
        ("m-1", a_report(process_id, "StartStep", attempt=1)),
        ("m-2", a_report(process_id, "CompleteStep", attempt=1, output={"receipt": 1})),
    )

    stored = repository.get(ProcessKey("tenant-1", process_id))
    assert left == []
    assert stored is not None
    assert stored.is_completed()
    assert stored.step("pay").reported_by == "AROA1234:case-service"


def test_a_start_delivered_twice_starts_one_process(process_id: str) -> None:
    assert receive(("m-0", START)) == []

    (process,) = wiring.process_service().list_processes("tenant-1").processes
    assert process.version == 1


def test_a_repeated_report_is_done(process_id: str, refused: list[dict[str, Any]]) -> None:
    report = a_report(process_id, "CompleteStep", attempt=1)

    assert receive(("m-1", report), ("m-2", report)) == []
    assert refused == []


def test_an_answer_may_overtake_the_question_and_all_of_it_come_twice(
    repository: InMemoryProcessRepository, process_id: str, refused: list[dict[str, Any]]
) -> None:
    left = receive(
        ("m-1", a_report(process_id, "StartStep", attempt=1)),
        *2 * [("m-2", a_report(process_id, "ResumeStep", resumption=1, data={}))],
        *2 * [("m-3", a_report(process_id, "SuspendStep", attempt=1, resumption=0))],
        ("m-2", a_report(process_id, "ResumeStep", resumption=1, data={})),
    )

    stored = repository.get(ProcessKey("tenant-1", process_id))
    assert (left, refused) == ([], [])
    assert stored is not None
    step = stored.step("pay")
    assert (step.state, step.resumption, step.resume_data) == ("in_progress", 1, {})
    assert not step.resumed_early


def test_a_start_that_comes_after_the_end_is_dropped(
    process_id: str, refused: list[dict[str, Any]], told: Logged
) -> None:
    left = receive(
        ("m-1", a_report(process_id, "CompleteStep", attempt=1)),
        ("m-2", a_report(process_id, "StartStep", attempt=1)),
    )

    assert (left, refused) == ([], [])
    assert told()[-1]["outcome"] == "overtaken"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"command', "malformed_request"),
        ({"command": "RetryStep"}, "invalid_input"),
        (a_report("unknown", "StartStep"), "process_not_found"),
        (a_report("{process_id}", "StartStep", step_name="ship"), "step_not_found"),
        (a_report("{process_id}", "Heartbeat"), "step_not_started"),
        (a_report("{process_id}", "ResumeStep", data="unheard"), "step_not_started"),
        (a_report("{process_id}", "ResumeStep", resumption=2), "resumption_unknown"),
        (a_report("{process_id}", "CompleteStep", output="x" * 40_000), "too_large"),
    ],
)
def test_a_refused_command_is_put_aside_as_it_came_with_its_reason(
    process_id: str, refused: list[dict[str, Any]], body: object, code: str
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    text = text.replace("{process_id}", process_id)

    assert receive(("m-1", text)) == []

    (message,) = refused
    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert message["QueueUrl"] == "http://refused"
    assert message["MessageBody"] == text
    assert said.pop("reason")
    assert said == {"code": code, "sender": "AROA1234:case-service", "message_id": "m-1"}


def test_every_refused_field_is_named_in_characters_that_a_message_takes(
    refused: list[dict[str, Any]], repository: InMemoryProcessRepository
) -> None:
    assert receive(("m-1", a_report("p", "Heartbeat", attempt="1") | {"\u0000\ud7ff": 1})) == []

    reason = refused[0]["MessageAttributes"]["reason"]["StringValue"]
    assert "attempt: got '1'; allowed is a whole number" in reason
    assert "got 1; there is no such field" in reason
    assert reason.isprintable()
    assert len(reason) <= 1024


def test_a_refused_command_does_not_hold_up_the_others(
    process_id: str, refused: list[dict[str, Any]]
) -> None:
    assert receive(("m-1", "no"), ("m-2", a_report(process_id, "CompleteStep"))) == []

    assert wiring.process_service().get_process("tenant-1", process_id).is_completed()
    assert len(refused) == 1


def test_a_refusal_that_cannot_be_put_aside_is_brought_again(
    process_id: str, monkeypatch: pytest.MonkeyPatch, logged: Logged, told: Logged
) -> None:
    def fail(body: str, attributes: dict[str, str]) -> NoReturn:
        raise OSError("no route to host")

    monkeypatch.setattr(wiring, "refuse_command", fail)

    wrong = a_report(process_id, "Heartbeat", attempt="secret")

    assert receive(("m-1", wrong), ("m-2", a_report(process_id, "StartStep"))) == ["m-1"]
    (why, failed), (*_, done) = logged(), told()
    assert "no route to host" in why["message"]
    assert (failed["outcome"], failed["code"]) == ("failed", "invalid_input")
    assert done["outcome"] == "ok"
    assert "secret" not in json.dumps(logged() + told())


@pytest.mark.parametrize(
    "error",
    [
        Throttled("slow down"),
        StoreUnavailable("no route to host", may_have_happened=True),
        KeyError("a fault of ours"),
    ],
)
def test_what_the_store_does_not_take_is_brought_again(
    process_id: str,
    refused: list[dict[str, Any]],
    repository: InMemoryProcessRepository,
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    error: Exception,
) -> None:
    def fail(process: object) -> NoReturn:
        raise error

    monkeypatch.setattr(repository, "save", fail)

    left = receive(("m-1", a_report(process_id, "StartStep")), ("m-2", "no"))

    assert left == ["m-1"]
    assert len(refused) == 1
    line = next(each for each in logged() if each["level"] == "ERROR")
    assert (line["message"], line["process_id"]) == ("failed", process_id)
    assert str(error) in line["exception"]


def test_what_there_is_no_time_for_is_brought_again(process_id: str) -> None:
    report = a_report(process_id, "CompleteStep")

    assert receive(("m-1", report), ("m-2", report), remaining_ms=19_000) == ["m-1", "m-2"]
    assert wiring.process_service().get_process("tenant-1", process_id).version == 1


def test_a_command_is_one_line_that_names_tenant_process_and_step_and_no_payload(
    process_id: str,
    refused: list[dict[str, Any]],
    logged: Logged,
    told: Logged,
) -> None:
    receive(
        ("m-0", START),
        ("m-1", a_report(process_id, "CompleteStep", output="secret-output", reason="secret")),
        ("m-2", a_report(process_id, "FailStep", error="secret-error")),
        ("m-3", a_report(process_id, "Heartbeat", secret="secret-value")),
        ("m-4", '{"secret'),
    )

    start, complete, fail, _, _ = told()
    assert logged() == []
    assert (start["level"], start["message"]) == ("INFO", "command")
    assert (start["operation"], start["process_id"]) == ("StartProcess", process_id)
    assert (complete["operation"], complete["outcome"]) == ("CompleteStep", "ok")
    assert "code" not in complete
    assert (fail["outcome"], fail["code"]) == ("refused", "process_finished")
    assert (fail["tenant_id"], fail["process_id"]) == ("tenant-1", process_id)
    assert (fail["step_name"], fail["message_id"]) == ("pay", "m-2")
    assert "secret" not in json.dumps(told())


def test_commands_are_counted_by_operation_and_outcome(
    process_id: str, refused: list[dict[str, Any]], told: Logged
) -> None:
    receive(("m-0", START), ("m-1", a_report(process_id, "CompleteStep")), ("m-2", "no"))

    counted = told()
    assert [(each["operation"], each["outcome"], each["Commands"]) for each in counted] == [
        ("StartProcess", "ok", [1.0]),
        ("CompleteStep", "ok", [1.0]),
        ("none", "refused", [1.0]),
    ]
    assert all(each["CommandLatency"][0] >= 0 for each in counted)
    definition = counted[1]["_aws"]["CloudWatchMetrics"][0]
    assert [sorted(each) for each in definition["Dimensions"]] == [
        ["operation", "outcome", "service"]
    ]


def test_importing_the_function_loads_no_aws_client_and_no_event_handler() -> None:
    heavy = {
        "boto3",
        "botocore.session",
        "pynamodb",
        "aws_lambda_powertools.event_handler",
        "aws_lambda_powertools.utilities.batch",
        "aws_xray_sdk",
    }
    program = f"import sys, lambdas.queue_commands; print({heavy} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
