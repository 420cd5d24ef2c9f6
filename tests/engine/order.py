"""An order that reacts to events, and what tests ask of one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.driving import Drive
from trellis_process.domain.engine import commands
from trellis_process.errors import Conflict, ExpressionError, InvalidInput

ORDER = """
events:
  - {name: order-placed, pattern: {source: [shop]}, key: event.detail.id}
  - {name: payment-received, pattern: {source: [bank]}, key: event.detail.id}
  - {name: noted, pattern: {source: [desk]}, key: event.detail.id}
data:
  total: {type: integer, default: 0}
  paid: {type: integer, default: 0}
  notes: {type: array, default: []}
reactions:
  - event: order-placed
    set: {total: event.detail.amount}
    send: [{channel: mails, message: Welcome, inputs: {to: event.detail.mail, total: data.total}}]
  - event: order-placed
    set: {notes: 'data.notes + ["placed for " + string(data.total)]'}
  - event: payment-received
    set: {paid: data.paid + event.detail.amount}
  - event: noted
    when: event.detail.text != ""
    set: {notes: "data.notes + [event.detail.text]"}
"""
INVARIANTS = "invariants: {not_too_much: data.paid <= data.total}\ntimeout: 30d\n"
CONSTRAINTS = "constraints: {ours: event.detail.shop == 'ours', open: data.paid == 0}\n"
ENDINGS = """
ends_when:
  overpaid: data.paid > data.total
  paid: data.total > 0 && data.paid >= data.total
  settled: data.total > 0 && data.paid >= data.total
outputs: {paid: data.paid}
"""
PLACED: dict[str, Any] = {"amount": 30, "mail": "ann@example.com"}


def order(more: str = "timeout: 30d\n") -> Drive:
    return Drive.written(ORDER + more)


def placed(more: str = "timeout: 30d\n") -> Drive:
    return order(more).start_by("order-placed", **PLACED)


def refused(drive: Drive, *names: str, **detail: Any) -> Exception:
    """What refuses an event; nothing of the process is changed by it."""
    received = drive.event(*names, **detail)
    before, process = drive.process.copy(), drive.process.copy()
    process.course = drive.process.course
    with pytest.raises((Conflict, InvalidInput, ExpressionError)) as error:
        commands.receive_event(process, received, now=drive.now)
    assert process == before
    assert not process.has_changed
    return error.value
