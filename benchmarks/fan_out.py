"""Fan-out: a foreach over 100 to 10,000 items, and what each of them takes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from benchmarks.local_table import local_cloud, new_table
from benchmarks.report import Section, Table
from benchmarks.surroundings import surroundings
from trellis_process import ManualClock
from trellis_process.application.lists import pages_of
from trellis_process.application.repositories import ProcessPage, ProcessRepository
from trellis_process.cost.units import WRITE_UNIT_BYTES, write_units
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.definition.retry import Retry
from trellis_process.domain.definition.steps import ForEach, ForEachStep, ServiceStep
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.domain.states import ProcessState
from trellis_process.dynamodb import DynamoDBStepTrackerRepository, schema
from trellis_process.dynamodb.item import to_item
from trellis_process.dynamodb.list_repository import DynamoDBListRepository
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.size import item_size
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.runner import Runner
from trellis_process.runner.store import Store

COUNTS = (100, 1_000, 10_000)
ON_THE_LOCAL_CLOUD = (100, 1_000)
CONCURRENCY = 100
MAX_ITEM_BYTES = 400 * 1024  # of DynamoDB
FLAT = 1.1  # write units an item from the fewest to the most items, at most so many times


@dataclass
class Measured:
    """A ProcessRepository that measures what is written to another."""

    processes: ProcessRepository
    writes: int = 0
    units: int = 0
    largest: int = 0
    ids: set[str] = field(default_factory=set)
    _before: dict[ProcessKey, Item] = field(default_factory=dict)

    def add(self, process: Process) -> None:
        """As ProcessRepository.add."""
        item = to_item(process)
        self.processes.add(process)
        self._note(process.key, item)

    def save(self, process: Process) -> None:
        """As ProcessRepository.save."""
        item = to_item(process)
        self.processes.save(process)
        self._note(process.key, item)

    def get(self, key: ProcessKey) -> Process | None:
        """As ProcessRepository.get."""
        return self.processes.get(key)

    def find(self, tenant_id: str, aggregate_type: str, aggregate_id: str) -> Process | None:
        """As ProcessRepository.find."""
        return self.processes.find(tenant_id, aggregate_type, aggregate_id)

    def page(
        self,
        tenant_id: str,
        *,
        process_type: str | None,
        states: Collection[ProcessState] | None,
        limit: int,
        cursor: str | None,
    ) -> ProcessPage:
        """As ProcessRepository.page."""
        return self.processes.page(
            tenant_id, process_type=process_type, states=states, limit=limit, cursor=cursor
        )

    def count_open(self, tenant_id: str, process_type: str) -> dict[int | None, int]:
        """As ProcessRepository.count_open."""
        return self.processes.count_open(tenant_id, process_type)

    def _note(self, key: ProcessKey, item: Item) -> None:
        self.writes += 1
        self.units += write_units(self._before.get(key, {}), item)
        self.largest = max(self.largest, item_size(item))
        self.ids.add(key.process_id)
        self._before[key] = item


def run() -> tuple[Section, str]:
    """Each number of items, in memory and, up to a thousand, on the local cloud."""
    logging.getLogger("trellis_process").setLevel(logging.ERROR)
    rows, an_item = [], {}
    for count in COUNTS:
        row, an_item[count] = _row("memory", count, _in_memory)
        rows.append(row)
    with local_cloud():
        for count in ON_THE_LOCAL_CLOUD:
            rows.append(_row("MiniStack", count, _on_dynamodb)[0])
    growth = an_item[COUNTS[-1]] / an_item[COUNTS[0]]
    findings = [
        f"{COUNTS[-1]:,} items take {growth:.2f} times the write units an item of "
        f"{COUNTS[0]}; the goal is that this stays flat, and no item comes near DynamoDB's "
        f"{MAX_ITEM_BYTES:,} bytes."
    ]
    if growth > FLAT:
        findings.append(f"**That is more than {FLAT:g} times.**")
    section = Section(
        "A foreach over many items",
        f"One service step for each item of a list, {CONCURRENCY} at a time, each with a timeout; "
        "the list is kept in pages beside the processes, whose units are counted in. All of it in "
        "one program and one thread, by the runner: it delivers each event, does the work, and "
        "starts the children that deal with 25 items each. Writes and write units are for an item "
        "of the list; units are by the sizes of what the code writes, indexes included, and so are "
        "the bytes of the largest. Time is by the clock, also of what measures.",
        [
            Table(
                [
                    "store",
                    "items",
                    "processes",
                    "writes",
                    "units",
                    "largest",
                    "seconds",
                    "a second",
                ],
                rows,
            )
        ],
        findings,
    )
    return section, surroundings("pynamodb", "botocore", ministack=True)


def _row(
    name: str, count: int, new_store: Callable[[int], tuple[Measured, Store]]
) -> tuple[list[str], float]:
    measured, store = new_store(count)
    runner = Runner(store=store, clock=ManualClock(), keeps_events=False)
    done = 0

    @runner.service("Catalogue.set_price")
    def set_price(ctx: Any) -> None:
        nonlocal done
        done += 1

    runner.register(_definition())
    articles: list[Any] = [{"id": f"a-{n:05}", "price": n % 97} for n in range(count)]
    assert store.lists is not None, "both stores keep lists"
    began = time.perf_counter()
    reference = store.lists.put("shop", articles, key=f"catalogue-{count}")
    process = runner.start("price_update", tenant_id="shop", input={"catalogue": reference})
    runner.run()
    seconds = time.perf_counter() - began
    ended = runner.engine.get_process("shop", process.process_id)
    assert ended.is_completed(), ended.state
    assert ended.step("articles").output["processed"] == count == done
    units = (measured.units + _units_of_pages(articles)) / count
    return (
        [
            name,
            f"{count:,}",
            f"{len(measured.ids):,}",
            f"{measured.writes / count:.2f}",
            f"{units:.2f}",
            f"{measured.largest:,}",
            f"{seconds:.1f}",
            f"{count / seconds:,.0f}",
        ],
        units,
    )


def _units_of_pages(articles: list[Any]) -> int:
    pages, _ = pages_of(articles)
    overhead = len(schema.HASH_KEY) + len(schema.RANGE_KEY) + 100  # the keys and their values
    return sum(math.ceil((len(page) + overhead) / WRITE_UNIT_BYTES) for page in pages)


def _definition() -> ProcessDefinition:
    step = ServiceStep(
        "set_price",
        service="Catalogue.set_price",
        inputs={"article": "item.id", "price": "item.price"},
        timeout="30s",
        retry=Retry(max_attempts=3),
    )
    each = ForEach(items="input.catalogue", steps=(step,), max_concurrency=CONCURRENCY)
    return ProcessDefinition(
        "price_update",
        version=1,
        inputs={"catalogue": {"type": "object"}},
        steps=(ForEachStep("articles", foreach=each),),
    )


def _in_memory(count: int) -> tuple[Measured, Store]:
    store = Store.in_memory()
    measured = Measured(store.processes)
    return measured, Store(measured, store.trackers, store.definitions, store.lists)


def _on_dynamodb(count: int) -> tuple[Measured, Store]:
    table = new_table(f"fan-out-{count}")
    trackers = DynamoDBStepTrackerRepository(table)
    measured = Measured(trackers.processes)
    definitions = InMemoryDefinitionRepository()
    return measured, Store(measured, trackers, definitions, DynamoDBListRepository(table))
