"""DynamoDB without a wire: the same answers from memory, so that only this program's CPU counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSResponse, HTTPHeaders

from trellis_process.dynamodb.schema import Item


class Stub:
    """Answers GetItem with one item, and every write with nothing."""

    def __init__(self, item: Item) -> None:
        self._found = json.dumps({"Item": item}).encode()

    def attach(self, client: Any) -> None:
        """From now on, in place of what this client would send."""
        client.meta.events.register_first("before-send.dynamodb", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().split(".")[1]
        body = self._found if operation == "GetItem" else b"{}"
        return AWSResponse(request.url, 200, HTTPHeaders(), _Body(body))


class _Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()
