"""The stream, read as Lambda reads it, because MiniStack's own reader loses what Lambda does not.

MiniStack forgets its streams when it ends, and passes over what a function asks to have brought
again; Lambda and DynamoDB do neither. So the soak keeps the records, calls the deployed publisher
with them in order, and begins again at the first one that is to be brought again. A restart puts
the reader back by some seconds, as a lost checkpoint would.
"""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.stack import Stack

BATCH = 100  # as the template's mapping has it
AGAIN_S = 1.0
REMEMBERED = 30  # records that a lost checkpoint has sent again


class StreamReader:
    """Reads the table's stream and hands it to the publisher, from ``start()`` to ``stop()``."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._kept: deque[dict[str, Any]] = deque()
        self._handed_over: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._iterator: str | None = None
        self._reading = threading.Lock()
        self._may_hand_over = threading.Event()
        self._may_hand_over.set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self.read = 0
        self.batches = 0
        self.failed_batches = 0
        self.brought_again = 0
        #: What went wrong in the soak itself.
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; what is kept then was not handed over."""
        self._is_over.set()
        self._thread.join()

    def pause(self) -> None:
        """Hands nothing over until ``go_on``, as a disabled mapping."""
        self._may_hand_over.clear()

    def go_on(self) -> None:
        """Hands over again, beginning where it stopped."""
        self._may_hand_over.set()

    def read_to_the_end(self) -> None:
        """Keeps everything that the stream holds by now."""
        with self._reading:
            while self._read_some():
                pass
            self._iterator = None  # the next cloud has a stream of its own

    def lose_checkpoint(self) -> None:
        """Hands over the last few records once more."""
        with self._reading:
            again = list(self._handed_over)
            self._handed_over.clear()
            self._kept.extendleft(reversed(again))
            self.brought_again += len(again)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was written was handed over."""
        with self._reading:
            return not self._read_some() and not self._kept

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                try:
                    with self._reading:
                        self._read_some()
                    if not self._may_hand_over.is_set() or not self._hand_over():
                        self._is_over.wait(0.2)
                except (BotoCoreError, ClientError, OSError, RuntimeError):
                    # The cloud is down, or the function throttled or failing: all is kept.
                    self.failed_batches += bool(self._kept)
                    self._is_over.wait(AGAIN_S)
        except BaseException as error:  # told at the end, by whoever stops it
            self.error = error

    def _hand_over(self) -> bool:
        """Calls the publisher with the next batch; False where there is none."""
        with self._reading:
            batch = [self._kept[n] for n in range(min(BATCH, len(self._kept)))]
        if not batch:
            return False
        answer = self._stack.invoke("EventPublisher", {"Records": batch})
        self.batches += 1
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        done = next((n for n, number in enumerate(numbers) if number in failed), len(batch))
        with self._reading:
            # A lost checkpoint may have put others before these meanwhile.
            if self._kept and self._kept[0] is batch[0]:
                for _ in range(done):
                    self._handed_over.append(self._kept.popleft())
        self.brought_again += len(batch) - done
        if failed:
            time.sleep(AGAIN_S)
        return True

    def _read_some(self) -> bool:
        """Keeps the next records of the stream; False where there are none."""
        streams = self._stack.client("dynamodbstreams")
        iterator = self._iterator or self._from_the_beginning(streams)
        answer = streams.get_records(ShardIterator=iterator, Limit=1000)
        self._iterator = answer["NextShardIterator"]
        self.read += len(answer["Records"])
        self._kept.extend(map(_as_lambda_has_it, self._let_through(answer["Records"])))
        return bool(answer["Records"])

    def _from_the_beginning(self, streams: Any) -> str:
        (stream,) = streams.list_streams(TableName=self._stack.outputs["TableName"])["Streams"]
        description = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
        (shard,) = description["Shards"]
        iterator: str = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        return iterator

    def _let_through(self, records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """What the mapping's filter, which stands for "has events", lets through."""
        asked = {"dynamodb": {"NewImage": {"events": {"S": [{"exists": True}]}}}}
        assert self._stack.stream_filter == [asked], "the mapping has another filter by now"
        return (r for r in records if "S" in r["dynamodb"].get("NewImage", {}).get("events", {}))


def _as_lambda_has_it(value: Any) -> Any:
    """A record as JSON: what boto has parsed, in the form that a function gets."""
    if isinstance(value, dict):
        return {name: _as_lambda_has_it(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_lambda_has_it(each) for each in value]
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
