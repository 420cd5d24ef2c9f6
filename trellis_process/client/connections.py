"""Connections to the step API: one for each thread, kept open between calls."""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
import weakref
from dataclasses import dataclass
from urllib.parse import urlsplit

# Load balancers and firewalls drop what is idle for a minute, some without a word.
MAX_IDLE_SECONDS = 50.0

_LOST = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: its status, its headers by lower-case name, and its body."""

    status: int
    headers: dict[str, str]
    body: bytes


class ConnectionLost(Exception):
    """There is no answer. ``was_sent`` says whether the request may have reached the tracker."""

    def __init__(self, cause: Exception, *, was_sent: bool, is_final: bool = False) -> None:
        self.was_sent = was_sent
        #: Whether the next try would fail as well.
        self.is_final = is_final
        super().__init__(str(cause) or type(cause).__name__)


class _Connection:
    """One connection, which closes itself when its thread ends."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.http = connection
        self.process_id = os.getpid()
        self.used_at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used again: by the process that opened it, and not left idle long."""
        idle = time.monotonic() - self.used_at
        return self.process_id == os.getpid() and idle < MAX_IDLE_SECONDS

    def __del__(self) -> None:
        self.http.close()


class Connections:
    """Sends requests to one host over HTTP/1.1, any number of threads at once.

    ``connect_timeout_s`` is for the connection with its TLS handshake; ``read_timeout_s`` for each
    wait for the answer.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or ""
        self._port = parts.port
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        is_tls = parts.scheme == "https"
        self._ssl = (ssl_context or ssl.create_default_context()) if is_tls else None
        self._local = threading.local()
        self._open: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._lock = threading.Lock()

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Sends one request and reads its answer. Raises ConnectionLost.

        Where a kept connection turns out to be closed the request is sent once more on a new one,
        which is harmless, as every request to the step API may be repeated.
        """
        kept: _Connection | None = getattr(self._local, "connection", None)
        was_sent = False
        if kept is not None and kept.is_fresh:
            try:
                return self._exchange(kept, method, target, headers, body)
            except TimeoutError as error:
                raise ConnectionLost(error, was_sent=True) from error
            except _LOST:
                was_sent = True
        try:
            connection = self._connect()
        except _LOST as error:
            is_final = isinstance(error, ssl.SSLCertVerificationError)
            raise ConnectionLost(error, was_sent=was_sent, is_final=is_final) from error
        try:
            return self._exchange(connection, method, target, headers, body)
        except _LOST as error:
            raise ConnectionLost(error, was_sent=True) from error

    def close(self) -> None:
        """Closes what is open. A call after that opens a new connection."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.http.close()

    def _connect(self) -> _Connection:
        opened: http.client.HTTPConnection
        if self._ssl is None:
            opened = http.client.HTTPConnection(
                self.host, self._port, timeout=self._connect_timeout_s
            )
        else:
            opened = http.client.HTTPSConnection(
                self.host, self._port, timeout=self._connect_timeout_s, context=self._ssl
            )
        opened.auto_open = 0  # would connect again without this timeout
        try:
            opened.connect()
        except BaseException:
            opened.close()
            raise
        opened.sock.settimeout(self._read_timeout_s)
        connection = _Connection(opened)
        self._local.connection = connection
        with self._lock:
            self._open.add(connection)
        return connection

    def _exchange(
        self,
        connection: _Connection,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
    ) -> Answer:
        try:
            connection.http.request(method, target, body=body or None, headers=headers)
            answer = connection.http.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            read = Answer(answer.status, names, answer.read())
        except BaseException:
            connection.http.close()  # whatever is still to come would be read as the next answer
            self._local.connection = None
            raise
        connection.used_at = time.monotonic()
        return read
