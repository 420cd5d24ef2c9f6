"""An event as it came from the bus, with what every view needs of it checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trellis_process.domain.limits import JsonValue, check_name, check_whole_number
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.domain.time import moment_from
from trellis_process.errors import InvalidInput

MAX_VERSION = 10**15
MAX_EVENTS_OF_A_CHANGE = 10**6


@dataclass(frozen=True, kw_only=True)
class BusEvent:
    """One event: when what happened to which process, and its place among that one's others."""

    key: ProcessKey
    type: str
    time: datetime
    process_type: str
    definition_version: int | None
    #: The process's state after the change that this is part of.
    state: ProcessState
    #: The version that the change made; the last one before it that had events, 0 for none.
    version: int
    previous_version: int
    #: Which event of the change, from 1; and how many it has.
    n: int
    event_count: int
    #: All that the event says, as it stood on the bus.
    detail: Mapping[str, JsonValue] = field(repr=False)

    @property
    def place(self) -> tuple[int, int]:
        """By which the events of a process are in order."""
        return (self.version, self.n)

    @property
    def step_name(self) -> str | None:
        """The step that it is about; None where it is about the process."""
        name: str | None = self.detail.get("step_name")
        return name

    @property
    def is_of_part(self) -> bool:
        """Whether its process deals with one part of the items of another's foreach."""
        return (self.detail.get("parent") or {}).get("part") is not None


def read_event(detail: Any) -> BusEvent:
    """The event that a ``detail`` of the bus tells, of whatever type. Raises InvalidInput."""
    if not isinstance(detail, dict):
        raise InvalidInput("detail", detail, "allowed is the detail of an event of Trellis")
    try:
        process_id = check_name("process_id", detail["process_id"])
        version = check_whole_number("version", detail["version"], 1, MAX_VERSION)
        # The id is {process_id}/{version}/{n}; the first two are known already.
        before, _, n = detail["id"].rpartition("/")
        if before != f"{process_id}/{version}":
            raise InvalidInput("id", detail["id"], f"allowed is {process_id}/{version}/ and n")
        definition_version = detail.get("definition_version")
        return BusEvent(
            key=ProcessKey(check_name("tenant_id", detail["tenant_id"]), process_id),
            type=check_name("type", detail["type"]),
            time=moment_from(detail["time"]),
            process_type=check_name("process_type", detail["process_type"]),
            definition_version=None
            if definition_version is None
            else check_whole_number("definition_version", definition_version, 1, MAX_VERSION),
            state=ProcessState(detail["process_state"]),
            version=version,
            previous_version=check_whole_number(
                "previous_version", detail["previous_version"], 0, version - 1
            ),
            n=check_whole_number("id", int(n), 1, MAX_EVENTS_OF_A_CHANGE),
            event_count=check_whole_number(
                "event_count", detail["event_count"], 1, MAX_EVENTS_OF_A_CHANGE
            ),
            detail=detail,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        allowed = f"allowed is the detail of an event of Trellis ({error!r})"
        raise InvalidInput("detail", detail, allowed) from error
