"""Signed calls to the step API: what a service on AWS does, done by hand for demos and tests."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningKey

_TIMEOUT_SECONDS = 35.0  # an HTTP API itself gives up after 30


@dataclass(frozen=True)
class Credentials:
    """The access key of an AWS principal."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, its headers by lower-case name, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ``ValueError`` where it is none."""
        return json.loads(self.body)


class SignedHttp:
    """The step API at ``base_url``, called as the principal of ``credentials``.

    ``base_url`` names the API by path (``http://127.0.0.1:4566/_aws/execute-api/{api_id}``), by
    host (``http://{api_id}.execute-api.localhost:4566``; every ``*.localhost`` is this machine,
    whether or not its resolver knows) or is the ``ApiUrl`` of a stack on AWS.
    Without ``credentials`` requests are not signed.
    """

    def __init__(
        self, base_url: str, credentials: Credentials | None, *, region: str = "us-east-1"
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = credentials
        self._region = region

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and wait for its answer, at most 35 s.

        ``path`` begins with a slash and is sent as it stands, so its parts are quoted already.
        ``body`` is sent as JSON, or as it is where it is ``bytes``; ``None`` sends none.

        Raises ``OSError`` where nobody answers.
        """
        url = self.base_url + path
        if query:
            url += "?" + urlencode(query, quote_via=quote)
        data = _encoded(body)
        sent = dict(headers or {})
        if data:
            sent.setdefault("Content-Type", "application/json")
        return _send(method, url, data, self._signed(method, url, data, sent))

    def _signed(
        self, method: str, url: str, data: bytes, headers: Mapping[str, str]
    ) -> dict[str, str]:
        if self._credentials is None:
            return dict(headers)
        request = AWSRequest(method=method, url=url, data=data, headers=dict(headers))
        key = SigningKey(self._credentials.access_key_id, self._credentials.secret_access_key)
        SigV4Auth(key, "execute-api", self._region).add_auth(request)
        return dict(request.headers.items())


def _encoded(body: object) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


def _send(method: str, url: str, data: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        # The signature covers the host of the URL, which need not be the one connected to.
        connection.request(method, target, body=data, headers={**headers, "Host": parts.netloc})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, names, answer.read())
    finally:
        connection.close()
