"""Query steps of definitions, answered by a program's sources: in the runner, and as a handler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from trellis_process import (
    ManualClock,
    Process,
    ProcessDefinition,
    ProcessKey,
    ProcessState,
    StepState,
)
from trellis_process.errors import InvalidInput
from trellis_process.queries import Query, QueryError, Sources
from trellis_process.runner import NoHandler, Runner
from trellis_process.testing import LocalTracker
from trellis_process.worker import Failed, NotWork, StepHandler, Worker

DUNNING = """
process: dunning
version: 1
inputs: {customer: string}
steps:
  - name: overdue
    query:
      source: invoices
      filters: {customer: input.customer, amount__gt: 10, "status__in": ["'open'", "'late'"]}
      order_by: -amount
      limit: 2
    timeout: 30s
    retry: {max_attempts: 3, interval: 10s}
timeout: 1d
outputs:
  rows: steps.overdue.output
  first: "size(steps.overdue.output) > 0 ? steps.overdue.output[0].id : 'none'"
"""
INVOICES = [
    {"id": "i-1", "customer": "ann", "amount": 20, "status": "open"},
    {"id": "i-2", "customer": "bob", "amount": 99, "status": "open"},
    {"id": "i-3", "customer": "ann", "amount": 50, "status": "late"},
    {"id": "i-4", "customer": "ann", "amount": 70, "status": "paid"},
    {"id": "i-5", "customer": "ann", "amount": 30, "status": "open"},
]


def the_invoices() -> Sources:
    sources = Sources()
    sources.source("invoices")(lambda query, process: INVOICES)
    return sources


def dunned(sources: Sources, definition: str = DUNNING) -> Process:
    """What became of a process for ann, after an hour."""
    runner = Runner(clock=ManualClock())
    runner.register(ProcessDefinition.from_yaml(definition))
    runner.queries(sources)
    process = runner.start("dunning", tenant_id="tenant-1", input={"customer": "ann"})
    runner.advance(hours=1)
    return runner.engine.get_process("tenant-1", process.process_id)


def test_a_query_step_has_the_rows_as_its_output() -> None:
    process = dunned(the_invoices())

    assert process.output == {"rows": [INVOICES[2], INVOICES[4]], "first": "i-3"}


def test_the_same_sources_are_a_lambda_handler() -> None:
    worker = Worker()
    handler = worker.queries(the_invoices())
    assert isinstance(handler, StepHandler)
    definition = ProcessDefinition.from_yaml(DUNNING)

    with LocalTracker(worker, definitions=[definition]) as local:
        process = local.service.start("dunning", tenant_id="t", input={"customer": "bob"})
        local.run()
        local.deliver_again()
        process = local.service.get_process("t", process.process_id)

    assert process.output["first"] == "i-2"
    assert worker.services == ["trellis.query"]
    with pytest.raises(ValueError, match=r"'trellis\.query' is done by"):
        worker.queries(the_invoices())


def test_a_handler_of_queries_does_nothing_else() -> None:
    event = {
        "type": "StepStarted",
        "tenant_id": "t",
        "process_id": "p",
        "process_type": "order",
        "aggregate_type": "order",
        "aggregate_id": "o-1",
        "step_name": "pay",
        "attempt": 1,
        "service": "Payments.pay",
    }
    with pytest.raises(NotWork, match=r"does service 'trellis\.query'"):
        Worker().queries(the_invoices())({"detail": event}, None)


def test_a_source_is_told_the_query_and_the_tenant_that_asks() -> None:
    asked: list[tuple[Query, ProcessKey]] = []
    sources = Sources()

    @sources.source("invoices")
    def invoices(query: Query, process: ProcessKey) -> Iterator[dict[str, Any]]:
        asked.append((query, process))
        yield from INVOICES

    process = dunned(sources)

    ((query, key),) = asked
    assert key == process.key
    assert [(each.name, each.field, each.comparison, each.value) for each in query.filters] == [
        ("customer", "customer", "equals", "ann"),
        ("amount__gt", "amount", "gt", 10),
        ("status__in", "status", "in", ["open", "late"]),
    ]
    assert (query.order_by, query.descending, query.limit) == ("amount", True, 2)
    customer = query.equal_to("customer")
    assert customer is not None
    assert customer.value == "ann"
    assert query.equal_to("status") is None
    assert list(invoices(query, key)) == INVOICES  # it stays a plain function


def test_no_rows_are_an_answer() -> None:
    sources = Sources()
    sources.source("invoices")(lambda query, process: ())

    assert dunned(sources).output == {"rows": [], "first": "none"}


def test_a_query_of_an_unknown_source_fails_for_good_with_the_nearest_name() -> None:
    sources = Sources()
    sources.source("invoice")(lambda query, process: INVOICES)
    sources.source("people")(lambda query, process: ())

    process = dunned(sources)

    step = process.step("overdue")
    assert (process.state, step.attempt) == (ProcessState.FAILED, 1)
    assert step.error == "no source 'invoices'; did you mean 'invoice'? There are invoice, people"
    with pytest.raises(QueryError) as failed:
        Sources().rows(Query("invoices"), process.key)
    assert failed.value.code == "unknown_source"
    assert str(failed.value) == "no source 'invoices'. There are none"


def test_a_query_without_sense_is_not_tried_again() -> None:
    process = dunned(the_invoices(), DUNNING.replace("amount__gt: 10", "status__gt: 10"))

    assert process.step("overdue").attempt == 1
    assert process.step("overdue").error == (
        "filters.status__gt: a row has text in 'status', which is not compared with a number"
    )


def test_what_a_source_raises_is_tried_again_as_the_definition_says() -> None:
    tries: list[str] = []
    sources = Sources()

    @sources.source("invoices")
    def invoices(query: Query, process: ProcessKey) -> list[dict[str, Any]]:
        tries.append(process.process_id)
        if len(tries) == 1:
            raise ConnectionError("no route")
        if len(tries) == 2:
            raise Failed("busy", code="busy")
        return INVOICES

    process = dunned(sources)

    assert process.state is ProcessState.COMPLETED
    assert process.step("overdue").attempt == 3


def test_an_answer_larger_than_a_step_keeps_fails_for_good_with_advice() -> None:
    sources = Sources()
    large = [{**each, "customer": "ann", "note": "x" * 20_000} for each in INVOICES]
    sources.source("invoices")(lambda query, process: large)

    process = dunned(sources)

    assert process.step("overdue").attempt == 1
    error = process.step("overdue").error
    assert error is not None
    assert error.startswith("the 2 rows of source 'invoices' are 40")
    assert "ask for fewer with limit or filters, or let the source leave fields out" in error
    with pytest.raises(QueryError) as failed:
        sources.rows(Query("invoices"), process.key)
    assert failed.value.code == "rows_too_large"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (None, "source 'bad' gave a NoneType; allowed are rows"),
        ({"id": 1}, "source 'bad' gave a dict; allowed are rows"),
        ("rows", "source 'bad' gave a str; allowed are rows"),
        ([("id", 1)], "source 'bad' gave a row that is a tuple; allowed are mappings"),
        ([{"id": object()}], "a row of source 'bad' holds a object; allowed is JSON"),
        ([{1: 2}], "rows of source 'bad': rows: got 1; allowed are strings as keys"),
    ],
)
def test_what_are_no_rows_is_said(rows: Any, why: str) -> None:
    sources = Sources()
    sources.source("bad")(lambda query, process: rows)

    with pytest.raises(QueryError, match=why):
        sources.rows(Query("bad"), ProcessKey("t", "p"))


def test_a_source_has_a_name_and_has_it_once() -> None:
    sources = the_invoices()

    with pytest.raises(ValueError, match=r"source 'invoices' is .* already"):
        sources.source("invoices")
    with pytest.raises(InvalidInput, match="name: got 'open invoices'"):
        sources.source("open invoices")
    assert sources.names == ["invoices"]


def test_a_runner_without_sources_says_how_to_give_it_some() -> None:
    runner = Runner(clock=ManualClock())
    runner.register(ProcessDefinition.from_yaml(DUNNING))
    process = runner.start("dunning", tenant_id="t", input={"customer": "ann"})

    with pytest.raises(NoHandler, match=r"runner\.queries"):
        runner.run()
    runner.queries(the_invoices())
    runner.run()

    stands = runner.engine.get_process("t", process.process_id)
    assert stands.step("overdue").state is StepState.COMPLETED


def test_sources_without_dynamodb_load_no_sdk() -> None:
    code = (
        "import sys, trellis_process.queries; "
        "print([m for m in sys.modules if m.split('.')[0] in ('boto3', 'botocore', 'pydantic')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
