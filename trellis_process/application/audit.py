"""AuditService: goes through everything stored, proves that it is sound, and mends what is not."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from trellis_process.application.audit_round import (
    MENDED_BY_WRITING,
    AuditSource,
    Look,
    Round,
)
from trellis_process.application.clock import Clock, system_clock
from trellis_process.application.deciding import Pause, decide_and_save
from trellis_process.domain.tracker import earliest

LAG_SECONDS = 5.0  # an index follows its table within a second, in a bad hour within a few
LOOKUPS_EVERY = timedelta(days=1)  # they make up most of the cost, and nobody waits for them

logger = logging.getLogger(__name__)


class AuditService:
    """Proves, or mends and reports, that nothing that waits is without its wake-up.

    It reads what is stored, not what the indexes lead to, because what is missing from an index
    cannot be found by it. What looks wrong is looked at again after LAG_SECONDS, and is a fault
    only if the same version of the process still shows it: an index that lags behind, or a
    process that changes at this moment, is none.

    A process is mended by the same conditional write as every change, so an audit may run beside
    commands, sweeps and other audits. It mends what a write can mend; the rest it reports.
    """

    def __init__(
        self, source: AuditSource, *, clock: Clock = system_clock, pause: Pause = time.sleep
    ) -> None:
        self._source = source
        self._clock = clock
        self._pause = pause

    def run(self, *, stop_at: datetime | None = None) -> Round:
        """Goes on with the round under way, or begins one; ends with the round or at ``stop_at``.

        How far it has come is kept after each page, so the next run goes on there, also if this
        one dies. A round covers the entries of the look-ups where a day has passed since the last
        that did.

        Raises AuditOvertaken where another run went on meanwhile, and StoreError.
        """
        audit_round = self._round_under_way()
        while not audit_round.is_complete:
            if stop_at is not None and self._clock() >= stop_at:
                break
            page = self._source.page(audit_round.cursor, covers_lookups=audit_round.covers_lookups)
            for look in page.looks:
                self._count(look, audit_round)
            for look in self._confirmed([look for look in page.looks if look.all_faults()]):
                self._mend(look, audit_round)
            audit_round.cursor = page.cursor
            audit_round.is_complete = page.cursor is None
            if audit_round.is_complete:
                audit_round.counted = dict(audit_round.open_versions)
            self._source.keep(audit_round)
        return audit_round

    def _round_under_way(self) -> Round:
        last = self._source.last_round()
        if last is not None and not last.is_complete:
            return last
        now = self._clock()
        covered_at = None if last is None else last.lookups_covered_at
        is_time = covered_at is None or now - covered_at >= LOOKUPS_EVERY
        return Round(
            began_at=now,
            covers_lookups=is_time,
            lookups_covered_at=now if is_time else covered_at,
            version=0 if last is None else last.version,
            counted=None if last is None else last.counted,
        )

    def _count(self, look: Look, audit_round: Round) -> None:
        process = look.process
        if process is None:
            return
        audit_round.states[process.state] += 1
        if process.definition_version is not None and not process.state.is_final:
            audit_round.open_versions[f"{process.process_type}/{process.definition_version}"] += 1
        first_due = earliest(process.trackers()) if process.waits() else None
        if first_due is not None:
            overdue = self._clock() - first_due
            audit_round.oldest_overdue = max(audit_round.oldest_overdue, overdue)

    def _confirmed(self, suspects: list[Look]) -> list[Look]:
        """Those of which the same version still shows the same fault at a second look."""
        if not suspects:
            return []
        self._pause(LAG_SECONDS)
        second_looks = zip(suspects, self._source.again(suspects), strict=True)
        return [
            now
            for before, now in second_looks
            if now.version == before.version and now.all_faults() & before.all_faults()
        ]

    def _mend(self, look: Look, audit_round: Round) -> None:
        faults = look.all_faults()
        is_mended = faults <= MENDED_BY_WRITING and self._write_anew(look)
        audit_round.faults.update(faults)
        audit_round.repaired += is_mended
        audit_round.unrepaired += not is_mended
        logger.log(
            logging.WARNING if is_mended else logging.ERROR,
            "mended" if is_mended else "needs a person",
            extra={"faults": sorted(faults), **_about(look)},
        )

    def _write_anew(self, look: Look) -> bool:
        """Whether the process could be written as the rules and its indexes want it."""
        if look.process is None:
            return False
        try:
            decide_and_save(
                self._source.processes,
                look.process,
                # Its steps stay as they are, so nobody need know what orders them.
                lambda current, now: current.renew_wake_up(now=now),
                clock=self._clock,
                pause=self._pause,
            )
        except Exception:  # one that cannot be written must not stop the round
            logger.exception("could not be mended", extra=_about(look))
            return False
        return True


def _about(look: Look) -> dict[str, str | None]:
    """What a log line says of a place: whose it is, and how to find it again. No payload."""
    return {
        "tenant_id": look.key.tenant_id if look.key else None,
        "process_id": look.key.process_id if look.key else None,
        "place": look.place,
    }
