"""A service bound to who does its work: the rule, and where work is left that nobody took.

It is what ``infra/service.yaml`` describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from trellis_process.cdk.consumers import service_pattern
from trellis_process.cdk.findings import acknowledge_queue
from trellis_process.domain.limits import check_whole_number
from trellis_process.errors import InvalidInput

MOST_RETRIES = 185  # and a day: EventBridge tries no longer
LONGEST_AGE = Duration.days(1)
_SHORTEST_AGE = Duration.seconds(60)
_KEPT = Duration.days(14)  # the longest there is: time for a person to look


@dataclass(frozen=True)
class BoundService:
    """What binds a service."""

    rule: events.Rule
    #: What keeps the work that could not be handed over: the given one, or its own.
    left: sqs.IQueue
    alarm: cloudwatch.Alarm


def bind_service(
    scope: Construct,
    service: str,
    target: lambda_.IFunction | sqs.IQueue,
    *,
    event_bus: events.IEventBus,
    left: sqs.IQueue | None,
    max_age: Duration,
    max_retries: int,
    alarm_topic: sns.ITopic | None,
    encryption_key: kms.IKey | None,
) -> BoundService:
    """Leads the work of a service to the function or queue that does it.

    Raises ``InvalidInput`` for a name that is none, and for an age or a number out of range.
    """
    pattern = service_pattern(service)
    check_whole_number("max_retries", max_retries, 0, MOST_RETRIES)
    if not _SHORTEST_AGE.to_seconds() <= max_age.to_seconds() <= LONGEST_AGE.to_seconds():
        allowed = "allowed is from a minute to a day, as long as EventBridge tries"
        raise InvalidInput("max_age", f"{max_age.to_seconds()} seconds", allowed)
    queue = left or _queue(scope, f"WorkLeft-{service}", encryption_key)
    rule = events.Rule(
        scope,
        f"Service-{service}",
        description=f"The work of {service} goes to whoever does it.",
        event_bus=event_bus,
        event_pattern=pattern,
        targets=[_led_to(target, queue, max_age, max_retries)],
    )
    alarm = cloudwatch.Alarm(
        scope,
        f"WorkLeftAlarm-{service}",
        alarm_description=f"Work of {service} could not be handed over.",
        metric=queue.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic="Maximum"
        ),
        evaluation_periods=1,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold=0,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    if alarm_topic is not None:
        alarm.add_alarm_action(actions.SnsAction(alarm_topic))
        alarm.add_ok_action(actions.SnsAction(alarm_topic))
    return BoundService(rule, queue, alarm)


def _queue(scope: Construct, id: str, key: kms.IKey | None) -> sqs.Queue:
    encryption = sqs.QueueEncryption.SQS_MANAGED if key is None else sqs.QueueEncryption.KMS
    queue = sqs.Queue(
        scope, id, retention_period=_KEPT, encryption=encryption, encryption_master_key=key
    )
    acknowledge_queue(queue)
    return queue


def _led_to(
    target: lambda_.IFunction | sqs.IQueue, left: sqs.IQueue, max_age: Duration, max_retries: int
) -> events.IRuleTarget:
    if hasattr(target, "queue_arn"):  # CDK's interfaces cannot be told apart by their class
        return targets.SqsQueue(
            cast(sqs.IQueue, target),
            dead_letter_queue=left,
            max_event_age=max_age,
            retry_attempts=max_retries,
        )
    return targets.LambdaFunction(
        target, dead_letter_queue=left, max_event_age=max_age, retry_attempts=max_retries
    )
