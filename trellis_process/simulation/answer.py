"""Answers: what comes of a step, and after how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, TypeAlias

from trellis_process.domain.definition.duration import Duration, in_ms, span_of
from trellis_process.domain.limits import JsonValue
from trellis_process.errors import InvalidInput


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service reports, a person chooses, a child results in or a signal brings.

    Without an ``error`` it is a success. With ``visit``, ``attempt`` or ``item`` it is for those
    alone. Raises InvalidInput for what contradicts itself.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    #: What the step results in; of a signal its payload.
    output: JsonValue = None
    #: Why it fails.
    error: str | None = None
    #: The error's code, for rules about what is tried again.
    code: str | None = None
    #: Whether trying again is of no use.
    fatal: bool = False
    #: When to try again, where the service knows.
    retry_after: Duration | None = None
    #: How long it takes, from when it is asked; no time at all unless said.
    after: Duration | None = None
    #: Whether nothing comes, so that time limits do their work.
    never: bool = False
    #: What a person chooses.
    outcome: str | None = None
    #: Who it is.
    by: str | None = None
    #: The visit that it is for, from 1, where a step is entered several times.
    visit: int | None = None
    #: The attempt of a visit that it is for, from 1.
    attempt: int | None = None
    #: The index of the item that it is for, in a foreach.
    item: int | None = None

    def __post_init__(self) -> None:
        if self.after is not None:
            span_of("after", self.after)
        in_ms("retry_after", self.retry_after)
        said = {"output": self.output, "outcome": self.outcome}
        of_failures = {"code": self.code, "fatal": self.fatal, "retry_after": self.retry_after}
        if self.error is None:
            self._refuse(of_failures, "it belongs to an answer with an error")
        else:
            self._refuse(said, "an answer with an error has none")
        if self.never:
            self._refuse(
                {**said, "error": self.error, "after": self.after, "by": self.by},
                "with never nothing comes",
            )

    @property
    def delay(self) -> timedelta:
        """How long it takes."""
        return timedelta(0) if self.after is None else span_of("after", self.after)

    def is_for(self, visit: int, attempt: int, item: int | None) -> bool:
        """Whether it is for one of these, and not for whatever comes."""
        wanted = ((self.visit, visit), (self.attempt, attempt), (self.item, item))
        return all(said in (None, given) for said, given in wanted)

    @property
    def is_for_any(self) -> bool:
        """Whether it says neither visit nor attempt nor item."""
        return self.visit is self.attempt is self.item is None

    def _refuse(self, fields: Mapping[str, Any], allowed: str) -> None:
        for name, value in fields.items():
            if value is not None and value is not False:
                raise InvalidInput(name, value, allowed)


AnswersByName: TypeAlias = Mapping[str, Sequence[Answer]]
"""The answers to each step, by its name."""


class Answers:
    """Finds the answer to what is asked, and remembers how far it has come.

    Of several answers those that name a visit, an attempt or an item come first; the others are
    taken one after the other, each time that the step is asked for something, and the last of them
    holds from then on. Each item of a foreach begins with the first.
    """

    def __init__(self, given: AnswersByName) -> None:
        self._given = given
        self._taken: Counter[tuple[str, str]] = Counter()
        self._used: set[str] = set()

    def take(
        self,
        names: Sequence[str],
        asked: tuple[str, str],
        *,
        visit: int,
        attempt: int,
        item: int | None,
    ) -> Answer | None:
        """The answer under the first of these names that has one; None where none has."""
        for name in names:
            answers = self._given.get(name, ())
            special = [
                each
                for each in answers
                if not each.is_for_any and each.is_for(visit, attempt, item)
            ]
            in_turn = [each for each in answers if each.is_for_any]
            if not special and not in_turn:
                continue
            self._used.add(name)
            if special:
                return special[0]
            self._taken[asked] += 1
            return in_turn[min(self._taken[asked], len(in_turn)) - 1]
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """The names whose answers nobody asked for."""
        return tuple(name for name in self._given if name not in self._used)
