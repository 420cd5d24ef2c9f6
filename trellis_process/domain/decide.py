"""decide: the one way in which anything moves a process, with or without a definition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from trellis_process.domain.course import UNORDERED, Course

if TYPE_CHECKING:
    from trellis_process.domain.process import Process

Trigger: TypeAlias = "Callable[[Process, datetime], object]"
"""What makes a process move: a command, a due tracker, a signal, a child's end. It calls a method
of Process, or a function of ``engine.commands``, with the time that it is given."""


def decide(definition: Course | None, process: Process, trigger: Trigger, now: datetime) -> None:
    """Lets a process move as its definition says, until it waits for the outside again.

    Pure: it changes the process, whose events and trackers say what happened and what waits, and
    calls nothing. The definition comes as the Engine that follows it; without one nobody orders
    the steps. Raises what refuses the trigger.
    """
    process.course = definition or UNORDERED
    trigger(process, now)
