"""Dead letters: the queues in which a stack keeps what failed, and what lies in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from trellis_process.cli.deployment import Deployment

HIDDEN_S = 900  # from others while it is dealt with: longer than that takes, a function included
_BATCH = 10  # SQS takes no more


@dataclass(frozen=True)
class DeadLetterQueue:
    """A queue of what failed."""

    #: What it is called on the command line.
    name: str
    #: The stack's output that says where it is.
    output: str
    #: The heading in docs/operations.md that says what to do.
    runbook: str


UNDELIVERED_EVENTS = DeadLetterQueue(
    "undelivered-events", "UndeliveredEventsQueueUrl", "UndeliveredEventsAlarm"
)
FAILED_BATCHES = DeadLetterQueue("failed-batches", "FailedBatchesQueueUrl", "FailedBatchesAlarm")
MISSED_SWEEPS = DeadLetterQueue("missed-sweeps", "MissedSweepsQueueUrl", "MissedSweepsAlarm")
UNARCHIVED = DeadLetterQueue("unarchived", "UnarchivedQueueUrl", "UnarchivedAlarm")
REFUSED_COMMANDS = DeadLetterQueue(
    "refused-commands", "RefusedCommandsQueueUrl", "RefusedCommandsAlarm"
)
CHILD_EVENTS = DeadLetterQueue("child-events", "ChildEventsLeftQueueUrl", "ChildEventsLeftAlarm")
EXTERNAL_EVENTS = DeadLetterQueue(
    "external-events", "ExternalEventsLeftQueueUrl", "ExternalEventsLeftAlarm"
)
REFUSED_EVENTS = DeadLetterQueue("refused-events", "RefusedEventsQueueUrl", "RefusedEventsAlarm")
JOBS = DeadLetterQueue("jobs", "JobsLeftQueueUrl", "JobsLeftAlarm")
UNVIEWED_EVENTS = DeadLetterQueue(
    "unviewed-events", "UnviewedEventsQueueUrl", "UnviewedEventsAlarm"
)
#: Of infra/service.yaml; of a stack with several services, each has one, and its letters go on.
WORK_LEFT = DeadLetterQueue("work-left", "WorkLeftQueueUrl", "WorkLeftAlarm")

#: In the order in which they are dealt with: first what is lost soonest.
QUEUES = (
    FAILED_BATCHES,
    UNARCHIVED,
    UNDELIVERED_EVENTS,
    MISSED_SWEEPS,
    CHILD_EVENTS,
    EXTERNAL_EVENTS,
    JOBS,
    WORK_LEFT,
    UNVIEWED_EVENTS,
    REFUSED_COMMANDS,
    REFUSED_EVENTS,
)


def queues_of(stack: Deployment) -> list[DeadLetterQueue]:
    """Those that a stack has."""
    return [
        replace(queue, output=output)
        for queue in QUEUES
        for output in sorted(stack.outputs)
        if output == queue.output or (queue is WORK_LEFT and output.startswith(queue.output))
    ]


@dataclass(frozen=True)
class Letter:
    """A message of a dead-letter queue."""

    message_id: str
    body: str
    #: Its message attributes, as text.
    attributes: Mapping[str, str]
    handle: str


class Letters:
    """What lies in one queue. Taken is hidden from others for 15 minutes, or until released."""

    def __init__(self, stack: Deployment, queue: DeadLetterQueue) -> None:
        self._sqs: Any = stack.client("sqs")
        self._url = {"QueueUrl": stack.output(queue.output)}

    def count(self) -> int:
        """About how many there are, those included that somebody has taken."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(**self._url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def take(self, limit: int) -> Iterator[Letter]:
        """Up to so many of them, until none is left."""
        taken = 0
        while taken < limit:
            answer = self._sqs.receive_message(
                **self._url,
                MaxNumberOfMessages=min(_BATCH, limit - taken),
                MessageAttributeNames=["All"],
                VisibilityTimeout=HIDDEN_S,
                WaitTimeSeconds=1,  # which asks all of SQS's servers, where 0 asks some
            )
            messages = answer.get("Messages", [])
            if not messages:
                return
            taken += len(messages)
            for message in messages:
                yield _letter(message)

    def delete(self, letter: Letter) -> None:
        """Takes one away for good."""
        self._sqs.delete_message(**self._url, ReceiptHandle=letter.handle)

    def release(self, letters: list[Letter]) -> None:
        """Lets others see these again."""
        for start in range(0, len(letters), _BATCH):
            entries = [
                {"Id": str(n), "ReceiptHandle": each.handle, "VisibilityTimeout": 0}
                for n, each in enumerate(letters[start : start + _BATCH])
            ]
            self._sqs.change_message_visibility_batch(**self._url, Entries=entries)


def _letter(message: Mapping[str, Any]) -> Letter:
    attributes = message.get("MessageAttributes", {})
    return Letter(
        message["MessageId"],
        message["Body"],
        {name: each.get("StringValue", "") for name, each in attributes.items()},
        message["ReceiptHandle"],
    )
