"""A stand-in for the deployed step API: the real Api on 127.0.0.1, checking who calls."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from trellis_process import InMemoryProcessRepository
from trellis_process.application.engine_service import EngineService
from trellis_process.application.job_service import JobService
from trellis_process.definitions.catalog import DefinitionCatalog
from trellis_process.eventbridge import envelopes
from trellis_process.http import Api, build_api
from trellis_process.memory.definition_repository import InMemoryDefinitionRepository
from trellis_process.memory.job_repository import InMemoryJobRepository
from trellis_process.memory.view_store import InMemoryViewStore
from trellis_process.views.bus_event import read_event
from trellis_process.views.feeder import ViewFeeder

KEY = Credentials("AKIDEXAMPLE", "secret of the example")
REGION = "eu-west-1"
PRINCIPAL = "arn:aws:sts::123456789012:assumed-role/case/case"


def gateway_event(
    method: str, path: str, query: str, headers: dict[str, str], body: str
) -> dict[str, Any]:
    """A request as an HTTP API hands it to its function (payload format 2.0)."""
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": {
            "stage": "$default",
            "http": {"method": method},
            "authorizer": {"iam": {"userArn": PRINCIPAL}},
        },
    }


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    #: Whether the request is carried out all the same.
    is_done: bool = False
    #: What is answered instead; None to drop the connection.
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"message":"Service Unavailable"}'
    #: Called before the answer is given.
    wait: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: str
    #: The port of the caller, which tells one connection from another.
    port: int


class StepApi(ThreadingHTTPServer):
    """The step API over a store in memory, on a free port; refuses what is not signed with KEY.

    Where there are ``tokens``, it takes these instead of a signature. ``faults`` are for the next
    requests, one each; None lets one pass.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        definitions = DefinitionCatalog(InMemoryDefinitionRepository())
        views = InMemoryViewStore()
        feeder = ViewFeeder(views)
        processes = InMemoryProcessRepository(
            lambda process: feeder.feed([read_event(each) for each in envelopes(process)])
        )
        self.service = EngineService(processes, definitions=definitions)
        self.jobs = JobService(
            processes,
            InMemoryJobRepository(),
            definitions=definitions,
            tell=lambda *job: self.jobs.run(*job),  # as soon as they are asked for
        )
        self.api: Api = build_api(
            self.service, lambda: self.service, jobs=lambda: self.jobs, views=lambda: views
        )
        self.tokens: set[str] = set()
        self.faults: deque[Fault | None] = deque()
        self.asked: list[Asked] = []
        self.answered: list[tuple[str, str, int]] = []
        self.lock = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # callers who hang up are part of the tests
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: StepApi
    protocol_version = "HTTP/1.1"  # keeps connections open, as API Gateway does
    wbufsize = -1  # an answer in one packet, not in two that wait for each other

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers, port = dict(self.headers), self.client_address[1]
        with self.server.lock:  # an Api takes one request at a time
            self.server.asked.append(Asked(self.command, self.path, headers, body, port))
            fault = self.server.faults.popleft() if self.server.faults else None
            response = self._response(body) if fault is None or fault.is_done else {}
        if fault is not None:
            fault.wait()
            if fault.status is None:
                self.close_connection = True
                return
            response = {"statusCode": fault.status, "headers": fault.headers, "body": fault.body}
        self.server.answered.append((self.command, self.path, response["statusCode"]))
        self.send_response(response["statusCode"])
        for name, value in response["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response["body"].encode())))
        self.end_headers()
        self.wfile.write(response["body"].encode())

    def _response(self, body: str) -> dict[str, Any]:
        if self.server.tokens:
            if self.headers.get("Authorization", "").removeprefix("Bearer ") not in (
                self.server.tokens
            ):
                return {"statusCode": 401, "headers": {}, "body": '{"message":"Unauthorized"}'}
        elif not self._is_signed(body.encode()):
            return {"statusCode": 403, "headers": {}, "body": '{"message":"Forbidden"}'}
        path, _, query = self.path.partition("?")
        event = gateway_event(self.command, path, query, dict(self.headers), body)
        return self.server.api.answer(self.server.api.read(event)).response

    def _is_signed(self, body: bytes) -> bool:
        """Whether the signature is the one that AWS would make of this request."""
        signed = self.headers.get("Authorization", "")
        _, _, names = signed.partition("SignedHeaders=")
        headers = {name: self.headers[name] for name in names.split(",")[0].split(";") if name}
        request = AWSRequest(self.command, self.server.url + self.path, headers=headers, data=body)
        request.context["timestamp"] = self.headers.get("X-Amz-Date", "")
        auth = SigV4Auth(KEY, "execute-api", REGION)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        return signed.endswith(f"Signature={auth.signature(text, request)}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def step_api() -> Iterator[StepApi]:
    """The step API, answering until the test ends."""
    with StepApi() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def environment_of_a_caller(url: str) -> dict[str, str]:
    """What a program that calls the step API finds in its environment, and nothing of AWS else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "TRELLIS_API_URL": url,
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
