"""The names that steps of a process have: those of the definition, and which item they are for.

``pack`` is a step of the definition; inside of a foreach ``pack:17`` is it for item 17, and
``pack:17:3`` for item 3 of a foreach inside of that; ``undo:pack:17`` undoes it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from trellis_process.domain.definition.steps import ForEachStep
from trellis_process.domain.step import UNDO

if TYPE_CHECKING:
    from trellis_process.domain.engine.compiled import Place
    from trellis_process.domain.process import Process


def defined_name(name: str) -> str:
    """The name that a step has in the definition."""
    return name.removeprefix(UNDO).partition(":")[0]


def items_of(name: str) -> str:
    """Which items a step is for, as the end of its name: ``:17:3``; empty outside of a foreach."""
    _, colon, items = name.removeprefix(UNDO).partition(":")
    return colon + items


def items_around(items: str) -> str:
    """Which items the foreach is for whose item is the innermost of these."""
    return items.rpartition(":")[0]


def item_index(items: str) -> int:
    """The index of the innermost item."""
    return int(items.rpartition(":")[2])


def name_around(place: Place, items: str) -> str:
    """The name of the step inside of which another stands, which is for these items."""
    assert place.around is not None, "there is a step around it"
    around = place.around.step
    return around.name + (items_around(items) if isinstance(around, ForEachStep) else items)


def foreach_of_part(process: Process) -> str | None:
    """The foreach of whose items a process deals with a part; None for any other process."""
    parent = process.parent
    return None if parent is None or parent.part is None else parent.step_name


def child_id(process_id: str, step_name: str, attempt: int, part: int | None) -> str:
    """The id of a child: always the same for the same attempt, so that it is started once."""
    told = f"{process_id}/{step_name}/{attempt}" + ("" if part is None else f"/{part}")
    return "c-" + hashlib.sha256(told.encode()).hexdigest()[:30]
