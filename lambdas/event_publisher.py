"""The event publisher: sends the events that ride in the table's changes to the bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.domain.process import Process
from trellis_process.dynamodb.stream import changed_process, sequence_number
from trellis_process.eventbridge.envelope import envelopes

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
    changes: dict[str, str] = {}
    failed = wiring.event_publisher().publish(
        _changes(records, changes),
        has_time=lambda: context.get_remaining_time_in_millis() > ROUND_MS,
    )
    published = [change for token, change in changes.items() if token not in failed]
    tell(logger, metrics, "published", {"changes": published or None})
    metrics.add_metric("StreamRecords", MetricUnit.Count, len(records))
    metrics.add_metric("StreamRecordsToRetry", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": token} for token in failed]}


def _changes(records: list[dict[str, Any]], named: dict[str, str]) -> Iterator[tuple[str, Process]]:
    """The changes that have events; ``named`` is given what the log says of each."""
    for record in records:
        token = sequence_number(record)
        try:
            process = changed_process(record)
            if process is not None:
                envelopes(process)  # what no event can be made of is as unreadable
        except Exception as error:  # whatever is wrong with it
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
        named[token] = _as_logged(process)
        for told in process.events:
            logger.debug(
                told.type,
                extra={
                    "tenant_id": process.tenant_id,
                    "process_id": process.process_id,
                    "step_name": getattr(told, "step_name", None),
                    "version": process.version,
                },
            )
        yield token, process


def _as_logged(process: Process) -> str:
    """A change in a few words: its tenant, what its events' ids begin with, and their types."""
    types = dict.fromkeys(told.type for told in process.events)  # of 1,000 steps that start, one
    return " ".join((process.tenant_id, f"{process.process_id}/{process.version}", *types))
