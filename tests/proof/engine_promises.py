"""The promises of a process that a definition orders, checked on how it stands and what it told.

``check_standing`` looks at one moment, ``check_fired`` at what a sweep has changed; a ``Ledger``
follows one process from its first event on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.proof.promises import first_deadline
from trellis_process import Process, ProcessState, ProcessStep, StepState
from trellis_process.domain.definition.steps import (
    ForEachStep,
    ParallelStep,
    SubprocessStep,
    WaitStep,
)
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import CompiledDefinition, Place
from trellis_process.domain.engine.progress import ItemProgress, progress_of
from trellis_process.domain.states import WaitingFor
from trellis_process.domain.step import UNDO
from trellis_process.domain.time import to_ms

Event = dict[str, Any]


def check_standing(process: Process, compiled: CompiledDefinition) -> None:
    """Raises AssertionError where a process stands as none may, at any moment."""
    open_steps = [step for step in process.steps.values() if step.is_open]
    assert process.wakes_in_time(), "something waits without a wake-up in time"
    for timer in process.timers:
        about = timer.step_name
        is_due = about is None or process.step(about).is_open or about in process.unrouted
        assert is_due, f"a timer is about {about!r}, which has ended"
    for step in open_steps:
        assert step.state is not StepState.PENDING, f"{step.name} is open and nobody begins it"
        assert (step.waits_for is None) == (step.state is StepState.IN_PROGRESS)
        if step.waits_for in (WaitingFor.TIME, WaitingFor.RETRY, WaitingFor.PERSON):
            assert step.due_at is not None, f"{step.name} waits for ever"
    if process.state.is_final:
        assert not open_steps, f"it has ended, and {_named(open_steps)} are open"
        assert not process.timers, "it has ended, and a timer runs"
        assert not process.unrouted
        assert process.due_at is None
        return
    undoing = [step for step in open_steps if step.undoes is not None]
    if process.state is ProcessState.COMPENSATING:
        assert open_steps == undoing, f"it undoes, and {_named(open_steps)} are open"
        # There may be several where it failed while parallel steps were rolled back.
        assert undoing, "it undoes, and nothing is under way"
        return
    for step in open_steps if process.state is ProcessState.IN_PROGRESS else ():
        if step.waits_for is WaitingFor.SIGNAL:
            kept = process.signals.get(step.progress["signal"])
            assert not kept, f"{step.name} waits for a signal that is kept"
    in_lists = list(_lists_open(process, compiled))
    forward = [step for step in open_steps if step.undoes is None]
    found = [name for _, here in in_lists for name in here]
    strays = {step.name for step in forward} - set(found)
    assert not strays, f"{sorted(strays)} are open in lists that are not"
    for where, here in in_lists:
        # A step that ended while the process was suspended still holds its list's place.
        assert len(here) == 1, f"in the list {where} are open: {here}"
    for step in forward:
        _check_waits(process, compiled, step, undoing)


def _check_waits(
    process: Process, compiled: CompiledDefinition, step: ProcessStep, undoing: list[ProcessStep]
) -> None:
    """A step that waits for what is inside of it has something inside of it."""
    if step.waits_for is not WaitingFor.CHILDREN:
        return
    defined = compiled.places[names.defined_name(step.name)].step
    if isinstance(defined, SubprocessStep):
        return
    progress: dict[str, Any] = step.progress
    if "undoing" in progress:
        inside = [each for each in undoing if _is_inside(compiled, str(each.undoes), step.name)]
        done = [name for name in process.unrouted if name.startswith("undo:")]
        assert inside or done, f"{step.name} is to be undone, and nothing undoes it"
    else:
        going = progress["open"] or process.state is ProcessState.SUSPENDED
        assert going, f"{step.name} waits for nothing"


def _lists_open(process: Process, compiled: CompiledDefinition) -> Iterator[tuple[str, list[str]]]:
    """The lists of steps that are gone through, each with what is open in it."""
    held: dict[tuple[str, str], list[str]] = {}
    for name, step in process.steps.items():
        if step.undoes is None and (step.is_open or name in process.unrouted):
            held.setdefault(_list_of(compiled, name), []).append(name)
    root = ("", "")
    parent = process.parent
    if parent is not None and parent.part is not None:
        root = _list_of(compiled, parent.step_name)
    yield "of the process", held.get(root, [])
    for name, step in process.steps.items():
        if step.waits_for is not WaitingFor.CHILDREN or step.undoes is not None:
            continue
        defined = compiled.places[names.defined_name(name)].step
        progress: dict[str, Any] = step.progress or {}
        if isinstance(defined, ParallelStep) and "undoing" not in progress:
            for branch in progress["open"]:
                yield f"{name}/{branch}", held.get((name, branch), [])
        elif isinstance(defined, ForEachStep) and "parts" not in progress:
            for index in progress["open"]:
                yield f"{name}/{index}", held.get((name, str(index)), [])


def _list_of(compiled: CompiledDefinition, name: str) -> tuple[str, str]:
    """The list that a step is in: the step around it, and which branch or item of that."""
    place = compiled.places[names.defined_name(name)]
    if place.around is None:
        return "", ""
    items = names.items_of(name)
    which = place.branch if place.branch is not None else str(names.item_index(items))
    return names.name_around(place, items), which


def _is_inside(compiled: CompiledDefinition, name: str, block: str) -> bool:
    place: Place | None = compiled.places[names.defined_name(name)]
    items = names.items_of(name)
    while place is not None and place.around is not None:
        around = names.name_around(place, items)
        if around == block:
            return True
        place, items = place.around, names.items_of(around)
    return False


def check_fired(before: Process, told: list[Event], now: datetime) -> None:
    """Raises AssertionError where a sweep did to a process what was not due yet."""
    due = first_deadline(before)
    assert due is not None, f"a sweep changed what waits for nothing: {told}"
    assert due <= to_ms(now), f"a sweep came early: {told}"
    for event in told:
        if event["type"] == "ProcessStepTimedOut":
            until = before.step(event["step_name"]).due_at
            assert until is not None, f"{event['step_name']} timed out without a deadline"
            assert until <= now, f"{event['step_name']} timed out early"


def check_goes_on(before: Process, process: Process, told: list[Event]) -> None:
    """Raises AssertionError where what was final is not: only what failed goes on, and parts do."""
    assert before.state.is_final
    if before.has_failed():
        return
    what = f"it was {before.state}, and is {process.state}"
    assert names.foreach_of_part(before) is not None, what
    kinds = {event["type"] for event in told}
    is_settled = process.state is before.state and bool(process.compensation) and not told
    assert is_settled or kinds & {"ProcessReopened", "ProcessCompensating"}, what


class Ledger:
    """What a process's events say of what is to be undone, kept apart from what it says itself."""

    def __init__(self, compiled: CompiledDefinition) -> None:
        self._compiled = compiled
        #: What is completed and not undone, in the order of completion.
        self.to_undo: list[str] = []
        #: Compensations that have begun and not ended.
        self.under_way: set[str] = set()
        self.started = 0
        self.version = 0
        self._is_compensating = False
        self._signals: Counter[str] = Counter()
        self._timed_out: set[tuple[str, int]] = set()
        #: The items of a part that are done, as the ends of their steps' names.
        self._done: set[str] = set()
        self._attempt = 0
        #: How often a part was tried again with its whole, and how often it was undone with it.
        self.rounds = self.undone = 0

    def follow(self, process: Process, events: list[Event]) -> None:
        """Takes note of the next change, which these events tell of. Raises AssertionError."""
        assert process.version == self.version + 1, "versions grow by one"
        self.version = process.version
        self._follow_items(process, events)
        for event in events:
            self._take(event)
        kinds = {event["type"] for event in events}
        if process.state is ProcessState.SUSPENDED and "ProcessReopened" not in kinds:
            assert "ChildRequested" not in kinds, "it is suspended, and asks for a child"
        assert list(process.to_undo) == self.to_undo, (
            f"to undo is {process.to_undo}, and {self.to_undo} by what it told"
        )
        kept = {name: len(each) for name, each in process.signals.items()}
        assert kept == +self._signals, f"kept are the signals {kept}, and came {self._signals}"
        open_ones = {step.name for step in process.steps.values() if step.is_open}
        still = {name for name in self.under_way if name in open_ones}
        if not process.state.is_final:
            assert still == self.under_way, f"{self.under_way - still} ended without a word"

    def _follow_items(self, process: Process, events: list[Event]) -> None:
        """What is done of the items of a part stays done, whatever of them is tried again."""
        foreach = names.foreach_of_part(process)
        if foreach is None:
            return
        root = process.step(foreach)
        for event in events:
            name = event.get("step_name", "")
            item = _item_of(name, foreach)
            if event["type"] == "ProcessReopened":
                self._done -= {item} if root.attempt == self._attempt else self._done
                self.rounds += name == foreach and root.attempt == self._attempt
            elif event["type"] in _BEGINNINGS:
                assert item not in self._done, f"{name} is done once more"
        self._attempt = root.attempt
        progress = progress_of(root)
        if isinstance(progress, ItemProgress):
            self._done = {f"{names.items_of(foreach)}:{index}" for index in progress.done}
        if process.state.is_final and process.compensation is not None:
            self.undone += 1

    def _take(self, event: Event) -> None:
        kind, name = event["type"], event.get("step_name", "")
        if kind == "ProcessStarted":
            self.started += 1
            assert self.started == 1, "it began twice"
        elif kind == "ProcessCompensating":
            self._is_compensating = True
        elif kind in ("ProcessReopened", "ProcessCompleted", "ProcessFailed", "ProcessCancelled"):
            self._end(kind)
        elif kind == "ProcessStepTimedOut":
            attempt = name, event["attempt"]
            assert attempt not in self._timed_out, f"{attempt} timed out twice"
            self._timed_out.add(attempt)
        elif kind == "SignalReceived":
            self._signals[event["signal"]] += 1
        elif kind in ("StepCompleted", "EffectsRequested"):
            defined = self._compiled.places[names.defined_name(name)].step
            if isinstance(defined, WaitStep) and defined.wait_for_signal is not None:
                self._signals[defined.wait_for_signal] -= 1
            output = event.get("output")
            if isinstance(defined, ForEachStep) and output is not None and "results" in output:
                counted = output["processed"]
                assert counted == len(output["results"]), f"of {name} are counted {counted} items"
            if getattr(defined, "compensate_with", None) is not None or name in self.to_undo:
                self._note(name)
        elif kind == "ChildRequested" and "part" in event:
            if self._compiled.can_be_undone_inside(name):
                self._note(name)  # a part may complete something before the whole has ended
        elif kind == "CompensationStarted" and name not in self.under_way:
            self._begin(name)
            self.under_way.add(name)
        elif kind == "CompensationFailed" and name not in self.under_way:
            self._begin(name)  # what it is given could not be worked out
        elif kind in ("CompensationCompleted", "CompensationFailed", "StepSkipped"):
            self.under_way.discard(name)

    def _note(self, name: str) -> None:
        self.to_undo = [*(each for each in self.to_undo if each != name), name]

    def _begin(self, name: str) -> None:
        step = name.removeprefix("undo:")
        assert step in self.to_undo, f"{step} is undone, and was not to be, or twice"
        after = self.to_undo[self.to_undo.index(step) + 1 :]
        if self._is_compensating:
            assert after == [], f"{step} is undone before {after}"
            assert not self.under_way, f"{step} is undone at once with {self.under_way}"
        else:
            blocks = self._blocks_around(step)
            inside = [
                {each for each in after if _is_inside(self._compiled, each, b)} for b in blocks
            ]
            assert set() in inside, f"{step} is undone before {after}"
        self.to_undo.remove(step)

    def _end(self, kind: str) -> None:
        if self._is_compensating and kind == "ProcessFailed":
            assert not self.under_way, f"it has ended, and {self.under_way} had not"
            assert not self.to_undo, f"it has ended, and {self.to_undo} were not undone"
        self._is_compensating = False
        self.under_way.clear()

    def _blocks_around(self, name: str) -> Iterator[str]:
        place: Place | None = self._compiled.places[names.defined_name(name)]
        items = names.items_of(name)
        while place is not None and place.around is not None:
            around = names.name_around(place, items)
            yield around
            place, items = place.around, names.items_of(around)


_BEGINNINGS = (
    "StepStarted",
    "TaskOpened",
    "WaitStarted",
    "MessageSent",
    "EffectsRequested",
    "ChildRequested",
)


def _item_of(name: str, foreach: str) -> str:
    """Which item of a foreach a step is for, as the end of its name; empty where for none."""
    around = names.items_of(foreach)
    inside = names.items_of(name).removeprefix(around)
    return around + ":" + inside[1:].partition(":")[0] if inside else ""


def check_undone(whole: Process, parts: list[tuple[Process, Ledger]], told: list[Event]) -> None:
    """Raises AssertionError where a process that undid everything has parts that did not.

    ``told`` are all events of the whole.
    """
    by_hand = {e["step_name"] for e in told if e["type"] == "StepSkipped"}
    undone = [each for each in whole.steps.values() if each.undoes is not None]
    if whole.compensation != "done" or by_hand & {each.name for each in undone}:
        return
    for part, ledger in parts:
        assert part.parent is not None
        if UNDO + part.parent.step_name in whole.steps:
            what = f"of the part {part.process_id}, which is {part.state}, "
            assert part.compensation == "done", f"{what}is undone: {part.compensation}"
            assert not ledger.to_undo, f"{what}{ledger.to_undo} are not undone"


def _named(steps: list[ProcessStep]) -> list[str]:
    return [step.name for step in steps]
