"""Commands: what somebody asks of a process at a given time, such as a signal or a cancellation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from trellis_process.domain.decide import Trigger
from trellis_process.domain.definition.duration import Duration, span_of
from trellis_process.domain.engine import commands
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process
from trellis_process.errors import Described, InvalidInput

_Make = Callable[["Command"], Trigger]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command: exactly one of the fields that say what is asked, and when.

    Raises InvalidInput where none or several are given, or one that does not belong to it.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    #: How long after the start; at once unless said.
    at: Duration | None = None
    #: Who asks, and why.
    by: str | None = None
    reason: str | None = None

    #: Gives the process a signal of this name, with a ``payload``.
    signal: str | None = None
    payload: JsonValue = None
    #: Makes the task of this step that of ``by``.
    claim: str | None = None
    #: Makes the task of this step nobody's.
    release: str | None = None
    #: Makes the task of this step that of ``to``.
    reassign: str | None = None
    to: str | None = None
    #: Goes on as if this step were completed, with an ``output``.
    skip: str | None = None
    output: JsonValue = None
    #: Tries this failed step again.
    retry: str | None = None
    #: Goes on from this step once more.
    rerun: str | None = None
    #: Freezes the process, or lets it go on.
    suspend: bool = False
    resume: bool = False
    #: Calls the process off; with ``compensate`` what was done is undone.
    cancel: bool = False
    compensate: bool = False
    #: What is asked: the name of one of the fields above.
    kind: str = field(init=False, default="")

    def __post_init__(self) -> None:
        asked = [name for name in _TRIGGERS if getattr(self, name)]
        if len(asked) != 1:
            given = Described(", ".join(asked) or "nothing")
            raise InvalidInput("command", given, f"allowed is one of {', '.join(_TRIGGERS)}")
        kind = asked[0]
        object.__setattr__(self, "kind", kind)
        if self.at is not None:
            span_of("at", self.at)
        for name, owner in (
            ("payload", "signal"),
            ("to", "reassign"),
            ("output", "skip"),
            ("compensate", "cancel"),
        ):
            if owner != kind and getattr(self, name):
                raise InvalidInput(name, getattr(self, name), f"it belongs to {owner}")
        needed = {"claim": "by", "reassign": "to"}.get(kind)
        if needed is not None and getattr(self, needed) is None:
            raise InvalidInput(needed, Described("nothing"), f"{kind} needs it")

    @property
    def delay(self) -> timedelta:
        """How long after the start."""
        return timedelta(0) if self.at is None else span_of("at", self.at)

    @property
    def about(self) -> str | None:
        """The step or the signal that is named."""
        named = getattr(self, self.kind)
        return named if isinstance(named, str) else None

    @property
    def trigger(self) -> Trigger:
        """What moves the process."""
        return _TRIGGERS[self.kind](self)

    @property
    def who(self) -> dict[str, str | None]:
        """The arguments that every command of a process takes."""
        return {"actor": self.by, "reason": self.reason}

    def __str__(self) -> str:
        named = self.about
        return self.kind if named is None else f"{self.kind} {named}"


def _signal(command: Command) -> Trigger:
    def trigger(process: Process, now: datetime) -> None:
        commands.send_signal(process, str(command.signal), command.payload, now=now, **command.who)

    return trigger


def _claim(command: Command) -> Trigger:
    return lambda process, now: commands.claim_task(
        process, str(command.claim), by=str(command.by), now=now, reason=command.reason
    )


def _release(command: Command) -> Trigger:
    return lambda process, now: commands.release_task(
        process, str(command.release), now=now, **command.who
    )


def _reassign(command: Command) -> Trigger:
    return lambda process, now: commands.reassign_task(
        process, str(command.reassign), to=str(command.to), now=now, **command.who
    )


def _skip(command: Command) -> Trigger:
    return lambda process, now: process.skip_step(
        str(command.skip), command.output, now=now, **command.who
    )


def _retry(command: Command) -> Trigger:
    return lambda process, now: process.start_step(
        str(command.retry), now=now, actor=command.by, reason=command.reason
    )


def _rerun(command: Command) -> Trigger:
    return lambda process, now: commands.rerun_from(
        process, str(command.rerun), now=now, **command.who
    )


def _cancel(command: Command) -> Trigger:
    return lambda process, now: process.cancel(
        now=now, compensate=command.compensate, **command.who
    )


_TRIGGERS: dict[str, _Make] = {
    "signal": _signal,
    "claim": _claim,
    "release": _release,
    "reassign": _reassign,
    "skip": _skip,
    "retry": _retry,
    "rerun": _rerun,
    "suspend": lambda command: lambda process, now: process.suspend(now=now, **command.who),
    "resume": lambda command: lambda process, now: process.resume(now=now, **command.who),
    "cancel": _cancel,
}
"""What each kind of command does."""
