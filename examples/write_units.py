"""What processes of 1, 5, 20 and 100 steps cost in DynamoDB's write units: the table in the docs.

Run it with ``python examples/write_units.py`` after ``pip install 'trellis-process[dynamodb]'``. It
asks nothing of AWS: it counts by DynamoDB's published rules, from the items that the code writes.
"""

from trellis_process.cost import Journey
from trellis_process.cost.prices import MILLION, WRITE_UNIT
from trellis_process.cost.usage import writes_of

#: The writes of a process by the last event that each carries.
COLUMNS = {
    "ProcessStarted": "start it",
    "StepStarted": "start its steps",
    "StepCompleted": "complete all but the last",
    "ProcessCompleted": "complete the last",
    None: "wake-ups moved",
}


def row(steps: int) -> list[str]:
    """One line of the table."""
    made = writes_of(Journey(steps))
    spent = {event: [each.units for each in made if each.event == event] for event in COLUMNS}
    total = sum(each.units for each in made)
    return [
        f"{steps}",
        *(f"{sum(each)} in {len(each)}" if each else "-" for each in spent.values()),
        f"{total} in {len(made)}",
        f"{total / steps:.1f}",
        f"${total / steps * WRITE_UNIT.each * MILLION:.2f}",
    ]


def table() -> str:
    """The table as Markdown."""
    head = ["steps", *COLUMNS.values(), "all writes", "units a step", "a million steps"]
    lines = [head, ["---:"] * len(head), *(row(steps) for steps in (1, 5, 20, 100))]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    print(table())
