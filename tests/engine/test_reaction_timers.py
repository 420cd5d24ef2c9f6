"""Timers that reactions set, replace and cancel, and what follows when they ring (RE-3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.engine.driving import START, Drive
from trellis_process.errors import ExpressionError

TIMED = """
events:
  - {name: placed, pattern: {source: [shop]}, key: event.detail.id}
  - {name: paid, pattern: {source: [bank]}, key: event.detail.id}
data:
  due: {type: string, default: ""}
  rung: {type: array, default: []}
reactions:
  - event: placed
    set: {due: "has(event.detail.due) ? event.detail.due : data.due"}
    set_timers: [{name: reminder, after: 3d}]
  - event: paid
    cancel_timers: [reminder]
  - timer: reminder
    set: {rung: 'data.rung + ["reminder"]'}
    send: [{channel: mails, message: Reminder}]
timeout: 366d
"""


def timed() -> Drive:
    return Drive.written(TIMED).start()


def setting(timer: str, zone: str = "UTC", more: str = "") -> Drive:
    """A process in which the event ``set`` sets that timer."""
    return Drive.written(
        "events: [{name: set, pattern: {source: [a]}, key: event.detail.id}]\n"
        "data: {rung: {type: integer, default: 0}, at: any?}\n"
        "reactions:\n"
        f"  - {{event: set, set: {{at: event.detail.at}}, set_timers: [{{name: t, {timer}}}]}}\n"
        "  - {timer: t, set: {rung: data.rung + 1}}\n"
        f"time_zone: {zone}\ntimeout: 366d\n" + more
    )


def test_a_timer_rings_after_its_span_and_its_reactions_follow() -> None:
    drive = timed().receive("placed")
    assert drive.timers() == {"reminder": START + timedelta(days=3)}
    assert drive.process.wake_up_at == START + timedelta(days=3)
    drive.sweep("71h59m")
    assert drive.process.data["rung"] == []
    drive.sweep("1m")
    assert drive.process.data["rung"] == ["reminder"]
    assert drive.sent() == [("mails", "Reminder", {})]
    assert drive.timers() == {}


def test_a_timer_that_rings_is_told() -> None:
    drive = timed().receive("placed").sweep("3d")
    (told,) = (event for event in drive.events if event.type == "TimerRang")
    assert told.timer == "reminder"


def test_a_timer_that_is_set_again_is_replaced() -> None:
    drive = timed().receive("placed").later("1d").receive("placed")
    assert drive.timers() == {"reminder": START + timedelta(days=4)}
    assert drive.sweep("2d").process.data["rung"] == []
    assert drive.sweep("1d").process.data["rung"] == ["reminder"]


def test_a_timer_that_is_cancelled_does_not_ring() -> None:
    drive = timed().receive("placed").receive("paid")
    assert drive.timers() == {}
    assert drive.sweep("4d").process.data["rung"] == []


def test_cancelling_a_timer_that_is_not_set_does_nothing() -> None:
    assert timed().receive("paid").timers() == {}


def test_of_two_reactions_the_later_one_decides_whether_a_timer_runs() -> None:
    assert timed().receive("placed", "paid").timers() == {}
    swapped = TIMED.replace("event: placed", "event: x").replace("event: paid", "event: placed")
    drive = Drive.written(swapped.replace("event: x", "event: paid")).start()
    assert drive.receive("placed", "paid").timers() == {}


def test_a_timer_that_was_due_for_long_rings_once() -> None:
    assert timed().receive("placed").sweep("30d").sweep("1m").process.data["rung"] == ["reminder"]


# -- The calendar --------------------------------------------------------------------------------


def due_at(drive: Drive, now: datetime) -> datetime:
    """When the timer is due that is set then, on the clock of the definition's zone."""
    drive.now = now
    (due,) = drive.start().receive("set", at="").timers().values()
    return due.astimezone(ZoneInfo(drive.definition.time_zone))


@pytest.mark.parametrize(
    ("zone", "now", "span", "due"),
    [
        ("Europe/London", (2027, 1, 31, 9), "1mo", "2027-02-28T09:00:00+00:00"),
        ("Europe/London", (2027, 2, 28, 9), "1mo", "2027-03-28T09:00:00+01:00"),
        ("America/New_York", (2027, 1, 31, 23, 30), "1mo", "2027-02-28T23:30:00-05:00"),
        ("Europe/London", (2027, 3, 27, 9), "1d", "2027-03-28T09:00:00+01:00"),  # of 23 hours
        ("Europe/London", (2027, 3, 27, 9), "24h", "2027-03-28T10:00:00+01:00"),
        ("Europe/London", (2027, 10, 30, 9), "1d", "2027-10-31T09:00:00+00:00"),  # of 25
        ("Europe/London", (2027, 10, 30, 9), "24h", "2027-10-31T08:00:00+00:00"),
        ("UTC", (2028, 2, 29, 9), "1y", "2029-02-28T09:00:00+00:00"),
    ],
)
def test_spans_are_those_of_the_calendar_in_the_zone_of_the_definition(
    zone: str, now: tuple[int, ...], span: str, due: str
) -> None:
    then = datetime(*now, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[misc,arg-type]
    assert due_at(setting(f"after: {span}", zone), then).isoformat() == due


def test_a_span_beyond_the_calendar_refuses_the_event() -> None:
    drive = setting("after: 100y")
    drive.now = datetime(9950, 1, 1, tzinfo=UTC)
    drive.start()
    with pytest.raises(ExpressionError, match="9999"):
        drive.receive("set", at="")


# -- At a moment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["2026-11-25T09:00:00Z", "2026-11-25T10:00:00+01:00", 1795597200])
def test_a_timer_may_ring_at_a_moment_of_the_data_as_the_reaction_leaves_it(at: object) -> None:
    drive = setting("at: data.at").start().receive("set", at=at)
    assert drive.timers() == {"t": START + timedelta(days=5)}


def test_a_timer_keeps_its_moment_when_the_field_changes_that_it_was_taken_from() -> None:
    drive = Drive.written(
        """
        events:
          - {name: set, pattern: {source: [a]}, key: event.detail.id}
          - {name: moved, pattern: {source: [b]}, key: event.detail.id}
        data: {at: {type: string, default: ""}}
        reactions:
          - {event: set, set: {at: event.detail.at}, set_timers: [{name: t, at: data.at}]}
          - {event: moved, set: {at: event.detail.at}}
          - {timer: t, send: [{channel: c, message: M}]}
        timeout: 366d
        """
    ).start()
    drive.receive("set", at="2026-11-25T09:00:00Z").receive("moved", at="2026-12-25T09:00:00Z")
    assert drive.timers() == {"t": START + timedelta(days=5)}


def test_a_moment_is_kept_to_the_millisecond() -> None:
    drive = setting("at: data.at").start().receive("set", at="2026-11-25T09:00:00.123456Z")
    assert drive.timers() == {"t": START + timedelta(days=5, milliseconds=123)}


@pytest.mark.parametrize("at", ["tomorrow", "2026-11-25T09:00:00", True, None])
def test_what_is_no_moment_refuses_the_event(at: object) -> None:
    with pytest.raises(ExpressionError, match="moment"):
        setting("at: data.at").start().receive("set", at=at)


def test_a_timer_whose_time_is_past_rings_at_once_in_the_same_change() -> None:
    drive = setting("at: data.at").start().receive("set", at="2026-11-20T08:59:59Z")
    assert (drive.process.data["rung"], drive.timers(), drive.writes) == (1, {}, 2)
    assert drive.told() == ["ProcessStarted", "EventReceived", "TimerRang"]


def test_a_timer_that_is_past_when_the_process_starts_rings_before_the_first_step() -> None:
    drive = setting("at: data.at", more="steps: [{name: a, service: A, inputs: {x: data.rung}}]\n")
    drive.start_by("set", at="2026-11-20T08:59:59Z")
    assert drive.process.step("a").input == {"x": 1}


LOOP = """
events: [{name: go, pattern: {source: [a]}, key: event.detail.id}]
data: {rung: {type: array, default: []}, past: {type: string, default: "2026-01-01T00:00:00Z"}}
reactions:
  - {event: go, set_timers: [{name: one, at: data.past}]}
  - {timer: one, set: {rung: 'data.rung + ["one"]'}, set_timers: [{name: two, at: data.past}]}
  - {timer: two, set: {rung: 'data.rung + ["two"]'}, set_timers: [{name: one, at: data.past}]}
timeout: 366d
"""


def test_two_timers_that_set_each_other_in_the_past_ring_once_in_each_change() -> None:
    drive = Drive.written(LOOP).start().receive("go")
    assert drive.process.data["rung"] == ["one", "two"]
    assert list(drive.timers()) == ["one"]
    drive.sweep()
    assert drive.process.data["rung"] == ["one", "two", "one", "two"]
    assert drive.writes == 3


def test_a_timer_that_sets_itself_rings_again_and_again() -> None:
    drive = Drive.written(
        """
        events: [{name: go, pattern: {source: [a]}, key: event.detail.id}]
        data: {rung: {type: integer, default: 0}}
        reactions:
          - {event: go, set_timers: [{name: t, after: 1d}]}
          - {timer: t, set: {rung: data.rung + 1}, set_timers: [{name: t, after: 1d}]}
        ends_when: {enough: data.rung == 3}
        """
    )
    drive.start().receive("go").sweep_until("10d")
    assert (drive.state, drive.process.data, drive.writes) == ("completed", {"rung": 3}, 5)


# -- What ends, and what fails -------------------------------------------------------------------


def test_an_ending_closes_every_timer() -> None:
    drive = Drive.written(TIMED + "ends_when: {rung: size(data.rung) == 0}\n").start()
    drive.receive("placed")
    assert (drive.state, drive.timers(), drive.process.wake_up_at) == ("completed", {}, None)


def test_a_timer_that_is_past_does_not_ring_in_what_ends_with_the_same_event() -> None:
    drive = setting("at: data.at", more="ends_when: {set: has(data.at)}\n")
    drive.start_by("set", at="2026-01-01T00:00:00Z")
    assert (drive.state, drive.told("TimerRang")) == ("completed", [])


def test_of_two_timers_that_are_due_the_second_does_nothing_once_the_first_ended_it() -> None:
    drive = Drive.written(
        """
        events: [{name: go, pattern: {source: [a]}, key: event.detail.id}]
        data: {rung: {type: array, default: []}}
        reactions:
          - {event: go, set_timers: [{name: one, after: 1d}, {name: two, after: 1d}]}
          - {timer: one, set: {rung: 'data.rung + ["one"]'}}
          - {timer: two, set: {rung: 'data.rung + ["two"]'}}
        ends_when: {rung: size(data.rung) > 0}
        """
    )
    drive.start().receive("go").sweep("2d")
    assert drive.process.data["rung"] == ["one"]
    assert drive.told("TimerRang") == ["TimerRang"]


@pytest.mark.parametrize(
    ("invariant", "reason"),
    [
        ("data.rung < 1", "invariant_violated: never"),
        ("1 / (1 - data.rung) > 0", "expression_error: "),
    ],
)
def test_a_timer_whose_reactions_are_refused_fails_the_process(invariant: str, reason: str) -> None:
    drive = setting("after: 1d", more=f"invariants: {{never: {invariant}}}\n").start()
    drive.receive("set", at="").sweep("1d")
    assert drive.state == "failed"
    assert str(drive.reason).startswith(reason)
    assert drive.process.data["rung"] == 0


def test_a_timer_that_leaves_data_other_than_declared_fails_the_process() -> None:
    drive = Drive.written(
        """
        events: [{name: go, pattern: {source: [a]}, key: event.detail.id}]
        data: {n: {type: integer, default: 2, maximum: 2}}
        reactions:
          - {event: go, set_timers: [{name: t, after: 1d}]}
          - {timer: t, set: {n: data.n + 1}}
        timeout: 9d
        """
    )
    drive.start().receive("go").sweep("1d")
    assert drive.state == "failed"
    assert "data.n" in str(drive.reason)


def test_a_process_that_fails_by_a_timer_undoes_what_its_steps_did_and_no_timer_rings() -> None:
    drive = setting(
        "after: 1d",
        more="invariants: {never: data.rung < 1}\n"
        "steps: [{name: a, service: A, compensate_with: u}, {name: b, wait: 5d}]\n"
        "compensations: [{name: u, service: U}]\n",
    )
    drive.start().complete("a").receive("set", at="").sweep("1d")
    assert (drive.state, drive.timers()) == ("compensating", {})
    drive.complete("undo:a")
    assert (drive.state, drive.reason) == ("failed", "invariant_violated: never")


def test_nothing_rings_while_a_process_is_suspended_and_all_that_is_due_once_it_goes_on() -> None:
    drive = timed().receive("placed").do(lambda process, now: process.suspend(now=now))
    drive.later("4d")
    assert drive.process.due_trackers(drive.now) == []
    drive.do(lambda process, now: process.resume(now=now))
    assert drive.process.data["rung"] == []
    assert drive.sweep().process.data["rung"] == ["reminder"]


def test_the_end_of_the_steps_closes_the_timers_too() -> None:
    drive = setting("after: 1d", more="steps: [{name: a, service: A}]\n")
    drive.start().receive("set", at="").complete("a")
    assert (drive.state, drive.timers()) == ("completed", {})


def test_an_event_may_set_a_timer_while_steps_go_on() -> None:
    drive = setting("after: 1d", more="steps: [{name: a, service: A}]\n")
    drive.start().receive("set", at="").sweep("1d")
    assert (drive.process.data["rung"], drive.open()) == (1, ["a"])
