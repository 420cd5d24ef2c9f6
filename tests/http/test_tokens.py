"""Callers with a token: each reaches the tenant that its claim names, and no other."""

from __future__ import annotations

import pytest

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.http import build_api

from .client import Client, an_event

PATHS = [
    ("GET", "/tenants/tenant-2/processes"),
    ("POST", "/tenants/tenant-2/processes"),
    ("GET", "/tenants/tenant-2/processes/by-aggregate"),
    ("GET", "/tenants/tenant-2/processes/p"),
    ("POST", "/tenants/tenant-2/processes/p/cancel"),
    ("POST", "/tenants/tenant-2/processes/p/steps/s/complete"),
]


def with_token(method: str, path: str, **claims: object) -> dict[str, object]:
    event = an_event(method, path)
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
    return event


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_token_of_another_tenant_is_refused_everywhere(
    client: Client, method: str, path: str
) -> None:
    refused = client.receive(with_token(method, path, sub="user-7", tenant_id="tenant-1"))

    assert (refused.status, refused.code) == (403, "tenant_not_allowed")


@pytest.mark.parametrize(
    "claims", [{}, {"tenant_id": ""}, {"tenant_id": ["tenant-2"]}, {"tenant": "tenant-2"}]
)
def test_a_token_that_names_no_tenant_is_refused(client: Client, claims: dict[str, object]) -> None:
    refused = client.receive(with_token(*PATHS[0], **claims))

    assert refused.status == 403


def test_a_token_reaches_its_own_tenant(client: Client) -> None:
    assert client.receive(with_token(*PATHS[0], tenant_id="tenant-2")).status == 200


def test_a_tenant_that_only_looks_like_the_tokens_own_is_refused(client: Client) -> None:
    for path in ("/tenants/tenant-2%2F../processes", "/tenants/TENANT-2/processes"):
        assert client.receive(with_token("GET", path, tenant_id="tenant-2")).status == 403


def test_another_claim_can_name_the_tenant() -> None:
    service = ProcessService(InMemoryProcessRepository())
    api = build_api(service, tenant_claim="custom:org")
    event = with_token(*PATHS[0], **{"custom:org": "tenant-2"})

    assert api.answer(api.read(event)).status == 200


def test_the_document_belongs_to_no_tenant(client: Client) -> None:
    assert client.receive(with_token("GET", "/openapi.json", tenant_id="tenant-1")).status == 200
