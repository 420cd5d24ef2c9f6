"""Compensation, and what people do to a process, as it is written."""

from __future__ import annotations

import pytest

from trellis_process import ManualClock
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.errors import Compensated, ProcessFinished
from trellis_process.runner import Runner, Store

from .written import Journey, Written, journey

SAGA = """\
steps:
  - {name: s1, service: S1, compensate_with: undo1}
  - {name: s2, service: S2, compensate_with: undo2}
  - {name: s3, service: S3, compensate_with: undo3}
  - {name: f, service: F, on_failure: %s}
  - {name: mend, service: M}
compensations:
  - {name: undo1, service: U1}
  - {name: undo2, service: U2}
  - {name: undo3, service: U3}
"""
UNHANDLED = SAGA.replace(", on_failure: %s", "")
DONE = ("s1", "s2", "s3")


def failed(text: str = UNHANDLED) -> Journey:
    """s1, s2 and s3 are done, f has failed."""
    return Written(journey(text)).start().complete(*DONE).fail("f")


def test_what_was_completed_is_undone_in_reverse_and_then_the_process_has_failed():
    started = failed()
    for name in ("undo:s3", "undo:s2", "undo:s1"):
        assert (started.state, started.open()) == ("compensating", [name])
        started.complete(name)
    assert (started.state, started.reason, started.compensation) == (
        "failed",
        "step_failed",
        "done",
    )


def test_where_the_second_cannot_be_undone_the_first_is_all_the_same():
    started = failed().complete("undo:s3").fail("undo:s2").complete("undo:s1")
    assert (started.state, started.compensation) == ("failed", "partial")
    assert started.told("CompensationStarted") == ["undo:s3", "undo:s2", "undo:s1"]


def test_a_failure_that_a_route_handles_undoes_nothing():
    started = failed(SAGA % "mend")
    assert started.open() == ["mend"]
    assert started.complete("mend").state == "completed"
    assert started.told("CompensationStarted") == []


def test_branches_are_undone_in_the_reverse_order_of_completion():
    started = Written(
        journey(
            """\
            steps:
              - {name: first, service: S, compensate_with: undo}
              - name: both
                parallel:
                  branches:
                    - {name: x, steps: [{name: a, service: A, compensate_with: undo},
                                        {name: b, service: B, compensate_with: undo}]}
                    - {name: y, steps: [{name: c, service: C, compensate_with: undo}]}
              - {name: f, service: F}
            compensations: [{name: undo, service: U}]
            """
        )
    ).start()
    started.complete("first", "a", "c", "b").fail("f")
    started.complete("undo:b", "undo:c", "undo:a", "undo:first")
    assert (started.state, started.compensation) == ("failed", "done")
    assert started.told("CompensationStarted") == ["undo:b", "undo:c", "undo:a", "undo:first"]


class Crash(BaseException):
    """The program ends where it stands."""


def test_a_crash_in_the_middle_of_undoing_undoes_none_twice():
    store = Store.in_memory()
    done: list[str] = []

    def a_program(crash: bool) -> Runner:
        runner = Runner(store=store, clock=ManualClock())
        runner.register(ProcessDefinition.from_yaml(journey(UNHANDLED)))

        def work(ctx):
            if crash and ctx.step_name == "undo:s2":
                raise Crash
            done.append(ctx.step_name)
            if ctx.step_name == "f":
                raise ValueError("it broke")

        for name in ("S1", "S2", "S3", "F", "M", "U1", "U2", "U3"):
            runner.service(name)(work)
        return runner

    first = a_program(crash=True)
    process = first.start("journey", tenant_id="t")
    with pytest.raises(Crash):
        first.run()
    second = a_program(crash=False)
    second.pick_up("t")
    second.run()
    ended = second.engine.get_process("t", process.process_id)
    assert (ended.state, ended.compensation) == ("failed", "done")
    assert done == ["s1", "s2", "s3", "f", "undo:s3", "undo:s2", "undo:s1"]


def test_cancelling_undoes_nothing_unless_asked():
    started = Written(journey(UNHANDLED)).start().complete("s1", "s2")
    started.engine.cancel_process(started.key)
    assert (started.state, started.compensation) == ("cancelled", None)
    assert started.told("CompensationStarted") == []


def test_cancelling_undoes_if_asked():
    started = Written(journey(UNHANDLED)).start().complete("s1", "s2")
    started.engine.cancel_process(started.key, compensate=True, reason="no more", actor="ann")
    assert started.complete("undo:s2", "undo:s1").state == "cancelled"
    assert started.compensation == "done"


def test_cancelling_what_has_ended_changes_nothing_and_says_so():
    started = Written(journey("steps: [{name: a, service: A}]")).start().complete("a")
    version = started.process.version
    with pytest.raises(ProcessFinished, match="completed"):
        started.engine.cancel_process(started.key)
    assert (started.state, started.process.version) == ("completed", version)
    other = Written(journey("steps: [{name: a, service: A}]")).start()
    other.engine.cancel_process(other.key)
    answered = other.engine.cancel_process(other.key)
    assert (answered.state, answered.version) == ("cancelled", 2)


FROZEN = """\
timeout: 1d
steps:
  - {name: a, service: A, timeout: 1h}
  - {name: pause, wait: 1h}
  - {name: b, service: B}
"""


def test_what_is_reported_to_a_suspended_process_is_kept_and_what_is_due_waits_until_it_resumes():
    started = Written(journey(FROZEN)).start()
    started.engine.suspend_process(started.key, actor="ann", reason="audit")
    assert started.advance(hours=30).states() == {"a": "in_progress"}
    started.complete("a", output=7)
    assert (started.state, started.open(), started.step("a").output) == ("suspended", [], 7)
    started.engine.resume_process(started.key)
    assert started.open() == ["pause"]
    started.advance(seconds=1)
    assert (started.state, started.reason) == ("failed", "timeout")


def test_a_due_wait_fires_only_after_it_is_resumed():
    started = Written(journey(FROZEN.replace("timeout: 1d\n", ""))).start().complete("a")
    started.engine.suspend_process(started.key)
    assert started.advance(hours=3).open() == ["pause"]
    started.engine.resume_process(started.key)
    assert started.advance(seconds=1).open() == ["b"]


def people(started: Journey, kind: str) -> tuple[str, str]:
    """Who caused the last event of that type, and why."""
    event = started.events(kind)[-1]
    return event["actor"], event["reason"]


WHO = {"actor": "ann", "reason": "paid by hand"}
THREE = "steps: [{name: a, service: A}, {name: b, service: B}, {name: c, service: C}]"


def three() -> Journey:
    return Written(journey(THREE)).start().complete("a", output="old")


def test_retrying_reopens_a_failed_process_at_its_failed_step():
    started = three().fail("b")
    assert started.state == "failed"
    started.engine.retry_step(started.key, "b", **WHO)
    started.world.runner.run()
    assert (started.state, started.open(), started.step("b").attempt) == ("in_progress", ["b"], 2)
    assert people(started, "ProcessReopened") == ("ann", "paid by hand")
    assert started.complete("b", "c").state == "completed"


@pytest.mark.parametrize("fails", [False, True])
def test_skipping_goes_on_with_the_output_as_if_completed(fails):
    started = three()
    if fails:
        started.fail("b")
    started.engine.skip_step(started.key, "b", {"n": 1}, **WHO)
    started.world.runner.run()
    assert (started.states()["b"], started.step("b").output) == ("skipped", {"n": 1})
    assert started.open() == ["c"]
    assert people(started, "StepSkipped") == ("ann", "paid by hand")


def test_running_again_from_a_completed_step_runs_it_and_what_follows_again():
    started = three().complete("b")
    started.engine.rerun_from(started.key, "a", **WHO)
    started.world.runner.run()
    assert started.open() == ["a"]
    assert "ann" in {event.get("actor") for event in started.events()}
    started.complete("a", "b", "c")
    assert started.state == "completed"
    assert started.begun() == ["a", "b", "c", "a", "b", "c"]


def test_each_of_these_is_on_record_with_who_and_why():
    started = three()
    engine, key = started.engine, started.key
    engine.suspend_process(key, actor="s", reason="1")
    engine.resume_process(key, actor="r", reason="2")
    engine.rerun_from(key, "a", actor="n", reason="3")
    engine.cancel_process(key, actor="c", reason="4")
    started.world.runner.run()
    assert people(started, "ProcessSuspended") == ("s", "1")
    assert people(started, "ProcessResumed") == ("r", "2")
    assert ("n", "3") in {(event.get("actor"), event.get("reason")) for event in started.events()}
    assert people(started, "ProcessCancelled") == ("c", "4")


def test_whatever_kind_a_step_is_that_names_a_compensation_it_is_undone():
    started = Written(
        journey(
            """\
            steps:
              - {name: book, effects: [{action: create, entity: Order}], compensate_with: undo}
              - {name: sign, human_task: {surface: form}, compensate_with: undo}
              - {name: ship, subprocess: shipping, compensate_with: undo}
              - {name: look, query: {source: orders}, compensate_with: undo}
              - {name: sort, llm_intent: {intent: sort}, compensate_with: undo}
              - {name: f, service: F}
            compensations: [{name: undo, service: U}]
            """
        ),
        journey("steps: [{name: pack, wait: 1s}]", "shipping"),
    ).start()
    started.complete("sign").advance(seconds=1).complete("look", "sort").fail("f")
    undone = [f"undo:{name}" for name in ("sort", "look", "ship", "sign", "book")]
    started.complete(*undone)
    assert (started.state, started.compensation) == ("failed", "done")
    assert started.told("CompensationStarted") == undone


def test_what_was_undone_is_not_built_upon_by_trying_the_next_step_again():
    started = failed().complete("undo:s3", "undo:s2", "undo:s1")
    with pytest.raises(Compensated, match="s1"):
        started.engine.retry_step(started.key, "f")
    started.engine.rerun_from(started.key, "s1")
    assert started.complete(*DONE, "f", "mend").state == "completed"
