"""The expense approval that the tests register, and what they do with it."""

from __future__ import annotations

from typing import Any

EXPENSES = """\
process: expense_approval
title: Expense approval
version: 1
inputs:
  report_id: string
  amount: number
steps:
  - name: validate
    kind: service
    service: Expenses.validate
    timeout: 30s
    retry: {max_attempts: 3, backoff: exponential}
  - name: big
    kind: condition
    condition: input.amount > 1000
    on_true: review
    on_false: pay
  - name: review
    kind: human_task
    human_task:
      surface: expense_review
      assignee_role: manager
      outcomes:
        - {name: approve, label: Approve expense, goto: pay}
        - {name: reject, label: Reject, goto: fail}
  - name: pay
    kind: service
    service: Payments.pay
    timeout: 1m
    inputs: {report: input.report_id, amount: input.amount}
    compensate_with: refund
  - name: receipt
    kind: wait
    wait_for_signal: receipt
    timeout: 7d
  - name: notify
    kind: send
    channel: notifications
    message: ExpensePaid
compensations:
  - {name: refund, service: Payments.refund}
timeout: 30d
outputs:
  payment_id: steps.pay.output.payment_id
"""

NOTIFY = """\
  - name: notify
    kind: send
    channel: notifications
    message: ExpensePaid
"""

NAME = "expense_approval"
PROCESSES = f"/tenants/tenant-1/definitions/{NAME}/processes"
SMALL: dict[str, Any] = {"key": "report-1", "input": {"report_id": "report-1", "amount": 20}}
BIG: dict[str, Any] = {"key": "report-2", "input": {"report_id": "report-2", "amount": 2000}}


def version(number: int) -> str:
    """The definition as another version."""
    return EXPENSES.replace("version: 1", f"version: {number}")
