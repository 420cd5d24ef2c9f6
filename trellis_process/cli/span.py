"""A time as people say it."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def span(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def since(seconds: float) -> str:
    """How long after a beginning: exact while it is short, in two units when it is long."""
    for (unit, size), (smaller, part) in zip(_UNITS, (*_UNITS[1:], ("s", 1)), strict=True):
        if seconds >= 2 * size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {unit} {rest // part:02} {smaller}"
    return f"{seconds:.2f} s"
