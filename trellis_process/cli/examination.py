"""An examination: the audit's whole round at once, which mends only if it is asked to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from trellis_process.application import audit
from trellis_process.application.audit import AuditService
from trellis_process.application.audit_round import (
    MENDED_BY_WRITING,
    AuditPage,
    AuditSource,
    Fault,
    Look,
    Round,
)
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Pause
from trellis_process.application.repositories import ProcessRepository
from trellis_process.domain.process import Process

Report = Callable[[Round], object]
"""Is told after each page how far the round has come."""


@dataclass(frozen=True)
class Found:
    """Something that is wrong, and what became of it."""

    faults: list[str]
    tenant_id: str | None
    process_id: str | None
    #: The store's own name of where it is.
    place: str
    #: ``mended``; ``to be mended``, by an examination that is asked to; or ``needs a person``.
    outcome: str


def examine(
    source: AuditSource,
    *,
    repair: bool,
    report: Report,
    pause: Pause,
    clock: Clock = system_clock,
) -> tuple[Round, list[Found]]:
    """Goes through everything stored, by the same AuditService as the function on its schedule.

    The round is its own: it begins at the beginning, covers the look-ups, and nothing of it is
    kept, so that the function's goes on as if nothing had been. Raises StoreError.
    """
    with _what_the_audit_says() as said:
        whole = AuditService(_WholeRound(source, repair, report), clock=clock, pause=pause).run()
    return whole, [_found(record, repair) for record in said if "faults" in record]


class _WholeRound:
    """An AuditSource over another one, whose rounds it neither goes on with nor keeps."""

    def __init__(self, source: AuditSource, repair: bool, report: Report) -> None:
        self._source = source
        self._repair = repair
        self._report = report

    @property
    def processes(self) -> ProcessRepository:
        return self._source.processes if self._repair else _Untouched()  # type: ignore[return-value]

    def page(self, cursor: str | None, *, covers_lookups: bool) -> AuditPage:
        return self._source.page(cursor, covers_lookups=covers_lookups)

    def again(self, looks: Sequence[Look]) -> list[Look]:
        return self._source.again(looks)

    def last_round(self) -> Round | None:
        return None

    def keep(self, audit_round: Round) -> None:
        self._report(audit_round)


class _Untouched:
    """In place of the processes, where nothing is to be mended."""

    def save(self, process: Process) -> None:
        raise _NotAsked


class _NotAsked(Exception):
    """What could be mended was to be told only."""


@contextmanager
def _what_the_audit_says() -> Iterator[list[dict[str, Any]]]:
    """The log records of the audit meanwhile, which the function keeps for whoever is on call."""
    said: list[dict[str, Any]] = []
    handler = _Keeping(said)
    propagated = audit.logger.propagate
    audit.logger.addHandler(handler)
    audit.logger.propagate = False
    try:
        yield said
    finally:
        audit.logger.removeHandler(handler)
        audit.logger.propagate = propagated


class _Keeping(logging.Handler):
    def __init__(self, said: list[dict[str, Any]]) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(vars(record))


def _found(record: dict[str, Any], repair: bool) -> Found:
    faults = {Fault(each) for each in record["faults"]}
    outcome = record["message"] if "message" in record else record["msg"]
    if not repair and faults <= MENDED_BY_WRITING:
        outcome = "to be mended"
    return Found(
        record["faults"], record["tenant_id"], record["process_id"], record["place"], outcome
    )
