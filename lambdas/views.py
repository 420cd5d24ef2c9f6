"""The views: keeps what the events tell, so that it can be listed, looked up and counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.errors import InvalidInput, StoreError
from trellis_process.views.bus_event import BusEvent, read_event
from trellis_process.views.feeder import by_process

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PROCESS_MS = 20_000  # what the events of one process may take at worst

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes a batch of events from the queue; answers which messages to bring again.

    An unreadable message is brought again as well, until the queue gives it up.
    """
    events: list[BusEvent] = []
    messages: dict[str, list[str]] = {}
    failed: list[str] = []
    for record in event["Records"]:
        try:
            read = read_event(json.loads(record["body"]).get("detail"))
        except (AttributeError, InvalidInput, ValueError):
            # Without its text, which may be anybody's.
            logger.error("a message is no event", extra={"message_id": record["messageId"]})
            failed.append(record["messageId"])
            continue
        events.append(read)
        messages.setdefault(read.detail["id"], []).append(record["messageId"])
    for of_one in by_process(events):
        if context.get_remaining_time_in_millis() > PROCESS_MS and _is_kept(of_one):
            continue
        failed += [each for told in of_one for each in messages.pop(told.detail["id"], [])]
    tell(logger, metrics, "views", {"events": len(events)})
    metrics.add_metric("ViewEvents", MetricUnit.Count, len(events))
    metrics.add_metric("ViewEventsToRetry", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_kept(events: list[BusEvent]) -> bool:
    """Whether the events of one process are in the views now."""
    key = events[0].key
    about = {"tenant_id": key.tenant_id, "process_id": key.process_id}
    try:
        wiring.view_feeder().feed(events)
    except StoreError as error:
        logger.error("events are not in the views yet: %s", error, extra=about)
        return False
    except Exception:  # whatever it is, the other processes' events are not to wait for it
        logger.exception("events could not be brought into the views", extra=about)
        return False
    return True
