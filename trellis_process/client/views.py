"""ViewsClient: open tasks, lists, histories and statistics, of a stack that keeps read models."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from trellis_process.client import requests
from trellis_process.client.calls import Calls
from trellis_process.domain.limits import JsonValue, check_name, check_text, check_time
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import to_text
from trellis_process.views.process_row import attribute_text
from trellis_process.views.representation import (
    ListedProcess,
    ToldEvent,
    listed_process_from_json,
    statistics_from_json,
    task_from_json,
    told_event_from_json,
)
from trellis_process.views.statistics import VersionStatistics
from trellis_process.views.task_entry import TaskEntry

MAX_PERSON_CHARACTERS = 256
MAX_VALUE_CHARACTERS = 1_024


class ViewsClient:
    """What a TrellisClient reads of the views: ``trellis.views.tasks("tenant-1")``.

    The views follow the events, so they are a second or so behind. Lists are read a page at a time
    as the iteration gets to it. Any call may raise ReadModelsOff, of a stack that keeps none, and
    what all calls of the client raise.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def tasks(
        self,
        tenant_id: str,
        *,
        role: str | None = None,
        assignee: str | None = None,
        due_before: datetime | None = None,
    ) -> Iterator[TaskEntry]:
        """A tenant's open tasks, what is due first coming first; those for which all holds."""
        query: dict[str, str] = {}
        if role is not None:
            query["role"] = check_text("role", role, MAX_PERSON_CHARACTERS)
        if assignee is not None:
            query["assignee"] = check_text("assignee", assignee, MAX_PERSON_CHARACTERS)
        if due_before is not None:
            query["due_before"] = str(to_text(check_time("due_before", due_before)))
        path = f"{_tenant_path(tenant_id)}/tasks"
        return self._calls.listed(path, query, "tasks", task_from_json)

    def with_attribute(
        self, tenant_id: str, name: str, value: JsonValue
    ) -> Iterator[ListedProcess]:
        """A tenant's processes with a search attribute of this value, the newest first."""
        query = {
            "name": check_text("name", name, MAX_PERSON_CHARACTERS),
            "value": check_text("value", attribute_text(value), MAX_VALUE_CHARACTERS),
        }
        path = f"{_tenant_path(tenant_id)}/search"
        return self._calls.listed(path, query, "processes", listed_process_from_json)

    def of_definition(
        self, tenant_id: str, definition: str, *, state: ProcessState | None = None
    ) -> Iterator[ListedProcess]:
        """A tenant's processes of a definition, or type, the newest first."""
        query = {} if state is None else {"state": state.value}
        path = f"{requests.tenants_definition_path(tenant_id, definition)}/processes"
        return self._calls.listed(path, query, "processes", listed_process_from_json)

    def history(self, process: Process | ProcessKey) -> Iterator[ToldEvent]:
        """Every event of a process in order, with who caused it and why."""
        path = f"{requests.process_path(process)}/history"
        return self._calls.listed(path, {}, "events", told_event_from_json)

    def statistics(self, tenant_id: str | None, definition: str) -> list[VersionStatistics]:
        """What became of a tenant's processes of a definition, or type, by version.

        With None that of all tenants together, for operators.
        """
        path = (
            requests.definition_path(definition)
            if tenant_id is None
            else requests.tenants_definition_path(tenant_id, definition)
        )
        return self._calls.get(f"{path}/statistics", read=statistics_from_json)


def _tenant_path(tenant_id: str) -> str:
    return f"/tenants/{check_name('tenant_id', tenant_id)}"
