"""Orders: the soak's processes that a definition drives, and what their services answer.

What becomes of an order is in its input, which a seed gives, so everybody knows how it has to end.
"""

from __future__ import annotations

import random
from typing import Any

TENANT = "tenant-driven"
PARCELS = 30  # in two parts, each a child of its own
ORDER, SHIPMENT = "soak_order", "soak_shipment"

DEFINITIONS = (
    f"""\
process: {SHIPMENT}
version: 1
inputs: {{order: integer}}
steps:
  - {{name: load, service: Soak.load, inputs: {{order: input.order}}}}
  - {{name: drive, service: Soak.drive}}
timeout: 30d
outputs: {{loaded: steps.load.output.order}}
""",
    f"""\
process: {ORDER}
version: 1
inputs: {{order: integer, is_busy: boolean, parcels: array}}
steps:
  - name: charge
    service: Soak.charge
    inputs: {{order: input.order, is_busy: input.is_busy}}
    retry: {{max_attempts: 3, backoff: fixed, interval: 1s}}
    compensate_with: refund
  - name: pack
    kind: foreach
    foreach:
      items: input.parcels
      max_concurrency: {PARCELS}
      steps:
        - {{name: label, kind: send, channel: labels, message: Labelled, inputs: {{parcel: item}}}}
  - name: ship
    subprocess: {SHIPMENT}
    inputs: {{order: input.order}}
    compensate_with: recall
  - name: review
    human_task:
      surface: review
      assignee_role: clerk
      outcomes: [{{name: approve}}, {{name: reject, goto: fail}}]
  - {{name: close, service: Soak.close}}
compensations:
  - {{name: refund, service: Soak.refund}}
  - {{name: recall, service: Soak.recall}}
timeout: 30d
outputs: {{packed: steps.pack.output.processed, loaded: steps.ship.output.loaded}}
""",
)

#: The steps that are undone, the last that was completed first.
UNDONE = ("undo:ship", "undo:charge")


def order(seed: int, number: int) -> dict[str, Any]:
    """The body of the start of that order: the same for the same seed, however the soak goes."""
    chance = random.Random(f"{seed}/orders/{number}")
    given = {
        "order": 2 * number + (chance.random() < 0.4),
        "is_busy": chance.random() < 0.2,
        "parcels": list(range(PARCELS)),
    }
    return {"input": given, "key": f"order-{seed}-{number}"}


def is_rejected(given: dict[str, Any]) -> bool:
    """Whether the clerk rejects an order of this input, which undoes it."""
    return bool(given["order"] % 2)


def asked_of(event: dict[str, Any]) -> dict[str, Any]:
    """The input of the order that an event is about, its own or that of its parent."""
    _, seed, number = event["aggregate_id"].split("-")
    given: dict[str, Any] = order(int(seed), int(number))["input"]
    return given


def report(event: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """What whoever is meant by an event says then, and how; None where nobody is."""
    given = asked_of(event)
    if event["type"] == "TaskOpened":
        outcome = "reject" if is_rejected(given) else "approve"
        return "complete", {"attempt": event["attempt"], "outcome": outcome}
    if event["type"] not in ("StepStarted", "CompensationStarted"):
        return None
    about = {"attempt": event["attempt"], "reason": f"{event['service']} {event['id']}"}
    if event["step_name"] == "charge" and given["is_busy"] and event["attempt"] == 1:
        return "fail", {**about, "error": "busy", "code": "busy"}
    return "complete", {**about, "output": {"order": given["order"]}}
