"""Orders are paid, reminded of, or called off, by events of others and by timers.

Run it with ``python examples/order_payment/main.py`` after
``pip install 'trellis-process[definitions]'``. What each event and timer does is also said in
``definition.cases.yaml``, which ``trellis test examples/order_payment`` runs.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, ProcessDefinition
from trellis_process.runner import Runner

clock = ManualClock(datetime(2027, 2, 1, 9, 0, tzinfo=UTC))
runner = Runner(clock=clock)


@runner.on("CommandSent")
def send(event: dict[str, Any]) -> None:
    print(f"{clock():%m-%d}  {event['message']} to {event['channel']}: {event['payload']}")


@runner.on("ProcessCompleted")
def ended(event: dict[str, Any]) -> None:
    print(f"{clock():%m-%d}  order {event['aggregate_id']} is {event['reason']}")


def tell(kind: str, source: str, event_id: str, **detail: Any) -> None:
    """An event as EventBridge delivers it."""
    event = {"id": event_id, "source": source, "detail-type": kind}
    for delivery in runner.receive({**event, "detail": {"tenant_id": "shop", **detail}}):
        if delivery.error is not None:
            print(f"{clock():%m-%d}  {kind} is {delivery.outcome}: {delivery.error}")
    runner.run()


def main() -> None:
    text = Path(__file__).with_name("definition.yaml").read_text(encoding="utf-8")
    runner.register(ProcessDefinition.from_yaml(text))

    tell("OrderPlaced", "shop", "e-1", order_id="o-1", amount=30, mail="ann@example.com")
    runner.advance(days=4)
    tell("PaymentReceived", "payments", "e-2", order_id="o-1", amount=10)
    tell("PaymentReceived", "payments", "e-2", order_id="o-1", amount=10)  # comes again
    tell("PaymentReceived", "payments", "e-3", order_id="o-1", amount=25)
    tell("PaymentReceived", "payments", "e-4", order_id="o-1", amount=20)

    tell("OrderPlaced", "shop", "e-5", order_id="o-2", amount=99, mail="bob@example.com")
    runner.advance(days=40)


if __name__ == "__main__":
    main()
