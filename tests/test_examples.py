"""The examples run as they stand, and say what their pages say."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from trellis_process import InMemoryProcessRepository, ProcessService
from trellis_process.http import Api, build_api

ROOT = Path(__file__).parents[1]
KEY = Credentials("AKIDEXAMPLE", "secret of the example")
REGION = "eu-west-1"


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
            "authorizer": {"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/case/case"}},
        },
    }


class StepApi(ThreadingHTTPServer):
    """The step API over a store in memory, on a free port; refuses what is not signed with KEY."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api: Api = build_api(ProcessService(InMemoryProcessRepository()))
        self.answered: list[tuple[str, str, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: StepApi

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response: dict[str, Any] = {"statusCode": 403, "headers": {}, "body": '{"message":"no"}'}
        if self._is_signed(body):
            path, _, query = self.path.partition("?")
            event = gateway_event(self.command, path, query, dict(self.headers), body.decode())
            response = self.server.api.answer(self.server.api.read(event)).response
        self.server.answered.append((self.command, self.path, response["statusCode"]))
        self.send_response(response["statusCode"])
        for name, value in response["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response["body"])))
        self.end_headers()
        self.wfile.write(response["body"].encode())

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


def run(program: str | Path, url: str = "") -> str:
    """What a program prints; a text is the program itself. Fails where the program does."""
    what = [str(program)] if isinstance(program, Path) else ["-c", program]
    done = subprocess.run(
        [sys.executable, "-W", "error", *what],
        capture_output=True,
        text=True,
        env=environment_of_a_caller(url),
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_in_memory_is_completed_on_its_second_attempt() -> None:
    told = run(ROOT / "examples" / "in_memory.py")

    assert "v3  ProcessStepTimedOut  create_case, attempt 1" in told
    assert told.endswith("CaseCreation of ref-123: completed\n")


def test_the_same_process_lives_on_dynamodb_in_moto() -> None:
    told = run(ROOT / "examples" / "dynamodb_moto.py")

    assert "asking the case service once more" in told
    assert '"aggregate": {\n    "S": "tenant-1#Referral#ref-123"\n  }' in told


def test_a_service_reports_over_http_and_a_second_delivery_is_harmless(step_api: StepApi) -> None:
    program = ROOT / "examples" / "report_over_http.py"

    assert run(program, step_api.url) == "CaseCreation of ref-123: completed\n"
    assert run(program, step_api.url).startswith("nothing to do: 409 process_finished")
    statuses = [status for _, _, status in step_api.answered]
    assert statuses == [201, 200, 200, 200, 201, 409]


def test_an_unsigned_call_is_refused_by_the_stand_in(step_api: StepApi) -> None:
    program = "import urllib.request as r, os; r.urlopen(os.environ['TRELLIS_API_URL'] + '/x')"

    with pytest.raises(AssertionError, match="403"):
        run(program, step_api.url)
