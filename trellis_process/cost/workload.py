"""A workload: how many processes of which kind run in a month, and how services report on them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from trellis_process.cost.functions import BILLED_MS
from trellis_process.cost.journey import Journey, Starting
from trellis_process.cost.ranges import check_range
from trellis_process.errors import InvalidInput


class Channel(StrEnum):
    """The way by which commands come."""

    #: Calls of the HTTP API, with up to 25 commands in each.
    API = "api"
    #: Messages to the commands queue, of which one run of its function takes up to 10.
    QUEUE = "queue"
    #: None: services use the store themselves, in functions of their own that run anyway.
    LIBRARY = "library"


#: How many commands may come together, by channel: a batch of the API, of the queue, none.
MOST_TOGETHER = {Channel.API: 25, Channel.QUEUE: 10, Channel.LIBRARY: 1}
_MOST_CHANGES_TOGETHER = 100  # the batch of the publisher, in the template


@dataclass(frozen=True)
class Workload:
    """Processes of one kind, so many a month. Raises InvalidInput for what cannot be."""

    journey: Journey = field(default_factory=Journey)
    name: str = "processes"
    #: How many are started, and completed, in a month.
    processes: float = 1_000_000
    channel: Channel = Channel.API
    #: How many commands come in one call, or one batch of the queue.
    together: int = 1
    #: How many changes one run of the publisher takes; more where much happens at once.
    changes_together: int = 1
    #: How long a finished process stays in the table, in days.
    kept_days: float = 30
    #: What AWS bills for each command and each change, in milliseconds.
    billed_ms: float = BILLED_MS
    #: Whether the stack keeps read models: the inbox, lists, histories and statistics.
    read_models: bool = False

    def __post_init__(self) -> None:
        check_range("processes", self.processes, 0, 1e12)
        check_range("together", self.together, 1, MOST_TOGETHER[self.channel])
        check_range("changes_together", self.changes_together, 1, _MOST_CHANGES_TOGETHER)
        check_range("kept_days", self.kept_days, 0, 36_500)
        check_range("billed_ms", self.billed_ms, 0, 900_000)


def read_workloads(text: str, usual: Mapping[str, Any] | None = None) -> list[Workload]:
    """The workloads of a TOML document: a table ``[name]`` for each, with the fields that differ.

    A table's fields are those of ``Workload`` and of ``Journey``; those of ``usual`` hold where it
    does not say otherwise. Raises InvalidInput, naming the table and the field.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("workloads", "a text", f"it has to be TOML: {error}") from error
    if not tables:
        raise InvalidInput("workloads", text, "at least one table, such as [referrals]")
    return [_workload(name, said, usual or {}) for name, said in tables.items()]


def workload_of(name: str, said: Mapping[str, Any]) -> Workload:
    """The workload with these fields, of itself and of its journey; others as usual.

    Raises InvalidInput for a field that there is not, or whose value cannot be.
    """
    of_journey = {each.name for each in fields(Journey)} - {"actor"}
    of_workload = {each.name for each in fields(Workload)} - {"journey", "name"}
    if unknown := set(said) - of_journey - of_workload:
        known = ", ".join(sorted(of_journey | of_workload))
        raise InvalidInput(min(unknown), said[min(unknown)], f"no such field; there are {known}")
    typed = {field: _typed(field, value) for field, value in said.items()}
    return Workload(
        Journey(**{field: value for field, value in typed.items() if field in of_journey}),
        name,
        **{field: value for field, value in typed.items() if field in of_workload},
    )


def _workload(name: str, said: Any, usual: Mapping[str, Any]) -> Workload:
    if not isinstance(said, dict):
        raise InvalidInput(name, said, f"each workload is a table: write [{name}]")
    try:
        return workload_of(name, {**usual, **said})
    except InvalidInput as error:
        given = {**usual, **said}.get(error.field)
        raise InvalidInput(f"{name}.{error.field}", given, error.allowed) from error


_WHOLE = {"steps", "heartbeats", "metadata_bytes", "output_bytes", "together", "changes_together"}
_CHOICES: dict[str, type[StrEnum]] = {"starting": Starting, "channel": Channel}


def _typed(field: str, value: Any) -> Any:
    if choice := _CHOICES.get(field):
        if value not in list(choice):
            raise InvalidInput(field, value, f"one of {', '.join(choice)}")
        return choice(value)
    if field == "read_models":
        if not isinstance(value, bool):
            raise InvalidInput(field, value, "true or false")
        return value
    kind = int if field in _WHOLE else int | float
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidInput(field, value, f"a {'whole ' if field in _WHOLE else ''}number")
    return value
