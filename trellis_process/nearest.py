"""What there is instead of what was asked for, as the end of an error's text."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(asked: object, known: Iterable[str]) -> str | None:
    """The name that was probably meant; None where none is near."""
    return next(iter(get_close_matches(str(asked), list(known), 1)), None)


def did_you_mean(asked: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'?``, or nothing where no name is near."""
    near = nearest(asked, known)
    return "" if near is None else f"; did you mean {near!r}?"


def what_there_is(asked: object, known: Iterable[str]) -> str:
    """``; did you mean 'x'? There are x, y``, or without one that is near ``. There are x, y``."""
    known = list(known)
    return f"{did_you_mean(asked, known) or '.'} There are {', '.join(sorted(known)) or 'none'}"
