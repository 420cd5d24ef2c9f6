"""What a definition says of events: which are its own, what they start, and how it reacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, Literal

from trellis_process.domain.definition.duration import Duration
from trellis_process.domain.definition.steps import FORBID, Expression, Inputs


@dataclass(frozen=True)
class EventDefinition:
    """A kind of event that comes from outside: how it is known, and which process it is for.

    It is known in exactly one of three ways: by a pattern, by what became of an entity, or as the
    completion of a process of another definition.
    """

    __pydantic_config__: ClassVar = FORBID

    name: str
    _: KW_ONLY
    #: As EventBridge writes patterns: ``{source: [shop], detail-type: [OrderPlaced]}``.
    pattern: Mapping[str, Any] | None = None
    #: A kind of entity, of which ``EntityCreated``, ``EntityUpdated`` and ``EntityDeleted`` tell.
    entity: str | None = None
    #: What became of the entity.
    change: Literal["created", "updated", "deleted"] | None = None
    #: Its new status, with the one before where that matters: ``pending -> confirmed``.
    status: str | None = None
    #: The definition of whose completed processes it tells.
    completed: str | None = None
    #: What names the process among those of its tenant: text or a whole number. Unless said the
    #: entity's id, or that of the process that was completed.
    key: Expression | None = None
    #: Whose process it is.
    tenant_id: Expression = "event.detail.tenant_id"
    #: What is the same for an event that comes again; unless said what EventBridge calls it.
    id: Expression | None = None
    #: Whether an event is dealt with again whose first time came to nothing.
    delivery: Literal["at_least_once", "at_most_once"] = "at_least_once"


@dataclass(frozen=True, kw_only=True)
class ScheduleTrigger:
    """A schedule of a tenant that starts processes of this definition."""

    __pydantic_config__: ClassVar = FORBID

    #: What tells it from the tenant's others.
    name: str
    #: Whose processes it starts.
    tenant_id: str
    cron: str | None = None
    every: Duration | None = None
    time_zone: str = "UTC"
    catch_up: bool = False
    overlap: Literal["skip", "queue", "cancel_previous", "allow"] = "skip"
    timeout: Duration | None = None
    #: What each run is started with; values, and no expressions.
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What starts a process beside those who ask for one: an event, a signal or a schedule."""

    __pydantic_config__: ClassVar = FORBID

    #: The name of one of the definition's events.
    event: str | None = None
    #: A signal for a key of which there is no process yet.
    signal: str | None = None
    schedule: ScheduleTrigger | None = None
    #: What a process is started with that an event starts; they see ``event``.
    inputs: Inputs | None = None
    #: What becomes of an event, or a signal, for a key of which there is a process.
    on_duplicate: Literal["return_existing", "reject", "new_if_finished"] = "return_existing"


@dataclass(frozen=True, kw_only=True)
class Command:
    """What is sent to a channel, with the write that the reaction makes."""

    __pydantic_config__: ClassVar = FORBID

    channel: str
    message: str
    inputs: Inputs = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TimerSetting:
    """A timer begins to run; one of that name which runs already is set anew."""

    __pydantic_config__: ClassVar = FORBID

    name: str
    #: A span in units of the calendar: ``1mo``, ``3d``, ``90m``.
    after: str | None = None
    #: A moment, as it is by then: text (RFC 3339) or a number of seconds since 1970.
    at: Expression | None = None


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What an event, or a timer that rings, does to the data, to others and to the timers."""

    __pydantic_config__: ClassVar = FORBID

    #: The name of one of the definition's events.
    event: str | None = None
    #: The name of a timer that some reaction sets.
    timer: str | None = None
    #: Only if this holds.
    when: Expression | None = None
    #: Fields of the data, and their new values.
    set: Inputs = field(default_factory=dict)
    send: tuple[Command, ...] = ()
    set_timers: tuple[TimerSetting, ...] = ()
    cancel_timers: tuple[str, ...] = ()
