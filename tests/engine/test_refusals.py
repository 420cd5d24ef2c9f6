"""What is refused of a process with a definition, in the words that its caller reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from tests.engine.driving import START, Drive, parent, service, undo
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import (
    Branch,
    HumanTask,
    HumanTaskStep,
    Outcome,
    Parallel,
    ParallelStep,
    WaitStep,
)
from trellis_process.domain.engine import commands, relations
from trellis_process.domain.limits import MAX_ACTOR_CHARACTERS, MAX_OUTPUT_BYTES
from trellis_process.domain.process import Process
from trellis_process.errors import (
    Compensated,
    Compensating,
    InvalidInput,
    NoDefinition,
    NotReported,
    OutcomeUnknown,
    ProcessFinished,
    StepFinished,
    Suspended,
    TaskTaken,
    TooManySignals,
    TrellisError,
    shown,
)
from trellis_process.testing import a_step, a_stored_process

Ask: TypeAlias = Callable[[Process], object]

TASK = HumanTaskStep("ask", human_task=HumanTask(surface="form"))


def refused(drive: Drive, error: type[TrellisError], ask: Ask) -> str:
    """What the refusal says, and that nothing was written."""
    writes = drive.writes
    with pytest.raises(error) as refusal:
        drive.do(lambda process, _: ask(process))
    assert drive.writes == writes
    return str(refusal.value)


def asking(command: Callable[..., object], *given: Any, **more: Any) -> Ask:
    """Asks for a command of a process with these arguments."""
    return lambda process: command(process, *given, now=START, **more)


def rerun(name: str) -> Ask:
    return asking(commands.rerun_from, name)


def retry(name: str) -> Ask:
    return asking(Process.start_step, name)


def parallel(*names: str, mode: Any = "fail_fast", **more: Any) -> ParallelStep:
    branches = tuple(
        Branch(name=f"branch_{name}", steps=(service(name, **more),)) for name in names
    )
    return ParallelStep("both", parallel=Parallel(branches=branches, on_any_failure=mode))


ABOUT_TASKS = {
    "claim the task": (commands.claim_task, {"by": "ann"}),
    "release the task": (commands.release_task, {}),
    "reassign the task": (commands.reassign_task, {"to": "bob"}),
}


@pytest.mark.parametrize("action", ABOUT_TASKS)
def test_a_task_is_nobodys_to_take_once_it_or_its_process_has_ended(action):
    drive = Drive(TASK, service("a")).start().complete("ask")
    command, given = ABOUT_TASKS[action]
    ask = asking(command, "ask", **given)
    assert refused(drive, StepFinished, ask) == f"cannot {action}: step 'ask' is completed"
    drive.complete("a")
    assert refused(drive, ProcessFinished, ask) == f"cannot {action}: the process is completed"


@pytest.mark.parametrize("action", ABOUT_TASKS)
def test_only_a_task_is_taken_given_back_or_given_to_another(action):
    drive = Drive(service("a"), TASK).start()
    command, given = ABOUT_TASKS[action]
    assert refused(drive, NotReported, asking(command, "a", **given)) == (
        "step 'a' is a step, which nobody reports; it is no human task"
    )


@pytest.mark.parametrize("name", ["", "x" * (MAX_ACTOR_CHARACTERS + 1)])
def test_a_task_is_somebodys_by_a_name_that_is_neither_empty_nor_too_long(name):
    drive = Drive(TASK).start()
    claim, give = (commands.claim_task, "by"), (commands.reassign_task, "to")
    for command, field in (claim, give):
        said = refused(drive, InvalidInput, asking(command, "ask", **{field: name}))
        allowed = "of at most 256 characters without control" if name else "of 1 to 256"
        assert said == f"{field}: got {shown(name)}; allowed is text {allowed} characters"


def test_a_task_of_somebody_else_says_whose_it_is():
    drive = (
        Drive(TASK)
        .start()
        .do(lambda process, now: commands.claim_task(process, "ask", by="ann", now=now))
    )
    assert refused(drive, TaskTaken, asking(commands.claim_task, "ask", by="bob")) == (
        "task 'ask' belongs to 'ann'; it has to be released first"
    )


def test_what_nobody_reports_says_what_to_do_instead():
    drive = Drive(WaitStep("pause", wait="1h")).start()
    assert refused(drive, NotReported, asking(Process.complete_step, "pause")) == (
        "step 'pause' is a wait, which nobody reports; skip it to go on without it"
    )
    drive = Drive(TASK).start()
    assert refused(drive, NotReported, asking(Process.fail_step, "ask", "no", attempt=1)) == (
        "step 'ask' is a human task, which nobody reports; complete it with an outcome, or skip it"
    )


def test_an_outcome_that_is_not_there_is_refused_with_what_was_given_and_what_is_allowed():
    asked = HumanTask(surface="form", outcomes=(Outcome(name="yes"), Outcome(name="no")))
    drive = Drive(HumanTaskStep("ask", human_task=asked), service("a")).start()
    assert refused(drive, OutcomeUnknown, asking(Process.complete_step, "ask", outcome="may")) == (
        "step 'ask' got outcome 'may'; allowed is one of yes, no"
    )
    drive.complete("ask", outcome="yes")
    assert refused(drive, OutcomeUnknown, asking(Process.complete_step, "a", outcome="yes")) == (
        "step 'a' got outcome 'yes'; allowed is none, for it is no human task"
    )


def test_a_failure_without_its_attempt_is_refused_while_another_may_follow():
    drive = Drive(service("a", retry=Retry(max_attempts=2))).start()
    assert refused(drive, InvalidInput, asking(Process.fail_step, "a", "no")) == (
        "attempt: got nothing; "
        "allowed is the number of the attempt that failed, while another may follow"
    )


@pytest.mark.parametrize("field", ["error", "code", "retry_after_ms"])
def test_a_failure_is_refused_by_the_field_that_is_wrong(field):
    drive = Drive(service("a", retry=Retry(max_attempts=2))).start()
    given = {"error": "no", "attempt": 1} | {field: -1 if field == "retry_after_ms" else 7}
    said = refused(drive, InvalidInput, asking(Process.fail_step, "a", **given))
    assert said.startswith(f"{field}: got ")


# -- Signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("signal", {"signal": "no name"}),
        ("signal_id", {"signal": "s", "signal_id": "no id!"}),
        ("payload", {"signal": "s", "payload": "x" * MAX_OUTPUT_BYTES}),
        ("payload", {"signal": "s", "payload": float("nan")}),
    ],
)
def test_a_signal_is_refused_by_the_field_that_is_wrong(field, given):
    drive = Drive(service("a")).start()
    ask = asking(commands.send_signal, **given)
    assert refused(drive, InvalidInput, ask).startswith(f"{field}: got ")


def test_signals_of_one_name_that_wait_together_are_no_larger_than_one_payload():
    drive = Drive(service("a")).start().signal("s", "x" * (MAX_OUTPUT_BYTES - 20))
    ask = asking(commands.send_signal, "s", "x" * 20)
    assert refused(drive, InvalidInput, ask).startswith("payload: got ")
    drive.signal("other", "x" * 20)


def test_a_signal_too_many_and_one_too_late_say_so():
    drive, ask = Drive(service("a")).start(), asking(commands.send_signal, "s")
    for n in range(commands.MAX_SIGNALS):
        drive.signal(f"s{n % 2}", n)
    assert refused(drive, TooManySignals, ask) == (
        "100 signals wait to be taken; none more is kept"
    )
    drive.complete("a")
    assert refused(drive, ProcessFinished, ask) == "cannot signal 's': the process is completed"


def test_what_only_a_definition_allows_names_the_process_that_has_none():
    process = a_stored_process(a_step("a"))
    for command, given in (
        (commands.send_signal, ["s"]),
        (commands.rerun_from, ["a"]),
        (commands.release_task, ["a"]),
        (relations.child_refused, [parent("a"), "no"]),
    ):
        with pytest.raises(NoDefinition, match=re.escape(repr(process.process_id))):
            command(process, *given, now=process.changed_at)


# -- Starting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("process_id", {"process_id": "no id!"}),
        ("tenant_id", {"tenant_id": "no id!"}),
        ("aggregate_type", {"aggregate_type": "no type!"}),
        ("aggregate_id", {"aggregate_id": "\n"}),
        ("input", {"input": {"x": "x" * MAX_OUTPUT_BYTES}}),
        ("input", {"input": {"x": float("nan")}}),
        ("metadata", {"metadata": {"x": float("nan")}}),
    ],
)
def test_a_start_is_refused_by_the_field_that_is_wrong(field, given):
    drive = Drive(service("a"))
    asked = {"process_id": "p1", "tenant_id": "t1", "input": {}, "now": START} | given
    with pytest.raises(InvalidInput, match=f"^{field}"):
        commands.start(drive.compiled, **asked)


# -- Trying again --------------------------------------------------------------------------------


def undoing() -> Drive:
    """A process that undoes ``a`` because ``f`` failed."""
    steps = (service("a", compensate_with="undo_a"), service("f"))
    return Drive(*steps, compensations=(undo("undo_a"),)).start().complete("a").fail("f")


def test_nothing_is_tried_again_while_the_process_undoes_nor_once_it_has():
    drive = undoing()
    busy = "cannot {}: the process is undoing what had been completed"
    assert refused(drive, Compensating, retry("f")) == busy.format("try the step again")
    assert refused(drive, Compensating, rerun("a")) == busy.format("run from the step again")
    drive.complete("undo:a")
    assert refused(drive, Compensated, retry("f")) == (
        "cannot try the step again: a had been completed and undone; rerun from one of these"
    )


def test_nothing_is_tried_again_while_the_process_is_suspended():
    frozen = "cannot {}: the process is suspended; resume it first"
    steps = (service("a", on_failure="b"), service("b"))
    drive = Drive(*steps).start().fail("a").do(lambda process, now: process.suspend(now=now))
    assert refused(drive, Suspended, retry("a")) == frozen.format("start the step")
    assert refused(drive, Suspended, rerun("a")) == frozen.format("run from the step again")


@pytest.mark.parametrize("end", ["completed", "cancelled"])
def test_a_process_that_is_over_for_good_is_not_run_again(end):
    drive = Drive(service("a")).start()
    if end == "completed":
        drive.complete("a")
    else:
        drive.do(lambda process, now: process.cancel(now=now))
    assert refused(drive, ProcessFinished, rerun("a")) == (
        f"cannot run from the step again: the process is {end}"
    )


def test_a_step_that_is_open_is_not_run_again():
    drive = Drive(service("a")).start()
    assert refused(drive, StepFinished, rerun("a")) == (
        "cannot run from the step again: step 'a' is in_progress"
    )


def test_a_compensation_is_neither_run_nor_tried_again():
    drive = undoing().fail("undo:a")
    assert drive.state == "failed"
    assert refused(drive, StepFinished, rerun("undo:a")) == (
        "cannot run from the step again: step 'undo:a' is failed"
    )


def test_a_step_inside_of_what_has_ended_is_not_run_again():
    drive = Drive(parallel("a", "b"), service("c")).start().complete("a").complete("b")
    assert refused(drive, StepFinished, rerun("a")) == (
        "cannot run from the step again: step 'a' is completed"
    )


def test_a_step_inside_of_what_is_being_rolled_back_is_neither_run_nor_tried_again():
    block = parallel("a", "b", mode="rollback", compensate_with="undo")
    drive = Drive(block, compensations=(undo("undo"),)).start().complete("a").fail("b")
    assert refused(drive, Compensating, rerun("a")) == (
        "cannot run from the step again: the process is undoing what had been completed"
    )
    drive.complete("undo:a")
    assert drive.state == "failed"
    assert refused(drive, Compensated, retry("b")) == (
        "cannot try the step again: a had been completed and undone; rerun from one of these"
    )


def test_only_the_step_because_of_which_the_process_failed_is_tried_again_and_it_is_named():
    drive = Drive(service("a", on_failure="b"), service("b")).start().fail("a").fail("b")
    assert refused(drive, StepFinished, retry("a")) == (
        "cannot try the step again: step 'a' is failed"
    )


def test_a_rollback_that_had_nothing_to_undo_may_be_tried_again():
    block = parallel("a", "b", mode="rollback", compensate_with="undo")
    drive = Drive(block, compensations=(undo("undo"),)).start().fail("b")
    assert drive.do(lambda process, now: retry("b")(process)).open() == ["both", "a", "b"]


def test_what_was_undone_in_one_place_does_not_forbid_trying_again_in_another():
    block = parallel("a", "b", mode="rollback", compensate_with="undo")
    tolerant = ParallelStep("both", parallel=block.parallel, on_failure="c")
    drive = Drive(tolerant, service("c"), compensations=(undo("undo"),)).start()
    drive.complete("a").fail("b").complete("undo:a").fail("c")
    assert drive.state == "failed"
    assert drive.do(lambda process, now: retry("c")(process)).open() == ["c"]
