"""Prices: what AWS and others ask for a unit of each thing, and where they say so.

List prices of us-east-1 in 2026, in dollars, without free tiers and discounts.
"""

from __future__ import annotations

from dataclasses import dataclass

REGION = "us-east-1"
AS_OF = "2026"

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """A list price: so many dollars for so many of something."""

    dollars: float
    #: How many that is the price of.
    per: int
    of: str
    #: The page of the seller's that says so.
    source: str

    @property
    def each(self) -> float:
        """Dollars for one."""
        return self.dollars / self.per


_API_GATEWAY = "https://aws.amazon.com/api-gateway/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_EVENTBRIDGE = "https://aws.amazon.com/eventbridge/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_SQS = "https://aws.amazon.com/sqs/pricing/"
_STEP_FUNCTIONS = "https://aws.amazon.com/step-functions/pricing/"
_TEMPORAL = "https://temporal.io/pricing"

API_CALL = Price(1.00, MILLION, "calls of an HTTP API", _API_GATEWAY)
QUEUE_REQUEST = Price(0.40, MILLION, "requests to SQS", _SQS)
WRITE_UNIT = Price(0.625, MILLION, "write units of DynamoDB, on demand", _DYNAMODB)
READ_UNIT = Price(0.125, MILLION, "read units of DynamoDB, on demand", _DYNAMODB)
STORED_GB = Price(0.25, 1, "GB kept in DynamoDB for a month", _DYNAMODB)
INVOCATION = Price(0.20, MILLION, "invocations of Lambda", _LAMBDA)
GB_SECOND = Price(0.0000133334, 1, "GB-seconds of Lambda on arm64", _LAMBDA)
EVENT = Price(1.00, MILLION, "events of one's own on EventBridge, of 64 KB at most", _EVENTBRIDGE)
LOGGED_GB = Price(0.50, 1, "GB of logs", _CLOUDWATCH)
ALARM = Price(0.10, 1, "alarms for a month", _CLOUDWATCH)
METRIC = Price(0.30, 1, "metrics of one's own for a month", _CLOUDWATCH)

STATE_TRANSITION = Price(
    25.00, MILLION, "state transitions of a Standard workflow", _STEP_FUNCTIONS
)
DURABLE_OPERATION = Price(8.00, MILLION, "operations of a durable function", _LAMBDA)
DURABLE_GB_WRITTEN = Price(0.25, 1, "GB written by durable functions", _LAMBDA)
ACTION = Price(50.00, MILLION, "actions of Temporal Cloud", _TEMPORAL)

#: All of them, in the order in which they are shown.
PRICES: tuple[Price, ...] = (
    API_CALL,
    QUEUE_REQUEST,
    WRITE_UNIT,
    READ_UNIT,
    STORED_GB,
    INVOCATION,
    GB_SECOND,
    EVENT,
    LOGGED_GB,
    ALARM,
    METRIC,
    STATE_TRANSITION,
    DURABLE_OPERATION,
    DURABLE_GB_WRITTEN,
    ACTION,
)
