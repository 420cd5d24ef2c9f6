"""Foreach steps: the same steps for each item of a list, so many at a time.

A short list is dealt with in the process itself, its steps named for their items. A longer one is
cut into parts that are processes of their own, children of this one, so that no process grows
with the list; the parent only counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trellis_process.domain import events as happened
from trellis_process.domain.definition.steps import AnyStep, ForEach, ForEachStep, walk
from trellis_process.domain.engine import names
from trellis_process.domain.engine.compiled import Place
from trellis_process.domain.engine.run import EXPRESSION_ERROR, Run, checked_output
from trellis_process.domain.limits import MAX_STEPS, JsonValue
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import ExpressionError

PART = 25  # items that one process deals with, at most
MAX_FAILURES = 25  # items of which it is said why they failed
MAX_ERROR = 200  # characters of it
LIST = "$list"  # marks a reference to a list that is kept elsewhere


class Items:
    """A foreach step.

    Its input is the list, or a reference to it. Its progress: the ``first`` index and the ``count``
    of its items, which is ``next``, which are ``open``; those ``done`` with the step that each
    ended with, and those ``failed`` with why. With parts, ``parts`` says how many, ``next`` and
    ``open`` are about these, and ``processed`` and ``errors`` are counted.
    """

    def begin(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.begin."""
        foreach = _foreach(place)
        items = run.values(step.name).value(foreach.items)
        count = count_of(foreach.items, items)
        step = replace(
            step.waiting(WaitingFor.CHILDREN, run.change.now), input=checked_output(items)
        )
        size = part_size(foreach)
        if isinstance(items, list) and count <= size:
            self.begin_items(run, step, first=0, count=count)
            return
        progress: dict[str, Any] = {"first": 0, "count": count, "parts": math.ceil(count / size)}
        progress |= {"next": 0, "open": [], "processed": 0, "errors": 0, "failed": []}
        self._go_on_with_parts(run, place, replace(step, progress=progress))

    def begin_items(self, run: Run, step: ProcessStep, *, first: int, count: int) -> None:
        """The items that the waiting step's input holds are dealt with in this process."""
        progress: dict[str, Any] = {"first": first, "count": count, "next": first}
        progress |= {"open": [], "done": [], "failed": []}
        self._go_on(run, run.place(step.name), replace(step, progress=progress))

    def due(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.due."""
        raise AssertionError("a foreach has no time limit of its own")

    def list_ended(
        self, run: Run, place: Place, step: ProcessStep, inside: ProcessStep, error: str | None
    ) -> None:
        """As StepKind.list_ended: an item is done, or failed."""
        index = names.item_index(names.items_of(inside.name))
        progress: dict[str, Any] = step.progress
        if not step.is_open or index not in progress["open"]:
            return
        progress = progress | {"open": [each for each in progress["open"] if each != index]}
        if error is None:
            progress |= {"done": [*progress["done"], [index, inside.name]]}
        else:
            progress |= {"failed": [*progress["failed"], [index, error[:MAX_ERROR]]]}
        step = replace(step, progress=progress)
        if error is not None and self._is_too_much(run, place, len(progress["failed"]), step):
            run.cancel_steps(run.inside(step.name))
            run.fail(step, f"item {index}: {error}"[:4096])
        else:
            self._go_on(run, place, step)

    def part_ended(
        self,
        run: Run,
        step: ProcessStep,
        part: int,
        state: ProcessState,
        output: JsonValue,
        error: str,
    ) -> None:
        """A child that dealt with a part of the items has ended."""
        place = run.place(step.name)
        progress: dict[str, Any] = step.progress
        progress = progress | {"open": [each for each in progress["open"] if each != part]}
        first = part * part_size(_foreach(place))
        count = min(part_size(_foreach(place)), progress["count"] - first)
        if state is ProcessState.COMPLETED:
            # Where a person passed over the part nobody counted, and its items pass for done.
            told = output or {"processed": count, "errors": 0, "failures": []}
            progress["processed"] += told["processed"]
            progress["errors"] += told["errors"]
            failed = [[each["item_index"], each["error"]] for each in told["failures"]]
        else:
            progress["errors"] += count
            failed = [[first, error[:MAX_ERROR]]]
        progress |= {"failed": (progress["failed"] + failed)[:MAX_FAILURES]}
        step = replace(step, progress=progress)
        if failed and self._is_too_much(run, place, progress["errors"], step):
            self.give_up(run, place, step)
            index, why = failed[0]
            run.fail(step, f"item {index}: {why}"[:4096])
        else:
            self._go_on_with_parts(run, place, step)

    def give_up(self, run: Run, place: Place, step: ProcessStep) -> None:
        """As StepKind.give_up: its parts are given up too; its items' steps are the process's."""
        progress: dict[str, Any] = step.progress or {}
        for part in progress["open"] if "parts" in progress else ():
            run.change.record(
                happened.ChildCancellationRequested,
                step_name=step.name,
                attempt=step.attempt,
                child_id=names.child_id(run.process.process_id, step.name, step.attempt, part),
            )

    def go_on(self, run: Run, step: ProcessStep) -> None:
        """What stood still while the process was suspended goes on."""
        if "parts" in step.progress:
            self._go_on_with_parts(run, run.place(step.name), step)

    def open_lists(self, run: Run, step: ProcessStep) -> Iterator[tuple[tuple[AnyStep, ...], str]]:
        """The lists of steps that it waits for, and for which items they are."""
        progress: dict[str, Any] = step.progress
        for index in progress["open"]:
            steps = _foreach(run.place(step.name)).steps
            yield steps, f"{names.items_of(step.name)}:{index}"

    def reopen(self, run: Run, step: ProcessStep, inside: str) -> None:
        """The item is open again for which that step is, which has ended."""
        index = names.item_index(names.items_of(inside))
        progress: dict[str, Any] = step.progress
        ended = {
            how: [each for each in progress[how] if each[0] != index] for how in ("done", "failed")
        }
        opened = [each for each in progress["open"] if each != index] + [index]
        waiting = step.waiting_again(WaitingFor.CHILDREN)
        run.change.put(replace(waiting, progress=progress | ended | {"open": opened}))

    def _go_on(self, run: Run, place: Place, step: ProcessStep) -> None:
        foreach, progress = _foreach(place), dict(step.progress)
        end = progress["first"] + progress["count"]
        entered = []
        while len(progress["open"]) < foreach.max_concurrency and progress["next"] < end:
            entered.append(progress["next"])
            progress["open"] = [*progress["open"], progress["next"]]
            progress["next"] += 1
        step = run.change.put(replace(step, progress=progress))
        for index in entered:
            run.enter(foreach.steps[0], f"{names.items_of(step.name)}:{index}")
        if not progress["open"]:
            self._end(run, step, len(progress["done"]), len(progress["failed"]))

    def _go_on_with_parts(self, run: Run, place: Place, step: ProcessStep) -> None:
        foreach, progress = _foreach(place), dict(step.progress)
        suspended = run.process.state is ProcessState.SUSPENDED
        at_once = max(1, foreach.max_concurrency // part_size(foreach))
        while (
            len(progress["open"]) < at_once
            and progress["next"] < progress["parts"]
            and not suspended
        ):
            part = progress["next"]
            progress |= {"open": [*progress["open"], part], "next": part + 1}
            run.change.record(
                happened.ChildRequested,
                step_name=step.name,
                attempt=step.attempt,
                child_id=names.child_id(run.process.process_id, step.name, step.attempt, part),
                part=part,
            )
        step = run.change.put(replace(step, progress=progress))
        if not progress["open"] and not suspended:
            self._end(run, step, progress["processed"], progress["errors"])

    def _end(self, run: Run, step: ProcessStep, processed: int, errors: int) -> None:
        progress: dict[str, Any] = step.progress
        failures = [
            {"item_index": index, "error": why} for index, why in sorted(progress["failed"])
        ]
        tolerant = _foreach(run.place(step.name)).on_item_failure == "continue"
        if errors and not processed and tolerant and not _is_part(run, step):
            run.fail(step, f"all {errors} items failed; the first: {failures[0]['error']}"[:4096])
            return
        output: dict[str, Any] = {"processed": processed, "errors": errors}
        if "parts" in progress:
            output |= {"parts": progress["parts"]}
        else:
            ended_with = dict(progress["done"])
            output["results"] = [
                run.process.step(ended_with[index]).output if index in ended_with else None
                for index in range(progress["first"], progress["first"] + progress["count"])
            ]
        try:
            run.complete(step, checked_output(output | {"failures": failures[:MAX_FAILURES]}))
        except ExpressionError as error:
            run.fail(step, str(error), EXPRESSION_ERROR)

    def _is_too_much(self, run: Run, place: Place, errors: int, step: ProcessStep) -> bool:
        """Whether so many failed items are more than the step stands."""
        mode = _foreach(place).on_item_failure
        allowed = tolerated(mode, step.progress["count"])
        if allowed is None or (mode != "fail" and _is_part(run, step)):
            return False  # a part only counts; the whole decides
        return errors > allowed


def count_of(expression: str, items: JsonValue) -> int:
    """How many items there are to deal with. Raises ExpressionError for what is no list."""
    if isinstance(items, list):
        return len(items)
    if isinstance(items, dict) and LIST in items and isinstance(items.get("count"), int):
        return int(items["count"])
    raise ExpressionError(
        expression, f"a list is needed here, and this is a {type(items).__name__}"
    )


def part_size(foreach: ForEach) -> int:
    """How many items one process deals with, so that their steps stay few."""
    return max(1, min(PART, MAX_STEPS // (2 * sum(1 for _ in walk(foreach.steps)))))


def tolerated(on_item_failure: int | str, count: int) -> int | None:
    """How many items may fail: none with ``fail``, None for any number with ``continue``."""
    if on_item_failure == "continue":
        return None
    if on_item_failure == "fail":
        return 0
    told = str(on_item_failure)
    if told.endswith("%"):
        return math.floor(count * float(told[:-1]) / 100)
    return int(told)


def _foreach(place: Place) -> ForEach:
    assert isinstance(place.step, ForEachStep)
    return place.step.foreach


def _is_part(run: Run, step: ProcessStep) -> bool:
    parent = run.process.parent
    return parent is not None and parent.part is not None and parent.step_name == step.name
