"""How a process that reacts ends (RE-6), and how reactions go with steps and with people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import Drive
from tests.engine.order import CONSTRAINTS, ENDINGS, INVARIANTS, PLACED, order, placed, refused
from trellis_process.domain.engine import commands
from trellis_process.errors import (
    Compensating,
    ConstraintNotMet,
    InvariantViolated,
    TooManySignals,
)

# -- Endings -------------------------------------------------------------------------------------


def test_the_first_ending_that_holds_completes_the_process_and_is_told() -> None:
    drive = placed(ENDINGS).receive("payment-received", amount=30)
    assert (drive.state, drive.reason, drive.process.output) == ("completed", "paid", {"paid": 30})
    (told,) = (event for event in drive.events if event.type == "ProcessCompleted")
    assert told.reason == "paid"


def test_endings_are_checked_after_each_reaction_and_those_that_follow_are_not_done() -> None:
    drive = order("ends_when: {big: data.total > 10}\n").start()
    drive.receive("order-placed", **PLACED)
    assert drive.state == "completed"
    assert drive.process.data["notes"] == []  # which the second reaction would have set


def test_an_ending_that_holds_from_the_start_waits_for_a_reaction() -> None:
    drive = order("ends_when: {nothing: data.paid == 0}\n").start()
    assert drive.state == "in_progress"
    assert drive.receive("noted", text="").state == "in_progress"  # no reaction was done
    assert drive.receive("noted", text="x").reason == "nothing"


def test_an_invariant_that_does_not_hold_is_no_ending() -> None:
    drive = placed(INVARIANTS + "ends_when: {paid: data.paid >= data.total}\n")
    assert isinstance(refused(drive, "payment-received", amount=31), InvariantViolated)


def test_the_event_that_starts_a_process_may_end_it_before_its_first_step() -> None:
    drive = order("ends_when: {big: data.total > 10}\nsteps: [{name: a, service: A}]\n")
    drive.start_by("order-placed", **PLACED)
    assert (drive.state, drive.reason, drive.states()) == ("completed", "big", {})


def test_what_is_open_is_given_up_when_an_ending_is_reached() -> None:
    drive = placed("steps: [{name: ship, subprocess: shipping}]\n" + ENDINGS)
    assert drive.open() == ["ship"]
    drive.receive("payment-received", amount=30)
    assert (drive.state, drive.states()) == ("completed", {"ship": "cancelled"})
    assert drive.told("ChildCancellationRequested") == ["ChildCancellationRequested ship"]


def test_an_ending_whose_outputs_have_no_value_fails_the_process_and_gives_up_once() -> None:
    drive = placed(
        "steps: [{name: ship, subprocess: shipping}]\n"
        "ends_when: {paid: data.paid >= data.total}\noutputs: {x: 'data.notes[5]'}\n"
    )
    drive.receive("payment-received", amount=30)
    assert (drive.state, str(drive.reason)[:16]) == ("failed", "expression_error")
    assert drive.told("ChildCancellationRequested") == ["ChildCancellationRequested ship"]


def test_an_ending_undoes_nothing() -> None:
    drive = placed(
        "steps: [{name: hold, service: A, compensate_with: free}, {name: wait, wait: 5d}]\n"
        "compensations: [{name: free, service: B}]\n" + ENDINGS
    )
    drive.complete("hold").receive("payment-received", amount=30)
    assert (drive.state, drive.told("CompensationStarted")) == ("completed", [])


# -- With steps, suspended, and undoing ----------------------------------------------------------


def test_steps_see_the_data_as_reactions_leave_it() -> None:
    drive = placed(
        "steps:\n"
        "  - {name: wait, wait_for_signal: go}\n"
        "  - {name: pay, service: A, inputs: {paid: data.paid}}\ntimeout: 1d\n"
    )
    drive.receive("payment-received", amount=7).signal("go")
    assert drive.process.step("pay").input == {"paid": 7}


def test_the_first_step_sees_what_the_event_did_that_started_the_process() -> None:
    drive = placed("steps: [{name: a, service: A, inputs: {x: data.total}}]\ntimeout: 1d\n")
    assert drive.process.step("a").input == {"x": 30}


def test_the_last_step_completes_a_process_that_also_reacts() -> None:
    drive = placed("steps: [{name: a, service: A}]\n").complete("a")
    assert (drive.state, drive.reason) == ("completed", None)


def test_the_parts_of_a_long_list_see_the_data_as_it_was_when_they_began() -> None:
    drive = placed(
        "steps:\n"
        "  - name: all\n    foreach:\n      items: input.items\n"
        "      steps: [{name: do, service: A, inputs: {x: data.total}}]\ntimeout: 1d\n"
    )
    drive = drive.start(items=list(range(60))).receive("order-placed", **PLACED)
    part = Drive(*drive.definition.steps)
    part.compiled = drive.compiled
    part.start_part(drive, 0, list(range(25)), 0)
    assert part.process.step("do:0").input == {"x": 30}


def test_a_suspended_process_keeps_events_and_reacts_in_order_when_it_is_resumed() -> None:
    drive = placed().do(lambda process, now: process.suspend(now=now))
    drive.receive("noted", text="one").receive("noted", event_id="n-2", text="two")
    assert drive.process.data["notes"] == ["placed for 30"]
    assert drive.receive("noted", event_id="n-2", text="two").writes == 4  # a repeat
    drive.do(lambda process, now: process.resume(now=now))
    assert drive.state == "in_progress"
    assert drive.process.data["notes"] == ["placed for 30", "one", "two"]
    assert drive.process.kept_events == ()


def test_a_suspended_process_refuses_what_is_not_for_it() -> None:
    drive = order(CONSTRAINTS).start().do(lambda process, now: process.suspend(now=now))
    assert isinstance(refused(drive, "noted", text="x", shop="theirs"), ConstraintNotMet)


def test_a_kept_event_may_end_the_process_and_those_after_it_do_nothing() -> None:
    drive = placed(ENDINGS).do(lambda process, now: process.suspend(now=now))
    drive.receive("payment-received", amount=30).receive("noted", text="late")
    drive.do(lambda process, now: process.resume(now=now))
    assert (drive.state, drive.reason) == ("completed", "paid")
    assert drive.process.data["notes"] == ["placed for 30"]


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ({"amount": 31}, "invariant_violated: not_too_much"),
        ({"sum": 3}, "expression_error: "),
        ({"amount": -1.5}, "expression_error: "),
    ],
)
def test_a_kept_event_that_is_refused_fails_the_process(
    detail: dict[str, Any], reason: str
) -> None:
    drive = placed(INVARIANTS).do(lambda process, now: process.suspend(now=now))
    drive.receive("payment-received", **detail)
    drive.do(lambda process, now: process.resume(now=now))
    assert drive.state == "failed"
    assert str(drive.reason).startswith(reason)
    assert drive.process.data["paid"] == 0


def test_a_suspended_process_keeps_so_many_events_and_no_more() -> None:
    drive = order().start().do(lambda process, now: process.suspend(now=now))
    for _ in range(commands.MAX_KEPT_EVENTS):
        drive.receive("noted", text="")
    assert isinstance(refused(drive, "noted", text=""), TooManySignals)


def test_what_was_kept_goes_with_a_process_that_is_called_off() -> None:
    drive = order().start().do(lambda process, now: process.suspend(now=now))
    drive.receive("noted", text="x").do(lambda process, now: process.cancel(now=now))
    assert (drive.state, drive.process.kept_events) == ("cancelled", ())


def test_a_process_that_undoes_takes_no_events() -> None:
    drive = placed(
        "steps: [{name: a, service: A, compensate_with: u}, {name: b, service: B}]\n"
        "compensations: [{name: u, service: U}]\ntimeout: 1d\n"
    )
    drive.complete("a").fail("b")
    assert drive.state == "compensating"
    assert isinstance(refused(drive, "noted", text="x"), Compensating)
