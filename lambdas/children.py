"""The children: starts the child processes that processes ask for, and reports their ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

EVENT_MS = 20_000  # what one event may take at worst

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deals with each event of a batch; answers which messages to bring again.

    An event that cannot be dealt with comes again, and after the last time goes to the queue of
    what was left, so that nothing waits for a child of which nobody knows.
    """
    records = event["Records"]
    left = [
        record["messageId"]
        for record in records
        if context.get_remaining_time_in_millis() < EVENT_MS or not _is_dealt_with(record)
    ]
    tell(logger, metrics, "children", {"events": len(records), "left": len(left) or None})
    metrics.add_metric("ChildEvents", MetricUnit.Count, len(records))
    metrics.add_metric("ChildEventsToRetry", MetricUnit.Count, len(left))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in left]}


def _is_dealt_with(record: dict[str, Any]) -> bool:
    """Deals with the event of one message; False for one to bring again."""
    about: dict[str, Any] = {"message_id": record["messageId"]}
    try:
        told = json.loads(record["body"])["detail"]
        about |= {name: told.get(name) for name in ("tenant_id", "process_id", "type")}
        wiring.children().handle(told)
    except Exception:  # whatever it is, the parent waits, so it is tried again and then kept
        logger.exception("left", extra=about)
        return False
    return True
