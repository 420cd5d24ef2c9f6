"""What people do to a process: suspend, resume, retry, skip, rerun."""

from __future__ import annotations

import pytest

from tests.engine.driving import Drive, service
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    Branch,
    HumanTask,
    HumanTaskStep,
    Parallel,
    ParallelStep,
    WaitStep,
)
from trellis_process.domain.engine import commands
from trellis_process.errors import NoDefinition, ProcessFinished, StepFinished
from trellis_process.testing import a_step, a_stored_process


def suspend(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.suspend(now=now, actor="ann", reason="audit"))


def resume(drive: Drive) -> Drive:
    return drive.do(lambda process, now: process.resume(now=now, actor="ann"))


def retry(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: process.start_step(name, now=now, actor="ann"))


def skip(drive: Drive, name: str, output=None) -> Drive:
    return drive.do(
        lambda process, now: process.skip_step(name, output, now=now, actor="ann", reason="why")
    )


def rerun(drive: Drive, name: str) -> Drive:
    return drive.do(lambda process, now: commands.rerun_from(process, name, now=now, actor="ann"))


def test_what_is_reported_while_suspended_is_kept_and_leads_on_after_it():
    drive = suspend(Drive(service("a"), service("b")).start()).complete("a", 1)
    assert (drive.state, drive.open()) == ("suspended", [])
    resume(drive)
    assert (drive.state, drive.open()) == ("in_progress", ["b"])
    assert drive.told("ProcessSuspended", "ProcessResumed") == [
        "ProcessSuspended",
        "ProcessResumed",
    ]


def test_a_failure_while_suspended_leads_on_after_it():
    drive = suspend(Drive(service("a", on_failure="b"), service("x"), service("b")).start())
    assert drive.fail("a").state == "suspended"
    assert resume(drive).open() == ["b"]


def test_a_retry_at_once_while_suspended_begins_after_it():
    drive = suspend(Drive(service("a", retry=Retry(max_attempts=2))).start())
    drive.fail("a", retry_after_ms=0)
    assert drive.started() == ["a"]
    resume(drive).sweep()
    assert drive.started() == ["a", "a"]


def test_nothing_is_due_while_suspended_and_fires_after_it():
    drive = suspend(Drive(WaitStep("pause", wait="1h"), service("b")).start())
    assert drive.process.wake_up_at is None
    drive.sweep("2h")
    assert drive.open() == ["pause"]
    assert resume(drive).open() == ["pause"]
    assert drive.sweep().open() == ["b"]


def test_a_signal_while_suspended_is_taken_after_it():
    drive = suspend(Drive(WaitStep("go", wait_for_signal="s"), service("b")).start()).signal("s", 1)
    assert drive.open() == ["go"]
    assert resume(drive).open() == ["b"]


def test_suspending_twice_and_resuming_what_is_not_suspended_change_nothing():
    drive = suspend(Drive(service("a")).start())
    writes = drive.writes
    assert suspend(drive).writes == writes
    resume(drive)
    assert resume(drive).writes == writes + 1


def test_a_finished_process_is_neither_suspended_nor_resumed():
    drive = Drive(service("a")).start().complete("a")
    with pytest.raises(ProcessFinished):
        suspend(drive)
    with pytest.raises(ProcessFinished):
        resume(drive)


def test_a_suspended_process_can_be_cancelled():
    drive = suspend(Drive(service("a")).start())
    assert drive.do(lambda process, now: process.cancel(now=now)).state == "cancelled"


def test_retrying_opens_a_failed_process_at_its_failed_step():
    drive = retry(Drive(service("a"), service("b")).start().complete("a").fail("b"), "b")
    assert (drive.state, drive.open()) == ("in_progress", ["b"])
    assert drive.process.step("b").attempt == 2
    assert drive.process.step("b").service == "Services.b"
    drive.complete("b")
    assert drive.state == "completed"
    reopened = next(event for event in drive.events if event.type == "ProcessReopened")
    assert (reopened.step_name, reopened.actor) == ("b", "ann")


def test_retrying_a_step_of_another_kind_does_what_that_does_first():
    task = HumanTaskStep("ask", human_task=HumanTask(surface="form"))
    drive = retry(Drive(task).start().sweep("7d"), "ask")
    assert drive.told("TaskOpened") == ["TaskOpened ask"] * 2
    assert drive.complete("ask").state == "completed"


def test_retrying_a_step_in_a_branch_opens_what_it_stands_in_and_begins_the_others_again():
    def branches(*names):
        return tuple(Branch(name=f"branch_{n}", steps=(service(n),)) for n in names)

    block = ParallelStep("block", parallel=Parallel(branches=branches("a", "b", "c")))
    drive = Drive(block, service("after")).start().complete("a").fail("b")
    assert drive.state == "failed"
    retry(drive, "b")
    assert drive.open() == ["block", "b", "c"]
    assert drive.complete("b").complete("c").open() == ["after"]


def test_only_the_step_because_of_which_a_process_failed_is_tried_again():
    drive = Drive(service("a", on_failure="b"), service("b")).start().fail("a").fail("b")
    with pytest.raises(StepFinished):
        retry(drive, "a")
    assert retry(drive, "b").open() == ["b"]


def test_skipping_goes_on_as_if_completed_with_the_output():
    drive = skip(Drive(service("a"), service("b", inputs={"x": "steps.a.output"})).start(), "a", 7)
    assert drive.states()["a"] == "skipped"
    assert drive.process.step("b").input == {"x": 7}
    skipped = next(event for event in drive.events if event.type == "StepSkipped")
    assert (skipped.actor, skipped.reason) == ("ann", "why")
    writes = drive.writes
    assert skip(drive, "a").writes == writes


def test_skipping_a_failed_step_opens_its_process():
    drive = skip(Drive(service("a"), service("b")).start().fail("a"), "a")
    assert (drive.state, drive.open()) == ("in_progress", ["b"])


def test_skipping_a_wait_a_task_or_a_block():
    task = HumanTaskStep("ask", human_task=HumanTask(surface="form"))
    block = ParallelStep(
        "block", parallel=Parallel(branches=(Branch(name="x", steps=(service("inside"),)),))
    )
    drive = Drive(WaitStep("pause", wait="1h"), task, block, service("end")).start()
    skip(drive, "pause")
    skip(drive, "ask")
    assert drive.open() == ["block", "inside"]
    skip(drive, "block")
    assert drive.open() == ["end"]


def test_running_again_from_a_completed_step():
    drive = Drive(service("a"), service("b"), service("c")).start().complete("a").complete("b")
    rerun(drive, "a")
    assert drive.open() == ["a"]
    assert drive.states()["c"] == "cancelled"
    drive.complete("a").complete("b").complete("c")
    assert drive.state == "completed"


def test_running_a_failed_process_again_from_a_completed_step():
    drive = Drive(service("a"), service("b")).start().complete("a").fail("b")
    assert rerun(drive, "a").open() == ["a"]


def test_a_completed_process_is_not_run_again():
    drive = Drive(service("a")).start().complete("a")
    with pytest.raises(ProcessFinished):
        rerun(drive, "a")


def test_what_only_a_definition_allows_is_refused_to_other_processes():
    process = a_stored_process(a_step("a"))
    with pytest.raises(NoDefinition):
        commands.send_signal(process, "s", now=process.changed_at)


def test_a_process_without_a_definition_is_suspended_and_goes_on_too():
    process = a_stored_process(a_step("a"))
    now = process.changed_at
    process.suspend(now=now)
    process.complete_step("a", now=now)
    assert process.state == "suspended"
    process.resume(now=now)
    assert process.state == "completed"
