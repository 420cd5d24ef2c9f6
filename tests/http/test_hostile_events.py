"""No event whatever gives a 5xx, or an answer that the document does not promise."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.testing import ManualClock

from .client import Client, a_start, an_event

BOUNDED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Lone surrogates among them, which no encoding takes.
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
texts = st.text(st.characters(), max_size=40)
segments = st.sampled_from(
    ["tenants", "tenant-1", "processes", "by-aggregate", "steps", "pay", "start", "cancel", ""]
)
paths = st.lists(segments | texts, max_size=8).map("/".join)
fields = st.sampled_from(
    [
        "process_type",
        "aggregate_id",
        "steps",
        "metadata",
        "timeout_ms",
        "attempt",
        "output",
        "error",
    ]
)
bodies = (
    texts
    | anything.map(json.dumps)
    | st.dictionaries(fields | texts, anything, max_size=6).map(json.dumps)
    | st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode())
)
header_names = st.sampled_from(
    ["If-Match", "if-none-match", "Idempotency-Key", "Content-Type", "content-length", "cookie"]
)
header_values = texts | st.sampled_from(['"1"', "*", 'W/"1", "2"', "application/json", "gzip"])
queries = texts | st.lists(
    st.tuples(
        st.sampled_from(["limit", "cursor", "state", "process_type", "aggregate_type"]) | texts,
        st.text(max_size=10),
    ),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


def a_client() -> Client:
    return Client(ProcessService(InMemoryProcessRepository(), clock=ManualClock()))


CLIENT = a_client()
PROCESS = CLIENT.start()
commands = st.sampled_from(
    [
        ("POST", "/tenants/tenant-1/processes"),
        ("GET", "/tenants/tenant-1/processes"),
        ("GET", "/tenants/tenant-1/processes/by-aggregate"),
        ("GET", PROCESS),
        ("POST", f"{PROCESS}/steps/pay/start"),
        ("POST", f"{PROCESS}/steps/pay/heartbeat"),
        ("POST", f"{PROCESS}/steps/pay/complete"),
        ("POST", f"{PROCESS}/steps/pay/fail"),
        ("POST", f"{PROCESS}/cancel"),
    ]
)


@BOUNDED
@given(anything)
def test_whatever_is_no_event_gets_an_answer(event: Any) -> None:
    assert CLIENT.receive(event).status < 500


@BOUNDED
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rawPath": paths | anything,
            "rawQueryString": queries | anything,
            "headers": st.dictionaries(header_names, header_values) | anything,
            "body": bodies | anything,
            "isBase64Encoded": st.booleans() | anything,
            "requestContext": anything
            | st.fixed_dictionaries(
                {"http": st.fixed_dictionaries({"method": st.sampled_from(["GET", "POST"])})},
                optional={"stage": texts | anything, "authorizer": anything},
            ),
        },
    )
)
def test_whatever_stands_in_an_event_it_gets_an_answer(event: dict[str, Any]) -> None:
    assert CLIENT.receive(event).status < 500


@BOUNDED
@given(
    commands,
    bodies,
    queries,
    st.dictionaries(header_names, header_values, max_size=4),
    st.booleans(),
)
def test_whatever_comes_with_a_command_it_gets_an_answer(
    command: tuple[str, str], body: str, query: str, headers: dict[str, str], is_base64: bool
) -> None:
    event = an_event(*command, body, headers=headers)

    answered = CLIENT.receive({**event, "rawQueryString": query, "isBase64Encoded": is_base64})

    assert answered.status < 500


@BOUNDED
@given(fields, anything)
def test_whatever_stands_in_a_field_of_a_start_it_gets_an_answer(field: str, value: Any) -> None:
    answered = CLIENT.post("/tenants/tenant-1/processes", a_start(**{field: value}))

    assert answered.status < 500


@BOUNDED
@given(anything)
def test_an_output_is_kept_as_it_was_sent_or_refused(output: Any) -> None:
    process = CLIENT.start()

    answered = CLIENT.post(f"{process}/steps/pay/complete", {"output": output})

    if answered.status == 200 and output is not None:
        assert CLIENT.get(process).json["steps"][0]["output"] == output
    else:
        assert answered.status in (200, 400, 413, 422)
