"""A batch of the table's stream that was given up: where it is, and what it held."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from botocore.exceptions import ClientError

MAX_EVENT_BYTES = 5_000_000  # Lambda takes six million in a synchronous invocation
MAX_EMPTY_PAGES = 20  # of a stream, before it is said to hold no more


class BatchGone(Exception):
    """The stream does not hold the batch any more, or not the whole of it."""


@dataclass(frozen=True)
class StreamBatch:
    """Where a batch is in its stream: Lambda's record of a failure says that, and no data."""

    #: The name of the function that could not deal with it.
    function: str
    stream_arn: str
    shard: str
    #: The sequence numbers of its first and last record.
    first: str
    last: str
    size: int

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The batch that a message of a failure destination is about."""
        about = record["DDBStreamBatchInfo"]
        # arn:aws:lambda:region:account:function:name, with or without a version behind it
        function = record["requestContext"]["functionArn"].split(":")[6]
        return cls(
            function,
            about["streamArn"],
            about["shardId"],
            about["startSequenceNumber"],
            about["endSequenceNumber"],
            about["batchSize"],
        )

    def events(self, streams: Any) -> Iterator[dict[str, Any]]:
        """Its records as events for the function, in their order, each as large as Lambda takes.

        ``streams`` is botocore's client. Raises BatchGone.
        """
        records: list[dict[str, Any]] = []
        size = 0
        for record in self._records(streams):
            text = json.dumps(record)
            if records and size + len(text) > MAX_EVENT_BYTES:
                yield {"Records": records}
                records, size = [], 0
            records.append(record)
            size += len(text)
        yield {"Records": records}

    def _records(self, streams: Any) -> Iterator[dict[str, Any]]:
        iterator = self._iterator(streams)
        empty = 0
        while iterator is not None and empty < MAX_EMPTY_PAGES:
            page = streams.get_records(ShardIterator=iterator)
            iterator = page.get("NextShardIterator")
            empty = 0 if page["Records"] else empty + 1
            for record in page["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                if number <= int(self.last):
                    yield _plain({**record, "eventSourceARN": self.stream_arn})
                if number >= int(self.last):
                    return
        raise BatchGone(f"the stream ends before {self.last}; has the table been made anew?")

    def _iterator(self, streams: Any) -> str | None:
        try:
            answer = streams.get_shard_iterator(
                StreamArn=self.stream_arn,
                ShardId=self.shard,
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=self.first,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "ResourceNotFoundException",
                "TrimmedDataAccessException",
            ):
                raise
            raise BatchGone("the stream keeps changes for 24 hours, and these are older") from error
        iterator: str = answer["ShardIterator"]
        return iterator


def _plain(value: Any) -> Any:
    """A record of the stream as JSON has it: times in seconds, bytes in base 64."""
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
