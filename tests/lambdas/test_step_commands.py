"""The step commands function: what it answers, logs and counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from lambdas import step_commands, wiring
from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.errors import StoreUnavailable
from trellis_process.testing import ManualClock

from .conftest import Context

Logged = Callable[[], list[dict[str, Any]]]
Send = Callable[..., dict[str, Any]]

PROCESSES = "/tenants/tenant-1/processes"
START = {
    "process_type": "Order",
    "aggregate_type": "Order",
    "aggregate_id": "secret-order",
    "steps": [{"name": "pay"}],
    "metadata": {"secret-key": "secret-value"},
    "reason": "secret-reason",
}


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryProcessRepository]:
    repository = InMemoryProcessRepository()
    service = ProcessService(repository, clock=ManualClock())
    monkeypatch.setattr(wiring, "process_service", lambda: service)
    step_commands._api.cache_clear()
    yield repository
    step_commands._api.cache_clear()


@pytest.fixture
def send(repository: InMemoryProcessRepository, context: Context) -> Send:
    def send(method: str, path: str, body: object = None) -> dict[str, Any]:
        event = {
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"idempotency-key": "secret-idempotency-key"},
            "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
            "body": body if isinstance(body, str) else json.dumps(body or {}),
            "isBase64Encoded": False,
        }
        answer: dict[str, Any] = step_commands.handler(event, context)
        return answer

    return send


def test_a_request_is_one_line_that_names_tenant_process_and_step(
    send: Send, told: Logged, logged: Logged
) -> None:
    process = send("POST", PROCESSES, START)["headers"]["Location"]
    send("POST", f"{process}/steps/pay/start")

    started, reported = told()
    assert logged() == []
    process_id = process.rpartition("/")[2]
    assert (started["level"], started["message"]) == ("INFO", "answered")
    assert started["operation"] == "start_process"
    assert (started["tenant_id"], started["process_id"]) == ("tenant-1", process_id)
    assert started["status"] == 201
    assert "code" not in started
    assert started["Latency"][0] >= 0
    assert started["function_request_id"] == "request"
    assert reported["operation"] == "start_step"
    assert (reported["tenant_id"], reported["process_id"]) == ("tenant-1", process_id)
    assert reported["step_name"] == "pay"


def test_what_one_request_was_about_is_not_said_of_the_next(send: Send, told: Logged) -> None:
    send("POST", f"{PROCESSES}/p/steps/pay/start")
    send("GET", "/nowhere")

    line = told()[-1]
    assert (line["operation"], line["status"], line["code"]) == ("none", 404, "path_not_found")
    assert not {"tenant_id", "process_id", "step_name"} & set(line)


def test_no_payload_is_logged_or_counted(send: Send, logged: Logged, told: Logged) -> None:
    process = send("POST", PROCESSES, START)["headers"]["Location"]
    send("POST", PROCESSES, {**START, "aggregate_id": "secret-other"})
    send("POST", PROCESSES, {"secret-field": "secret-value", "steps": "secret-steps"})
    send("POST", PROCESSES, '{"secret')
    send("POST", f"{process}/steps/pay/complete", {"output": "secret-output", "reason": "secret"})
    send("POST", f"{process}/steps/pay/fail", {"error": "secret-error"})
    send("GET", f"{process}?secret")

    assert len(told()) == 7
    assert "secret" not in json.dumps(logged() + told())


def test_each_command_of_a_batch_has_its_line_without_payload(
    send: Send, logged: Logged, told: Logged
) -> None:
    process_id = send("POST", PROCESSES, START)["headers"]["Location"].rpartition("/")[2]
    report = {"process_id": process_id, "step_name": "pay"}
    commands = [
        {"command": "CompleteStep", "output": "secret-output", **report},
        {"command": "FailStep", "error": "secret-error", **report},
    ]

    send("POST", "/tenants/tenant-1/batch", {"commands": commands})

    complete, fail = logged()
    _, whole = told()
    assert (complete["command"], complete["step_name"]) == ("CompleteStep", "pay")
    assert (fail["command"], fail["code"]) == ("FailStep", "process_finished")
    assert (fail["tenant_id"], fail["process_id"]) == ("tenant-1", process_id)
    assert (whole["operation"], whole["status"]) == ("run_batch", 200)
    assert "secret" not in json.dumps(logged() + told())


def test_a_line_of_a_batch_says_nothing_that_the_whole_log_group_says(
    send: Send, logged: Logged
) -> None:
    send("POST", "/tenants/tenant-1/batch", {"commands": [{}]})

    (line,) = logged()
    assert line["function_request_id"] == "request"
    assert not {"function_name", "function_memory_size", "function_arn"} & set(line)


def test_a_batch_ends_before_the_functions_time_does(send: Send, context: Context) -> None:
    context.remaining_ms = 8_000

    answer = send("POST", "/tenants/tenant-1/batch", {"commands": [{}]})

    (result,) = json.loads(answer["body"])["results"]
    assert (answer["statusCode"], result["problem"]["code"]) == (200, "not_tried")


def test_requests_and_their_latency_are_counted_by_operation_and_outcome(
    send: Send, told: Logged
) -> None:
    send("POST", PROCESSES, START)
    send("POST", PROCESSES, {})

    counted = told()
    assert [(each["operation"], each["outcome"], each["Requests"]) for each in counted] == [
        ("start_process", "ok", [1.0]),
        ("start_process", "refused", [1.0]),
    ]
    assert all(each["Latency"][0] > 0 for each in counted)
    definition = counted[0]["_aws"]["CloudWatchMetrics"][0]
    assert definition["Namespace"] == "Trellis"
    assert [sorted(each) for each in definition["Dimensions"]] == [
        ["operation", "outcome", "service"]  # never a tenant: each would be a metric of its own
    ]


def test_a_store_that_fails_is_logged_with_its_cause(
    send: Send,
    repository: InMemoryProcessRepository,
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    told: Logged,
) -> None:
    def fail(process: object) -> NoReturn:
        raise StoreUnavailable("no route to host", may_have_happened=True) from OSError("cable")

    monkeypatch.setattr(repository, "add", fail)

    assert send("POST", PROCESSES, START)["statusCode"] == 503

    (line,), (counted,) = logged(), told()
    assert (line["level"], line["code"]) == ("ERROR", "store_unavailable")
    assert "cable" in line["exception"]
    assert counted["outcome"] == "failed"
    assert "message" not in counted  # one failure is not found twice


def test_a_fault_is_logged_with_its_trace_counted_and_answered_without_it(
    send: Send,
    repository: InMemoryProcessRepository,
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    told: Logged,
) -> None:
    def fail(key: object) -> NoReturn:
        raise KeyError("inside")

    monkeypatch.setattr(repository, "get", fail)

    answer = send("GET", f"{PROCESSES}/p")

    assert answer["statusCode"] == 500
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["code"] == "internal_error"
    assert "inside" not in answer["body"]
    (line,) = logged()
    assert (line["level"], line["code"], line["process_id"]) == ("ERROR", "internal_error", "p")
    assert "KeyError" in line["exception"]
    assert [each["outcome"] for each in told()] == ["failed"]


def test_where_the_service_cannot_be_built_there_is_an_answer_too(
    context: Context, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    def fail() -> NoReturn:
        raise RuntimeError("TRELLIS_TABLE is not set")

    monkeypatch.setattr(wiring, "process_service", fail)
    step_commands._api.cache_clear()

    answer = step_commands.handler({}, context)

    assert json.loads(answer["body"])["code"] == "internal_error"
    assert "TRELLIS_TABLE" in logged()[-1]["exception"]


def test_an_event_that_is_none_gets_an_answer(
    repository: InMemoryProcessRepository, context: Context
) -> None:
    assert step_commands.handler(None, context)["statusCode"] == 404


def test_importing_the_function_loads_no_aws_client_and_no_models_of_a_batch() -> None:
    heavy = {
        "boto3",
        "botocore.session",
        "pynamodb",
        "aws_xray_sdk",
        "trellis_process.commands.command",  # only a batch needs the models of all commands
    }
    program = f"import sys, lambdas.step_commands; print({heavy} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
