"""Progress: how far what is inside of a waiting step has come, as the step keeps it between writes.

A step keeps it as JSON, and by that stores, answers and the command line know it; the engine reads
it as one of these classes. They are named tuples, and their annotations are no texts that would be
compiled one by one, because a dataclass takes many times as long to make, and whatever loads the
engine would wait for it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

from trellis_process.domain.limits import JsonValue
from trellis_process.domain.step import ProcessStep

Key = TypeVar("Key", int, str)


class SignalWait(NamedTuple):
    """A step that waits for a signal."""

    signal: str

    @classmethod
    def of(cls, kept: JsonValue) -> Self:
        """As the step keeps it."""
        return cls(kept["signal"])

    def as_json(self) -> JsonValue:
        """As the step is to keep it."""
        return {"signal": self.signal}


class BranchProgress(NamedTuple):
    """The branches of a parallel step, by their names."""

    #: Those that have not ended.
    open: tuple[str, ...]
    #: Those that failed, and why.
    failed: Mapping[str, str]
    #: Why what was completed in them is being, or was, undone; None where it is not.
    undoing: str | None = None

    @classmethod
    def of(cls, kept: JsonValue) -> Self:
        """As the step keeps it."""
        return cls(tuple(kept["open"]), kept.get("failed", {}), kept.get("undoing"))

    def as_json(self) -> JsonValue:
        """As the step is to keep it, without what is as usual."""
        kept: dict[str, Any] = {"open": list(self.open)}
        if self.failed:
            kept["failed"] = dict(self.failed)
        if self.undoing is not None:
            kept["undoing"] = self.undoing
        return kept


class ItemProgress(NamedTuple):
    """The items of a foreach with which its own process deals, by their index in the whole list."""

    #: The index of the first one, which is 0 but in a part of a longer list.
    first: int
    #: How many there are.
    total: int
    #: The one to begin next.
    next: int
    #: Those under way.
    open: tuple[int, ...]
    #: Those done, and the name of the step with which each ended.
    done: Mapping[int, str]
    #: Those that failed, and why.
    failed: Mapping[int, str]
    #: Those that failed and are to be tried again, when there is room beside those under way.
    again: tuple[int, ...] = ()
    #: In a part: how often the whole was tried again when the part was, last.
    round: int = 0

    @property
    def end(self) -> int:
        """The index after the last item."""
        return self.first + self.total

    @classmethod
    def of(cls, kept: JsonValue) -> Self:
        """As the step keeps it."""
        return cls(
            kept["first"],
            kept["count"],
            kept["next"],
            tuple(kept["open"]),
            dict(kept["done"]),
            dict(kept["failed"]),
            tuple(kept.get("again", ())),
            kept.get("round", 0),
        )

    def as_json(self) -> JsonValue:
        """As the step is to keep it, without what is as usual."""
        kept: dict[str, Any] = {
            "first": self.first,
            "count": self.total,
            "next": self.next,
            "open": list(self.open),
            "done": [[index, name] for index, name in self.done.items()],
            "failed": [[index, why] for index, why in self.failed.items()],
        }
        if self.again:
            kept["again"] = list(self.again)
        if self.round:
            kept["round"] = self.round
        return kept


class PartProgress(NamedTuple):
    """The items of a foreach with which children deal, a part of the list each."""

    #: How many items there are.
    total: int
    #: How many parts.
    parts: int
    #: The part to begin next.
    next: int
    #: Those under way.
    open: tuple[int, ...]
    #: How many items are dealt with.
    processed: int
    #: How many of them failed.
    errors: int
    #: The first of the failed items, by their index, and why.
    failed: Mapping[int, str]
    #: How often the whole was tried again: every part is asked for once in each round.
    round: int = 0
    #: The attempts of earlier visits that may have to be undone yet, and how many parts each had.
    before: tuple[tuple[int, int], ...] = ()
    #: How many parts were asked for in earlier rounds.
    asked: int = 0
    #: Those that were given up in an earlier round, and not asked for since: some never began.
    given_up: tuple[int, ...] = ()

    @property
    def begun(self) -> int:
        """How many parts were asked for in any round: the first ones."""
        return max(self.next, self.asked)

    @classmethod
    def of(cls, kept: JsonValue) -> Self:
        """As the step keeps it."""
        return cls(
            kept["count"],
            kept["parts"],
            kept["next"],
            tuple(kept["open"]),
            kept["processed"],
            kept["errors"],
            dict(kept["failed"]),
            kept.get("round", 0),
            _pairs(kept),
            kept.get("asked", 0),
            tuple(kept.get("given_up", ())),
        )

    def as_json(self) -> JsonValue:
        """As the step is to keep it, without what is as usual."""
        kept: dict[str, Any] = {
            "first": 0,
            "count": self.total,
            "parts": self.parts,
            "next": self.next,
            "open": list(self.open),
            "processed": self.processed,
            "errors": self.errors,
            "failed": [[index, why] for index, why in self.failed.items()],
        }
        if self.round:
            kept["round"] = self.round
        if self.before:
            kept["before"] = [list(each) for each in self.before]
        if self.asked:
            kept["asked"] = self.asked
        if self.given_up:
            kept["given_up"] = list(self.given_up)
        return kept


class UndoProgress(NamedTuple):
    """The parts in which what was completed is undone, the last one first."""

    #: The attempt at the foreach whose parts they are.
    attempt: int
    #: How many are to be undone yet, the first ones.
    left: int
    #: Those under way.
    open: tuple[int, ...] = ()
    #: Whether something could not be undone.
    is_partial: bool = False
    #: As ``PartProgress.before``; the last of them comes next.
    before: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, kept: JsonValue) -> Self:
        """As the step keeps it."""
        return cls(
            kept["attempt"],
            kept["left"],
            tuple(kept["open"]),
            kept.get("partial", False),
            _pairs(kept),
        )

    def as_json(self) -> JsonValue:
        """As the step is to keep it, without what is as usual."""
        kept: dict[str, Any] = {
            "attempt": self.attempt,
            "left": self.left,
            "open": list(self.open),
        }
        if self.is_partial:
            kept["partial"] = True
        if self.before:
            kept["before"] = [list(each) for each in self.before]
        return kept


Progress: TypeAlias = SignalWait | BranchProgress | ItemProgress | PartProgress | UndoProgress
"""What a step may keep of how far it has come."""


def progress_of(step: ProcessStep) -> Progress | None:
    """What a step keeps of how far it has come; None for one that keeps nothing."""
    kept: Any = step.progress
    if kept is None:
        return None
    if "signal" in kept:
        return SignalWait.of(kept)
    if "parts" in kept:
        return PartProgress.of(kept)
    if "left" in kept:
        return UndoProgress.of(kept)
    return ItemProgress.of(kept) if "first" in kept else BranchProgress.of(kept)


def holds_steps(step: ProcessStep) -> bool:
    """Whether steps of the same process stand inside of it; children have steps of their own."""
    return isinstance(progress_of(step), BranchProgress | ItemProgress)


def why_undone(step: ProcessStep) -> str | None:
    """Why what was completed inside of a parallel step is, or was, undone; None where it is not."""
    progress = progress_of(step)
    return progress.undoing if isinstance(progress, BranchProgress) else None


def _pairs(kept: JsonValue) -> tuple[tuple[int, int], ...]:
    return tuple((attempt, parts) for attempt, parts in kept.get("before", ()))


def without(keys: tuple[Key, ...], key: Key) -> tuple[Key, ...]:
    """These but for that one, which has ended or is to be the last."""
    return tuple(each for each in keys if each != key)
