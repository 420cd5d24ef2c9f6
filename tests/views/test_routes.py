"""The views over HTTP, and as the client reads them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.client import Client
from trellis_process.http import build_api
from trellis_process.memory import InMemoryViewStore
from trellis_process.testing.view_store_contract import Story, review, work
from trellis_process.views.store import ViewStore


class _Client(Client):
    """A caller of an API that has the routes to views."""

    def __init__(self, story: Story, views: ViewStore | None) -> None:
        self.api = build_api(story.service, views=lambda: views)


@pytest.fixture
def story() -> Story:
    return Story(
        work("pay"),
        review(),
        inputs={"city": "string"},
        search_attributes={"city": "input.city"},
        tenant_id="tenant-1",
    )


@pytest.fixture
def client(story: Story) -> _Client:
    """Two processes, the second at its task."""
    views = InMemoryViewStore()
    story.start(input={"city": "Lyon"})
    story.tracker.advance(seconds=1)
    process = story.start(input={"city": "Ghent"})
    story.service.complete_step(process, "pay", actor="worker")
    story.feed(views)
    return _Client(story, views)


def test_open_tasks_are_listed_as_asked_for(client: _Client) -> None:
    (task,) = client.get("/tenants/tenant-1/tasks").json["tasks"]
    assert (task["step_name"], task["assignee_role"], task["surface"]) == (
        "review",
        "manager",
        "review",
    )
    assert task["due_at"] == "2026-01-08T09:00:01.000Z"

    def count(**query: str) -> int:
        answered = client.get("/tenants/tenant-1/tasks", query=query)
        assert answered.status == 200, answered.text
        return len(answered.json["tasks"])

    assert count(role="manager") == 1
    assert count(role="clerk") == count(assignee="anna") == 0
    assert count(due_before="2026-01-08T09:00:01Z") == 0
    assert count(due_before="2026-01-08T10:00:02+01:00") == 1


def test_processes_are_found_by_a_search_attribute(client: _Client) -> None:
    answered = client.get("/tenants/tenant-1/search", query={"name": "city", "value": "Ghent"})
    (process,) = answered.json["processes"]
    assert process["search_attributes"] == {"city": "Ghent"}


def test_processes_of_a_definition_come_in_pages_the_newest_first(
    client: _Client, story: Story
) -> None:
    path = f"/tenants/tenant-1/definitions/{story.name}/processes"
    first = client.get(path, query={"limit": "1", "state": "in_progress"}).json
    second = client.get(path, query={"limit": "1", "cursor": first["cursor"]}).json
    cities = [page["processes"][0]["search_attributes"]["city"] for page in (first, second)]
    assert cities == ["Ghent", "Lyon"]
    assert "cursor" not in second


def test_the_history_says_who_and_when(client: _Client, story: Story) -> None:
    found = client.get("/tenants/tenant-1/search", query={"name": "city", "value": "Ghent"}).json
    process_id = found["processes"][0]["process_id"]
    events = client.get(f"/tenants/tenant-1/processes/{process_id}/history").json["events"]
    assert [event["type"] for event in events] == [
        "ProcessStarted",
        "StepStarted",
        "StepCompleted",
        "TaskOpened",
    ]
    assert events[2]["actor"] == "worker"
    assert events[2]["id"] == f"{process_id}/2/1"


def test_statistics_are_of_the_tenant_or_of_the_stack(client: _Client, story: Story) -> None:
    for path in ("/tenants/tenant-1/definitions", "/definitions"):
        (version,) = client.get(f"{path}/{story.name}/statistics").json["versions"]
        assert (version["definition_version"], version["open"]) == (1, 2)
    other = client.get(f"/tenants/tenant-2/definitions/{story.name}/statistics").json
    assert other == {"name": story.name, "versions": []}


def test_another_tenant_sees_nothing(client: _Client) -> None:
    assert client.get("/tenants/tenant-2/tasks").json == {"tasks": []}
    query = {"name": "city", "value": "Ghent"}
    assert client.get("/tenants/tenant-2/search", query=query).json == {"processes": []}


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/tenants/tenant-1/tasks", {"due_before": "tomorrow"}, "due_before"),
        ("/tenants/tenant-1/tasks", {"role": "x" * 257}, "role"),
        ("/tenants/tenant-1/tasks", {"limit": "0"}, "limit"),
        ("/tenants/tenant-1/tasks", {"cursor": "nonsense"}, "cursor"),
        ("/tenants/tenant-1/tasks", {"roles": "manager"}, "roles"),
        ("/tenants/tenant-1/search", {"name": "city"}, "value"),
        ("/tenants/tenant-1/search", {"name": "a", "value": "x" * 1025}, "value"),
        ("/tenants/tenant-1/processes/p/history", {"cursor": "WzFd"}, "cursor"),
        ("/tenants/tenant-1/definitions/d/processes", {"state": "asleep"}, "state"),
    ],
)
def test_what_is_no_such_question_is_refused_by_its_field(
    client: _Client, path: str, query: dict[str, str], field: str
) -> None:
    answered = client.get(path, query=query)
    assert answered.status == 422
    assert set(answered.refused) == {field}


@pytest.mark.parametrize(
    "path",
    [
        "/tenants/t/tasks",
        "/tenants/t/processes/p/history",
        "/tenants/t/definitions/d/processes",
        "/tenants/t/definitions/d/statistics",
        "/definitions/d/statistics",
    ],
)
def test_a_stack_without_read_models_says_so(story: Story, path: str) -> None:
    answered = _Client(story, None).get(path)
    assert (answered.status, answered.code) == (404, "read_models_off")
    assert "ReadModels=on" in answered.json["detail"]


def test_statistics_of_the_stack_are_for_operators(client: _Client, story: Story) -> None:
    def asked(scope: str) -> int:
        claims = {"tenant_id": "tenant-1", "scope": scope}
        context: dict[str, Any] = {
            "stage": "$default",
            "http": {"method": "GET", "path": f"/definitions/{story.name}/statistics"},
            "authorizer": {"jwt": {"claims": claims, "scopes": None}},
        }
        path = f"/definitions/{story.name}/statistics"
        return client.send("GET", path, requestContext=context).status

    assert asked("steps") == 403
    assert asked("trellis/operator") == 200
