"""The timeout checker: runs on a schedule and lets fire what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger
from trellis_process.application.clock import system_clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MARGIN = timedelta(seconds=5)  # for the process in hand, its retries included, and the metrics

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Sweeps until nothing is due or its time is nearly up; the next run takes the rest."""
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    sweep = wiring.timeout_checker().check_for_timed_out_steps(
        stop_at=system_clock() + remaining - MARGIN
    )
    metrics.add_metric("SweepLateness", MetricUnit.Seconds, sweep.lateness.total_seconds())
    metrics.add_metric("SweepLookedAt", MetricUnit.Count, sweep.looked_at)
    metrics.add_metric("TimedOut", MetricUnit.Count, sweep.timed_out)
    metrics.add_metric("Retried", MetricUnit.Count, sweep.retried)
    metrics.add_metric("SweepFailures", MetricUnit.Count, len(sweep.failures))
    summary = {
        "looked_at": sweep.looked_at,
        "timed_out": sweep.timed_out,
        "retried": sweep.retried,
        "failed": sweep.failed,
        "failures": len(sweep.failures),
        "lateness_seconds": sweep.lateness.total_seconds(),
        "is_complete": sweep.is_complete,
    }
    logger.info("sweep", extra=summary)
    return summary
