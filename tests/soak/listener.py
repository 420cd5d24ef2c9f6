"""The listener: a queue behind a rule on the stack's bus, and what arrived in it, doubles too."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.soak.stack import Stack
from trellis_process.local.events import EventTap


class Listener:
    """Hears everything on the bus, from ``start()`` to ``stop()``."""

    def __init__(self, stack: Stack) -> None:
        self._sqs = stack.client("sqs")
        tap = EventTap(stack.deployed, "soak")
        # Not by the tap itself, which has taken an event away before it hands it over: what it had
        # in its hands when the power was cut would be missing here, and no fault of Trellis's.
        self._queue_url = self._sqs.get_queue_url(QueueName=tap.name)["QueueUrl"]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        #: The ``detail`` of every event that arrived, in the order of arrival.
        self.heard: list[dict[str, Any]] = []
        self.last_heard_at = time.monotonic()
        #: What went wrong in the soak itself.
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends when nothing more is there."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._take() or not self._is_over.is_set():
                pass
        except BaseException as error:  # told at the end, by whoever stops it
            self.error = error

    def _take(self) -> bool:
        """Hears up to ten events; whether there were any."""
        try:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            )
        except (BotoCoreError, ClientError, OSError):
            time.sleep(0.5)  # the cloud is down
            return False
        messages = answer.get("Messages", [])
        for message in messages:
            self.heard.append(json.loads(message["Body"])["detail"])
            self.last_heard_at = time.monotonic()
        try:
            for message in messages:
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        except (BotoCoreError, ClientError, OSError):
            time.sleep(0.5)  # they come again, as doubles
        return bool(messages)
