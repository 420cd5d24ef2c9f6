"""Trouble: what an AWS that is not well does to the requests of one command or sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.wire import (
    Exchange,
    Fault,
    Wire,
    broken_line,
    failure_after,
    leaving_out,
    lost_answer,
    refusal,
)

THROTTLED = refusal("ProvisionedThroughputExceededException")
TRIES = 3  # of botocore


def _cut_off(exchange: Exchange) -> object:
    exchange.wire.cut()
    return lost_answer(exchange)


def _at(operation: str, fault: Fault, times: int = 1) -> Callable[[Wire], None]:
    return lambda wire: wire.fail_at(operation, 1, fault, times)


#: What may happen, by its name.
TROUBLES: dict[str, Callable[[Wire], None]] = {
    "throttled at first": lambda wire: wire.fail_next(THROTTLED, TRIES - 1),
    "throttled for long": lambda wire: wire.fail_next(THROTTLED, 4 * TRIES),
    "the line breaks once": lambda wire: wire.fail_next(broken_line),
    "the answer of a write is lost": _at("PutItem", lost_answer),
    "the answer of each try of a write is lost": _at("PutItem", lost_answer, TRIES),
    "a write is made and called a failure": _at("PutItem", failure_after()),
    "each try of a write is called a failure": _at("PutItem", failure_after(), TRIES),
    "a write fails": _at("PutItem", refusal("InternalServerError", 500), TRIES),
    "the line is cut after a write": _at("PutItem", _cut_off),
    "the line is cut after a read": _at("GetItem", _cut_off),
    "a batch is not read whole": _at("BatchGetItem", leaving_out(1), 2),
    "a shard cannot be read": _at("Query", refusal("InternalServerError", 500), TRIES),
}


@contextmanager
def meet(wire: Wire, trouble: str | None, indexes: LaggingIndexes) -> Iterator[None]:
    """The requests made meanwhile meet this trouble, from the first of each kind on."""
    wire.reset()
    indexes.answer()
    if trouble is not None:
        TROUBLES[trouble](wire)
    yield
    wire.mend()
