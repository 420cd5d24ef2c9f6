"""The archive: keeps what finished, from the stream or, when a person asks, from the table."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from lambdas import wiring
from lambdas.logs import function_logger
from trellis_process.application.clock import system_clock
from trellis_process.domain.process import Process
from trellis_process.domain.time import from_ms, to_ms, to_text
from trellis_process.dynamodb.stream import changed_process, sequence_number
from trellis_process.errors import InvalidInput, StoreUnavailable

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

PAGE_MS = 60_000  # what one page of the table may take at worst, and putting it into the bucket

logger = function_logger()
metrics = Metrics()


@logger.inject_lambda_context
def handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Takes a batch of the table's stream, or which time a person asks for.

    Of a batch it answers which records to bring again; of a time, what it kept, and with what to
    invoke it next where that was not all.
    """
    if not isinstance(event, dict):
        raise InvalidInput("event", event, "allowed is a JSON object with ended_from")
    if "Records" in event:
        return _keep_batch(event["Records"])
    return _keep_time(event, context)


def _keep_batch(records: list[dict[str, Any]]) -> dict[str, Any]:
    finished: list[Process] = []
    unreadable: list[dict[str, Any]] = []
    for record in records:
        try:
            process = changed_process(record)
        except Exception as error:  # whatever is wrong with it
            # Brought again it would be as unreadable, and hold up everything behind it.
            logger.exception(
                "a record could not be read", extra={"sequence_number": sequence_number(record)}
            )
            unreadable.append(_place(record, error))
            continue
        if process is not None and process.state.is_final:
            finished.append(process)
    try:
        objects = wiring.archive().keep(finished)
    except StoreUnavailable as error:
        logger.error("not archived yet: %s", error)
        metrics.add_metric("ArchiveRecordsToRetry", MetricUnit.Count, len(records))
        metrics.flush_metrics()
        # All of the batch, so that what is put again is put in the same objects.
        return {"batchItemFailures": [{"itemIdentifier": sequence_number(records[0])}]}
    for place in unreadable:
        wiring.leave_unarchived(place)
    _report(len(finished), objects, len(unreadable))
    return {"batchItemFailures": []}


def _keep_time(asked: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if unknown := set(asked) - {"ended_from", "ended_before", "cursor"}:
        raise InvalidInput(
            "event", sorted(unknown), "allowed are ended_from, ended_before and the cursor of next"
        )
    ended_from = _moment(asked, "ended_from")
    now = from_ms(to_ms(system_clock()))  # in milliseconds, as next says it
    ended_before = _moment(asked, "ended_before") if "ended_before" in asked else now
    cursor = asked.get("cursor")
    archived = objects = unreadable = 0
    while True:
        page = wiring.finished_reader().page(
            cursor, ended_from=ended_from, ended_before=ended_before
        )
        objects += wiring.archive().keep(page.processes)
        archived += len(page.processes)
        unreadable += len(page.unreadable)
        for key in page.unreadable:
            logger.error("an item could not be read", extra={"key": key})
        cursor = page.cursor
        if cursor is None or context.get_remaining_time_in_millis() < PAGE_MS:
            break
    again = {"ended_from": to_text(ended_from), "ended_before": to_text(ended_before)}
    told = {
        "archived": archived,
        "unreadable": unreadable,
        "next": None if cursor is None else {**again, "cursor": cursor},
    }
    logger.info("archive", extra=told)
    _report(archived, objects, unreadable)
    return told


def _report(archived: int, objects: int, unreadable: int) -> None:
    metrics.add_metric("Archived", MetricUnit.Count, archived)
    metrics.add_metric("ArchiveObjects", MetricUnit.Count, objects)
    metrics.add_metric("UnreadableRecords", MetricUnit.Count, unreadable)
    metrics.flush_metrics()


def _place(record: dict[str, Any], error: Exception) -> dict[str, Any]:
    """Where an unreadable record is; what it says may be more than a message holds."""
    return {
        "reason": f"unreadable record: {error!r}",
        "keys": record["dynamodb"].get("Keys"),
        "sequence_number": sequence_number(record),
        "stream_arn": record.get("eventSourceARN"),
    }


def _moment(asked: dict[str, Any], name: str) -> datetime:
    allowed = "allowed is a time with its zone, such as 2026-03-01T09:30:00Z"
    try:
        moment = datetime.fromisoformat(asked[name])
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(name, asked.get(name), allowed) from None
    if moment.tzinfo is None:
        raise InvalidInput(name, asked[name], allowed)
    return moment
