"""The audit: runs on a schedule, proves that what waits will be woken, and mends what will not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger
from trellis_process.application.audit_round import AuditOvertaken
from trellis_process.application.clock import system_clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MARGIN = timedelta(seconds=90)  # for the page in hand, every process of it looked at again, mended

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Goes on with the round until it ends or time is nearly up; the next run takes the rest.

    What was found is told in metrics when the round ends, and until then how far it has come.
    """
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    try:
        found = wiring.audit().run(stop_at=system_clock() + remaining - MARGIN)
    except AuditOvertaken as overtaken:
        logger.warning(str(overtaken))
        return {"is_overtaken": True}
    metrics.add_metric("looked_at", MetricUnit.Count, found.looked_at)
    if found.is_complete:
        metrics.add_metric("open", MetricUnit.Count, found.open)
        metrics.add_metric("without_wakeup", MetricUnit.Count, found.without_wakeup)
        metrics.add_metric(
            "oldest_overdue_seconds", MetricUnit.Seconds, found.oldest_overdue.total_seconds()
        )
        metrics.add_metric("repaired", MetricUnit.Count, found.repaired)
        metrics.add_metric("unrepaired", MetricUnit.Count, found.unrepaired)
    summary = {
        "is_complete": found.is_complete,
        "began_at": found.began_at.isoformat(),
        "covers_lookups": found.covers_lookups,
        "looked_at": found.looked_at,
        "open": found.open,
        "states": dict(found.states),
        "without_wakeup": found.without_wakeup,
        "oldest_overdue_seconds": found.oldest_overdue.total_seconds(),
        "faults": dict(found.faults),
        "repaired": found.repaired,
        "unrepaired": found.unrepaired,
    }
    logger.info("audit", extra=summary)
    return summary
