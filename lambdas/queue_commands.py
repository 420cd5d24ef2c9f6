"""The queue commands: runs the commands that came by queue or, through it, by bus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.commands import is_overtaken, read_message, run
from trellis_process.commands.refusals import reason_of
from trellis_process.errors import Conflict, StoreError, TrellisError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

COMMAND_MS = 20_000  # what one command may take at worst, its refusal put aside

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Runs each command of a batch; answers which messages to bring again.

    A refused command is put aside with its reason and not brought again. What the store did not
    take, and what there was no time for, is.
    """
    left = [
        record["messageId"]
        for record in event["Records"]
        if context.get_remaining_time_in_millis() < COMMAND_MS or not _is_dealt_with(record)
    ]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in left]}


def _is_dealt_with(record: dict[str, Any]) -> bool:
    """Runs the command of one message, logs and counts it; False for one to bring again."""
    began = time.perf_counter()
    about: dict[str, Any] = {"message_id": record["messageId"]}
    operation, error, outcome = "none", None, "ok"
    try:
        message = read_message(record)
        operation = message.command.command
        about |= message.command.about
        try:
            process = run(
                message.command,
                wiring.process_service(),
                actor=message.actor,
                default_key=message.key,
                engine=wiring.engine_service,
            )
            about["process_id"] = process.process_id
        except Conflict as refusal:
            if not is_overtaken(message.command, refusal):
                raise
            outcome = "overtaken"
    except Exception as raised:
        error, outcome = raised, _put_aside(record, raised)
    _report(operation, outcome, error, about, round((time.perf_counter() - began) * 1000, 1))
    return outcome != "failed"


def _put_aside(record: dict[str, Any], error: Exception) -> str:
    """The outcome of a command that raised: ``refused`` once its reason is on record."""
    if not isinstance(error, TrellisError) or isinstance(error, StoreError):
        return "failed"
    try:
        wiring.refuse_command(
            record["body"],
            {
                "code": error.code,
                "reason": reason_of(error),
                "sender": record["attributes"]["SenderId"],
                "message_id": record["messageId"],
            },
        )
    except Exception as failure:
        # Without its trace, which would tell of the refusal as well, and so of the payload.
        logger.error("a refused command could not be put aside: %r", failure)
        return "failed"
    return "refused"


def _report(
    operation: str, outcome: str, error: Exception | None, about: dict[str, Any], latency_ms: float
) -> None:
    """Logs and counts a command: what was asked, how it ended, how long it took. No payload.

    The line that carries the metrics says it, or for a failure one of its own, with the trace.
    """
    facts = {**about, "code": error.code if isinstance(error, TrellisError) else None}
    if outcome == "failed":
        facts |= {"operation": operation, "outcome": outcome, "latency_ms": latency_ms}
        # What refuses a command may quote it; what else went wrong does not.
        is_refusal = isinstance(error, TrellisError) and not isinstance(error, StoreError)
        logger.error("failed", extra=facts, exc_info=None if is_refusal else error)
    else:
        tell(logger, metrics, "command", facts)
    metrics.add_dimension("operation", operation)
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("Commands", MetricUnit.Count, 1)
    metrics.add_metric("CommandLatency", MetricUnit.Milliseconds, latency_ms)
    metrics.flush_metrics()
