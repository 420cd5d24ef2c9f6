"""Whatever a function is given, it answers, puts aside or brings again, and does the rest of it."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas import (
    archive,
    audit,
    event_publisher,
    queue_commands,
    step_commands,
    timeout_checker,
    wiring,
)
from tests.http.client import a_start, an_event
from tests.http.test_hostile_events import HOSTILE_BODIES, anything, bodies
from tests.lambdas.conftest import Context
from tests.proof.stack import Stack
from tests.s3.processes import Bucket
from trellis_process import Process, ProcessStep
from trellis_process.dynamodb.item import to_item
from trellis_process.errors import InvalidInput
from trellis_process.s3 import Archive
from trellis_process.testing.clock import START

bounded = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # one stack will do, whatever was done in it
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

# ---------------------------------------------------------------- what DynamoDB may hold

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ["", "#", "##", "a#b#c", "[]", "{}", "null", "[1]", '[{"n": 1}]', "[" * 5_000, '{"a":1e400}']
)
numbers = st.integers(-(10**38), 10**38).map(str) | st.sampled_from(
    ["-0", "1.5", "1E+125", "-1E-130", "9" * 38]
)
attributes = st.recursive(
    texts.map(lambda text: {"S": text})
    | numbers.map(lambda number: {"N": number})
    | st.booleans().map(lambda value: {"BOOL": value})
    | st.just({"NULL": True})
    | st.binary(max_size=9).map(lambda raw: {"B": base64.b64encode(raw).decode()})
    | st.lists(texts, min_size=1, max_size=2).map(lambda members: {"SS": members}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda members: {"L": members})
        | st.dictionaries(texts, inner, max_size=3).map(lambda members: {"M": members})
    ),
    max_leaves=4,
)


def places(members: Any) -> list[tuple[Any, Any]]:
    """Where a value stands in an image: what holds it, and its name or number there."""
    found = []
    for key in members if isinstance(members, dict) else range(len(members)):
        found.append((members, key))
        ((kind, inner),) = members[key].items()
        if kind in ("M", "L"):
            found += places(inner)
    return found


@st.composite
def spoilt(draw: st.DrawFn, image: dict[str, Any]) -> dict[str, Any]:
    """An image of which one or two values are others, or missing."""
    image = copy.deepcopy(image)
    for _ in range(draw(st.integers(1, 2))):
        holder, key = draw(st.sampled_from(places(image)))
        if draw(st.booleans()):
            holder[key] = draw(attributes)
        else:
            del holder[key]
    return image


def a_record(number: str, **images: Any) -> dict[str, Any]:
    return {"eventSourceARN": "arn:stream", "dynamodb": {"SequenceNumber": number, **images}}


def an_image(tenant_id: str) -> dict[str, Any]:
    """What the last change left of a finished process in which each kind of value is used."""
    process = Process.start(
        tenant_id=tenant_id,
        process_id="p-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="order-1",
        steps=[
            ProcessStep(name="pay", timeout_ms=1000, retries_permitted=1),
            ProcessStep(name="ship", timeout_ms=1000),
        ],
        metadata={"a": 1},
        timeout_ms=60_000,
        auto_start_steps=True,
        now=START,
    )
    process.saved()
    process.complete_step("pay", {"receipt": 1}, now=START, actor="bank", reason="paid")
    process.saved()
    process.fail_step("ship", "lost", now=START, actor="post", reason="a storm")
    return to_item(process)


# ---------------------------------------------------------------- the stream

SOUND = an_image("tenant-1")
ANOTHER = an_image("tenant-2")
spoilt_images = st.fixed_dictionaries(
    {"NewImage": spoilt(ANOTHER)}, optional={"OldImage": spoilt(ANOTHER)}
)


@bounded
@given(images=spoilt_images)
def test_an_image_that_cannot_be_read_holds_up_no_event_of_others(
    stack: Stack, images: dict[str, Any]
) -> None:
    stack.events.clear()
    batch = [a_record("1", NewImage=SOUND), a_record("2", **images), a_record("3", NewImage=SOUND)]

    answer = event_publisher.handler({"Records": batch}, Context())

    assert answer == {"batchItemFailures": []}
    arrived = [event["type"] for event in stack.events if event["tenant_id"] == "tenant-1"]
    assert sorted(arrived) == ["ProcessFailed", "ProcessFailed", "StepFailed", "StepFailed"]


@bounded
@given(images=spoilt_images)
def test_an_image_that_cannot_be_read_keeps_nothing_out_of_the_archive(
    images: dict[str, Any],
) -> None:
    bucket, left = Bucket(), list[dict[str, Any]]()
    batch = [a_record("1", **images), a_record("2", NewImage=SOUND)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "archive", lambda: Archive(bucket, "finished", "finished/"))
        patch.setattr(wiring, "leave_unarchived", left.append)
        answer = archive.handler({"Records": batch}, Context())

    assert answer == {"batchItemFailures": []}
    assert "tenant-1" in [line["tenant_id"] for line in bucket.lines()]
    json.dumps(left)  # as it is sent to the queue


# ---------------------------------------------------------------- the queue

hostile_messages = st.fixed_dictionaries(
    {"messageId": st.just("hostile")},
    optional={
        "body": bodies | st.sampled_from(HOSTILE_BODIES) | anything,
        "attributes": st.fixed_dictionaries({"SenderId": texts | anything}) | anything,
    },
)


@bounded
@given(message=hostile_messages)
def test_a_message_that_is_no_command_is_put_aside_or_comes_again_and_holds_up_no_other(
    stack: Stack, message: dict[str, Any]
) -> None:
    process = stack.service.start_process(
        tenant_id="tenant-1",
        process_type="Order",
        aggregate_type="Order",
        aggregate_id="order-1",
        steps=[ProcessStep(name="pay"), ProcessStep(name="ship")],
    )
    about = {"tenant_id": "tenant-1", "process_id": process.process_id, "step_name": "pay"}
    sound_messages = [
        {
            "messageId": f"sound-{step_name}",
            "body": json.dumps({"command": "CompleteStep", **about, "step_name": step_name}),
            "attributes": {"SenderId": "AROA1234:shop"},
        }
        for step_name in ("pay", "ship")
    ]
    stack.messages.clear()

    answer = queue_commands.handler(
        {"Records": [sound_messages[0], message, sound_messages[1]]}, Context()
    )

    again = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert len(again) + len(stack.messages) == 1
    assert again in ([], ["hostile"])
    assert stack.stored(process.process_id).is_completed()


# ---------------------------------------------------------------- the API

NUMBERS = [
    "-0.0",
    "1e-400",
    "5e-324",
    "1.7976931348623157e308",
    "9" * 38,
    "9" * 39,  # DynamoDB's own numbers have 38 digits, and end at 1e126
    "9" * 308,
    "0.1234567890123456789012345678901234567890",
    "1E127",
]


def ask(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    event = an_event(method, path, body)
    answer: dict[str, Any] = step_commands.handler(event, Context())
    json.dumps(answer).encode("ascii")  # as Lambda hands it on
    return answer


@bounded
@given(event=anything)
def test_whatever_calls_the_api_gets_an_answer(stack: Stack, event: Any) -> None:
    assert step_commands.handler(event, Context())["statusCode"] == 404


def test_a_hostile_body_is_refused_or_kept_as_it_was_sent(stack: Stack) -> None:
    outputs = [body for body in HOSTILE_BODIES if body.startswith('{"output"')]
    kept = 0
    for body in outputs + [f'{{"output": {number}}}' for number in NUMBERS]:
        started = ask("POST", "/tenants/tenant-1/processes", json.dumps(a_start()))
        process = started["headers"]["Location"]

        answer = ask("POST", f"{process}/steps/pay/complete", body)

        assert answer["statusCode"] in (200, 400, 413, 422)
        if answer["statusCode"] == 200:
            (step,) = json.loads(ask("GET", process)["body"])["steps"]
            assert repr(step["output"]) == repr(json.loads(body)["output"])  # -0.0 is not 0.0
            kept += 1
    assert kept >= len(NUMBERS)


# ---------------------------------------------------------------- the schedule, and people


@settings(bounded, max_examples=20)
@given(event=anything)
def test_what_a_schedule_says_is_not_asked(stack: Stack, event: Any) -> None:
    assert timeout_checker.handler(event, Context())["is_complete"]
    assert audit.handler(event, Context(remaining_ms=900_000))["is_complete"]


@bounded
@given(
    asked=anything
    | st.fixed_dictionaries(
        {"ended_from": texts | anything}, optional={"ended_before": texts | anything}
    )
    | st.fixed_dictionaries(
        {
            "ended_from": st.just("2026-01-01T00:00:00Z"),
            "cursor": texts | anything.filter(lambda cursor: cursor is not None),
        }
    )
)
def test_a_time_to_archive_that_is_none_is_refused_by_field(stack: Stack, asked: Any) -> None:
    with pytest.raises(InvalidInput):
        archive.handler(asked, Context())
