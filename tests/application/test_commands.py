"""What every command of the service does with the store and with the caller's object."""

from __future__ import annotations

import pytest

from tests.application.commands import COMMANDS, every_command
from tests.application.orders import SECOND, an_order
from trellis_process import ProcessKey, ProcessState, StepState
from trellis_process.errors import (
    AttemptUnknown,
    InvalidInput,
    ProcessFinished,
    StepNotFound,
    StoreUnavailable,
)
from trellis_process.testing import START, a_step

# -- the store -------------------------------------------------------------------------------


@every_command
def test_a_command_is_one_read_and_one_write(service, processes, order, command, told):
    getattr(service, command)(order, *told)

    assert processes.requests == ["read", "write"]


@every_command
def test_a_command_that_changes_nothing_writes_nothing(
    service, processes, order, clock, command, told
):
    getattr(service, command)(order, *told)
    processes.requests.clear()

    getattr(service, command)(order, *told)

    assert processes.requests == ["read"]


@every_command
def test_a_refused_command_writes_nothing(service, processes, order, command, told):
    service.complete_step(order, "pay")
    service.complete_step(order, "send")
    processes.requests.clear()

    if command == "complete_step":
        service.complete_step(order, "pay")  # a repeat, not a refusal
    else:
        with pytest.raises(ProcessFinished):
            getattr(service, command)(order, *told)

    assert processes.requests == ["read"]


def test_starting_a_process_is_one_write_and_no_read(service, processes):
    an_order(service, *(a_step(f"step-{n}") for n in range(50)), auto_start_steps=True)

    assert processes.requests == ["write"]


def test_many_steps_make_no_more_requests(service, processes):
    process = an_order(service, *(a_step(f"step-{n}") for n in range(200)))
    processes.requests.clear()

    service.complete_step(process, "step-150")

    assert processes.requests == ["read", "write"]


# -- the caller's object ---------------------------------------------------------------------


@every_command
def test_the_callers_object_is_true_and_returned(service, processes, order, command, told):
    returned = getattr(service, command)(order, *told)

    assert returned is order
    assert order == processes.stored(order)
    assert order.version == 3
    assert not order.has_changed


@every_command
def test_the_callers_object_is_true_when_somebody_else_changed_the_stored_one(
    service, processes, order, command, told
):
    stale = order.copy()
    service.heartbeat(order, "pay", actor="somebody else")

    getattr(service, command)(stale, *told)

    assert stale == processes.stored(order)


@every_command
def test_the_callers_object_is_true_when_somebody_else_comes_in_between(
    service, processes, order, command, told
):
    moment = START + 3 * SECOND
    processes.meanwhile(lambda theirs: theirs.heartbeat("pay", now=moment, actor="theirs"))

    getattr(service, command)(order, *told)

    assert order == processes.stored(order)
    assert order.version == 4


@every_command
def test_the_callers_object_is_true_after_a_conflict(service, processes, order, command, told):
    stale = order.copy()
    service.cancel_process(order)

    if command == "cancel_process":
        service.cancel_process(stale)  # done already
    else:
        with pytest.raises(ProcessFinished) as refused:
            getattr(service, command)(stale, *told)
        assert refused.value.process == order

    assert stale == processes.stored(order)
    assert stale.state is ProcessState.CANCELLED


@pytest.mark.parametrize(
    "command",
    ["start_step", "complete_step", "fail_step", "suspend_step", "resume_step", "heartbeat"],
)
def test_the_callers_object_is_true_after_an_unknown_step(service, processes, order, command):
    stale = order.copy()
    service.complete_step(order, "send")

    with pytest.raises(StepNotFound):
        getattr(service, command)(stale, "nothing", *COMMANDS[command][1:])

    assert stale == processes.stored(order)


def test_the_callers_object_is_true_after_a_refused_value(service, processes, order):
    stale = order.copy()
    service.complete_step(order, "send")

    with pytest.raises(InvalidInput):
        service.complete_step(stale, "pay", float("nan"))
    assert stale == processes.stored(order)

    with pytest.raises(InvalidInput):
        service.fail_step(stale, "pay", "x" * 5_000)
    assert stale == processes.stored(order)


def test_the_callers_object_shows_no_change_that_was_not_saved(service, processes, order):
    def break_off(process):
        raise StoreUnavailable("broken off", may_have_happened=False)

    processes.before_save = break_off

    with pytest.raises(StoreUnavailable):
        service.complete_step(order, "pay")

    assert order == processes.stored(order)
    assert order.steps["pay"].state is StepState.IN_PROGRESS


def test_what_the_caller_did_to_its_object_itself_is_not_saved(service, processes, order):
    order.complete_step("send", now=START)
    order.metadata["mine"] = True

    service.complete_step(order, "pay")

    assert order.steps["send"].state is StepState.PENDING
    assert order == processes.stored(order)
    assert processes.stored(order).metadata == {}


def test_a_process_may_be_meant_by_its_key(service, processes, order):
    returned = service.complete_step(ProcessKey("tenant-1", order.process_id), "pay")

    assert returned == processes.stored(order)
    assert returned is not order
    assert order.version == 2


# -- what is passed on -----------------------------------------------------------------------


@every_command
def test_who_and_why_travel_along(service, processes, order, command, told):
    getattr(service, command)(order, *told, actor="ann", reason="she said so")

    if command in ("heartbeat", "resume_step"):  # which, when it comes early, has no event either
        assert order.steps["pay"].reported_by == "ann"
    else:
        assert {event.actor for event in processes.stored(order).events} == {"ann"}
        assert order.events[0].reason == "she said so"


@every_command
def test_a_command_happens_at_the_clocks_time(service, order, clock, command, told):
    moment = clock.advance(seconds=1)

    getattr(service, command)(order, *told)

    assert order.changed_at == moment


def test_an_output_is_kept(service, processes, order):
    service.complete_step(order, "pay", {"receipt": 7})

    assert processes.stored(order).steps["pay"].output == {"receipt": 7}


def test_an_attempt_may_be_named(service, order):
    service.complete_step(order, "pay", attempt=1)
    assert order.steps["pay"].state is StepState.COMPLETED

    with pytest.raises(AttemptUnknown):
        service.complete_step(order, "send", attempt=2)


@pytest.mark.parametrize(
    "command", ["start_step", "complete_step", "fail_step", "suspend_step", "heartbeat"]
)
def test_an_attempt_of_nought_is_refused(service, processes, order, command):
    with pytest.raises(InvalidInput, match=r"^attempt: got 0; allowed is a whole number from 1"):
        getattr(service, command)(order, *COMMANDS[command], attempt=0)

    assert processes.requests == ["read"]


def test_a_heartbeat_extends_the_deadline(service, processes, order):
    service.heartbeat(order, "pay")

    assert processes.stored(order).steps["pay"].due_at == START + 15 * SECOND


def test_a_failed_step_is_tried_again_on_purpose(service, processes, order):
    service.fail_step(order, "pay", "no")

    service.start_step(order, "pay")

    assert order.state is ProcessState.IN_PROGRESS
    assert order.steps["pay"].attempt == 2
    assert order == processes.stored(order)


def test_cancelling_keeps_its_reason(service, processes, order):
    service.cancel_process(order, reason="the customer left")

    assert processes.stored(order).reason == "the customer left"
