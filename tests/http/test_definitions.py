"""The routes of definitions: register, list, read, compare, retire."""

from __future__ import annotations

import json

import pytest
import yaml

from trellis_process.application.engine_service import EngineService

from .client import Client, an_event
from .expenses import EXPENSES, NAME, NOTIFY, PROCESSES, SMALL, version

VERSIONS = f"/definitions/{NAME}"


def register(client: Client, document: str = EXPENSES, **more: object) -> None:
    answered = client.post("/definitions", {"document": document, **more})
    assert answered.status == 201, answered.text


def test_a_definition_is_registered_once(client: Client) -> None:
    first = client.post("/definitions", {"document": EXPENSES})
    again = client.post("/definitions", {"document": EXPENSES + "# the same, with a remark\n"})

    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert (first.json["name"], first.json["version"]) == (NAME, 1)
    assert first.json["status"] == "active"


def test_a_version_never_changes(client: Client) -> None:
    register(client)

    refused = client.post("/definitions", {"document": EXPENSES.replace("30d", "31d")})

    assert (refused.status, refused.code) == (409, "definition_conflict")
    assert "timeout" in refused.json["detail"]
    assert "process" not in refused.json


def test_json_is_a_document_too(client: Client) -> None:
    register(client, json.dumps(yaml.safe_load(EXPENSES)))

    assert client.post("/definitions", {"document": EXPENSES}).status == 200


def test_all_that_is_wrong_is_told_at_once_each_with_its_place(client: Client) -> None:
    document = EXPENSES.replace("on_true: review", "on_true: reviw").replace("30s", "30x")

    refused = client.post("/definitions", {"document": document})

    assert (refused.status, refused.code) == (422, "invalid_definition")
    assert "did you mean 'review'?" in refused.findings["steps[1].on_true"]
    assert "30x" in refused.findings["steps[0].timeout"]
    wrong = {finding["path"]: finding["line"] for finding in refused.json["findings"]}
    lines = document.splitlines()
    assert {lines[line - 1].strip() for line in wrong.values()} == {
        "on_true: reviw",
        "timeout: 30x",
    }
    assert client.get("/definitions").json == {"names": []}


def test_what_is_doubtful_is_told_and_refused_only_where_it_is_asked_for(client: Client) -> None:
    document = EXPENSES.replace("timeout: 30d\n", "")  # no deadline anywhere

    refused = client.post("/definitions", {"document": document, "strict": True})
    registered = client.post("/definitions", {"document": document})

    assert (refused.status, refused.code) == (422, "invalid_definition")
    assert registered.status == 201
    assert {each["severity"] for each in registered.json["warnings"]} == {"warning"}


@pytest.mark.parametrize(
    "body", [{}, {"document": 7}, {"document": " "}, {"document": "a", "b": 1}]
)
def test_what_is_no_document_is_refused(client: Client, body: object) -> None:
    refused = client.post("/definitions", body)

    assert (refused.status, refused.code) == (422, "invalid_input")


def test_names_come_in_pages(client: Client) -> None:
    for name in ("b", "a", "c"):
        register(client, EXPENSES.replace(NAME, name))

    first = client.get("/definitions", query={"limit": "2"}).json
    rest = client.get("/definitions", query={"cursor": first["cursor"], "limit": "2"}).json

    assert first["names"] == ["a", "b"]
    assert rest == {"names": ["c"]}


def test_the_versions_say_their_status_and_what_the_audit_counted(
    client: Client, counted: dict[str, dict[int, int]]
) -> None:
    register(client)
    register(client, version(3))
    uncounted = client.get(VERSIONS).json
    counted[NAME] = {1: 2}

    assert uncounted["versions"] == [
        {"version": 1, "status": "active"},
        {"version": 3, "status": "active"},
    ]
    assert client.get(VERSIONS).json == {
        "name": NAME,
        "newest": 3,
        "versions": [
            {"version": 1, "status": "active", "open": 2},
            {"version": 3, "status": "active", "open": 0},
        ],
    }


def test_a_tenant_counts_its_own(client: Client) -> None:
    register(client)
    client.post(PROCESSES, SMALL)

    def open_of(tenant: str) -> int:
        told = client.get(f"/tenants/{tenant}/definitions/{NAME}").json
        number: int = told["versions"][0]["open"]
        return number

    assert (open_of("tenant-1"), open_of("tenant-2")) == (1, 0)


def test_a_definition_is_read_as_json_or_as_yaml(client: Client) -> None:
    register(client)

    as_json = client.get(f"{VERSIONS}/versions/1")
    as_yaml = client.get(f"{VERSIONS}/versions/1", headers={"Accept": "application/yaml"})

    assert as_json.headers["Content-Type"] == "application/json"
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    assert yaml.safe_load(as_yaml.text) == as_json.json
    assert client.post("/definitions", {"document": as_yaml.text}).status == 200


@pytest.mark.parametrize(
    "path", [VERSIONS, f"{VERSIONS}/versions/1", f"/tenants/tenant-1/definitions/{NAME}"]
)
def test_what_is_not_registered_is_not_found(client: Client, path: str) -> None:
    register(client, EXPENSES.replace(NAME, "expense_aproval"))

    missing = client.get(path)

    assert (missing.status, missing.code) == (404, "definition_not_found")
    assert "did you mean 'expense_aproval'?" in missing.json["detail"]


@pytest.mark.parametrize("number", ["0", "-1", "1.0", "x", "2147483648"])
def test_a_version_is_a_whole_number(client: Client, number: str) -> None:
    refused = client.get(f"{VERSIONS}/versions/{number}")

    assert refused.refused == {"version": "allowed is a whole number from 1 to 2147483647"}


def test_two_versions_are_compared_field_by_field(client: Client) -> None:
    register(client)
    changed = version(2).replace("timeout: 1m", "timeout: 2m").replace(NOTIFY, "")
    register(client, changed)

    told = client.get(f"{VERSIONS}/diff", query={"from": "1", "to": "2"}).json

    assert (told["from_version"], told["to_version"]) == (1, 2)
    assert [(each["path"], each["change"]) for each in told["changes"]] == [
        ("steps.pay.timeout", "changed"),
        ("steps.notify", "removed"),
    ]
    timeout, notify = told["changes"]
    assert (timeout["before"], timeout["after"]) == ("1m", "2m")
    assert notify["before"]["message"] == "ExpensePaid"
    same = client.get(f"{VERSIONS}/diff", query={"from": "2", "to": "2"})
    assert same.json["changes"] == []


def test_a_version_that_drains_starts_no_other_process(client: Client) -> None:
    register(client)
    started = client.post(PROCESSES, SMALL)
    drained = client.post(f"{VERSIONS}/versions/1/status", {"status": "draining"})

    refused = client.post(PROCESSES, {**SMALL, "key": "another"})
    goes_on = client.post(f"{started.headers['Location']}/steps/validate/complete", {"attempt": 1})
    client.post(f"{VERSIONS}/versions/1/status", {"status": "active"})

    assert drained.json["versions"][0]["status"] == "draining"
    assert (refused.status, refused.code) == (409, "definition_draining")
    assert goes_on.status == 200
    assert client.post(PROCESSES, {**SMALL, "key": "another"}).status == 201


def test_a_version_is_archived_once_the_audit_has_counted_none_open(
    client: Client, counted: dict[str, dict[int, int]]
) -> None:
    register(client)
    archive = {"status": "archived"}

    uncounted = client.post(f"{VERSIONS}/versions/1/status", archive)
    counted[NAME] = {1: 1}
    in_use = client.post(f"{VERSIONS}/versions/1/status", archive)
    counted[NAME] = {}
    archived = client.post(f"{VERSIONS}/versions/1/status", archive)

    assert uncounted.status == 422
    assert (in_use.status, in_use.code) == (409, "definition_in_use")
    assert archived.json["versions"] == [{"version": 1, "status": "archived", "open": 0}]


def test_another_status_is_refused(client: Client) -> None:
    register(client)

    refused = client.post(f"{VERSIONS}/versions/1/status", {"status": "gone"})

    assert refused.refused == {"status": "allowed are active, draining, archived"}


OF_OPERATORS = [
    ("POST", "/definitions"),
    ("GET", "/definitions"),
    ("GET", VERSIONS),
    ("GET", f"{VERSIONS}/diff"),
    ("GET", f"{VERSIONS}/versions/1"),
    ("POST", f"{VERSIONS}/versions/1/status"),
]


@pytest.mark.parametrize(("method", "path"), OF_OPERATORS)
@pytest.mark.parametrize("claims", [{}, {"scope": "openid trellis/operators"}, {"scp": 7}])
def test_a_token_without_the_scope_of_operators_reaches_no_definition(
    client: Client, method: str, path: str, claims: dict[str, object]
) -> None:
    event = an_event(method, path)
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"tenant_id": "t", **claims}}}

    refused = client.receive(event)

    assert (refused.status, refused.code) == (403, "operators_only")


@pytest.mark.parametrize(
    "claims", [{"scope": "openid trellis/operator"}, {"scp": ["trellis/operator"]}]
)
def test_a_token_with_it_does(client: Client, claims: dict[str, object]) -> None:
    event = an_event("POST", "/definitions", {"document": EXPENSES})
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}

    assert client.receive(event).status == 201


def test_an_api_without_definitions_has_no_paths_for_them(engine: EngineService) -> None:
    without = Client(engine)

    assert without.get("/definitions").status == 404
    refused = without.post(
        "/tenants/t/batch", {"commands": [{"command": "Start", "definition": NAME}]}
    ).json["results"][0]
    assert refused["problem"]["errors"][0]["allowed"] == "allowed where definitions are known"
