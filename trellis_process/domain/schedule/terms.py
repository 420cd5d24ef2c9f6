"""Terms: what a schedule starts, when, and what becomes of runs that would meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol, Self

from trellis_process.domain.definition.duration import Duration, span_of
from trellis_process.domain.definition.reactions import ScheduleTrigger
from trellis_process.domain.limits import (
    MAX_OUTPUT_BYTES,
    JsonValue,
    check_json,
    check_name,
)
from trellis_process.domain.recurrence import Recurrence
from trellis_process.errors import Described, InvalidInput

SHORTEST_INTERVAL = timedelta(minutes=1)  # what is due is looked for once a minute
UTC_ZONE = "UTC"


class Overlap(StrEnum):
    """What becomes of a run whose time comes while another one of its schedule is open."""

    #: It is left out.
    SKIP = "skip"
    #: It waits until the others have ended, first in first out.
    QUEUE = "queue"
    #: The open ones are cancelled; once they have ended it starts.
    CANCEL_PREVIOUS = "cancel_previous"
    #: It starts all the same.
    ALLOW = "allow"


@dataclass(frozen=True)
class ScheduleTerms:
    """When a schedule starts processes of a definition: by ``cron`` or ``every`` so often.

    Raises InvalidInput for what cannot be agreed. Whether ``cron`` and ``time_zone`` can be read,
    the Calendar says.
    """

    #: The name of the definition; a run gets its newest version.
    definition: str
    _: KW_ONLY
    #: Five fields, minute to day of the week: ``0 9 * * MON``.
    cron: str | None = None
    #: At least a minute.
    every: Duration | None = None
    #: The IANA name of the zone whose clock ``cron`` means.
    time_zone: str = UTC_ZONE
    #: Whether runs that nobody started in time are started later.
    catch_up: bool = False
    overlap: Overlap = Overlap.SKIP
    #: How long a run may take; None for as long as its definition says.
    timeout: Duration | None = None
    #: What each run is started with.
    input: Mapping[str, JsonValue] = field(default_factory=dict)
    #: Whether the definition itself declares it; then it goes by the newest version.
    declared: bool = False

    def __post_init__(self) -> None:
        check_name("definition", self.definition)
        if (self.cron is None) == (self.every is None):
            given = "neither" if self.cron is None else "both"
            raise InvalidInput("cron", Described(given), "allowed is either cron or every")
        if self.every is not None and span_of("every", self.every) < SHORTEST_INTERVAL:
            raise InvalidInput("every", self.every, "allowed are spans of a minute and more")
        if self.every is not None and self.time_zone != UTC_ZONE:
            allowed = f"allowed is {UTC_ZONE} with every, which counts time that elapses anywhere"
            raise InvalidInput("time_zone", self.time_zone, allowed)
        if not isinstance(self.catch_up, bool):
            raise InvalidInput("catch_up", self.catch_up, "allowed is true or false")
        object.__setattr__(self, "overlap", _overlap(self.overlap))
        if self.timeout is not None:
            span_of("timeout", self.timeout)
        given_input: Any = self.input
        if not isinstance(given_input, dict):
            raise InvalidInput("input", given_input, "allowed is a JSON object")
        object.__setattr__(self, "input", check_json("input", given_input, MAX_OUTPUT_BYTES))

    @classmethod
    def declared_by(cls, definition: str, schedule: ScheduleTrigger) -> Self:
        """The terms that a definition declares."""
        return cls(
            definition,
            cron=schedule.cron,
            every=schedule.every,
            time_zone=schedule.time_zone,
            catch_up=schedule.catch_up,
            overlap=Overlap(schedule.overlap),
            timeout=schedule.timeout,
            input=dict(schedule.input),
            declared=True,
        )

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """The terms that a schedule keeps as its input."""
        return cls(**{each.name: kept[each.name] for each in fields(cls) if each.name in kept})

    def as_json(self) -> dict[str, JsonValue]:
        """As a schedule keeps them, without what is as usual."""
        usual = {each.name: each.default for each in fields(self)} | {"input": {}}
        told = {name: value for name, value in vars(self).items() if value != usual[name]}
        return {name: str(value) if name == "overlap" else value for name, value in told.items()}


class Calendar(Protocol):
    """Knows the clocks of the world, which the domain does not."""

    def cron(self, text: str, time_zone: str) -> Recurrence:
        """The times that five fields mean in a zone. Raises InvalidInput for what means none."""


def _overlap(value: object) -> Overlap:
    try:
        return Overlap(str(value))
    except ValueError:
        allowed = f"allowed are {', '.join(Overlap)}"
        raise InvalidInput("overlap", value, allowed) from None
