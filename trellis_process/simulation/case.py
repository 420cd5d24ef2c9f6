"""Cases: what a definition is to do with an event or a timer, given what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trellis_process.definitions.finding import Path
from trellis_process.domain.limits import JsonValue

#: Why an event is refused, where no constraint and no invariant has a name for it.
REFUSALS = ("expression", "data", "ended")
#: How a process may end that has come to none of its endings.
OTHER_ENDINGS = ("completed", "failed")


@dataclass(frozen=True, kw_only=True)
class CaseEvent:
    """An event that comes, or a timer that rings."""

    #: Where it stands in the document.
    path: Path
    #: The name of one of the definition's events.
    event: str | None = None
    #: The name of a timer.
    timer: str | None = None
    #: How long after the start, in units of the calendar; None for at the time of the one before.
    at: str | None = None
    #: As EventBridge delivers it, with what its pattern says filled in.
    value: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is to come of it; what is not said does not matter."""

    #: The fields that are said.
    said: frozenset[str]
    #: All messages, in order: ``channel``, ``message``, and ``payload`` if it matters.
    sends: tuple[Mapping[str, JsonValue], ...] = ()
    #: Timers by name, all that are set: a span from then, or a moment.
    sets_timers: Mapping[str, str] = field(default_factory=dict)
    #: The timers that run no more, though they have not rung.
    cancels_timers: tuple[str, ...] = ()
    #: Fields of the data.
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    #: The name of an ending, or ``completed``, ``failed``; None for still open.
    ended: str | None = None
    #: The name of a constraint or an invariant, or one of REFUSALS.
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class Case:
    """Given these events, when this comes, then that follows."""

    name: str
    path: Path
    #: What somebody starts the process with; None where the first event does.
    input: Mapping[str, JsonValue] | None
    #: When it begins, by RFC 3339; None for whenever.
    start: str | None
    given: tuple[CaseEvent, ...]
    when: CaseEvent
    then: Expected


@dataclass(frozen=True)
class CaseResult:
    """What came of a case."""

    #: The file that it stands in, and the line; empty and None for one that is in none.
    file: str
    line: int | None
    name: str
    #: Each thing that is not as expected: ``then.data.paid: expected 30, got 20``.
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences

    def __str__(self) -> str:
        return "\n".join([self.name, *(f"  {each}" for each in self.differences)])
