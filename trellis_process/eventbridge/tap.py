"""A tap: hears what Trellis tells on a bus, through a rule and a queue as any consumer would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from trellis_process.domain.own_services import SOURCE

Event: TypeAlias = Mapping[str, Any]
"""An event as EventBridge delivers it: ``id``, ``source``, ``detail-type``, ``detail``, …"""

LONGEST_WAIT_S = 20  # SQS takes no more
KEPT_S = 345_600  # the four days that a queue keeps messages unless told otherwise


class Tap:
    """Hears from now on what Trellis tells on a bus, not what others put there.

    It makes a queue and a rule that are called ``name``; two taps of one name share the events
    between them. They stay until ``close()`` takes them away, so that a later tap of the name goes
    on where this one stopped; what nobody takes is gone after ``kept_s`` (60 s to 14 days).

    ``pattern`` narrows what is heard, as the pattern of a rule does: ``{"detail": {…}}``. ``sqs``
    and ``events`` are botocore's clients. Raises what these raise, and leaves nothing behind then.
    """

    def __init__(
        self,
        sqs: Any,
        events: Any,
        bus_name: str,
        *,
        name: str,
        pattern: Mapping[str, Any] | None = None,
        kept_s: int = KEPT_S,
    ) -> None:
        self.name = name
        self._sqs = sqs
        self._events = events
        self._bus = {"EventBusName": bus_name}
        self._queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
        try:
            self._connect({"source": [SOURCE], **(pattern or {})}, kept_s)
        except BaseException:
            self.close()
            raise

    def poll(self, wait_s: int = 0) -> list[Event]:
        """Up to ten events, waiting ``wait_s`` (0 to 20) for the first; each once."""
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

    def __iter__(self) -> Iterator[Event]:
        """Every event as it comes, without end."""
        while True:
            yield from self.poll(LONGEST_WAIT_S)

    def close(self) -> None:
        """Takes the rule and the queue away, with what nobody has heard yet.

        Both are tried, whatever becomes of the first; raises what went wrong.
        """
        try:
            self._remove_rule()
        finally:
            self._sqs.delete_queue(QueueUrl=self._queue_url)

    def _connect(self, pattern: Mapping[str, Any], kept_s: int) -> None:
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )
        queue_arn = attributes["Attributes"]["QueueArn"]
        rule_arn = self._events.put_rule(
            Name=self.name,
            Description="Made by trellis to follow events; may be deleted when nobody follows.",
            EventPattern=json.dumps(pattern),
            **self._bus,
        )["RuleArn"]
        # Set apart from the making, which refuses other attributes for a queue that is there.
        self._sqs.set_queue_attributes(
            QueueUrl=self._queue_url,
            Attributes={
                "MessageRetentionPeriod": str(kept_s),
                "SqsManagedSseEnabled": "true",
                "Policy": json.dumps(_only_from(rule_arn, queue_arn)),
            },
        )
        target = {"Id": "queue", "Arn": queue_arn}
        answer = self._events.put_targets(Rule=self.name, Targets=[target], **self._bus)
        if answer["FailedEntryCount"]:
            raise RuntimeError(f"the rule {self.name} took no target: {answer['FailedEntries']}")

    def _remove_rule(self) -> None:
        missing = self._events.exceptions.ResourceNotFoundException
        try:
            self._events.remove_targets(Rule=self.name, Ids=["queue"], **self._bus)
        except missing:
            return  # it was never made
        self._events.delete_rule(Name=self.name, **self._bus)


def _only_from(rule_arn: str, queue_arn: str) -> dict[str, Any]:
    """The policy by which one rule, and nobody else's, may send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
