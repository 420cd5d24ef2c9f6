"""What the events of a process with a definition tell, to the last field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import START, Drive, seconds, service, undo
from trellis_process.domain.definition.sla import Sla, SlaTier
from trellis_process.domain.definition.steps import (
    Branch,
    Effect,
    ForEach,
    ForEachStep,
    HumanTask,
    HumanTaskStep,
    LlmIntent,
    LlmIntentStep,
    Outcome,
    Parallel,
    ParallelStep,
    Query,
    QueryStep,
    SendStep,
    SideEffectStep,
    SubprocessStep,
    Transition,
    WaitStep,
)
from trellis_process.domain.engine import commands, relations
from trellis_process.domain.events import EVENT_TYPES, ProcessEvent
from trellis_process.domain.process import Parent
from trellis_process.domain.states import ProcessState, WaitingFor
from trellis_process.domain.task import HumanTaskTerms
from trellis_process.domain.tracker import Timer, TimerKind

BY_ANN: dict[str, Any] = {"actor": "ann", "reason": "she said so"}


def event(drive: Drive, name: str, **fields: Any) -> ProcessEvent:
    """An event of the drive's process, at its time."""
    about = {"tenant_id": "t1", "process_id": "p1", "occurred_at": drive.now}
    return EVENT_TYPES[name](**(about | fields))


def latest(drive: Drive, *types: str) -> list[ProcessEvent]:
    """Of the events of these types the one that came last, each."""
    found = {each.type: each for each in drive.events}
    return [found[name] for name in types]


def task(**more: Any) -> HumanTaskStep:
    step = {key: more.pop(key) for key in ("inputs", "priority", "on_success") if key in more}
    return HumanTaskStep("ask", human_task=HumanTask(**({"surface": "form"} | more)), **step)


def test_the_start_tells_who_began_it_and_why():
    drive = Drive(service("a"))
    process = commands.start(
        drive.compiled, process_id="p1", tenant_id="t1", input={}, now=START, **BY_ANN
    )
    assert process.events == (
        event(drive, "ProcessStarted", **BY_ANN),
        event(drive, "StepStarted", step_name="a", attempt=1, **BY_ANN),
    )
    assert process.step("a").reported_by == "ann"


def test_a_message_tells_of_which_step_and_of_which_attempt_at_it():
    send = SendStep("tell", channel="news", message="Paid", inputs={"n": "input.n"})
    more = Transition(to="tell", when="steps.a.output.more")
    drive = Drive(send, service("a", transitions=(more, Transition(to="complete")))).start(n=1)
    told = {"step_name": "tell", "channel": "news", "message": "Paid", "payload": {"n": 1}}
    assert latest(drive, "MessageSent") == [event(drive, "MessageSent", attempt=1, **told)]
    drive.later("1h").complete("a", {"more": True}, actor="bob")
    assert latest(drive, "MessageSent") == [
        event(drive, "MessageSent", attempt=2, actor="bob", **told)
    ]
    step = drive.process.step("tell")
    assert (step.ended_at, step.reported_by, step.attempt) == (drive.now, "bob", 2)


def test_effects_tell_of_which_step_and_have_an_id_but_for_what_is_created():
    effects = (
        Effect(action="create", entity="Order", set={"n": "input.n"}),
        Effect(action="delete", entity="Order", id="input.id"),
    )
    drive = Drive(SideEffectStep("mark", effects=effects)).start(n=1, id="o1")
    asked = [
        {"action": "create", "entity": "Order", "set": {"n": 1}},
        {"action": "delete", "entity": "Order", "id": "o1", "set": {}},
    ]
    assert latest(drive, "EffectsRequested") == [
        event(drive, "EffectsRequested", step_name="mark", attempt=1, effects=asked)
    ]


@pytest.mark.parametrize(
    ("waits", "waits_for", "due_in"),
    [
        ({"wait": "1h"}, WaitingFor.TIME, 3600),
        ({"wait_for_signal": "s", "timeout": "2h"}, WaitingFor.SIGNAL, 7200),
    ],
)
def test_a_wait_tells_of_its_step_and_is_kept_with_its_beginning_and_its_end(
    waits, waits_for, due_in
):
    drive = Drive(WaitStep("pause", **waits)).start()
    assert latest(drive, "WaitStarted") == [
        event(drive, "WaitStarted", step_name="pause", attempt=1)
    ]
    step = drive.process.step("pause")
    assert (step.waits_for, step.started_at) == (waits_for, START)
    assert step.due_at == START + seconds(due_in)


def test_a_task_is_kept_with_all_that_was_said_of_it_and_its_event_names_it():
    outcomes = (Outcome(name="yes", label="Yes, please"), Outcome(name="no"))
    step = task(
        assignee_role="boss",
        assignee="input.boss",
        outcomes=outcomes,
        escalate_after="1d",
        inputs={"n": "input.n"},
        priority=2,
    )
    drive = Drive(step).start(n=7, boss="ann")
    assert latest(drive, "TaskOpened") == [event(drive, "TaskOpened", step_name="ask", attempt=1)]
    opened = drive.process.step("ask")
    assert opened.input == {"n": 7}
    assert opened.started_at == START
    assert opened.task == HumanTaskTerms(
        surface="form",
        assignee_role="boss",
        assignee="ann",
        outcomes=(("yes", "Yes, please"), ("no", "no")),
        priority=2,
    )
    assert drive.process.timers == (
        Timer(
            tenant_id="t1",
            process_id="p1",
            kind=TimerKind.ESCALATION,
            name="escalation",
            due_at=START + seconds(86400),
            since=START,
            step_name="ask",
        ),
    )


def test_a_task_tells_who_claimed_released_and_reassigned_it_and_why():
    drive = Drive(task()).start()
    of_task = {"step_name": "ask", "attempt": 1}
    drive.do(lambda process, now: commands.claim_task(process, "ask", by="ann", now=now))
    assert latest(drive, "TaskClaimed") == [event(drive, "TaskClaimed", **of_task, actor="ann")]
    drive.do(lambda process, now: commands.release_task(process, "ask", now=now, **BY_ANN))
    assert latest(drive, "TaskReleased") == [event(drive, "TaskReleased", **of_task, **BY_ANN)]
    drive.do(lambda process, now: commands.claim_task(process, "ask", by="bob", now=now, **BY_ANN))
    assert latest(drive, "TaskClaimed") == [event(drive, "TaskClaimed", **of_task, **BY_ANN)]
    assert drive.process.step("ask").task.assignee == "bob"
    by_cleo = {"actor": "cleo", "reason": "bob is away"}
    drive.do(
        lambda process, now: commands.reassign_task(process, "ask", to="dan", now=now, **by_cleo)
    )
    assert latest(drive, "TaskClaimed") == [event(drive, "TaskClaimed", **of_task, **by_cleo)]


def test_a_task_that_is_open_for_long_is_told_with_its_attempt():
    more = Transition(to="ask", when="steps.a.output.more")
    drive = Drive(
        task(escalate_after="1d"), service("a", transitions=(more, Transition(to="complete")))
    ).start()
    drive.complete("ask").complete("a", {"more": True}).sweep("1d")
    assert latest(drive, "TaskEscalated") == [
        event(drive, "TaskEscalated", step_name="ask", attempt=2)
    ]


def test_releasing_what_is_nobodys_and_reassigning_to_whose_it_is_change_nothing():
    drive = Drive(task(assignee="'ann'")).start()
    drive.do(lambda process, now: commands.reassign_task(process, "ask", to="ann", now=now))
    assert drive.writes == 1
    for _ in range(2):
        drive.do(lambda process, now: commands.release_task(process, "ask", now=now))
    assert drive.writes == 2


def test_a_signal_is_told_with_who_sent_it_and_why():
    drive = Drive(service("a")).start().signal("s", 1, **BY_ANN)
    assert latest(drive, "SignalReceived") == [event(drive, "SignalReceived", signal="s", **BY_ANN)]


def test_a_child_is_asked_for_and_given_up_by_the_same_id():
    child = SubprocessStep("child", subprocess="other", version=3, timeout="1h")
    drive = Drive(child).start()
    (asked,) = latest(drive, "ChildRequested")
    of_child = {"step_name": "child", "attempt": 1, "child_id": asked.child_id}
    assert asked == event(
        drive, "ChildRequested", **of_child, child_definition="other", child_definition_version=3
    )
    step = drive.process.step("child")
    assert (step.started_at, step.due_at) == (START, START + seconds(3600))
    drive.sweep("1h")
    assert latest(drive, "ChildCancellationRequested") == [
        event(drive, "ChildCancellationRequested", **of_child)
    ]
    assert drive.process.step("child").error == "timed out"


def test_the_parts_of_a_foreach_are_asked_for_and_given_up_by_the_same_ids():
    foreach = ForEach(items="input.items", steps=(service("pack"),), max_concurrency=50)
    drive = Drive(ForEachStep("all", foreach=foreach)).start(items=list(range(60)))
    asked = [each for each in drive.events if each.type == "ChildRequested"]
    of_parts = [{"step_name": "all", "attempt": 1, "child_id": each.child_id} for each in asked]
    assert len({each.child_id for each in asked}) == 2
    assert asked == [
        event(drive, "ChildRequested", **told, part=part) for part, told in enumerate(of_parts)
    ]
    drive.do(lambda process, now: process.cancel(now=now, **BY_ANN))
    assert [each for each in drive.events if each.type == "ChildCancellationRequested"] == [
        event(drive, "ChildCancellationRequested", **told, **BY_ANN) for told in of_parts
    ]


def test_what_is_given_up_beside_a_failure_is_told_with_its_attempt():
    both = ParallelStep(
        "both",
        parallel=Parallel(
            branches=(
                Branch(name="l", steps=(service("a", sla=Sla(max_duration="1d")),)),
                Branch(name="r", steps=(service("b"),)),
            )
        ),
        on_failure="mend",
    )
    drive = Drive(both, service("mend", on_success="both"), sla=Sla(max_duration="9d")).start()
    drive.fail("b")
    assert latest(drive, "StepCancelled") == [
        event(drive, "StepCancelled", step_name="a", attempt=1)
    ]
    assert [timer.step_name for timer in drive.process.timers] == [None]
    drive.complete("mend").fail("b")
    assert latest(drive, "StepCancelled") == [
        event(drive, "StepCancelled", step_name="a", attempt=2)
    ]


def test_a_transition_without_a_value_is_told_as_a_failure_of_its_step():
    step = service("a", transitions=(Transition(to="b", when="steps.a.output.no > 1"),))
    drive = Drive(step, service("b")).start().complete("a", {}, actor="ann")
    assert drive.told("StepCompleted", "StepFailed") == ["StepCompleted a", "StepFailed a"]
    assert latest(drive, "StepFailed") == [
        event(drive, "StepFailed", step_name="a", attempt=1, actor="ann")
    ]
    assert "steps.a.output.no" in drive.process.step("a").error


def test_why_a_step_failed_is_still_known_where_that_leads_to_it_again_at_once():
    drive = Drive(service("a", on_failure="a")).start().fail("a", "torn")
    step = drive.process.step("a")
    assert (step.visits, step.state, step.error) == (2, "in_progress", "torn")
    assert drive.complete("a").process.step("a").error is None


def test_undoing_is_told_with_why_and_each_compensation_with_its_attempt():
    drive = Drive(
        service("a", compensate_with="undo_a"),
        service("b", compensate_with="undo_b"),
        service("f"),
        compensations=(undo("undo_a"), undo("undo_b", inputs={"x": "step.output.none"})),
    ).start()
    drive.complete("a").complete("b", {}).fail("f")
    told = ("ProcessCompensating", "CompensationFailed", "CompensationStarted")
    assert latest(drive, *told) == [
        event(drive, "ProcessCompensating", reason="step_failed"),
        event(drive, "CompensationFailed", step_name="undo:b", attempt=1),
        event(drive, "CompensationStarted", step_name="undo:a", attempt=1),
    ]
    assert "step.output.none" in drive.process.step("undo:b").error
    drive.complete("undo:a")
    assert latest(drive, "CompensationCompleted", "ProcessFailed") == [
        event(drive, "CompensationCompleted", step_name="undo:a", attempt=1),
        event(drive, "ProcessFailed", reason="step_failed"),
    ]


def test_running_again_is_told_with_its_step_and_who_wants_it_and_why():
    drive = Drive(service("a"), service("b")).start().complete("a")
    drive.do(lambda process, now: commands.rerun_from(process, "a", now=now, **BY_ANN))
    assert latest(drive, "ProcessReopened", "StepCancelled") == [
        event(drive, "ProcessReopened", step_name="a", **BY_ANN),
        event(drive, "StepCancelled", step_name="b", attempt=1, **BY_ANN),
    ]


def test_the_times_agreed_for_a_process_and_for_a_step_are_kept_as_they_were_said():
    tiers = (SlaTier(name="late", max_duration="2h"),)
    step = service("a", sla=Sla(max_duration="1h", tiers=tiers, alert_on_breach=False))
    drive = Drive(step, sla=Sla(max_duration="1d")).start()
    about = {"tenant_id": "t1", "process_id": "p1", "kind": TimerKind.SLA, "since": START}
    of_step = about | {"step_name": "a", "sends_event": False}
    assert drive.process.timers == (
        Timer(name="sla", due_at=START + seconds(86400), **about),
        Timer(name="sla", due_at=START + seconds(3600), **of_step),
        Timer(name="late", due_at=START + seconds(7200), **of_step),
    )


def test_a_step_that_ends_late_is_told_by_itself_and_what_is_late_beside_it_by_a_sweep():
    steps = [(service(name, sla=Sla(max_duration="1h")),) for name in ("a", "b")]
    branches = tuple(Branch(name=f"b{n}", steps=each) for n, each in enumerate(steps))
    drive = Drive(ParallelStep("both", parallel=Parallel(branches=branches))).start()
    drive.later("2h").complete("a")
    told = {"tier": "sla", "expected_ms": 3_600_000, "actual_ms": 7_200_000}
    of_a = event(drive, "SlaBreached", step_name="a", **told)
    assert [each for each in drive.events if each.type == "SlaBreached"] == [of_a]
    drive.sweep()
    of_b = event(drive, "SlaBreached", step_name="b", **told)
    assert [each for each in drive.events if each.type == "SlaBreached"] == [of_a, of_b]
    assert drive.process.breaches == {"a/sla": 7_200_000, "b/sla": 7_200_000}


def test_a_query_is_work_of_a_service_of_ours_that_is_told_what_to_ask():
    query = Query(source="orders", filters={"total__gt": "input.n"}, order_by="-total", limit=5)
    drive = Drive(QueryStep("rows", query=query, timeout="1m")).start(n=7)
    step = drive.process.step("rows")
    assert (step.service, step.timeout_ms) == ("trellis.query", 60_000)
    assert step.input == {
        "source": "orders",
        "filters": {"total__gt": 7},
        "order_by": "-total",
        "limit": 5,
    }


def test_an_intent_is_work_of_a_service_of_ours_that_is_told_what_is_wanted():
    schema = {"type": "object"}
    intent = LlmIntent(intent="classify", model="small", output_schema=schema)
    drive = Drive(LlmIntentStep("guess", llm_intent=intent, inputs={"text": "input.text"}))
    step = drive.start(text="hello").process.step("guess")
    assert step.service == "trellis.llm_intent"
    assert step.input == {
        "intent": "classify",
        "model": "small",
        "inputs": {"text": "hello"},
        "output_schema": schema,
    }


def test_a_child_that_could_not_be_started_fails_what_waits_for_it():
    child = SubprocessStep("child", subprocess="other")
    drive = Drive(child).start()
    told = Parent(process_id="p1", step_name="child", attempt=1)
    drive.do(lambda process, now: relations.child_refused(process, told, "no such one", now=now))
    assert (drive.state, drive.process.step("child").error) == ("failed", "no such one")


def test_a_part_that_could_not_be_started_counts_its_items_as_failed():
    foreach = ForEach(items="input.items", steps=(service("pack"),), max_concurrency=50)
    drive = Drive(ForEachStep("all", foreach=foreach)).start(items=list(range(30)))
    told = Parent(process_id="p1", step_name="all", attempt=1, part=1)
    drive.do(lambda process, now: relations.child_refused(process, told, "no room", now=now))
    drive.child_ended("all", part=0, state=ProcessState.COMPLETED)
    assert drive.process.step("all").output == {
        "processed": 30,
        "errors": 5,
        "parts": 2,
        "failures": [{"item_index": 25, "error": "no room"}],
    }
