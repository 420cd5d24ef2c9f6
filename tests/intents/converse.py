"""A stand-in for Bedrock: a server on 127.0.0.1 that speaks the wire format of Converse."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


def said(*content: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    """What Converse answers where a model has said this."""
    return {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 210, "outputTokens": 17, "totalTokens": 227},
        "metrics": {"latencyMs": 640},
    }


def given_to_tool(value: Any) -> dict[str, Any]:
    """The same where it has used the tool."""
    tool = {"toolUseId": "tooluse_1", "name": "reply", "input": value}
    return said({"toolUse": tool}, stop="tool_use")


@dataclass
class Converse:
    """What the stand-in answers, and what it was asked."""

    url: str = ""
    answer: dict[str, Any] = field(default_factory=dict)
    #: With these it is an error: a status, and the name of the exception.
    status: int = 200
    error: str | None = None
    #: Called before the answer is given.
    wait: Callable[[], object] = lambda: None
    #: The ids of the models that were asked, and what they were asked.
    models: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    #: Who asked, as far as the signature tells.
    signed: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Begins anew."""
        self.__dict__.update(Converse(self.url).__dict__)


@contextmanager
def converse_server() -> Iterator[Converse]:
    """A stand-in that answers until the block ends."""
    converse = Converse()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, model, model_id, operation = self.path.split("/")
            assert (model, operation) == ("model", "converse")
            length = int(self.headers["Content-Length"])
            converse.models.append(unquote(model_id))
            converse.requests.append(json.loads(self.rfile.read(length)))
            converse.signed.append(self.headers["Authorization"])
            converse.wait()
            with suppress(BrokenPipeError):  # whoever asked has waited long enough
                self.reply()

        def reply(self) -> None:
            self.send_response(converse.status)
            if converse.error is not None:
                self.send_header("x-amzn-ErrorType", f"{converse.error}:http://internal/")
            body = json.dumps(converse.answer).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    converse.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield converse
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
