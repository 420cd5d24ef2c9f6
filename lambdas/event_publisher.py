"""The event publisher: sends the events that ride in the table's changes to the bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger
from trellis_process.domain.process import Process
from trellis_process.dynamodb.stream import changed_process, sequence_number

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ROUND_MS = 25_000  # what one round of requests may take at worst, and the answer

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes a batch of the table's stream; answers which records to bring again.

    Lambda begins again at the first of these, so what followed it is sent twice, with the same
    ids; and nothing overtakes.
    """
    records = event["Records"]
    failed = wiring.event_publisher().publish(
        _changes(records),
        has_time=lambda: context.get_remaining_time_in_millis() > ROUND_MS,
    )
    metrics.add_metric("StreamRecords", MetricUnit.Count, len(records))
    metrics.add_metric("StreamRecordsToRetry", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": token} for token in failed]}


def _changes(records: list[dict[str, Any]]) -> Iterator[tuple[str, Process]]:
    for record in records:
        token = sequence_number(record)
        try:
            process = changed_process(record)
        except (KeyError, ValueError, TypeError) as error:
            # Brought again it would be as unreadable, and hold up everything behind it.
            logger.exception("a record could not be read", extra={"sequence_number": token})
            metrics.add_metric("UnreadableRecords", MetricUnit.Count, 1)
            # Where it is, not what it says: with two images it may be more than a message holds.
            wiring.set_aside(
                {
                    "reason": f"unreadable record: {error!r}",
                    "keys": record["dynamodb"].get("Keys"),
                    "sequence_number": token,
                    "stream_arn": record.get("eventSourceARN"),
                }
            )
            continue
        if process is None:
            continue
        for told in process.events:
            logger.info(
                told.type,
                extra={
                    "tenant_id": process.tenant_id,
                    "process_id": process.process_id,
                    "step_name": getattr(told, "step_name", None),
                    "version": process.version,
                },
            )
        yield token, process
