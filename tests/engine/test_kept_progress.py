"""What a waiting step keeps of its progress, byte for byte: items of long ago are read by it."""

from __future__ import annotations

import json

import pytest

from tests.engine.driving import Drive, service, undo
from trellis_process.domain.definition.steps import (
    AnyStep,
    Branch,
    ForEach,
    ForEachStep,
    Parallel,
    ParallelStep,
    WaitStep,
)
from trellis_process.domain.engine.progress import progress_of
from trellis_process.domain.step import ProcessStep


def each(**more) -> ForEachStep:
    pack = service("pack")
    return ForEachStep("it", foreach=ForEach(items="input.items", steps=(pack,), **more))


def both(mode: str) -> ParallelStep:
    a, b = service("a", compensate_with="undo_a"), service("b")
    branches = (Branch(name="x", steps=(a,)), Branch(name="y", steps=(b,)))
    return ParallelStep("it", parallel=Parallel(branches=branches, on_any_failure=mode))


def begun(step: AnyStep, *, items: int = 3) -> Drive:
    return Drive(step, compensations=(undo("undo_a"),)).start(items=list(range(items)))


KEPT = {
    '{"signal": "paid"}': lambda: begun(WaitStep("it", wait_for_signal="paid")),
    '{"open": ["x", "y"]}': lambda: begun(both("wait_all")),
    '{"open": ["x"], "failed": {"y": "it broke"}}': lambda: begun(both("wait_all")).fail("b"),
    '{"open": [], "failed": {"y": "it broke"}, "undoing": "it broke"}': lambda: (
        begun(both("rollback")).complete("a").fail("b")
    ),
    '{"first": 0, "count": 3, "next": 2, "open": [0, 1], "done": [], "failed": []}': lambda: begun(
        each(max_concurrency=2)
    ),
    '{"first": 0, "count": 3, "next": 3, "open": [2], "done": [[0, "pack:0"]], '
    '"failed": [[1, "it broke"]]}': lambda: begun(each()).complete("pack:0").fail("pack:1"),
    '{"first": 0, "count": 60, "parts": 3, "next": 2, "open": [1], "processed": 25, "errors": 1, '
    '"failed": [[7, "torn"]]}': lambda: begun(each(), items=60).child_ended(
        "it",
        part=0,
        output={
            "processed": 25,
            "errors": 1,
            "failures": [{"item_index": 7, "error": "torn"}],
        },
    ),
}


@pytest.mark.parametrize("kept", KEPT)
def test_what_a_step_keeps_is_what_it_always_kept(kept: str):
    assert json.dumps(KEPT[kept]().process.step("it").progress) == kept


def test_a_step_that_undoes_parts_keeps_which_are_left():
    pack = service("pack", compensate_with="undo_a")
    foreach = ForEach(items="input.items", steps=(pack,), max_concurrency=50)
    drive = begun(ForEachStep("it", foreach=foreach), items=90)
    drive.do(lambda process, now: process.cancel(compensate=True, now=now))
    assert drive.process.step("undo:it").progress == {"attempt": 1, "left": 0, "open": [1, 0]}


@pytest.mark.parametrize(
    "kept",
    [
        *KEPT,
        '{"attempt": 1, "left": 3, "open": [4, 3]}',
        '{"attempt": 1, "left": 3, "open": [4, 3], "partial": true}',
    ],
)
def test_what_a_step_keeps_is_read_and_kept_again_without_loss(kept: str):
    progress = progress_of(ProcessStep(name="it", progress=json.loads(kept)))
    assert progress is not None
    assert json.dumps(progress.as_json()) == kept
