"""Signed calls, as the API that checks them sees them."""

from __future__ import annotations

import pytest

from trellis_process.local.http import SignedHttp
from trellis_process.local.stack import LocalStack


def by_path(stack: LocalStack) -> str:
    return stack.api_url


def by_path_and_stage(stack: LocalStack) -> str:
    return f"{stack.api_url}/$default"


def by_host(stack: LocalStack) -> str:
    return f"http://{stack.outputs['ApiId']}.execute-api.localhost:{stack.cloud.port}"


@pytest.mark.parametrize("address", [by_path, by_path_and_stage, by_host])
def test_the_signature_holds_for_each_form_of_address(probe_stack: LocalStack, address):
    http = SignedHttp(address(probe_stack), probe_stack.caller)
    answer = http.request("GET", "/a%20b/c%3Ad~e", query={"x": "1 2", "a": "ü&="})
    assert answer.status == 200
    assert answer.json()["path"] == "/a b/c:d~e"
    assert answer.json()["query"] == {"x": "1 2", "a": "ü&="}


def test_a_body_is_sent_as_json_or_as_it_is(probe_stack: LocalStack):
    http = probe_stack.http()
    assert http.request("PUT", "/", {"a": "ü"}).json()["body"] == '{"a": "\\u00fc"}'
    assert http.request("PUT", "/", b"{ not json").json()["body"] == "{ not json"
    assert http.request("PUT", "/").json()["body"] is None


def test_headers_of_the_caller_are_sent_and_names_of_the_answers_are_lower_case(
    probe_stack: LocalStack,
):
    answer = probe_stack.http().request("GET", "/", headers={"If-Match": '"1"'})
    sent = {name.lower(): value for name, value in answer.json()["headers"].items()}
    assert sent["if-match"] == '"1"'
    assert all(name == name.lower() for name in answer.headers)
