"""The clock: the one place that knows what time it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Tells the time, in UTC. Tests pass one that they move by hand."""


def system_clock() -> datetime:
    """The machine's own time."""
    return datetime.now(UTC)
