"""DynamoDB's failures in this library's words, saying whether a write may have happened."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
)
from pynamodb.exceptions import PynamoDBException

from trellis_process.errors import StoreError, StoreUnavailable, Throttled

CONDITION_FAILED = "ConditionalCheckFailedException"

_THROTTLED = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
_BROKE_OFF = {"InternalServerError", "ServiceUnavailable", "InternalFailure", "500", "503", "504"}
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, NoCredentialsError)


def is_condition_failed(error: PynamoDBException) -> bool:
    """Whether a write was refused because its condition did not hold."""
    return _code(error) == CONDITION_FAILED


def store_error(error: PynamoDBException, *, writing: bool) -> StoreError:
    """The error to raise for one of pynamodb's, after its bounded retries."""
    code = _code(error)
    if code in _THROTTLED:
        return Throttled(
            f"DynamoDB refused for load ({code}); nothing was written, try again later"
        )
    if code is not None and code not in _BROKE_OFF:
        return StoreUnavailable(f"DynamoDB refused: {error.msg}", may_have_happened=False)
    may_have_happened = writing and not isinstance(error.cause, _NEVER_SENT)
    outcome = (
        "the write may have been made; repeat the command, what was done is not done twice"
        if may_have_happened
        else "nothing was written, try again"
    )
    return StoreUnavailable(
        f"DynamoDB did not answer ({error.cause or error}); {outcome}",
        may_have_happened=may_have_happened,
    )


def _code(error: PynamoDBException) -> str | None:
    """What DynamoDB called it; None where it did not answer at all."""
    # pynamodb's own property fails for an HTTP error, which has a response of None.
    cause = error.cause
    return cause.response["Error"].get("Code") if isinstance(cause, ClientError) else None
