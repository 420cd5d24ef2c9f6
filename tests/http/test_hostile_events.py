"""No event whatever gives a 5xx, or an answer that the document does not promise."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.http.openapi import FILE
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.testing import ManualClock

from .client import Client, a_start, an_event
from .expenses import EXPENSES

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


def _said(text: str) -> list[str]:
    """Text as the whole body, and as each value that may be any JSON."""
    return [text, *(f'{{"{field}": {text}}}' for field in ("output", "data", "metadata", "input"))]


HOSTILE_BODIES = [
    *_said("[" * 100_000),
    *_said("[" * 100_000 + "]" * 100_000),
    *_said('{"a":' * 100_000 + "1" + "}" * 100_000),
    *_said("[" * 33 + "]" * 33),  # deeper than a value may be, and not than a body may
    *_said("NaN"),
    *_said("-Infinity"),
    *_said("1e400"),
    *_said("-1e400"),
    *_said("1e-400"),
    *_said("-0.0"),
    *_said("9" * 309),
    *_said("9" * 5_000),
    *_said('{"a": 1, "a": 2}'),
    *_said('"\x00"'),
    *_said(r'"\u0000"'),
    *_said(r'"\ud800"'),
    *_said('"\ud800"'),
    *_said(r'{"\udc00": "\ud800\udc00"}'),
    *_said('"\ufeff"'),
    *_said('"' + "x" * 2_000_000 + '"'),
    *_said("[" + "0," * 400_000 + "0]"),
    "\ufeff{}",
    " " * 1_100_000,
    *(
        base64.b64encode(raw).decode()
        for raw in (
            b"{}",
            b'{"output": 1}',
            b'{"output": "\xc0\xae"}',  # a dot, one byte longer than it may be
            b'{"output": "\xed\xa0\x80"}',  # half a surrogate pair
            b'{"output": "\xff"}',
            '{"output": 1}'.encode("utf-16"),
            '{"output": 1}'.encode("utf-32-be"),
        )
    ),
    "e30",  # {} without its padding
    "e30=\n",
]
HOSTILE_NAMES = [
    "%00",
    "\x00",
    "%2e%2e",
    "..",
    ".",
    "%2F",
    "%252F",
    "%c0%ae",
    "\xc0\xae",
    "\ud800",
    "\udc00\ud800",
    "\u202e",
    "a\nb",
    "a b",
    "a;b",
    "a?b",
    "a#b",
    "{tenant_id}",
    "<tenant_id>",
    "x" * 10_000,
    " ",
    "",
]
HOSTILE_HEADERS = [
    '"' * 9_999,
    "," * 10_000,
    '"7",' * 2_500,
    " \t" * 5_000 + "x",
    'W/"' + "\ud800" + '"',
    '"\x00"',
    '"' + "9" * 5_000 + '"',
    '"-1"',
    '"1.0"',
    '"١"',  # a digit, and no version
    "\r\nX-Injected: yes",
]
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
    processes, clock = InMemoryProcessRepository(), ManualClock()
    catalog = DefinitionCatalog(InMemoryDefinitionRepository())
    service = ProcessService(processes, clock=clock, definitions=catalog)
    jobs = JobService(processes, InMemoryJobRepository(), definitions=catalog, clock=clock)
    return Client(service, EngineService(processes, definitions=catalog, clock=clock), jobs)


CLIENT = a_client()
assert CLIENT.post("/definitions", {"document": EXPENSES}).status == 201
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
        ("POST", f"{PROCESS}/steps/pay/suspend"),
        ("POST", f"{PROCESS}/steps/pay/resume"),
        ("POST", f"{PROCESS}/cancel"),
        ("POST", "/tenants/tenant-1/batch"),
    ]
)
JOB: str = CLIENT.post(
    "/tenants/tenant-1/jobs", {"command": "CancelProcess", "dry_run": True}
).json["job_id"]
REPORT = {"report_id": "r-1", "amount": 1}
SCHEDULE = {"definition": "expense_approval", "every": "1h", "input": REPORT}
assert CLIENT.send("PUT", "/tenants/tenant-1/schedules/hourly", SCHEDULE).status == 200
ROUTES = [
    (method.upper(), path)
    for path, methods in json.loads(FILE.read_text())["paths"].items()
    for method in methods
]
TO_POST = [path for method, path in ROUTES if method == "POST"]


def address(path: str, **names: str) -> str:
    """A path of the document with names in it, those of the process unless given."""
    _, _, tenant_id, _, process_id = PROCESS.split("/")
    known = {
        "tenant_id": tenant_id,
        "process_id": process_id,
        "step_name": "pay",
        "definition": "expense_approval",
        "version": "1",
        "job_id": JOB,
        "schedule": "hourly",
        **names,
    }
    return path.format(**{name: known[name] for name in re.findall(r"{(\w+)}", path)})


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


@pytest.mark.parametrize("path", TO_POST)
@pytest.mark.parametrize("is_base64", [False, True])
def test_no_body_whatever_is_too_much(path: str, is_base64: bool) -> None:
    for body in HOSTILE_BODIES:
        event = an_event("POST", address(path), body)

        assert CLIENT.receive({**event, "isBase64Encoded": is_base64}).status < 500


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_name_in_a_path_is_another_or_leads_elsewhere(method: str, path: str) -> None:
    for field in re.findall(r"{(\w+)}", path):
        for name in HOSTILE_NAMES:
            answered = CLIENT.send(method, address(path, **{field: name}), query={"limit": "1"})

            assert 400 <= answered.status < 500, name


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_header_whatever_is_too_much(method: str, path: str) -> None:
    for name in ("If-Match", "If-None-Match", "Idempotency-Key", "Content-Type", "Host"):
        for value in HOSTILE_HEADERS:
            body = a_start() if path.endswith("/processes") and method == "POST" else None
            answered = CLIENT.send(method, address(path), body, headers={name: value})

            assert answered.status < 500
            assert "X-Injected" not in str(answered.headers)


def test_no_number_of_headers_or_parameters_is_too_much() -> None:
    headers = {f"x-{number}": "x" * 100 for number in range(10_000)}
    query = [(f"field-{number}", "x") for number in range(10_000)]

    for method, path in ROUTES:
        assert CLIENT.send(method, address(path), headers=headers, query=query).status < 500
