"""Parallel steps, lists of items and subprocesses as they are written."""

from __future__ import annotations

import pytest

from trellis_process.errors import StepFinished

from .written import Journey, Written, journey

BRANCHES = """\
steps:
  - name: settle
    parallel:
      {mode}
      branches:
        - {{name: one, steps: [{{name: a, service: A, compensate_with: undo_a}}]}}
        - {{name: two, steps: [{{name: b, service: B}}]}}
        - {{name: three, steps: [{{name: c, service: C, compensate_with: undo_c}}]}}
    on_failure: mend
  - {{name: thank, service: A, on_success: complete}}
  - {{name: mend, service: A}}
compensations: [{{name: undo_a, service: UndoA}}, {{name: undo_c, service: UndoC}}]
"""


def branches(mode: str = "") -> Journey:
    """A is done, B has failed, C is slow."""
    started = Written(journey(BRANCHES.format(mode=mode))).start()
    assert started.open() == ["settle", "a", "b", "c"]
    return started.complete("a", output="a").fail("b", "torn")


@pytest.mark.parametrize("mode", ["", "on_any_failure: fail_fast"])
def test_unless_said_the_other_branches_are_cancelled_and_late_reports_change_nothing(mode):
    started = branches(mode)
    assert started.open() == ["mend"]
    assert {name: started.states()[name] for name in ("settle", "a", "b", "c")} == {
        "settle": "failed",
        "a": "completed",
        "b": "failed",
        "c": "cancelled",
    }
    version = started.process.version
    for report in (lambda: started.complete("c"), lambda: started.fail("c")):
        with pytest.raises(StepFinished):
            report()
    assert (started.process.version, started.open()) == (version, ["mend"])
    assert started.told("CompensationStarted") == []


def test_with_wait_all_every_branch_finishes_and_then_the_block_fails():
    started = branches("on_any_failure: wait_all")
    assert started.open() == ["settle", "c"]
    started.complete("c")
    assert (started.states()["settle"], started.open()) == ("failed", ["mend"])
    assert "torn" in started.step("settle").error


def test_with_rollback_completed_branches_are_undone_and_then_the_block_fails():
    started = branches("on_any_failure: rollback")
    assert started.states()["c"] == "cancelled"
    assert started.open() == ["settle", "undo:a"]
    started.complete("undo:a")
    assert (started.states()["settle"], started.open()) == ("failed", ["mend"])
    assert started.told("CompensationStarted") == ["undo:a"]
    assert started.complete("mend").compensation is None


def test_when_all_branches_are_done_the_block_is():
    started = Written(journey(BRANCHES.format(mode=""))).start().complete("c", "b", "a")
    assert started.open() == ["thank"]


ITEMS = """\
steps:
  - name: pack
    foreach:
      items: input.parcels
      {rules}
      steps:
        - {{name: pick, service: Warehouse.pick, inputs: {{parcel: item, n: item_index}}}}
    on_failure: mend
  - {{name: thank, service: A, on_success: complete}}
  - {{name: mend, service: A}}
"""


def items(*parcels: object, rules: str = "") -> Journey:
    return Written(journey(ITEMS.format(rules=rules))).start(parcels=list(parcels))


def test_of_three_items_the_second_fails_and_the_list_is_completed_with_one_error():
    started = items(1, 2, 3)
    started.complete("pick:0", output="one").fail("pick:1", "torn")
    started.complete("pick:2", output="three")
    assert started.states()["pack"] == "completed"
    output = started.step("pack").output
    assert (output["processed"], output["errors"]) == (3, 1)
    assert output["results"] == ["one", None, "three"]
    assert output["failures"] == [{"item_index": 1, "error": "torn"}]
    assert started.open() == ["thank"]


def test_items_follow_one_another_each_with_its_index_and_a_step_of_its_own():
    started = items("x", "y")
    assert started.open() == ["pack", "pick:0"]
    started.complete("pick:0")
    assert started.open() == ["pack", "pick:1"]
    given = [event["input"] for event in started.events("StepStarted")]
    assert given == [{"parcel": "x", "n": 0}, {"parcel": "y", "n": 1}]


def test_so_many_items_are_under_way_as_are_allowed_and_results_keep_their_order():
    started = items("x", "y", "z", rules="max_concurrency: 2")
    assert started.open() == ["pack", "pick:0", "pick:1"]
    started.complete("pick:1", output=1)
    assert started.open() == ["pack", "pick:0", "pick:2"]
    started.complete("pick:2", output=2).complete("pick:0", output=0)
    assert started.step("pack").output["results"] == [0, 1, 2]


def test_the_step_fails_only_if_all_items_fail():
    started = items(1, 2).fail("pick:0").fail("pick:1")
    assert (started.states()["pack"], started.open()) == ("failed", ["mend"])


TOLERATED = [
    ("on_item_failure: continue", 3, "thank"),
    ("on_item_failure: fail", 0, "thank"),
    ("on_item_failure: fail", 1, "mend"),
    ("on_item_failure: 1", 1, "thank"),
    ("on_item_failure: 1", 2, "mend"),
    ("on_item_failure: 50%", 2, "thank"),
    ("on_item_failure: 50%", 3, "mend"),
]


@pytest.mark.parametrize(("rule", "failing", "leads_to"), TOLERATED)
def test_so_many_items_may_fail_as_are_tolerated(rule, failing, leads_to):
    started = items(1, 2, 3, 4, rules=f"{rule}\n      max_concurrency: 4")
    for n in range(failing):
        started.fail(f"pick:{n}")
    while started.states()["pack"] == "waiting":
        started.complete(started.open()[-1])
    assert started.open() == [leads_to]


def test_a_thousand_items_are_dealt_with_by_children_and_no_process_grows_with_them():
    world = Written(journey(ITEMS.format(rules="max_concurrency: 100")))
    runner = world.runner
    done: list[int] = []

    @runner.service("Warehouse.pick")
    def pick(ctx):
        done.append(ctx.input["n"])
        if ctx.input["n"] == 500:
            raise ValueError("torn")
        return ctx.input["parcel"] * 2

    started = world.start(parcels=list(range(1000)))
    assert sorted(done) == list(range(1000))
    output = started.step("pack").output
    assert (output["processed"], output["errors"]) == (1000, 1)
    assert output["failures"][0]["item_index"] == 500
    results = list(started.engine.item_results(started.key, "pack"))
    assert results == [None if n == 500 else 2 * n for n in range(1000)]
    assert len(started.process.steps) == 2
    assert all(len(each.process.steps) <= 26 for each in world.journeys("journey"))


PARENT = """\
steps:
  - {{name: run, subprocess: shipping, inputs: {{order: input.order}}{more}, on_failure: mend}}
  - {{name: thank, service: A, on_success: complete}}
  - {{name: mend, service: A}}
"""
CHILD = """\
inputs: {order: string}
steps: [{name: ship, service: Carrier.ship}]
outputs: {code: steps.ship.output.code, of: input.order}
"""


def family(more: str = "") -> tuple[Journey, Journey]:
    world = Written(journey(PARENT.format(more=more)), journey(CHILD, "shipping"))
    parent = world.start(order="o-1")
    (child,) = world.journeys("shipping")
    return parent, child


def test_a_subprocess_is_completed_with_the_outputs_of_its_child():
    parent, child = family()
    assert parent.open() == ["run"]
    child.complete("ship", output={"code": "c-1"})
    assert parent.step("run").output == {"code": "c-1", "of": "o-1"}
    assert parent.open() == ["thank"]


def test_a_subprocess_fails_with_the_error_of_its_child():
    parent, child = family()
    child.fail("ship", "no carrier")
    assert child.state == "failed"
    assert "no carrier" in parent.step("run").error
    assert parent.open() == ["mend"]


def test_a_child_is_started_once_however_often_it_is_asked_for():
    parent, child = family()
    world = parent.world
    world.runner.deliver_again()
    world.runner.deliver_again()
    assert [each.key for each in world.journeys("shipping")] == [child.key]
    child.complete("ship", output={"code": "c-1"})
    world.runner.deliver_again()
    assert parent.complete("thank").state == "completed"
    assert len(world.journeys("shipping")) == 1


@pytest.mark.parametrize(
    ("more", "state"),
    [("", "cancelled"), (", abandon: false", "cancelled"), (", abandon: true", "in_progress")],
)
def test_cancelling_the_parent_cancels_the_child_unless_it_is_abandoned(more, state):
    parent, child = family(more)
    parent.engine.cancel_process(parent.key)
    parent.world.runner.run()
    assert (parent.state, child.state) == ("cancelled", state)
