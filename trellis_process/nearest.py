"""What there is instead of what was asked for, as the end of an error's text."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def what_there_is(asked: object, known: Collection[str]) -> str:
    """``; did you mean 'x'? There are x, y``, or without one that is near ``. There are x, y``."""
    near = get_close_matches(str(asked), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} There are {', '.join(sorted(known)) or 'none'}"
