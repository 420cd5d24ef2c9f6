"""What reached the stack's event bus, heard through a rule and a queue as any consumer would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

from trellis_process.eventbridge import SOURCE
from trellis_process.local.stack import LocalStack

Event = Mapping[str, Any]
"""An event as EventBridge delivers it: ``id``, ``source``, ``detail-type``, ``detail``, …"""

_LONGEST_WAIT_S = 20  # SQS takes no more


class EventTap:
    """Hears from now on what Trellis tells on the bus of ``stack``, not what others put there.

    ``name`` is for one listener: two taps of one name share the events between them, and a tap of
    a cloud that kept its data goes on where the last one of its name stopped.
    """

    def __init__(self, stack: LocalStack, name: str) -> None:
        self._sqs = stack.cloud.client("sqs")
        self._queue_url = self._sqs.create_queue(QueueName=f"tap-{name}")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )["Attributes"]
        events = stack.cloud.client("events")
        rule = {"EventBusName": stack.outputs["EventBusName"]}
        events.put_rule(Name=f"tap-{name}", EventPattern=json.dumps({"source": [SOURCE]}), **rule)
        target = {"Id": "queue", "Arn": attributes["QueueArn"]}
        events.put_targets(Rule=f"tap-{name}", Targets=[target], **rule)

    def poll(self, wait_s: int = 0) -> list[Event]:
        """Up to ten events, oldest first, waiting ``wait_s`` (0 to 20) for the first; each once."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, WaitTimeSeconds=wait_s, MaxNumberOfMessages=10
        )
        heard = []
        for message in answer.get("Messages", []):
            heard.append(json.loads(message["Body"]))
            self._sqs.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return heard

    def until(self, enough: Callable[[list[Event]], bool], timeout_s: float) -> list[Event]:
        """All events heard until ``enough`` says so of them, or ``timeout_s`` have passed."""
        heard: list[Event] = []
        give_up_at = monotonic() + timeout_s
        while not enough(heard) and (left := give_up_at - monotonic()) > 0:
            heard += self.poll(min(_LONGEST_WAIT_S, max(1, int(left))))
        return heard

    def __iter__(self) -> Iterator[Event]:
        """Every event as it comes, without end."""
        while True:
            yield from self.poll(_LONGEST_WAIT_S)
