"""The external events: brings events from outside to the processes they start or that react."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger, tell
from trellis_process.commands.json_text import read_object
from trellis_process.commands.refusals import reason_of
from trellis_process.errors import StoreError, TrellisError

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

EVENT_MS = 20_000  # what one event may take at worst, what is refused of it put aside
MAX_NAME_CHARACTERS = 128  # of what a line says of an event; more EventBridge takes in none

REFUSED = "refused"  # as EventService has it
#: What becomes of an event besides: no definition knows it, or it comes again.
UNKNOWN, FAILED = "unknown", "failed"

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deals with each event of a batch; answers which messages to bring again.

    What a definition refuses is put aside with its reason and not brought again. What the store
    did not take, and what there was no time for, is.
    """
    left, unknown = [], 0
    for record in event["Records"]:
        if context.get_remaining_time_in_millis() < EVENT_MS:
            left.append(record["messageId"])
            continue
        outcomes = _deal_with(record)
        unknown += not outcomes
        if FAILED in outcomes:
            left.append(record["messageId"])
    if unknown:  # one line for all of them: on a bus of others they are nearly all there is
        _report(UNKNOWN, {}, count=unknown)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in left]}


def _deal_with(record: dict[str, Any]) -> list[str]:
    """What became of the event of one message, for each definition that knows it."""
    about: dict[str, Any] = {"message_id": record["messageId"]}
    try:
        told = read_object(record["body"])
    except TrellisError as refusal:
        return [_refuse(record, about, refusal)]
    about |= {"event_id": _name(told.get("id")), "event_type": _name(told.get("detail-type"))}
    try:
        deliveries = wiring.event_service().handle(told)
    except Exception as error:  # whatever it is, it is tried again and then kept
        return [_report(FAILED, about, error)]
    outcomes = []
    for each in deliveries:
        facts = {**about, "definition": each.definition, "tenant_id": each.tenant_id}
        if each.process is not None:
            facts["process_id"] = each.process.process_id
        if each.outcome == REFUSED and each.error is not None:
            outcomes.append(_refuse(record, facts, each.error))
        else:
            outcomes.append(_report(each.outcome.value, facts, each.error))
    return outcomes


def _refuse(record: dict[str, Any], facts: dict[str, Any], refusal: TrellisError) -> str:
    """Puts an event aside, whole, with the reason; the outcome of that."""
    why = {"code": refusal.code, "reason": reason_of(refusal)}
    if "definition" in facts:
        why["definition"] = facts["definition"]
    try:
        wiring.refuse_event(record["body"], why)
    except Exception as failure:
        # Without its trace, which would tell of the refusal as well, and so of the payload.
        logger.error("a refused event could not be put aside: %r", failure)
        return _report(FAILED, facts, refusal)
    return _report(REFUSED, facts, refusal)


def _report(
    outcome: str, facts: dict[str, Any], error: Exception | None = None, *, count: int = 1
) -> str:
    """Logs and counts what became of an event, and returns it. No payload, and no key.

    The line that carries the metrics says it, or for a failure one of its own, with the trace.
    """
    facts = {**facts, "code": error.code if isinstance(error, TrellisError) else None}
    if outcome == FAILED:
        # What refuses an event may quote it; what else went wrong does not.
        is_refusal = isinstance(error, TrellisError) and not isinstance(error, StoreError)
        logger.error(FAILED, extra=facts, exc_info=None if is_refusal else error)
    else:
        tell(logger, metrics, "event", facts)
    metrics.add_dimension("outcome", outcome)
    metrics.add_metric("ExternalEvents", MetricUnit.Count, count)
    metrics.flush_metrics()
    return outcome


def _name(value: object) -> str | None:
    """What an event says of itself as a line of the log takes it."""
    return value[:MAX_NAME_CHARACTERS] if isinstance(value, str) else None
