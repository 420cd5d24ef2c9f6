"""What a million processes cost on AWS, part by part and beside other ways: the tables in the docs.

Run it with ``python examples/costs.py`` after ``pip install 'trellis-process[dynamodb]'``. It asks
nothing of AWS: it counts what the code asks for, by the list prices of us-east-1 in 2026. For a
workload of your own there is ``trellis cost``.
"""

from trellis_process.cost import (
    PRICES,
    Channel,
    Journey,
    Price,
    Starting,
    Workload,
    bill,
    price_elsewhere,
    usage_of,
)
from trellis_process.cost.bill import EMPTY_QUERY_UNITS, SWEEPS_OF_A_MONTH, idle_bill
from trellis_process.cost.functions import (
    API_ACCESS_LOG_BYTES,
    BILLED_MS,
    EVENT_PUBLISHER,
    STEP_COMMANDS,
)
from trellis_process.cost.prices import (
    API_CALL,
    EVENT,
    LOGGED_GB,
    MILLION,
    READ_UNIT,
    WRITE_UNIT,
)
from trellis_process.cost.views import view_usage_of
from trellis_process.dynamodb.schema import DUE_SHARDS

JOURNEYS = {
    "1 step": Journey(1),
    "5 steps": Journey(5),
    "5 steps that begin with it": Journey(5, Starting.WITH_PROCESS),
    "5 steps that a definition orders": Journey(5, Starting.BY_DEFINITION),
    "5 steps that report only their end": Journey(5, Starting.NEVER),
    "20 steps": Journey(20),
}
#: The same journey by each way, and with as many together as it takes.
WAYS = {
    "API, a call each": Workload(),
    "API, 25 in a call": Workload(together=25, changes_together=25),
    "queue, a run each": Workload(channel=Channel.QUEUE),
    "queue, 10 in a run": Workload(channel=Channel.QUEUE, together=10, changes_together=10),
    "the library in your own function": Workload(channel=Channel.LIBRARY),
}


def dollars(amount: float) -> str:
    """As a price is written."""
    return f"${amount:,.2f}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def prices() -> str:
    """Each price that is counted with."""
    rows = [[price.of, f"${price.dollars:.10g}", how_many(price)] for price in PRICES]
    return markdown(["of", "dollars", "for"], rows)


def how_many(price: Price) -> str:
    return "a million" if price.per == MILLION else "one"


def counted() -> str:
    """What each journey asks for."""
    rows = []
    for name, journey in JOURNEYS.items():
        each = usage_of(journey)
        numbers = [each.commands, each.write_units, each.read_units, each.changes, each.events]
        rows.append([name, *(f"{number:g}" for number in numbers)])
    head = ["process of", "calls", "write units", "read units", "publisher runs", "events"]
    return markdown(head, rows)


def arithmetic() -> str:
    """How a million processes of 5 steps come to their price, part by part."""
    each = usage_of(Journey(5))
    command = STEP_COMMANDS.compute(1, 1, BILLED_MS) * MILLION
    publisher = EVENT_PUBLISHER.compute(1, 1, BILLED_MS) * MILLION
    access_log = API_ACCESS_LOG_BYTES / 1024**3 * LOGGED_GB.each
    command_log = (STEP_COMMANDS.logs(1, 0) + access_log) * MILLION
    publisher_log = EVENT_PUBLISHER.logs(1, 1) * MILLION
    how = {
        "channel": f"{each.commands} × ${API_CALL.dollars:.3f}",
        "functions": f"{each.commands} × ${command:.3f} + {each.changes} × ${publisher:.3f}",
        "writes": f"{each.write_units} × ${WRITE_UNIT.dollars:.3f}",
        "reads": f"{each.read_units} × ${READ_UNIT.dollars:.3f}",
        "events": f"{each.events} × ${EVENT.dollars:.3f}",
        "logs": f"{each.commands} × ${command_log:.3f} + {each.changes} × ${publisher_log:.3f}",
    }
    parts = bill(Workload()).parts
    rows = [[part, how[part], dollars(parts[part])] for part in how]
    return markdown(["5 steps", "a million times", "dollars"], rows)


def priced(workloads: dict[str, Workload], head: str) -> str:
    """What a million processes cost in each, and a million steps."""
    rows = []
    for name, workload in workloads.items():
        each = bill(workload)
        amounts = [*each.parts.values(), each.together, each.together / workload.journey.steps]
        rows.append([name, *map(dollars, amounts)])
    return markdown([head, *bill(Workload()).parts, "together", "a million steps"], rows)


def read_models() -> str:
    """What the read models add, beside what a million processes cost without them."""
    rows = []
    for name, journey in JOURNEYS.items():
        each, views = usage_of(journey), view_usage_of(journey)
        added = bill(Workload(journey, read_models=True)).parts["read models"]
        numbers = [each.events, views.write_units, views.read_units]
        amounts = [added, added / each.events]
        rows.append([name, *(f"{number:g}" for number in numbers), *map(dollars, amounts)])
    head = ["a million of", "events", "write units", "read units", "together"]
    return markdown([*head, "a million events"], rows)


def compared() -> str:
    """The same processes in other systems: their own price for tracking, and nothing else."""
    rows = []
    for steps in (1, 5, 20):
        journey = Journey(steps)
        others = [price * MILLION for price in price_elsewhere(journey).values()]
        rows.append([f"{steps}", *map(dollars, [bill(Workload(journey)).together, *others])])
    return markdown(["steps", "Trellis", *price_elsewhere(Journey())], rows)


def idle() -> str:
    """What the sweeps cost in a month in which nothing is due."""
    reads = SWEEPS_OF_A_MONTH * DUE_SHARDS * EMPTY_QUERY_UNITS
    more = idle_bill(2).parts["sweeps"] - idle_bill(1).parts["sweeps"]
    return (
        f"{SWEEPS_OF_A_MONTH:,} sweeps of {DUE_SHARDS} queries: {reads:,.0f} read units and "
        f"{SWEEPS_OF_A_MONTH:,} invocations, {dollars(idle_bill().parts['sweeps'])} a month; "
        f"each sweeper more {dollars(more)}"
    )


if __name__ == "__main__":
    journeys = {name: Workload(journey) for name, journey in JOURNEYS.items()}
    print(
        prices(),
        counted(),
        arithmetic(),
        priced(journeys, "a million of"),
        priced(WAYS, "5 steps, by"),
        read_models(),
        compared(),
        idle(),
        sep="\n\n",
    )
