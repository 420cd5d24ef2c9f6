"""How work is delivered to a Lambda function: by the bus itself, or by a queue behind it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)

Event: TypeAlias = Mapping[str, Any]
"""What Trellis tells on the bus: the ``detail`` of an event."""

#: The events that ask for work. Of all others a worker has nothing to do.
WORK = frozenset({"StepStarted", "StepResumed", "CompensationStarted"})
_NEEDED = (
    "tenant_id",
    "process_id",
    "process_type",
    "aggregate_type",
    "aggregate_id",
    "step_name",
    "attempt",
)


class NotWork(Exception):
    """What was delivered is no event of Trellis, or asks for work that nobody here does.

    It is not acknowledged, so it ends in the dead-letter queue of what delivered it: a rule or a
    queue leads here that should lead elsewhere.
    """


def asks_for_work(event: Event) -> bool:
    """Whether a service is to do something: parts of a long list are undone by their own events."""
    is_undone_in_parts = event["type"] == "CompensationStarted" and "service" not in event
    return event["type"] in WORK and not is_undone_in_parts


def deliver(delivered: Mapping[str, Any], work: Callable[[Event], object]) -> dict[str, Any] | None:
    """Does what one invocation of a function brings.

    From a queue that is a batch, of which each message is done for itself: the answer names those
    to be delivered again, in a FIFO queue the failed one and all after it. From the bus it is one
    event, and what its work raises is raised.
    """
    if "Records" not in delivered:
        work(_event(delivered))
        return None
    again: list[str] = []
    for record in delivered["Records"]:
        is_ordered = "MessageGroupId" in record.get("attributes", {})
        if is_ordered and again:
            again.append(record["messageId"])
            continue
        try:
            work(_event(_read(record)))
        except Exception:
            logger.exception("to be delivered again", extra={"message_id": record["messageId"]})
            again.append(record["messageId"])
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def _read(record: Mapping[str, Any]) -> Any:
    try:
        return json.loads(record["body"])
    except ValueError as error:
        raise NotWork(f"the message is no JSON: {error}") from error


def _event(value: Any) -> Event:
    """The event in what was delivered: as the bus has it, or its detail alone."""
    event = value.get("detail", value) if isinstance(value, dict) else None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise NotWork("this is no event of Trellis: it has no type")
    missing = [name for name in _NEEDED if name not in event] if event["type"] in WORK else []
    if missing:
        raise NotWork(f"the {event['type']} has no {', '.join(missing)}")
    return event
