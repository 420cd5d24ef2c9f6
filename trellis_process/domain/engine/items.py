"""Items of a foreach: how many there are, in which parts, how many may fail, what came of them.

A short list is dealt with in the process itself, as ``foreach`` says; a longer one in parts, which
are children, as ``parts`` says. Here stands what holds for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trellis_process.domain.definition.steps import ForEach, ForEachStep, walk
from trellis_process.domain.engine import names
from trellis_process.domain.engine.values import checked
from trellis_process.domain.limits import MAX_ERROR_CHARACTERS, MAX_STEPS, JsonValue
from trellis_process.domain.process import Process
from trellis_process.domain.step import ProcessStep
from trellis_process.errors import ExpressionError

if TYPE_CHECKING:
    from trellis_process.domain.engine.run import Run

PART = 25  # items that one process deals with, at most
MAX_FAILURES = 25  # items of which it is said why they failed
MAX_FAILURE_CHARACTERS = 200  # of why one failed
LIST = "$list"  # marks a reference to a list that is kept elsewhere


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


def parts_at_once(foreach: ForEach) -> int:
    """How many parts may be under way, each of which deals with its items one after another."""
    return max(1, foreach.max_concurrency // part_size(foreach))


def tolerated(on_item_failure: int | str, total: int) -> int | None:
    """How many items may fail: none with ``fail``, None for any number with ``continue``."""
    if on_item_failure == "continue":
        return None
    if on_item_failure == "fail":
        return 0
    told = str(on_item_failure)
    if told.endswith("%"):
        return math.floor(total * float(told[:-1]) / 100)
    return int(told)


def is_too_much(
    process: Process, defined: ForEachStep, step: ProcessStep, errors: int, total: int
) -> bool:
    """Whether so many failed items are more than the step stands.

    A part gives up early only where no item may fail; otherwise it counts, and the whole decides.
    """
    mode = defined.foreach.on_item_failure
    if mode != "fail" and _is_for_part(process, step):
        return False
    allowed = tolerated(mode, total)
    return allowed is not None and errors > allowed


def fail(run: Run, step: ProcessStep, index: int, why: str) -> None:
    """The step fails because of that item."""
    run.fail(step, f"item {index}: {why}"[:MAX_ERROR_CHARACTERS])


def end(
    run: Run,
    defined: ForEachStep,
    step: ProcessStep,
    processed: int,
    errors: int,
    failed: Mapping[int, str],
    more: dict[str, JsonValue],
) -> None:
    """Every item is dealt with; ``failed`` says why some failed, as many as are told of."""
    tolerant = defined.foreach.on_item_failure == "continue"
    if errors and errors == processed and tolerant and not _is_for_part(run.process, step):
        why = f"all {errors} items failed; the first: {failed[min(failed)]}"
        run.fail(step, why[:MAX_ERROR_CHARACTERS])
        return
    try:
        run.complete(step, checked("output", counted(processed, errors, failed, **more)))
    except ExpressionError as error:
        run.fail_without_value(step, error)


def counted(
    processed: int, errors: int, failed: Mapping[int, str], **more: JsonValue
) -> dict[str, JsonValue]:
    """What came of so many items, of which some failed; the first are told with their reason."""
    failures = [{"item_index": index, "error": why} for index, why in sorted(failed.items())]
    told = {"processed": processed, "errors": errors}
    return {**told, **more, "failures": failures[:MAX_FAILURES]}


def _is_for_part(process: Process, step: ProcessStep) -> bool:
    """Whether a step deals with a part of the items of a parent's foreach."""
    return names.foreach_of_part(process) == step.name
