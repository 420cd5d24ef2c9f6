"""The audit: what a database knows is told, and silence is not taken for good news."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from locks import audit
from locks.audit import CLEAR, NOT_ASKED, VULNERABLE, main
from locks.lockfiles import read_lock
from trellis_process.local.ministack import free_port


class Database(ThreadingHTTPServer):
    """Answers as OSV does, with the vulnerabilities that a test puts into it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: dict[str, str] = {}
        self.known: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"

    def put(self, package: str, name: str, mended_by: str) -> None:
        events = [{"introduced": "0"}, {"fixed": mended_by}]
        self.known[package] = {
            "id": name,
            "summary": "Anybody may read anything",
            "affected": [
                {
                    "package": {"name": package, "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": events}],
                }
            ],
        }


class Handler(BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        self.server.asked[name] = query["version"]
        known = self.server.known.get(name)
        body = json.dumps({"vulns": [known]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_locked_version_is_asked_for(database: Database):
    assert main(["lambda", "--osv-url", database.url]) == CLEAR
    locked = {pin.name: pin.version for pin in read_lock("lambda").values()}
    assert database.asked == locked


def test_what_is_known_is_told_with_what_mends_it(
    database: Database, capsys: pytest.CaptureFixture[str]
):
    database.put("urllib3", "GHSA-0000-0000-0000", "99.0")
    assert main(["lambda", "--osv-url", database.url]) == VULNERABLE
    version = read_lock("lambda")["urllib3"].version
    said = capsys.readouterr().err
    assert f"urllib3 {version}: GHSA-0000-0000-0000, mended by 99.0" in said


def test_what_is_ignored_for_a_reason_is_not_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    database.put("urllib3", "GHSA-0000-0000-0000", "99.0")
    monkeypatch.setitem(audit.IGNORED, "GHSA-0000-0000-0000", "no function does that")
    assert main(["lambda", "--osv-url", database.url]) == CLEAR


def test_without_a_network_it_says_that_it_needs_one(capsys: pytest.CaptureFixture[str]):
    nowhere = f"http://127.0.0.1:{free_port()}/v1/query"
    assert main(["lambda", "--osv-url", nowhere]) == NOT_ASKED
    assert "needs a network" in capsys.readouterr().err
