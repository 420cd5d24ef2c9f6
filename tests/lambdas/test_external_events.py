"""The function of events from outside: what it does, brings again, puts aside, logs and counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import pytest

from lambdas import external_events, wiring
from trellis_process import InMemoryProcessRepository
from trellis_process.application.engine_service import EngineService
from trellis_process.application.event_service import EventService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import StoreUnavailable, Throttled
from trellis_process.memory import InMemoryDefinitionRepository, InMemoryNotedEvents

from .conftest import Context

Logged = Callable[[], list[dict[str, Any]]]

ORDER = """\
process: order
version: 1
events:
  - {name: placed, pattern: {source: [shop], detail-type: [OrderPlaced]}, key: event.detail.order}
  - {name: paid, pattern: {source: [shop], detail-type: [OrderPaid]}, key: event.detail.order}
triggers: [{event: placed}]
data: {paid: {type: integer, default: 0}}
reactions: [{event: paid, set: {paid: data.paid + event.detail.amount}}]
invariants: {paid_once: data.paid <= 10}
ends_when: {paid: data.paid == 10}
"""
RECEIPT = """\
process: receipt
version: 1
events:
  - {name: paid, pattern: {source: [shop], detail-type: [OrderPaid]}, key: event.detail.receipt}
triggers: [{event: paid}]
steps: [{name: print, service: Printer.print}]
"""


@pytest.fixture
def repository() -> InMemoryProcessRepository:
    return InMemoryProcessRepository()


@pytest.fixture
def service(
    repository: InMemoryProcessRepository, monkeypatch: pytest.MonkeyPatch
) -> EngineService:
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    service = EngineService(repository, definitions=catalog, pause=lambda seconds: None)
    service.register(ProcessDefinition.from_yaml(ORDER))
    events = EventService(service, catalog, InMemoryNotedEvents(), listening_for=timedelta(0))
    monkeypatch.setattr(wiring, "event_service", lambda: events)
    return service


def an_event(detail_type: str, event_id: str = "e-1", **detail: Any) -> dict[str, Any]:
    """An event as the bus puts it into the queue."""
    return {
        "version": "0",
        "id": event_id,
        "source": "shop",
        "detail-type": detail_type,
        "detail": {"tenant_id": "t", "order": "secret-order", **detail},
    }


PLACED = an_event("OrderPlaced")


def receive(*bodies: object, remaining_ms: int = 30_000) -> list[str]:
    """Has the function take messages, ``m-0`` and so on; returns those to bring again."""
    records = [
        {"messageId": f"m-{n}", "body": body if isinstance(body, str) else json.dumps(body)}
        for n, body in enumerate(bodies)
    ]
    answer = external_events.handler({"Records": records}, Context(remaining_ms=remaining_ms))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def fail_with(error: Exception) -> Callable[..., NoReturn]:
    def fail(*asked: object) -> NoReturn:
        raise error

    return fail


def test_an_event_starts_a_process_and_others_reach_it_however_often_they_come(
    service: EngineService, refused: list[dict[str, Any]]
) -> None:
    paid = an_event("OrderPaid", "e-2", amount=10)

    assert receive(PLACED, PLACED, paid, paid) == []

    (order,) = service.list_processes("t", process_type="order").processes
    assert (order.data["paid"], order.reason, order.is_completed()) == (10, "paid", True)
    assert refused == []


def test_a_refused_event_is_put_aside_whole_with_its_reason(
    service: EngineService, refused: list[dict[str, Any]]
) -> None:
    event = an_event("OrderPlaced", order=None)

    assert receive(event, PLACED) == []

    (message,) = refused
    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert message["QueueUrl"] == "http://refused-events"
    assert json.loads(message["MessageBody"]) == event
    assert "event.detail.order" in said.pop("reason")
    assert said == {"code": "expression_error", "definition": "order"}
    assert service.list_processes("t").processes


def test_what_one_definition_refuses_another_may_take(
    service: EngineService, refused: list[dict[str, Any]]
) -> None:
    service.register(ProcessDefinition.from_yaml(RECEIPT))
    receive(PLACED)

    assert receive(an_event("OrderPaid", "e-2", receipt="r-1", amount=11)) == []

    (receipt,) = service.list_processes("t", process_type="receipt").processes
    assert receipt.aggregate_id == "r-1"
    (message,) = refused
    said = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (said["code"], said["definition"]) == ("invariant_violated", "order")
    assert "paid_once" in said["reason"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("no JSON", "malformed_request"),
        ('{"id": 1, "id": 2}', "malformed_request"),
        ('"OrderPlaced"', "invalid_input"),
    ],
)
def test_what_is_no_event_is_put_aside_for_nobody(
    service: EngineService, refused: list[dict[str, Any]], body: str, code: str
) -> None:
    assert receive(body) == []

    (message,) = refused
    assert message["MessageBody"] == body
    assert message["MessageAttributes"]["code"]["StringValue"] == code
    assert "definition" not in message["MessageAttributes"]


def test_the_reason_is_in_characters_that_a_message_takes(
    service: EngineService, refused: list[dict[str, Any]]
) -> None:
    receive(an_event("OrderPlaced", order="line\nbreak\u0000" + "x" * 5_000))

    reason = refused[0]["MessageAttributes"]["reason"]["StringValue"]
    assert reason.isprintable()
    assert len(reason) <= 1_024


def test_a_refusal_that_cannot_be_put_aside_is_brought_again(
    service: EngineService, monkeypatch: pytest.MonkeyPatch, logged: Logged, told: Logged
) -> None:
    monkeypatch.setattr(wiring, "refuse_event", fail_with(OSError("no route to host")))

    assert receive(an_event("OrderPlaced", order={"secret": 1}), PLACED) == ["m-0"]

    why, failed = logged()
    assert "no route to host" in why["message"]
    assert (failed["message"], failed["code"]) == ("failed", "expression_error")
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
    service: EngineService,
    repository: InMemoryProcessRepository,
    refused: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    error: Exception,
) -> None:
    monkeypatch.setattr(repository, "add", fail_with(error))

    assert receive(PLACED, an_event("OrderPlaced", order=None)) == ["m-0"]

    assert len(refused) == 1
    (line,) = logged()
    assert (line["message"], line["event_id"], line["message_id"]) == ("failed", "e-1", "m-0")
    assert str(error) in line["exception"]


def test_what_there_is_no_time_for_is_brought_again(service: EngineService) -> None:
    assert receive(PLACED, PLACED, remaining_ms=19_000) == ["m-0", "m-1"]

    assert not service.list_processes("t").processes


def test_an_event_is_a_line_for_each_definition_without_key_and_payload(
    service: EngineService, refused: list[dict[str, Any]], told: Logged, logged: Logged
) -> None:
    receive(
        PLACED,
        an_event("OrderPaid", "e-2", amount=1, secret="secret"),
        an_event("OrderPaid", "e-3", amount="secret-amount"),
        an_event("OrderPaid", "e-4", order="secret-other", amount=1),
    )

    started, delivered, spoilt, nobodys = told()
    (order,) = service.list_processes("t").processes
    assert (started["level"], started["message"], started["outcome"]) == (
        "INFO",
        "event",
        "started",
    )
    assert (started["definition"], started["tenant_id"]) == ("order", "t")
    assert (started["event_type"], started["event_id"]) == ("OrderPlaced", "e-1")
    assert (started["process_id"], started["message_id"]) == (order.process_id, "m-0")
    assert (delivered["outcome"], delivered["process_id"]) == ("delivered", order.process_id)
    assert (spoilt["outcome"], spoilt["tenant_id"]) == ("refused", "t")
    assert spoilt["code"] == "expression_error"
    assert (nobodys["outcome"], nobodys["tenant_id"]) == ("no_process", "t")
    assert logged() == []
    assert "secret" not in json.dumps(told())


def test_events_are_counted_by_outcome_and_those_that_nobody_knows_in_one_line(
    service: EngineService, refused: list[dict[str, Any]], told: Logged
) -> None:
    receive(an_event("Rain"), PLACED, an_event("Snow"), "no")

    assert [(each["outcome"], each["ExternalEvents"]) for each in told()] == [
        ("started", [1.0]),
        ("refused", [1.0]),
        ("unknown", [2.0]),
    ]
    definition = told()[0]["_aws"]["CloudWatchMetrics"][0]
    assert [sorted(each) for each in definition["Dimensions"]] == [["outcome", "service"]]


def test_importing_the_function_loads_no_engine_and_no_aws_client() -> None:
    heavy = {
        "boto3",
        "botocore.session",
        "pynamodb",
        "pydantic",
        "cel",
        "yaml",
        "aws_lambda_powertools.event_handler",
        "aws_lambda_powertools.utilities.batch",
        "aws_xray_sdk",
    }
    program = f"import sys, lambdas.external_events; print({heavy} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
