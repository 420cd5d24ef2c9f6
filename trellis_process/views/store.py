"""The seam to where views are kept."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.errors import Described, InvalidInput
from trellis_process.views.bus_event import BusEvent
from trellis_process.views.history import HistoryPage
from trellis_process.views.process_row import ProcessRow
from trellis_process.views.projection import Changes
from trellis_process.views.statistics import CountKey
from trellis_process.views.task_entry import TaskEntry

MAX_PAGE = 100


@dataclass(frozen=True)
class TaskPage:
    """Some open tasks, and where the next page begins; None after the last."""

    tasks: list[TaskEntry]
    cursor: str | None


@dataclass(frozen=True)
class RowPage:
    """Some processes, and where the next page begins; None after the last."""

    rows: list[ProcessRow]
    cursor: str | None


@dataclass(frozen=True)
class TaskFilter:
    """Which open tasks of a tenant: all of what is given has to hold."""

    #: Only those that this role may take, claimed or not.
    role: str | None = None
    #: Only those that are this person's.
    assignee: str | None = None
    #: Only those that are due before.
    due_before: datetime | None = None


class ViewStore(Protocol):
    """Where views are kept. Lists may be a moment old, and may leave out what changed just now.

    A page has at most ``limit`` entries, 1 to 100; it may have fewer, and another follow all the
    same. Every method may raise Throttled and StoreUnavailable, after bounded tries of its own;
    those that take a cursor raise InvalidInput for one of another list.
    """

    def row(self, key: ProcessKey) -> ProcessRow | None:
        """The row of a process as last kept; None where there is none."""

    def keep_history(self, events: Sequence[BusEvent]) -> None:
        """Keeps events of one process; one that is kept already is kept once."""

    def commit(self, changes: Changes) -> bool:
        """Keeps changes, all or nothing; False, and nothing kept, where the row is another now."""

    def history(self, key: ProcessKey, *, limit: int, cursor: str | None) -> HistoryPage:
        """The events of a process in order; none where none are kept."""

    def tasks(
        self, tenant_id: str, wanted: TaskFilter, *, limit: int, cursor: str | None
    ) -> TaskPage:
        """The open tasks of a tenant, what is due first coming first."""

    def with_attribute(
        self, tenant_id: str, name: str, value: str, *, limit: int, cursor: str | None
    ) -> RowPage:
        """The tenant's processes with a search attribute of this value, the newest first."""

    def of_type(
        self,
        tenant_id: str,
        process_type: str,
        *,
        state: ProcessState | None,
        limit: int,
        cursor: str | None,
    ) -> RowPage:
        """The tenant's processes of a definition, or type, in a state or in any; newest first."""

    def counts(
        self, tenant_id: str | None, process_type: str
    ) -> Mapping[CountKey, Mapping[str, int]]:
        """What was counted of a definition, or type, for a tenant, or with None for each."""


def cursor_at(*place: Any) -> str:
    """The cursor of the page after one that ended there."""
    text = json.dumps(place, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str | None, *kinds: type) -> list[Any] | None:
    """Where the page before ended: values of these kinds. Raises InvalidInput."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
        place = json.loads(text)
    except (AttributeError, RecursionError, TypeError, ValueError, binascii.Error):
        place = None
    if not isinstance(place, list) or [type(each) for each in place] != list(kinds):
        allowed = "allowed is the cursor of an earlier page of the same listing"
        raise InvalidInput("cursor", Described("another text"), allowed)
    return place
