"""The timeout checker: runs on a schedule and lets fire what is due."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger
from trellis_process.application.clock import system_clock
from trellis_process.application.sweeper import ALONE, Sweeper
from trellis_process.errors import InvalidInput

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

MARGIN = timedelta(seconds=5)  # for the process in hand, its retries included, and the metrics

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Sweeps until nothing is due or its time is nearly up; the next run takes the rest.

    Raises InvalidInput for a sweeper that there cannot be.
    """
    sweeper = _sweeper(event)
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())
    sweep = wiring.timeout_checker().check_for_timed_out_steps(
        stop_at=system_clock() + remaining - MARGIN, sweeper=sweeper
    )
    metrics.add_metric("SweepLateness", MetricUnit.Seconds, sweep.lateness.total_seconds())
    metrics.add_metric("SweepLookedAt", MetricUnit.Count, sweep.looked_at)
    metrics.add_metric("TimedOut", MetricUnit.Count, sweep.timed_out)
    metrics.add_metric("Retried", MetricUnit.Count, sweep.retried)
    metrics.add_metric("SweepFailures", MetricUnit.Count, len(sweep.failures))
    summary = {
        "sweeper": sweeper.number,
        "sweepers": sweeper.of,
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


def _sweeper(event: object) -> Sweeper:
    """The one that its schedule names; alone, with all that is due, for who sweeps by hand."""
    said = event.get("sweeper") if isinstance(event, dict) else None
    if said is None:
        return ALONE
    if not isinstance(said, dict) or set(said) != {"number", "of"}:
        allowed = 'allowed is {"number": 1, "of": 3}, or no sweeper for all that is due'
        raise InvalidInput("sweeper", said, allowed)
    return Sweeper(said["number"], said["of"])
