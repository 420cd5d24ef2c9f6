"""A thousand articles get new prices, a hundred at a time; some of them fail, and it is said which.

Run it with ``python examples/fan_out/main.py`` after
``pip install 'trellis-process[definitions]'``. The list is too large for one process, so it is kept
in pages beside the processes; children deal with 25 articles each, and none grows with the list.
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trellis_process import ManualClock, Process, ProcessDefinition
from trellis_process.representation import process_as_json
from trellis_process.runner import Runner
from trellis_process.worker import Failed, Fatal, StepContext

logging.getLogger("trellis_process").setLevel(logging.ERROR)  # what fails here is meant to

runner = Runner(clock=ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC)))
prices: dict[str, float] = {}
tries: dict[str, int] = {}


@runner.service("Catalogue.set_price")
def set_price(ctx: StepContext) -> None:
    article = ctx.input["article"]
    tries[article] = tries.get(article, 0) + 1
    if article.endswith("50") and ctx.attempt == 1:
        raise Failed("the catalogue is busy", code="busy")
    if article in ("a-123", "a-777"):
        raise Fatal("nobody knows this article any more")
    prices[article] = round(ctx.input["price"], 2)


def catalogue() -> list[dict[str, Any]]:
    """A thousand articles, of which each tenth is not sold any more."""
    return [
        {
            "id": f"a-{n}",
            "price": 10.0 + n,
            "is_sold": n % 10 != 9,
            "description": f"article number {n}, of the best quality, in every colour there is",
        }
        for n in range(1, 1001)
    ]


def main() -> None:
    text = Path(__file__).with_name("definition.yaml").read_text(encoding="utf-8")
    runner.register(ProcessDefinition.from_yaml(text))

    articles = catalogue()
    assert runner.lists is not None, "the store in memory has a place for lists"
    reference = runner.lists.put("shop", articles, key="spring")
    print(f"{len(articles):,} articles of {len(json.dumps(articles)):,} bytes, as\n  {reference}")

    process = runner.start(
        "price_update", tenant_id="shop", input={"catalogue": reference, "percent": 5}
    )
    runner.advance(minutes=10)

    process = runner.engine.get_process("shop", process.process_id)
    output = process.output
    print(f"{process.state}: {output['processed']} dealt with, {output['errors']} failed")
    for failure in output["failures"]:
        print(f"  {articles[failure['item_index']]['id']}: {failure['error']}")
    again = sum(count > 1 for count in tries.values())
    print(f"{len(prices)} prices set, {again} at the second attempt; a-100 is {prices['a-100']}")

    children = [event for event in runner.events if event["type"] == "ChildRequested"]
    largest = max(len(json.dumps(process_as_json(each))) for each in everything())
    print(f"{len(children)} children; no process has more than {largest:,} bytes of JSON")


def everything() -> Iterator[Process]:
    """All processes, page by page."""
    cursor: str | None = None
    while True:
        page = runner.engine.list_processes("shop", cursor=cursor)
        yield from page.processes
        cursor = page.cursor
        if cursor is None:
            return


if __name__ == "__main__":
    main()
