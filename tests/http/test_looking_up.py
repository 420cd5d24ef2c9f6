"""Getting, finding and listing processes over HTTP, each tenant its own."""

from __future__ import annotations

import pytest

from trellis_process.http import answers
from trellis_process.testing import ManualClock

from .client import Client

PROCESSES = "/tenants/tenant-1/processes"
BY_AGGREGATE = f"{PROCESSES}/by-aggregate"


def test_a_process_is_found_by_its_aggregate_the_newest_first(
    client: Client, clock: ManualClock
) -> None:
    aggregate_id = "über/order 1,2?&=%2F"
    client.start(aggregate_id=aggregate_id)
    clock.advance(seconds=1)
    newest = client.start(aggregate_id=aggregate_id)

    query = {"aggregate_type": "Order", "aggregate_id": aggregate_id}
    found = client.get(BY_AGGREGATE, query=query)

    assert found.json["aggregate_id"] == aggregate_id
    assert found.headers["Content-Location"] == newest
    assert "ETag" not in found.headers


def test_an_aggregate_without_process_is_not_found(client: Client) -> None:
    query = {"aggregate_type": "Order", "aggregate_id": "order-9"}
    refused = client.get(BY_AGGREGATE, query=query)

    assert (refused.status, refused.code) == (404, "not_found")


def test_finding_by_aggregate_needs_both_its_type_and_its_id(client: Client) -> None:
    refused = client.get(BY_AGGREGATE)

    assert refused.status == 422
    assert set(refused.refused) == {"aggregate_type", "aggregate_id"}


def test_a_listing_is_paged_with_a_cursor_until_there_is_none(
    client: Client, clock: ManualClock
) -> None:
    started = []
    for _ in range(5):
        started.append(client.start())
        clock.advance(seconds=1)

    listed, query = [], {"limit": "2"}
    while True:
        page = client.get(PROCESSES, query=query).json
        listed += [f"{PROCESSES}/{process['process_id']}" for process in page["processes"]]
        if "cursor" not in page:
            break
        query["cursor"] = page["cursor"]

    assert listed == started[::-1]


def test_a_listing_is_of_a_type_and_a_state(client: Client) -> None:
    client.post(f"{client.start(process_type='Order')}/cancel")
    client.start(process_type="Order")
    client.start(process_type="Claim")

    query = {"process_type": "Order", "state": "cancelled"}
    page = client.get(PROCESSES, query=query).json

    assert [(each["process_type"], each["state"]) for each in page["processes"]] == [
        ("Order", "cancelled")
    ]


def test_a_page_never_grows_larger_than_lambda_answers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_PAGE_CHARACTERS", 40_000)
    started = {client.start(metadata={"text": "x" * 16_000}) for _ in range(5)}

    listed: set[str] = set()
    query: dict[str, str] = {}
    while True:
        answered = client.get(PROCESSES, query=query)
        assert len(answered.text) <= 40_000
        page = answered.json
        listed |= {f"{PROCESSES}/{process['process_id']}" for process in page["processes"]}
        if "cursor" not in page:
            break
        query = {"cursor": page["cursor"]}

    assert listed == started


def test_a_process_larger_than_a_page_still_has_one(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_PAGE_CHARACTERS", 10)
    client.start()
    client.start()

    page = client.get(PROCESSES).json

    assert len(page["processes"]) == 1
    assert "cursor" in page


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ([("limit", "0")], "limit"),
        ([("limit", "101")], "limit"),
        ([("limit", "1e1")], "limit"),
        ([("limit", "١")], "limit"),
        ([("limit", "")], "limit"),
        ([("limit", "1"), ("limit", "2")], "limit"),
        ([("limit", "9" * 5000)], "limit"),
        ([("state", "done")], "state"),
        ([("state", "failed,completed")], "state"),
        ([("state", "failed"), ("state", "failed")], "state"),
        ([("process_type", "")], "process_type"),
        ([("process_type", "a\nb")], "process_type"),
        ([("cursor", "")], "cursor"),
        ([("cursor", "é\x00")], "cursor"),
        ([("cursor", "x" * 5000)], "cursor"),
        ([("proces_type", "Order")], "proces_type"),
        ([("", "x")], "query"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_refused_by_name(
    client: Client, query: list[tuple[str, str]], field: str
) -> None:
    refused = client.get(PROCESSES, query=query)

    assert (refused.status, list(refused.refused)) == (422, [field])


def test_the_parameters_of_a_signed_url_are_none_of_ours(client: Client) -> None:
    assert client.get(PROCESSES, query={"X-Amz-Signature": "0a"}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/cancel", None),
        ("POST", "/steps/pay/start", None),
        ("POST", "/steps/pay/complete", {"output": 1}),
        ("POST", "/steps/pay/fail", {"error": "e"}),
        ("POST", "/steps/pay/heartbeat", None),
    ],
)
@pytest.mark.parametrize("if_match", [None, '"1"', '"1", "2"', "*"])
def test_another_tenants_process_answers_as_one_that_does_not_exist(
    client: Client, method: str, path: str, body: object, if_match: str | None
) -> None:
    process_id = client.start("tenant-1").rpartition("/")[2]
    headers = {"If-Match": if_match} if if_match else {}

    other = client.send(
        method, f"/tenants/tenant-2/processes/{process_id}{path}", body, headers=headers
    )
    missing = client.send(
        method, f"/tenants/tenant-2/processes/{'0' * 36}{path}", body, headers=headers
    )

    assert other.status == missing.status == 404
    assert other.headers == missing.headers
    assert other.text.replace(process_id, "0" * 36) == missing.text
    assert client.get(f"{PROCESSES}/{process_id}").json["version"] == 1


def test_another_tenant_neither_finds_nor_lists_it(client: Client) -> None:
    client.start("tenant-1")
    query = {"aggregate_type": "Order", "aggregate_id": "order-1"}

    assert client.get("/tenants/tenant-2/processes/by-aggregate", query=query).status == 404
    assert client.get("/tenants/tenant-2/processes").json == {"processes": []}


def test_a_cursor_leads_nobody_to_another_tenants_processes(client: Client) -> None:
    client.start("tenant-1")
    client.start("tenant-1")
    cursor = client.get(PROCESSES, query={"limit": "1"}).json["cursor"]

    stolen = client.get("/tenants/tenant-2/processes", query={"cursor": cursor})

    assert stolen.json == {"processes": []}
