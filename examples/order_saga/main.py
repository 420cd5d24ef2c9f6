"""Three orders: one is shipped; for the others, what had been done is undone.

One has its card declined after its goods are packed, one is too large for any truck. Run it with
``python examples/order_saga/main.py`` after ``pip install 'trellis-process[definitions]'``.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, Process, ProcessDefinition
from trellis_process.runner import Runner
from trellis_process.worker import Failed, Fatal, StepContext

logging.getLogger("trellis_process").setLevel(logging.ERROR)  # what fails here is meant to

runner = Runner(clock=ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))


@runner.service("Payments.pay")
def pay(ctx: StepContext) -> dict[str, str]:
    if ctx.attempt == 1:
        raise Failed("the bank does not answer", code="unavailable")
    if ctx.input["amount"] > 1000:
        raise Failed("the card is declined", code="card_declined")
    return {"payment": f"payment of {ctx.input['order']}"}


@runner.service("Stock.reserve")
def reserve(ctx: StepContext) -> dict[str, str]:
    return {"reservation": " and ".join(ctx.input["items"])}


@runner.service("Stock.pack")
def pack(ctx: StepContext) -> dict[str, str]:
    return {"parcel": f"a parcel of {ctx.input['reservation']}"}


@runner.service("Shipping.ship")
def ship(ctx: StepContext) -> dict[str, str]:
    if "piano" in ctx.input["parcel"]:
        raise Fatal("no truck is large enough")
    return {"tracking": f"T-{ctx.input['order']}"}


@runner.service("Payments.refund")
@runner.service("Stock.release")
@runner.service("Stock.unpack")
@runner.service("Shipping.call_back")
def take_back(ctx: StepContext) -> None:
    """What undoes a step is given what the step was given, and what came of it."""
    assert ctx.undoes is not None


@runner.on("StepStarted", "StepCompleted", "StepAttemptFailed", "StepFailed", "StepCancelled")
@runner.on("CompensationStarted", "CompensationCompleted", "MessageSent")
@runner.on("ProcessCompensating", "ProcessCompleted", "ProcessFailed")
def tell(event: dict[str, Any]) -> None:
    about = event.get("step_name", "")
    why = event.get("error") or event.get("message") or ""
    print(f"  {event['time'][11:19]}  {event['type']:<21} {about:<13} {why}".rstrip())


def order(order_id: str, amount: int, *items: str) -> Process:
    print(f"{order_id}: {amount} for {' and '.join(items)}")
    process = runner.start(
        "order",
        tenant_id="shop",
        key=order_id,
        input={"order_id": order_id, "amount": amount, "items": list(items)},
    )
    runner.advance(minutes=1)
    process = runner.engine.get_process("shop", process.process_id)
    undone = f", what was done is undone: {process.compensation}" if process.compensation else ""
    print(f"  {process.state} with {process.output}{undone}\n")
    return process


def main() -> None:
    text = Path(__file__).with_name("definition.yaml").read_text(encoding="utf-8")
    runner.register(ProcessDefinition.from_yaml(text))
    order("order-1", 120, "a lamp", "a bulb")
    order("order-2", 4000, "a watch")
    order("order-3", 900, "a piano")


if __name__ == "__main__":
    main()
