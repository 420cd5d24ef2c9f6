"""Trouble: what an AWS that is not well does to the requests of one command or sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.proof.lagging_indexes import LaggingIndexes
from tests.proof.stack import Crash
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


def _dies_before(_exchange: Exchange) -> object:
    raise Crash


def _dies_after(exchange: Exchange) -> object:
    exchange.perform()
    raise Crash


def _at(operation: str, fault: Fault, times: int = 1) -> Callable[[Wire], None]:
    return lambda wire: wire.fail_at(operation, 1, fault, times)


def _at_second(operation: str, fault: Fault) -> Callable[[Wire], None]:
    return lambda wire: wire.fail_at(operation, 2, fault)


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

#: Where a program may end in the middle of what it does, by the name of the place.
CRASHES: dict[str, Callable[[Wire], None]] = {
    "it dies before its first call": lambda wire: wire.fail_next(_dies_before),
    "it dies before a write": _at("PutItem", _dies_before),
    "it dies after a write": _at("PutItem", _dies_after),
    "it dies before its second write": _at_second("PutItem", _dies_before),
    "it dies after its second write": _at_second("PutItem", _dies_after),
    "it dies after a second read": _at_second("GetItem", _dies_after),
}


@contextmanager
def meet(wire: Wire, trouble: str | None, indexes: LaggingIndexes) -> Iterator[None]:
    """The requests made meanwhile meet this trouble, from the first of each kind on."""
    wire.reset()
    indexes.answer()
    if trouble is not None:
        (TROUBLES | CRASHES)[trouble](wire)
    yield
    wire.mend()
