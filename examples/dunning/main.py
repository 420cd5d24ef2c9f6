"""Customers are reminded of what they owe, which a query finds among the invoices.

Run it with ``python examples/dunning/main.py`` after
``pip install 'trellis-process[definitions]'``. The invoices are a list here; a table of DynamoDB
would be a ``DynamoDBSource``, and nothing else would differ.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, ProcessDefinition, ProcessKey
from trellis_process.queries import Query, Sources
from trellis_process.runner import Runner

runner = Runner(clock=ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))
sources = Sources()
runner.queries(sources)

INVOICES = {
    "shop": [
        {"number": 3, "customer": "ann", "due": date(2026, 2, 20), "amount": Decimal("99.90")},
        {"number": 1, "customer": "ann", "due": date(2026, 1, 15), "amount": Decimal("12")},
        {"number": 4, "customer": "bob", "due": date(2026, 4, 1), "amount": Decimal("40")},
        {"number": 2, "customer": "ann", "due": date(2026, 2, 1), "status": "paid"},
    ],
    "another shop": [{"number": 9, "customer": "bob", "due": date(2026, 1, 1)}],
}


@sources.source("invoices")
def invoices(query: Query, process: ProcessKey) -> Iterator[dict[str, Any]]:
    """All invoices of a tenant; what the query asks for is done to them by Trellis."""
    yield from INVOICES[process.tenant_id]


@runner.on("MessageSent")
def send(event: dict[str, Any]) -> None:
    print(f"  mail to {event['payload']['to']}: {event['payload']}")


def main() -> None:
    text = Path(__file__).with_name("definition.yaml").read_text(encoding="utf-8")
    runner.register(ProcessDefinition.from_yaml(text))
    for customer in ("ann", "bob"):
        print(customer)
        started = runner.start(
            "dunning", tenant_id="shop", input={"customer": customer, "today": "2026-03-02"}
        )
        runner.run()
        process = runner.engine.get_process("shop", started.process_id)
        for row in process.step("overdue").output:
            print(f"  overdue: {row}")
        print(f"  {process.state} with {process.output}")


if __name__ == "__main__":
    main()
