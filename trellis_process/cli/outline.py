"""An outline: the steps of a process as its definition orders them, branches and items apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from trellis_process.domain.engine import names
from trellis_process.domain.process import Process
from trellis_process.domain.states import StepState, WaitingFor
from trellis_process.domain.step import ProcessStep

Document = Mapping[str, Any]
"""A definition as it was registered, which may be of a later version of Trellis."""

MOST_ITEMS = 5  # of a foreach, that are shown step by step
MOST_PARTS = 3  # processes for parts of the items, that are named
MOST_NOT_ENTERED = 6  # steps on end that are shown one a line

FAILED, OPEN, DONE = range(3)  # how soon somebody wants to see it


@dataclass(frozen=True)
class Line:
    """A line of an outline: a step by its name, or a note."""

    name: str
    depth: int = 0
    #: The step of that name; None where it was not entered.
    step: ProcessStep | None = None
    is_note: bool = False
    #: What a note says beside its name.
    says: str = ""

    @property
    def is_not_entered(self) -> bool:
        """Whether it is a step that has not been entered."""
        return self.step is None and not self.is_note


def outline(process: Process, document: Document | None) -> list[Line]:
    """The steps to show of a process, a line each.

    With the document also those that have not been entered, each in its place; without it only
    those that have been, in the order in which they were first entered. Of items the open and the
    failed ones come first, and few are shown.
    """
    if process.definition_version is None:
        return [Line(step.name, step=step) for step in process.steps.values()]
    subprocesses: set[str] = set()
    if document is None:
        ordered = _as_entered(process)
    else:
        ordered = _as_defined(process, document)
        subprocesses = {each["name"] for each in _walk(_steps(document)) if "subprocess" in each}
    return [*_with_children(process, _shortened(ordered), subprocesses), *_undoing(process)]


def _as_defined(process: Process, document: Document) -> Iterator[Line]:
    steps, items = _steps(document), ""
    if process.parent is not None and process.parent.part is not None:
        # Of a process for a part of the items of a foreach, that foreach is the whole.
        defined = names.defined_name(process.parent.step_name)
        steps = [each for each in _walk(steps) if each["name"] == defined]
        items = names.items_of(process.parent.step_name)
    yield from _listed(process, steps, items, 0)


def _listed(process: Process, steps: Iterable[Document], items: str, depth: int) -> Iterator[Line]:
    for defined in steps:
        name = defined["name"] + items
        step = process.steps.get(name)
        yield Line(name, depth, step)
        if step is None:
            continue  # what is inside of it is not entered either
        for branch in _branches(defined):
            yield Line(f"branch {branch['name']}", depth + 1, is_note=True)
            yield from _listed(process, branch["steps"], items, depth + 2)
        if "foreach" in defined:
            yield from _items(process, step, defined["foreach"]["steps"], depth + 1)


def _items(
    process: Process, around: ProcessStep, steps: Sequence[Document], depth: int
) -> Iterator[Line]:
    """What became of each item, as far as its steps are the process's own."""
    inside = {each["name"] for each in _walk(steps)}
    before = f"{names.items_of(around.name)}:"
    indices = {
        int(names.items_of(name).removeprefix(before).partition(":")[0])
        for name in process.steps
        if names.defined_name(name) in inside and names.items_of(name).startswith(before)
    }
    lists = []
    for index in sorted(indices):
        lines = list(_listed(process, steps, f"{before}{index}", depth))
        lists.append([line for line in lines if not line.is_not_entered])
    yield from _few(lists, depth, "items", only_failed=around.state.is_final)


def _few(
    lists: list[list[Line]], depth: int, what: str, *, only_failed: bool = False
) -> Iterator[Line]:
    """Of many lists of lines the few that matter most, in their order."""
    shown = lists
    if len(lists) > MOST_ITEMS:
        lists = [_latest(lines) for lines in lists]
        told = sorted(range(len(lists)), key=lambda place: (_urgency(lists[place]), place))
        told = [place for place in told if not only_failed or _urgency(lists[place]) == FAILED]
        shown = [lists[place] for place in sorted(told[:MOST_ITEMS])]
    for lines in shown:
        yield from lines
    if more := len(lists) - len(shown):
        yield Line(f"and {more:,} more {what}", depth, is_note=True)


def _latest(lines: list[Line]) -> list[Line]:
    """How far an item has come: what of it is open or failed, or what it ended with."""
    of_steps = [line for line in lines if line.step is not None]
    now = [line for line in of_steps if _urgency([line]) < DONE]
    return now or of_steps[-1:]


def _urgency(lines: list[Line]) -> int:
    states = {line.step.state for line in lines if line.step is not None}
    if StepState.FAILED in states:
        return FAILED
    return OPEN if any(not state.is_final for state in states) else DONE


def _as_entered(process: Process) -> Iterator[Line]:
    steps = [step for step in process.steps.values() if step.undoes is None]
    by_name: dict[str, list[list[Line]]] = {}
    for step in steps:
        by_name.setdefault(names.defined_name(step.name), []).append([Line(step.name, step=step)])
    for lists in by_name.values():
        yield from _few(lists, 0, "items")


def _with_children(
    process: Process, lines: Iterable[Line], subprocesses: set[str]
) -> Iterator[Line]:
    """The lines, each followed by the processes that the step has started."""
    for line in lines:
        yield line
        step = line.step
        if step is None or not step.attempt:
            continue
        is_waiting = step.waits_for is WaitingFor.CHILDREN
        progress = step.progress or {}
        if names.defined_name(step.name) in subprocesses or (is_waiting and not progress):
            yield _child(process, line, step, None)
        parts: list[int] = progress["open"] if is_waiting and "parts" in progress else []
        for part in parts[:MOST_PARTS]:
            yield _child(process, line, step, part)
        if more := len(parts[MOST_PARTS:]):
            yield Line(f"and {more:,} more", line.depth + 1, is_note=True)


def _child(process: Process, line: Line, step: ProcessStep, part: int | None) -> Line:
    child_id = names.child_id(process.process_id, step.name, step.attempt, part)
    name = "child" if part is None else f"part {part}"
    return Line(name, line.depth + 1, is_note=True, says=child_id)


def _undoing(process: Process) -> Iterator[Line]:
    undoing = [[Line(step.name, 1, step)] for step in process.steps.values() if step.undoes]
    if undoing:
        yield Line("undoing", is_note=True)
        yield from _few(undoing, 1, "steps")


def _shortened(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines, where many steps on end were not entered most of them in one."""
    for (depth, not_entered), group in groupby(
        lines, lambda line: (line.depth, line.is_not_entered)
    ):
        run = list(group)
        shown = MOST_NOT_ENTERED - 1
        if not_entered and len(run) > MOST_NOT_ENTERED:
            yield from run[:shown]
            yield Line(f"and {len(run) - shown:,} more not entered", depth, is_note=True)
        else:
            yield from run


def _steps(document: Document) -> Sequence[Document]:
    """The outermost list; a definition may have reactions alone."""
    steps: Sequence[Document] = document.get("steps", ())
    return steps


def _walk(steps: Iterable[Document]) -> Iterator[Document]:
    for defined in steps:
        yield defined
        for branch in _branches(defined):
            yield from _walk(branch["steps"])
        yield from _walk(defined.get("foreach", {}).get("steps", ()))


def _branches(defined: Document) -> Sequence[Document]:
    branches: Sequence[Document] = defined.get("parallel", {}).get("branches", ())
    return branches
