"""Chance: what a random history is drawn from, and how one that breaks a promise gets shorter.

Hypothesis drew shallow histories of definitions as large as these, at half the speed. Here a draw
is a number from ``random``, and a history the list of its draws, which is shortened by leaving
some out, as Hypothesis would.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Chance:
    """Draws by a seed, or draws again what was drawn before and then the plainest."""

    def __init__(self, by: int | list[int]) -> None:
        self._random = random.Random(by) if isinstance(by, int) else None
        self._again = [] if isinstance(by, int) else by
        #: What was drawn so far, each counted from the plainest.
        self.drawn: list[int] = []

    def number(self, least: int, most: int) -> int:
        """A whole number; the least is the plainest."""
        if self._random is not None:
            drawn = self._random.randint(0, most - least)
        else:
            place = len(self.drawn)
            drawn = min(self._again[place], most - least) if place < len(self._again) else 0
        self.drawn.append(drawn)
        return least + drawn

    def one_of(self, *options: T) -> T:
        """One of these; the first is the plainest."""
        return options[self.number(0, len(options) - 1)]

    def is_so(self, percent: int) -> bool:
        """Whether something is so that is in so many of 100 cases; that it is not is plainer."""
        return self.number(0, 99) >= 100 - percent


class Drawn(Protocol):
    """Something that came of draws."""

    @property
    def drawn(self) -> list[int]:
        """All of them."""


D = TypeVar("D", bound=Drawn)


def shrunk(found: D, again: Callable[[list[int]], D | None], seconds: float) -> D:
    """Something plainer that is of the same kind as what was found, looked for so long.

    ``again`` makes it anew of these draws; None where it is of another kind.
    """
    ends_at = time.monotonic() + seconds
    is_plainer = True
    while is_plainer:
        is_plainer = False
        size = max(1, len(found.drawn) // 2)
        while size:
            place = 0
            while place < len(found.drawn):
                if time.monotonic() >= ends_at:
                    return found
                before, after = found.drawn[:place], found.drawn[place + size :]
                for tried in (before + after, [*before, *([0] * size), *after]):
                    made = again(tried)
                    if made is not None and _plainness(made) < _plainness(found):
                        found, is_plainer = made, True
                        break
                else:
                    place += size
            size //= 2
    return found


def _plainness(found: Drawn) -> tuple[int, int]:
    return len(found.drawn), sum(found.drawn)
