"""Calls: a request to the step API, tried again while that may help, and its answer as JSON."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from trellis_process.client.authorization import Authorization, Request
from trellis_process.client.connections import Answer, ConnectionLost, Connections
from trellis_process.client.errors import UnexpectedAnswer, Unreachable
from trellis_process.client.problems import beginning, error_from, is_problem
from trellis_process.errors import StoreError, TrellisError

Pause: TypeAlias = Callable[[float], None]
"""Waits so many seconds."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 30.0  # who is told to wait longer has better to do meanwhile

_JSON = {"Content-Type": "application/json"}
_TRIED_AGAIN = {429, 502, 503, 504}

_Result = TypeVar("_Result")


class Calls:
    """Calls to one step API: each authorised, bounded in time, and tried a bounded number of times.

    Tried again are answers of 429, 502, 503 and 504, a 500 that is not the tracker's own, lost
    connections and timeouts; a 401 once, because a token may expire on its way. Between two tries
    it waits a random time up to 0.2 s, then 0.4 s and so on up to 5 s, on top of what the answer's
    ``Retry-After`` asks for in seconds; where that is more than 30 s it gives up at once.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Authorization,
        connections: Connections,
        *,
        tries: int,
        pause: Pause,
    ) -> None:
        self._base_url = base_url
        self._base_path = urlsplit(base_url).path
        self._authorization = authorization
        self._connections = connections
        self._tries = tries
        self._pause = pause

    def get(
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        read: Callable[[Any], _Result],
        process_id: str = "",
    ) -> _Result:
        """What ``read`` makes of the JSON that is found under a path.

        Raises the error of the answer, or UnexpectedAnswer where ``read`` raises ValueError.
        """
        return self._call("GET", _target(path, query), {}, b"", read, process_id)

    def listed(
        self, path: str, query: Mapping[str, str], name: str, read: Callable[[Any], _Result]
    ) -> Iterator[_Result]:
        """What ``read`` makes of each entry called ``name`` of all pages, in their order.

        A page is read when the iteration gets to it; then it raises as ``get``.
        """
        cursor: str | None = ""
        while cursor is not None:
            asked = {**query, "cursor": cursor} if cursor else query
            entries, cursor = self.get(path, asked, read=_page_of(name, read))
            yield from entries

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        read: Callable[[Any], _Result],
        read_known: Callable[[Any], _Result] | None = None,
        process_id: str = "",
    ) -> _Result:
        """The same of a command's answer; of one with 200 by ``read_known``, where it is given."""
        sent, said = _sent(body), {**_JSON, **headers}
        return self._call("POST", path, said, sent, read, process_id, read_known)

    def put(self, path: str, body: Mapping[str, Any], *, read: Callable[[Any], _Result]) -> _Result:
        """The same of the answer to what is to be under a path from now on."""
        return self._call("PUT", path, _JSON, _sent(body), read, "")

    def delete(
        self, path: str, query: Mapping[str, str], *, read: Callable[[Any], _Result]
    ) -> _Result:
        """The same of the answer to what is not to be under a path any more."""
        return self._call("DELETE", _target(path, query), {}, b"", read, "")

    def _call(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        read: Callable[[Any], _Result],
        process_id: str,
        read_known: Callable[[Any], _Result] | None = None,
    ) -> _Result:
        may_have_happened = False
        longest, was_unknown = FIRST_PAUSE_SECONDS, False
        for tries_left in reversed(range(self._tries)):
            error: TrellisError
            wait: float | None
            try:
                answer = self._send(method, target, headers, body)
            except ConnectionLost as lost:
                error = _unreachable(lost, self._connections.host)
                wait = None if lost.is_final else 0.0
            else:
                if answer.status in (200, 201):
                    was_known = answer.status == 200 and read_known is not None
                    return _read(answer, read_known if was_known and read_known else read)
                error = error_from(answer, process_id=process_id)
                wait = _wait_after(answer)
                if answer.status == 401 and not was_unknown:
                    was_unknown, wait = True, 0.0
            if isinstance(error, StoreError):
                may_have_happened |= error.may_have_happened
                error.may_have_happened = may_have_happened  # of any of the tries
            if wait is None or not tries_left:
                raise error
            self._pause(wait + random.uniform(0, longest))
            longest = min(LONGEST_PAUSE_SECONDS, longest * 2)
        raise AssertionError("at least one try is made")

    def _send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = {"Accept": "application/json", "User-Agent": "trellis-process", **headers}
        request = Request(method, self._base_url + target, self._connections.host, dict(sent), body)
        sent.update(self._authorization.headers_for(request))
        return self._connections.send(method, self._base_path + target, sent, body)


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _sent(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _page_of(
    name: str, read: Callable[[Any], _Result]
) -> Callable[[Any], tuple[list[_Result], str | None]]:
    def page_from_json(value: Any) -> tuple[list[_Result], str | None]:
        try:
            return [read(each) for each in value[name]], value.get("cursor")
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"this is no page of {name}: {error!r}") from error

    return page_from_json


def _wait_after(answer: Answer) -> float | None:
    """How long to wait at least until the next try; None where none is to be made."""
    is_broken = answer.status == 500 and not is_problem(answer)  # the function did not answer
    if answer.status not in _TRIED_AGAIN and not is_broken:
        return None
    asked = answer.headers.get("retry-after", "")
    seconds = float(asked) if re.fullmatch("[0-9]{1,9}", asked) else 0.0
    return seconds if seconds <= LONGEST_RETRY_AFTER_SECONDS else None


def _read(answer: Answer, read: Callable[[Any], _Result]) -> _Result:
    try:
        return read(json.loads(answer.body))
    except ValueError as error:
        raise UnexpectedAnswer(answer.status, f"{beginning(answer)}: {error}") from error


def _unreachable(lost: ConnectionLost, host: str) -> Unreachable:
    error = Unreachable(
        f"no answer from {host}: {lost}; try again later", may_have_happened=lost.was_sent
    )
    error.__cause__ = lost.__cause__
    return error
