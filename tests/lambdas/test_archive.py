"""The archive function: batches of the stream, and times that a person asks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambdas import archive, wiring
from trellis_process import Process
from trellis_process.dynamodb.finished_reader import FinishedPage
from trellis_process.dynamodb.item import to_item
from trellis_process.errors import InvalidInput, StoreUnavailable
from trellis_process.s3 import Archive
from trellis_process.testing.clock import START

from ..s3.processes import Bucket, a_finished_process
from .conftest import Context


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    bucket = Bucket()
    kept = Archive(bucket, "finished-processes", "finished/")
    monkeypatch.setattr(wiring, "archive", lambda: kept)
    return bucket


@pytest.fixture
def unarchived(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    left: list[dict[str, Any]] = []
    monkeypatch.setattr(wiring, "leave_unarchived", left.append)
    return left


def a_record(n: int, process: Process, old: dict[str, Any] | None = None) -> dict[str, Any]:
    """The stream's record of the change that left a process as it is."""
    image = to_item(replace(process, version=process.version - 1))
    images = {"NewImage": image} | ({} if old is None else {"OldImage": old})
    return {
        "eventName": "MODIFY",
        "eventSourceARN": "arn:stream",
        "dynamodb": {"SequenceNumber": str(100 + n), "Keys": {"pk": image["pk"]}, **images},
    }


def a_batch(size: int) -> list[dict[str, Any]]:
    return [a_record(n, a_finished_process(f"p-{n}")) for n in range(size)]


def run(records: list[dict[str, Any]], context: Context) -> list[str]:
    answer = archive.handler({"Records": records}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def archived(bucket: Bucket) -> list[str]:
    return [line["process_id"] for line in bucket.lines()]


# ---------------------------------------------------------------- from the stream


def test_a_batch_becomes_one_object_of_its_tenants_day(bucket: Bucket, context: Context) -> None:
    assert run(a_batch(3), context) == []

    assert archived(bucket) == ["p-0", "p-1", "p-2"]
    assert bucket.puts == 1


def test_a_batch_that_s3_does_not_take_comes_again_as_a_whole(
    bucket: Bucket, context: Context
) -> None:
    batch = [*a_batch(2), a_record(2, a_finished_process("other", "tenant-2"))]
    bucket.refuses = "tenant-2"
    assert run(batch, context) == ["100"]

    bucket.refuses = None
    assert run(batch, context) == []

    assert archived(bucket) == ["p-0", "p-1", "other"]


def test_what_is_open_removed_or_no_process_is_passed_over(
    bucket: Bucket, context: Context
) -> None:
    finished = a_record(0, a_finished_process())
    image = finished["dynamodb"]["NewImage"]
    removed = {"dynamodb": {"SequenceNumber": "1", "OldImage": image}}
    other = {"dynamodb": {"SequenceNumber": "2", "NewImage": image | {"sk": {"S": "audit"}}}}
    opened = {"dynamodb": {"SequenceNumber": "3", "NewImage": image | {"state": {"S": "pending"}}}}

    assert run([removed, other, opened], context) == []

    assert bucket.puts == 0


def test_a_finished_process_written_again_as_the_version_it_had_is_not_archived_again(
    bucket: Bucket, context: Context
) -> None:
    process = a_finished_process()
    image = a_record(0, process)["dynamodb"]["NewImage"]

    run([a_record(1, process, old=image)], context)

    assert bucket.puts == 0


def test_an_unreadable_record_is_left_in_the_queue_and_the_others_are_archived(
    bucket: Bucket, unarchived: list[dict[str, Any]], context: Context
) -> None:
    batch = a_batch(3)
    batch[1]["dynamodb"]["NewImage"]["steps"] = {"S": "secret"}

    assert run(batch, context) == []

    assert archived(bucket) == ["p-0", "p-2"]
    (left,) = unarchived
    assert left["sequence_number"] == "101"
    assert left["keys"] == {"pk": {"S": "tenant-1#p-1"}}
    assert left["stream_arn"] == "arn:stream"


def test_an_unreadable_record_is_left_once_though_its_batch_comes_again(
    bucket: Bucket, unarchived: list[dict[str, Any]], context: Context
) -> None:
    batch = a_batch(2)
    del batch[0]["dynamodb"]["NewImage"]["aggregate"]
    bucket.refuses = "finished"
    run(batch, context)
    bucket.refuses = None

    run(batch, context)

    assert len(unarchived) == 1


def test_log_lines_and_metrics_hold_no_payload(
    bucket: Bucket,
    unarchived: list[dict[str, Any]],
    context: Context,
    logged: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = a_batch(2)
    del batch[0]["dynamodb"]["NewImage"]["aggregate"]

    run(batch, context)

    metrics = capsys.readouterr().out
    assert '"Archived":[1.0]' in metrics
    assert '"UnreadableRecords":[1.0]' in metrics
    assert "ü-77" not in metrics + json.dumps(logged(), ensure_ascii=False)


# ---------------------------------------------------------------- by hand


class Reader:
    """Answers page after page, and remembers what it was asked."""

    def __init__(self, *pages: FinishedPage) -> None:
        self.pages = list(pages)
        self.asked: list[tuple[str | None, datetime, datetime]] = []

    def page(
        self, cursor: str | None, *, ended_from: datetime, ended_before: datetime
    ) -> FinishedPage:
        self.asked.append((cursor, ended_from, ended_before))
        return self.pages.pop(0)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    reader = Reader(
        FinishedPage([a_finished_process("a")], cursor="there"),
        FinishedPage([a_finished_process("b")], ["tenant-1#c"]),
    )
    monkeypatch.setattr(wiring, "finished_reader", lambda: reader)
    return reader


def test_what_ended_within_the_time_asked_for_is_archived(
    bucket: Bucket, reader: Reader, context: Context
) -> None:
    context.remaining_ms = 900_000
    asked = {"ended_from": "2026-01-01T00:00:00Z", "ended_before": "2026-01-02T01:00:00+01:00"}

    told = archive.handler(asked, context)

    assert told == {"archived": 2, "unreadable": 1, "next": None}
    assert sorted(archived(bucket)) == ["a", "b"]
    midnight = START.replace(hour=0)
    tomorrow = midnight + timedelta(days=1)
    assert reader.asked == [(None, midnight, tomorrow), ("there", midnight, tomorrow)]


def test_without_time_left_the_answer_is_what_to_ask_next(
    bucket: Bucket, reader: Reader, context: Context
) -> None:
    context.remaining_ms = 59_000
    first = archive.handler({"ended_from": "2026-01-01T00:00:00Z"}, context)
    assert archived(bucket) == ["a"]

    second = archive.handler(first["next"], context)

    assert second["next"] is None
    assert sorted(archived(bucket)) == ["a", "b"]
    assert [cursor for cursor, _, _ in reader.asked] == [None, "there"]
    # What ended meanwhile came by the stream; all runs are about the same time.
    assert len({ended_before for _, _, ended_before in reader.asked}) == 1


def test_a_time_that_s3_does_not_take_is_an_error_and_can_be_asked_for_again(
    bucket: Bucket, reader: Reader, context: Context
) -> None:
    bucket.refuses = "finished"

    with pytest.raises(StoreUnavailable):
        archive.handler({"ended_from": "2026-01-01T00:00:00Z"}, context)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "ended_from"),
        ({"ended_from": "yesterday"}, "ended_from"),
        ({"ended_from": 1767225600}, "ended_from"),
        ({"ended_from": "2026-01-01T00:00:00"}, "ended_from"),
        ({"ended_from": "2026-01-01T00:00:00Z", "ended_before": ""}, "ended_before"),
        ({"ended_from": "2026-01-01T00:00:00Z", "key1": "value1"}, "event"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    bucket: Bucket, context: Context, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: got"):
        archive.handler(asked, context)
