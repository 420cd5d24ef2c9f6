"""The step commands: the function behind the HTTP API."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.http import NO_OPERATION, Answer, Api, build_api, failed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

COMMAND_MS = 9_000  # what one more command of a batch may take, and the answer

logger = function_logger()
metrics = Metrics()


@cache
def _api() -> Api:
    return build_api(
        wiring.process_service(),
        wiring.engine_service,
        jobs=wiring.jobs,
        views=wiring.views,
        tenant_claim=wiring.tenant_claim(),
        operator_scope=wiring.operator_scope(),
    )


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Reads what is asked, has the service do it, answers."""
    began = time.perf_counter()
    operation = NO_OPERATION
    try:
        asked = _api().read(event)
        operation = asked.operation
        logger.append_keys(operation=operation, **asked.about)
        answer = _api().answer(
            asked, has_time=lambda: context.get_remaining_time_in_millis() > COMMAND_MS
        )
    except Exception as error:
        answer = failed(error)
    _report(operation, answer, round((time.perf_counter() - began) * 1000, 1))
    return answer.response


def _report(operation: str, answer: Answer, latency_ms: float) -> None:
    """Logs and counts a request: what was asked, how it ended, how long it took. No payload.

    The outcome is ``ok``, ``refused`` or ``failed``, not the error's code: each combination of
    dimensions is a metric that costs money by the month. The code is in the log: in the line that
    carries the metrics, or for a failure in one of its own, with the trace.
    """
    if answer.status >= 500:
        logger.append_keys(**answer.about)
        facts = {"status": answer.status, "code": answer.code, "latency_ms": latency_ms}
        logger.error("failed", extra=facts, exc_info=answer.error)
    else:
        facts = {**answer.about, "status": answer.status, "code": answer.code}
        tell(logger, metrics, "answered", facts)
    outcome = "ok" if answer.error is None else "refused" if answer.status < 500 else "failed"
    metrics.add_dimension("operation", operation)
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    metrics.add_metric("Latency", MetricUnit.Milliseconds, latency_ms)
