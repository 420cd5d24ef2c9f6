"""Requests that cannot be read, or ask for what is not there."""

from __future__ import annotations

import base64

import pytest

from trellis_process.http.body import MAX_BODY_BYTES

from .client import Client, a_start, an_event

PROCESSES = "/tenants/tenant-1/processes"

NOT_JSON = [
    "{",
    "}",
    " ",
    "nul",
    "{'process_type': 'Order'}",
    '{"timeout_ms": NaN}',
    '{"timeout_ms": -Infinity}',
    '{"timeout_ms": 01}',
    '{"timeout_ms": 1,}',
    '{"reason": "a\nb"}',
    '{"reason": "\x00"}',
    '\ufeff{"process_type": "Order"}',
    '{"process_type": "Order", "process_type": "Claim"}',
    '{"metadata": {"a": 1, "a": 1}}',
    '{"reason": "\\ud800"}',
    '{"metadata": {"\\udfff\\ud800": 1}}',
    '{"reason": "\ud800"}',
    '{"timeout_ms": ' + "9" * 5000 + "}",
    '{"metadata":' * 65 + "1" + "}" * 65,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000,
]


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: ascii(body)[:40])
@pytest.mark.parametrize("operation", ["start", "cancel", "complete"])
def test_a_body_that_is_no_strict_json_is_malformed(
    client: Client, body: str, operation: str
) -> None:
    path = {
        "start": PROCESSES,
        "cancel": f"{PROCESSES}/p/cancel",
        "complete": f"{PROCESSES}/p/steps/pay/complete",
    }[operation]

    refused = client.post(path, body)

    assert (refused.status, refused.code) == (400, "malformed_request")


def test_a_malformed_body_says_where(client: Client) -> None:
    refused = client.post(PROCESSES, '{\n  "process_type" "Order"\n}')

    assert "line 2, column 18" in refused.json["detail"]


@pytest.mark.parametrize("body", ["[]", "null", "7", '"text"', "true", '[{"process_type": "x"}]'])
def test_a_body_that_is_no_object_is_refused(client: Client, body: str) -> None:
    refused = client.post(PROCESSES, body)

    assert (refused.status, list(refused.refused)) == (422, ["body"])


def test_a_body_may_come_in_base64(client: Client) -> None:
    text = '{"process_type":"Order","aggregate_type":"O","aggregate_id":"ü","steps":[{"name":"a"}]}'
    encoded = base64.b64encode(text.encode()).decode()

    started = client.post(PROCESSES, encoded, isBase64Encoded=True)

    assert (started.status, started.json["aggregate_id"]) == (201, "ü")


@pytest.mark.parametrize("body", ["not base64!", "YQ", "é", base64.b64encode(b"\xff").decode()])
def test_a_body_that_is_not_the_base64_or_utf_8_it_should_be_is_malformed(
    client: Client, body: str
) -> None:
    refused = client.post(PROCESSES, body, isBase64Encoded=True)

    assert (refused.status, refused.code) == (400, "malformed_request")


def test_a_body_larger_than_a_megabyte_is_refused(client: Client) -> None:
    refused = client.post(PROCESSES, '{"reason": "' + "x" * MAX_BODY_BYTES + '"}')

    assert (refused.status, refused.code) == (413, "too_large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json, application/json",
        "application/jsonx",
        "",
        "é",
    ],
)
def test_a_body_that_is_said_to_be_no_json_is_not_taken(client: Client, content_type: str) -> None:
    refused = client.post(PROCESSES, a_start(), headers={"Content-Type": content_type})

    assert (refused.status, refused.code) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "APPLICATION/JSON; Charset=UTF-8", "application/vnd.shop+json"],
)
def test_json_is_taken_however_it_is_spelled(client: Client, content_type: str) -> None:
    started = client.post(PROCESSES, a_start(), headers={"Content-Type": content_type})

    assert started.status == 201


def test_a_body_without_a_content_type_is_json(client: Client) -> None:
    event = an_event("POST", PROCESSES, a_start())
    del event["headers"]["content-type"]

    assert client.receive(event).status == 201


def test_headers_are_read_whatever_their_case(client: Client) -> None:
    event = an_event("POST", f"{client.start()}/cancel")
    event["headers"] = {"IF-MATCH": '"9"'}

    assert client.receive(event).status == 412


def test_many_wrong_fields_are_refused_in_an_answer_of_bounded_size(client: Client) -> None:
    refused = client.post(PROCESSES, {f"field-{n}": n for n in range(40_000)})

    assert refused.status == 422
    assert len(refused.json["errors"]) == 100


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "//",
        "*",
        "/tenants",
        "/tenants//processes",
        "/tenants/tenant-1/processes/",
        "/tenants/tenant-1/processes/p/steps",
        "/tenants/a/b/processes",
        "/openapi-json",
        "/openapi.json\n",
        "/tenants/tenant-1/processes\x00",
        "/\ud800",
    ],
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    refused = client.get(path)

    assert (refused.status, refused.code) == (404, "path_not_found")
    assert refused.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", PROCESSES, "GET, POST"),
        ("DELETE", f"{PROCESSES}/p", "GET"),
        ("HEAD", f"{PROCESSES}/p", "GET"),
        ("POST", f"{PROCESSES}/by-aggregate", "GET"),
        ("GET", f"{PROCESSES}/p/cancel", "POST"),
        ("GET", f"{PROCESSES}/p/steps/s/start", "POST"),
        ("OPTIONS", "/openapi.json", "GET"),
        ("GET", f"{PROCESSES.removesuffix('/processes')}/batch", "POST"),
        ("", PROCESSES, "GET, POST"),
    ],
)
def test_a_wrong_method_is_told_which_are_right(
    client: Client, method: str, path: str, allowed: str
) -> None:
    refused = client.send(method, path)

    assert (refused.status, refused.code) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == allowed


@pytest.mark.parametrize(
    "name", ["%2e%2e", "..", "a b", "é", "a\nb", "a\x00", "x" * 65, "<script>", '"', "?", "\ud800"]
)
def test_a_name_in_the_path_that_is_none_is_refused_by_field(client: Client, name: str) -> None:
    tenant = client.get(f"/tenants/{name}/processes")
    process = client.get(f"{PROCESSES}/{name}")
    step = client.post(f"{PROCESSES}/p/steps/{name}/start")

    assert list(tenant.refused) == ["tenant_id"]
    assert list(process.refused) == ["process_id"]
    assert list(step.refused) == ["step_name"]


def test_a_path_is_not_decoded_twice(client: Client) -> None:
    client.start("secret")

    # API Gateway has made %73ecret of %2573ecret, and authorised that.
    refused = client.get("/tenants/%73ecret/processes")

    assert list(refused.refused) == ["tenant_id"]


def test_a_stage_is_no_part_of_the_path(client: Client) -> None:
    event = an_event("GET", f"/prod{PROCESSES}")
    event["requestContext"]["stage"] = "prod"

    assert client.receive(event).status == 200
