"""The expense approval of the documents, as it stands, to its end in each of its branches."""

from __future__ import annotations

import pytest

from tests.definitions.documents import FOLDER

from .written import Journey, Written

DOCUMENT = (FOLDER / "expense_approval.yaml").read_text()
PAID = {"payment_id": "p-1"}


def expense(amount: float) -> Journey:
    return Written(DOCUMENT).start("expense_approval", report_id="r-1", amount=amount)


def is_paid(started: Journey) -> bool:
    """Whether it ended as it should, and everybody knows."""
    (told,) = started.events("MessageSent")
    assert (told["channel"], told["message"]) == ("notifications", "ExpensePaid")
    assert started.process.output == PAID
    return started.state == "completed"


@pytest.mark.parametrize("amount", [0, 999.99, 1000])
def test_a_small_expense_is_validated_and_paid_and_nobody_is_asked(amount):
    started = expense(amount).complete("validate")
    assert started.open() == ["pay"]
    assert started.step("pay").input == {"report": "r-1", "amount": amount}
    assert is_paid(started.complete("pay", output=PAID))
    assert "review" not in started.process.steps
    assert started.process.version == 3


def test_a_large_expense_that_is_approved_is_paid():
    started = expense(1000.01).complete("validate")
    assert started.open() == ["review"]
    (task,) = started.events("TaskOpened")
    assert (task["surface"], task["assignee_role"]) == ("expense_review", "manager")
    started.complete("review", outcome="approve")
    assert started.open() == ["pay"]
    assert is_paid(started.complete("pay", output=PAID))


def test_a_large_expense_that_is_rejected_fails_and_nothing_is_paid():
    started = expense(5000).complete("validate").complete("review", outcome="reject")
    assert (started.state, started.reason) == ("failed", "routed_to_fail")
    assert started.begun() == ["validate"]


def test_a_large_expense_that_nobody_looks_at_fails_after_seven_days_and_is_late_after_five():
    started = expense(5000).complete("validate").advance(days=6, hours=23)
    assert started.seconds("SlaBreached") == [5 * 86400]
    assert started.open() == ["review"]
    started.advance(hours=1)
    assert (started.state, started.reason) == ("failed", "step_failed")
    assert started.step("review").outcome == "timed_out"


def test_a_validation_that_never_answers_is_tried_three_times():
    started = expense(10).advance(minutes=5)
    assert started.seconds("StepStarted") == [0, 31, 63]
    assert (started.state, started.told("ProcessFailed")) == ("failed", [""])


def test_a_payment_that_fails_fails_the_process_with_nothing_to_undo():
    started = expense(10).complete("validate").fail("pay", "no money")
    assert (started.state, started.compensation) == ("failed", None)


def test_a_payment_that_says_no_id_is_refunded():
    started = expense(10).complete("validate").complete("pay", output={})
    assert (started.state, started.open()) == ("compensating", ["undo:pay"])
    refund = started.step("undo:pay")
    assert refund.service == "Payments.refund"
    assert refund.input == {"input": {"report": "r-1", "amount": 10}, "output": {}}
    started.complete("undo:pay")
    assert (started.state, started.compensation) == ("failed", "done")
    assert started.reason.startswith("expression_error")


def test_a_payment_that_takes_longer_than_thirty_days_is_given_up():
    started = expense(10).complete("validate").advance(days=29, hours=23)
    assert started.open() == ["pay"]
    started.advance(hours=1)
    assert (started.state, started.reason) == ("failed", "timeout")
