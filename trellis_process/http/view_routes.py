"""The routes to the views: open tasks, lists, histories, statistics.

What only they need is imported when one is first asked, for most requests are commands.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeAlias

from aws_lambda_powertools.event_handler.api_gateway import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from trellis_process.application.process_service import MAX_PAGE
from trellis_process.commands.bodies import checked
from trellis_process.domain.limits import check_text
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.time import moment_from
from trellis_process.errors import InvalidInput, ReadModelsOff
from trellis_process.http.answers import JSON, json_text
from trellis_process.http.parameters import (
    Cursor,
    DefinitionName,
    Limit,
    ProcessId,
    StateFilter,
    TenantId,
)
from trellis_process.http.paths import DEFINITION, PROCESS, TENANTS_DEFINITION
from trellis_process.http.router import Router

if TYPE_CHECKING:
    from trellis_process.views.store import RowPage, ViewStore

MakeViews: TypeAlias = "Callable[[], ViewStore | None]"
"""Gives the views, when a request first needs them; None where the stack keeps none."""

TASKS = "/tenants/<tenant_id>/tasks"
SEARCH = "/tenants/<tenant_id>/search"
MAX_VALUE_CHARACTERS = 1_024
MAX_PERSON_CHARACTERS = 256


def _check_moment(field: str, value: object) -> datetime:
    try:
        return moment_from(str(value))
    except ValueError as error:
        allowed = "allowed is a moment with its time zone: 2026-03-01T09:30:00Z"
        raise InvalidInput(field, value, allowed) from error


_Person: TypeAlias = Annotated[
    Annotated[str, Field(max_length=MAX_PERSON_CHARACTERS)],
    checked(partial(check_text, at_most=MAX_PERSON_CHARACTERS)),
]
_Value: TypeAlias = Annotated[
    Annotated[str, Field(max_length=MAX_VALUE_CHARACTERS)],
    checked(partial(check_text, at_most=MAX_VALUE_CHARACTERS)),
]
Role: TypeAlias = Annotated[_Person | None, Query(description="Only those this role may take.")]
Assignee: TypeAlias = Annotated[_Person | None, Query(description="Only those of this person.")]
DueBefore: TypeAlias = Annotated[
    Annotated[datetime, checked(_check_moment)] | None,
    Query(description="Only those that are due before this moment."),
]
AttributeName: TypeAlias = Annotated[_Person, Query(description="The name of a search attribute.")]
AttributeValue: TypeAlias = Annotated[
    _Value,
    Query(
        description="Its value: text as it stands, anything else as JSON. Of a list, any member."
    ),
]


def add_view_routes(router: Router, make: MakeViews) -> None:
    """The routes to the views; where the stack keeps none, each says so."""

    def views() -> ViewStore:
        found = make()
        if found is None:
            raise ReadModelsOff()
        return found

    @router.get(TASKS, operation_id="list_tasks", summary="List open tasks", tags=["tasks"])
    def list_tasks(
        tenant_id: TenantId,
        role: Role = None,
        assignee: Assignee = None,
        due_before: DueBefore = None,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response[str]:
        from trellis_process.views.representation import task_as_json
        from trellis_process.views.store import TaskFilter

        router.asked.refuse_unknown_parameters("role", "assignee", "due_before", "limit", "cursor")
        wanted = TaskFilter(role=role, assignee=assignee, due_before=due_before)
        page = views().tasks(tenant_id, wanted, limit=limit, cursor=cursor)
        return _page("tasks", [task_as_json(task) for task in page.tasks], page.cursor)

    @router.get(
        SEARCH,
        operation_id="find_by_attribute",
        summary="List processes by a search attribute",
        tags=["processes"],
    )
    def find_by_attribute(
        tenant_id: TenantId,
        name: AttributeName,
        value: AttributeValue,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("name", "value", "limit", "cursor")
        found = views().with_attribute(tenant_id, name, value, limit=limit, cursor=cursor)
        return _rows(found)

    @router.get(
        f"{TENANTS_DEFINITION}/processes",
        operation_id="list_by_definition",
        summary="List processes of a definition",
        tags=["processes"],
    )
    def list_by_definition(
        tenant_id: TenantId,
        definition: DefinitionName,
        state: StateFilter = None,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response[str]:
        router.asked.refuse_unknown_parameters("state", "limit", "cursor")
        found = views().of_type(tenant_id, definition, state=state, limit=limit, cursor=cursor)
        return _rows(found)

    @router.get(
        f"{PROCESS}/history",
        operation_id="get_history",
        summary="List what happened to a process",
        tags=["processes"],
    )
    def get_history(
        tenant_id: TenantId,
        process_id: ProcessId,
        limit: Limit = MAX_PAGE,
        cursor: Cursor = None,
    ) -> Response[str]:
        from trellis_process.views.representation import entry_as_json

        router.asked.refuse_unknown_parameters("limit", "cursor")
        page = views().history(ProcessKey(tenant_id, process_id), limit=limit, cursor=cursor)
        events = [entry_as_json(process_id, entry) for entry in page.entries]
        return _page("events", events, page.cursor)

    @router.get(
        f"{TENANTS_DEFINITION}/statistics",
        operation_id="get_statistics",
        summary="Get a tenant's statistics of a definition",
        tags=["definitions"],
    )
    def get_statistics(tenant_id: TenantId, definition: DefinitionName) -> Response[str]:
        return _statistics(tenant_id, definition)

    @router.get(
        f"{DEFINITION}/statistics",
        operation_id="get_stack_statistics",
        summary="Get the whole stack's statistics of a definition",
        tags=["definitions"],
    )
    def get_stack_statistics(definition: DefinitionName) -> Response[str]:
        return _statistics(None, definition)

    def _statistics(tenant_id: str | None, definition: str) -> Response[str]:
        from trellis_process.views.representation import statistics_as_json
        from trellis_process.views.statistics import statistics_of

        router.asked.refuse_unknown_parameters()
        versions = statistics_of(views().counts(tenant_id, definition))
        return Response(200, JSON, json_text(statistics_as_json(definition, versions)))


def _rows(page: RowPage) -> Response[str]:
    from trellis_process.views.representation import row_as_json

    return _page("processes", [row_as_json(row) for row in page.rows], page.cursor)


def _page(name: str, entries: list[dict[str, object]], cursor: str | None) -> Response[str]:
    more = {} if cursor is None else {"cursor": cursor}
    return Response(200, JSON, json_text({name: entries, **more}))
