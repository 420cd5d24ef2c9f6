"""A batch that was given up is found in the stream again, whole and in its order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from trellis_process.cli import stream_batch
from trellis_process.cli.stream_batch import MAX_EMPTY_PAGES, BatchGone, StreamBatch

ARN = "arn:aws:dynamodb:us-east-1:1:table/t/stream/2026-03-01"
FAILURE = {
    "requestContext": {"functionArn": "arn:aws:lambda:us-east-1:1:function:publisher:$LATEST"},
    "DDBStreamBatchInfo": {
        "streamArn": ARN,
        "shardId": "shard-1",
        "startSequenceNumber": "9",
        "endSequenceNumber": "11",
        "batchSize": 3,
    },
}


def a_record(number: int, text: str = "") -> dict[str, Any]:
    """A record of the stream, as botocore has it."""
    return {
        "eventID": str(number),
        "dynamodb": {
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": datetime(2026, 3, 1, tzinfo=UTC),
            "NewImage": {"text": {"S": text}, "bytes": {"B": b"\x00\x01"}},
        },
    }


class Stream:
    """A shard of a stream, whose pages are these."""

    def __init__(self, *pages: list[dict[str, Any]], is_closed: bool = True) -> None:
        self._pages = [*pages]
        self._is_closed = is_closed
        self.asked: dict[str, Any] = {}
        self.reads = 0

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"ShardIterator": "0"}

    def get_records(self, *, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        n = int(ShardIterator)
        self.reads += 1
        has_more = n + 1 < len(self._pages) or not self._is_closed
        records = self._pages[n] if n < len(self._pages) else []
        return {"Records": records} | ({"NextShardIterator": str(n + 1)} if has_more else {})


def numbers(events: list[dict[str, Any]]) -> list[list[str]]:
    return [[each["dynamodb"]["SequenceNumber"] for each in event["Records"]] for event in events]


def test_it_is_read_from_its_first_record_to_its_last_over_empty_pages() -> None:
    stream = Stream([a_record(9)], [], [a_record(10), a_record(11), a_record(12)])

    events = list(StreamBatch.from_record(FAILURE).events(stream))

    assert numbers(events) == [["9", "10", "11"]]
    assert stream.asked == {
        "StreamArn": ARN,
        "ShardId": "shard-1",
        "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "SequenceNumber": "9",
    }


def test_a_record_is_as_lambda_hands_it_over() -> None:
    stream = Stream([a_record(9), a_record(11)])

    (event,) = StreamBatch.from_record(FAILURE).events(stream)

    first = event["Records"][0]
    assert first["eventSourceARN"] == ARN
    assert first["dynamodb"]["ApproximateCreationDateTime"] == 1_772_323_200.0
    assert first["dynamodb"]["NewImage"]["bytes"] == {"B": "AAE="}
    assert StreamBatch.from_record(FAILURE).function == "publisher"


def test_what_is_too_much_for_one_invocation_goes_in_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_batch, "MAX_EVENT_BYTES", 1_000)
    records = [a_record(9, "x" * 500), a_record(10, "x" * 500), a_record(11)]

    events = list(StreamBatch.from_record(FAILURE).events(Stream(records)))

    assert numbers(events) == [["9"], ["10", "11"]]


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_stream_that_ends_before_the_batch_does_hands_over_nothing(is_closed: bool) -> None:
    stream = Stream([a_record(9)], is_closed=is_closed)

    with pytest.raises(BatchGone, match="ends before 11"):
        list(StreamBatch.from_record(FAILURE).events(stream))
    assert stream.reads <= MAX_EMPTY_PAGES + 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("TrimmedDataAccessException", BatchGone),
        ("ResourceNotFoundException", BatchGone),
        ("AccessDeniedException", ClientError),
    ],
)
def test_what_the_stream_has_forgotten_is_told_apart_from_other_errors(
    code: str, error: type[Exception]
) -> None:
    class Forgetful(Stream):
        def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": code}}, "GetShardIterator")

    with pytest.raises(error):
        list(StreamBatch.from_record(FAILURE).events(Forgetful()))
