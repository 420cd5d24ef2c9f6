"""What events from outside do to a process (RE-1, RE-2), and which are refused (RE-4, RE-5)."""

from __future__ import annotations

import pytest

from tests.engine.driving import Drive
from tests.engine.order import CONSTRAINTS, INVARIANTS, PLACED, order, placed, refused
from trellis_process.domain.engine import commands
from trellis_process.domain.process import Process
from trellis_process.errors import (
    ConstraintNotMet,
    ExpressionError,
    InvalidInput,
    InvariantViolated,
    NoDefinition,
    ProcessFinished,
)

# -- Starting, and what is done ------------------------------------------------------------------


def test_a_process_begins_with_the_defaults_of_its_data() -> None:
    assert order().start().process.data == {"total": 0, "paid": 0, "notes": []}


def test_without_steps_it_is_under_way_and_waits_for_events() -> None:
    drive = order().start()
    assert (drive.state, drive.told()) == ("in_progress", ["ProcessStarted"])


def test_the_event_that_starts_a_process_runs_its_reactions_in_the_same_change() -> None:
    drive = placed()
    assert drive.process.data["total"] == 30
    assert drive.told() == ["ProcessStarted", "EventReceived", "CommandSent"]
    assert drive.writes == 1


def test_an_event_is_told_by_what_the_definition_calls_it_and_by_its_id() -> None:
    drive = order().start().receive("noted", event_id="e-7", text="x")
    (told,) = (event for event in drive.events if event.type == "EventReceived")
    assert (told.event, told.event_id) == ("noted", "e-7")


def test_both_of_two_reactions_to_one_event_happen_in_one_change() -> None:
    drive = order().start().receive("order-placed", **PLACED)
    assert drive.process.data == {"total": 30, "paid": 0, "notes": ["placed for 30"]}
    assert len(drive.sent()) == 1
    assert drive.writes == 2  # the start, and the event


def test_reactions_come_in_the_order_of_the_document_whatever_the_event_is_called_first() -> None:
    drive = order().start().receive("noted", "order-placed", text="called", **PLACED)
    assert drive.process.data["notes"] == ["placed for 30", "called"]
    assert drive.told("EventReceived") == ["EventReceived"] * 2


def test_commands_see_the_data_as_their_reaction_leaves_it() -> None:
    assert placed().sent() == [("mails", "Welcome", {"to": "ann@example.com", "total": 30})]


def test_fields_that_are_set_together_see_the_data_as_it_was_before() -> None:
    drive = Drive.written(
        """
        events: [{name: turn, pattern: {source: [a]}, key: event.detail.id}]
        data: {a: {type: integer, default: 1}, b: {type: integer, default: 2}}
        reactions: [{event: turn, set: {a: data.b, b: data.a}}]
        """
    )
    assert drive.start().receive("turn").process.data == {"a": 2, "b": 1}


def test_a_reaction_whose_condition_does_not_hold_does_nothing() -> None:
    drive = order().start().receive("noted", text="")
    assert drive.process.data["notes"] == []
    assert drive.told("EventReceived") == ["EventReceived"]  # it came all the same


def test_expressions_of_reactions_see_input_process_and_data() -> None:
    drive = Drive.written(
        """
        events: [{name: e, pattern: {source: [a]}, key: event.detail.id}]
        inputs: {who: string}
        reactions:
          - {event: e, send: [{channel: c, message: M, inputs: {x: "[input.who, process.id]"}}]}
        timeout: 1d
        """
    )
    assert drive.start(who="ann").receive("e").sent() == [("c", "M", {"x": ["ann", "p1"]})]


def test_the_same_event_again_changes_nothing() -> None:
    drive = placed().receive("payment-received", event_id="p-1", amount=10)
    drive.receive("payment-received", event_id="p-1", amount=10)
    assert (drive.process.data["paid"], drive.writes) == (10, 2)


def test_the_event_that_started_it_changes_nothing_when_it_comes_again() -> None:
    drive = order().start_by("order-placed", event_id="o-1", **PLACED)
    assert drive.receive("order-placed", event_id="o-1", **PLACED).writes == 1


def test_the_latest_hundred_events_are_known_when_they_come_again() -> None:
    drive = order().start()
    for number in range(commands.MAX_EVENT_IDS + 1):
        drive.receive("noted", event_id=f"n-{number}", text="")
    writes = drive.writes
    assert drive.receive("noted", event_id="n-1", text="").writes == writes
    assert drive.receive("noted", event_id="n-0", text="").writes == writes + 1


def test_a_process_without_a_definition_takes_no_events() -> None:
    drive = order().start()
    process: Process = drive.process.copy()
    process.course = Process.course
    with pytest.raises(NoDefinition):
        commands.receive_event(process, drive.event("noted"), now=drive.now)


def test_an_event_brings_what_a_store_may_find_too_large_and_refuse() -> None:
    drive = order().start()
    process = drive.process.copy()
    commands.receive_event(process, drive.event("noted", text="x"), now=drive.now)
    assert process.brings_payload


# -- What is refused -----------------------------------------------------------------------------


def test_an_event_after_which_an_invariant_would_not_hold_is_refused_with_its_name() -> None:
    error = refused(placed(INVARIANTS), "payment-received", amount=31)
    assert isinstance(error, InvariantViolated)
    assert error.invariant == "not_too_much"


def test_invariants_are_checked_after_all_reactions_and_not_in_between() -> None:
    drive = Drive.written(
        """
        events: [{name: e, pattern: {source: [a]}, key: event.detail.id}]
        data: {a: {type: integer, default: 0}, b: {type: integer, default: 0}}
        reactions: [{event: e, set: {a: data.a + 1}}, {event: e, set: {b: data.b + 1}}]
        invariants: {even: data.a == data.b}
        timeout: 1d
        """
    )
    assert drive.start().receive("e").process.data == {"a": 1, "b": 1}


def test_an_event_that_leaves_data_other_than_declared_is_refused_with_the_field() -> None:
    error = refused(order().start(), "order-placed", amount="much", mail="a@b")
    assert isinstance(error, InvalidInput | ExpressionError)
    assert "total" in str(error)


def test_true_is_no_number_though_it_looks_the_same_to_python() -> None:
    drive = Drive.written(
        """
        events: [{name: e, pattern: {source: [a]}, key: event.detail.id}]
        data: {done: {type: boolean, default: true}}
        reactions: [{event: e, set: {done: event.detail.done}}]
        timeout: 1d
        """
    )
    assert isinstance(refused(drive.start(), "e", done=1), InvalidInput)


def test_an_event_for_which_an_expression_has_no_value_is_refused() -> None:
    error = refused(placed(), "payment-received", sum=3)
    assert isinstance(error, ExpressionError)
    assert "event.detail.amount" in str(error)


def test_what_is_refused_does_not_start_a_process() -> None:
    with pytest.raises(InvariantViolated):
        order("invariants: {small: data.total < 10}\ntimeout: 1d\n").start_by(
            "order-placed", **PLACED
        )


def test_an_event_for_which_a_constraint_does_not_hold_is_not_for_the_process() -> None:
    drive = order(CONSTRAINTS + "timeout: 1d\n").start()
    error = refused(drive, "payment-received", shop="theirs", amount=3)
    assert isinstance(error, ConstraintNotMet)
    assert error.constraint == "ours"
    drive.receive("payment-received", shop="ours", amount=3)
    error = refused(drive, "payment-received", shop="ours", amount=3)
    assert isinstance(error, ConstraintNotMet)
    assert error.constraint == "open"  # constraints see the data too


def test_an_event_for_which_a_constraint_does_not_hold_starts_nothing() -> None:
    with pytest.raises(ConstraintNotMet):
        order(CONSTRAINTS + "timeout: 1d\n").start_by("order-placed", shop="theirs", **PLACED)


def test_an_event_is_refused_once_the_process_has_ended() -> None:
    drive = placed("ends_when: {paid: data.paid >= data.total}\n")
    drive.receive("payment-received", amount=30)
    assert isinstance(refused(drive, "payment-received", amount=1), ProcessFinished)
