"""The jobs: does pieces of a job while there is time, and asks for the rest to be done."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.errors import JobNotFound

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PROCESS_MS = 30_000  # what one more process may take at worst, and what there is to note then
MAX_PIECES = 1_000  # in one run; time is up before

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Goes on with the job of each message; answers which messages to bring again.

    A job that has not ended is sent on in a message of its own, so that a message that comes again
    is one that failed.
    """
    left = [
        record["messageId"]
        for record in event["Records"]
        if not _has_time(context) or not _is_dealt_with(record, context)
    ]
    metrics.add_metric("JobsToRetry", MetricUnit.Count, len(left))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in left]}


def _has_time(context: LambdaContext) -> bool:
    return context.get_remaining_time_in_millis() > PROCESS_MS


def _is_dealt_with(record: dict[str, Any], context: LambdaContext) -> bool:
    """Goes on with the job of one message; False for one to bring again."""
    about: dict[str, Any] = {"message_id": record["messageId"]}
    try:
        said = json.loads(record["body"])
        tenant_id, job_id = said["tenant_id"], said["job_id"]
        about |= {"tenant_id": tenant_id, "job_id": job_id}
        before = wiring.jobs().get(tenant_id, job_id)
        job = wiring.jobs().run_some(
            tenant_id, job_id, pieces=MAX_PIECES, has_time=lambda: _has_time(context)
        )
        if not job.state.is_final:
            wiring.send_job(tenant_id, job_id)
    except JobNotFound as gone:
        logger.warning(str(gone), extra=about)  # it has expired, which no other try mends
        return True
    except Exception:  # whatever it is, the job stands still, so it is tried again and then kept
        logger.exception("left", extra=about)
        return False
    counted = {
        name: getattr(job.progress, name) - getattr(before.progress, name)
        for name in ("matched", "refused", "failed")
    }
    facts = {"state": job.state.value, "pieces": job.pages - before.pages, **counted}
    tell(logger, metrics, "job", {**about, **facts})
    metrics.add_metric("JobProcesses", MetricUnit.Count, counted["matched"])
    metrics.add_metric("JobFailures", MetricUnit.Count, counted["failed"])
    return True
