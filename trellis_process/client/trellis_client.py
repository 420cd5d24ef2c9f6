"""TrellisClient: starts processes, reports on their steps and finds them, in a deployed stack."""

from __future__ import annotations

import ssl
import time
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from trellis_process.application.keys import OnDuplicate
from trellis_process.client import requests
from trellis_process.client.authorization import Authorization, BearerToken, SigV4
from trellis_process.client.batch import BatchCommand, BatchResult, batch_body, results_from_json
from trellis_process.client.calls import Calls, Pause
from trellis_process.client.connections import Connections
from trellis_process.client.definitions import DefinitionsClient
from trellis_process.client.jobs import JobsClient
from trellis_process.client.process_client import ProcessClient
from trellis_process.client.schedules import SchedulesClient
from trellis_process.client.views import ViewsClient
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.representation import process_from_json


class TrellisClient(ProcessClient):
    """What a service asks of a deployed stack: the verbs of EngineService, over HTTP.

    What is not about one process stands apart: ``definitions``, ``schedules``, ``jobs`` and
    ``views``.

    ``base_url`` is the stack's output ``ApiUrl``. Calls are signed with the credentials that every
    AWS client finds, unless ``authorization`` is another one: ``SigV4(session)``,
    ``BearerToken(token)``. Who reports is the caller whom the API authenticated, so there is no
    ``actor`` to give.

    Errors are those of ``trellis_process.errors``, and those of ``trellis_process.client.errors``:
    any call may raise InvalidInput, ProcessNotFound, a Conflict that carries the process, a
    StoreError, NotAuthorized, TrackerFault or UnexpectedAnswer. Input is checked before it is sent.

    A call is tried up to ``tries`` times: ``client/calls.py`` says after which answers and how
    long it waits. That is safe because commands may be repeated; name ``attempt`` where another
    attempt may begin meanwhile, then a repeat is about yours or nothing. Opening a connection may
    take ``connect_timeout_s``, each wait for the answer ``read_timeout_s``: the tracker itself
    takes 15 s at most, so with 20 s its answer is heard.

    One client serves any number of threads, over one kept connection for each. Proxies in the
    environment are not used. Certificates are verified, by ``ssl_context`` if one is given.

    Raises ValueError for a ``base_url`` that is none, or for a token that would travel in clear.
    """

    def __init__(
        self,
        base_url: str,
        authorization: Authorization | None = None,
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 20.0,
        tries: int = 4,
        ssl_context: ssl.SSLContext | None = None,
        pause: Pause = time.sleep,
    ) -> None:
        base_url = base_url.rstrip("/")
        _check_address(base_url, authorization)
        if tries < 1:
            raise ValueError("tries is how often a call is tried in all: at least 1")
        self._connections = Connections(
            base_url,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            ssl_context=ssl_context,
        )
        super().__init__(
            Calls(base_url, authorization or SigV4(), self._connections, tries=tries, pause=pause)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections. It may be used again and then opens new ones."""
        self._connections.close()

    @property
    def definitions(self) -> DefinitionsClient:
        """The definitions that the stack has: registered, read, compared, drained."""
        return DefinitionsClient(self._calls)

    @property
    def schedules(self) -> SchedulesClient:
        """What starts processes at times: agreed, looked at, paused, run at once, ended."""
        return SchedulesClient(self._calls)

    @property
    def jobs(self) -> JobsClient:
        """Commands for many processes at once: started, followed, listed, called off."""
        return JobsClient(self._calls)

    @property
    def views(self) -> ViewsClient:
        """Open tasks, lists, histories and statistics, of a stack that keeps read models."""
        return ViewsClient(self._calls)

    def start(
        self,
        definition: str,
        *,
        tenant_id: str,
        input: dict[str, JsonValue] | None = None,  # as definitions call it
        key: str | None = None,
        on_duplicate: OnDuplicate = "return_existing",
        version: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        metadata: dict[str, JsonValue] | None = None,
        reason: str | None = None,
    ) -> Process:
        """Starts a process of a definition, in its newest version unless one is named.

        ``key`` (as an ``aggregate_id``) names the process among the tenant's of this definition.
        What becomes of a start whose key names one already, ``on_duplicate`` says: it returns that
        process as it is now, whatever the input, and its ``was_there`` tells; it raises KeyTaken
        (``reject``), perhaps for the process that an earlier try of this very call has started;
        or another one is started where that has ended (``new_if_finished``). Without a key the
        client makes a random one, so that its own tries start one process.
        """
        path = f"{requests.tenants_definition_path(tenant_id, definition)}/processes"
        body = requests.start_by_name_body(
            input=input,
            key=str(uuid.uuid4()) if key is None else key,
            on_duplicate=on_duplicate,
            version=version,
            aggregate_type=aggregate_type,
            aggregate_id=aggregate_id,
            metadata=metadata,
            reason=reason,
        )
        return self._calls.post(path, body, {}, read=process_from_json, read_known=_known_process)

    def signal_by_key(
        self,
        definition: str,
        key: str,
        signal: str,
        payload: JsonValue = None,
        *,
        tenant_id: str,
        signal_id: str | None = None,
        reason: str | None = None,
    ) -> Process:
        """Gives the process of a key a signal, which starts it where its definition says so.

        With ``signal_id`` a repeat is harmless; the client's own tries need one. Raises
        ProcessNotFound, ProcessFinished, KeyTaken, TooManySignals.
        """
        path = f"{requests.tenants_definition_path(tenant_id, definition)}/signal"
        said = str(uuid.uuid4()) if signal_id is None else signal_id
        body = requests.signal_by_key_body(key, signal, payload, said, reason)
        return self._calls.post(path, body, {}, read=process_from_json)

    def signal(
        self,
        process: Process | ProcessKey,
        signal: str,
        payload: JsonValue = None,
        *,
        signal_id: str | None = None,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Gives a process a signal, which is kept until a step waits for it.

        With ``signal_id`` a repeat is harmless; the client's own tries need one. Raises
        TooManySignals.
        """
        said = str(uuid.uuid4()) if signal_id is None else signal_id
        body = requests.signal_body(signal, payload, said, reason)
        path = f"{requests.process_path(process)}/signal"
        return self._command(process, path, body, expected_version)

    def claim_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        by: str,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's. Raises TaskTaken where it is somebody else's."""
        body = requests.report_body(reason=reason, by=requests.person("by", by))
        return self._report(process, step_name, "claim", body, expected_version)

    def release_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task is nobody's again."""
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "release", body, expected_version)

    def reassign_task(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        to: str,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """A human task becomes somebody's, whoever's it was."""
        body = requests.report_body(reason=reason, to=requests.person("to", to))
        return self._report(process, step_name, "reassign", body, expected_version)

    def retry_step(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """Opens a failed process again at its failed step; begins one now that waits for a retry.

        Raises Compensated where what had been completed before has been undone.
        """
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "retry", body, expected_version)

    def rerun_from(
        self,
        process: Process | ProcessKey,
        step_name: str,
        *,
        expected_version: int | None = None,
        reason: str | None = None,
    ) -> Process:
        """An open or failed process goes on from a step that has ended, as if no further."""
        body = requests.report_body(reason=reason)
        return self._report(process, step_name, "rerun", body, expected_version)

    def batch(self, tenant_id: str, commands: Iterable[BatchCommand]) -> list[BatchResult]:
        """Runs 1 to 25 commands of one tenant in their order, each for itself; a result for each.

        One that is refused does not stop the others, and raises nothing: its result says the
        error. Processes that were passed are brought up to date. The call as a whole is tried
        again like any other; of its results those with a StoreError may be sent again.
        """
        asked = list(commands)
        return self._calls.post(
            requests.batch_path(tenant_id),
            batch_body(tenant_id, asked),
            {},
            read=lambda value: results_from_json(asked, value),
        )


def _known_process(value: Any) -> Process:
    process = process_from_json(value)
    process.was_there = True
    return process


def _check_address(base_url: str, authorization: Authorization | None) -> None:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(
            f"base_url is to be the stack's output ApiUrl, https://…; got {base_url!r}"
        )
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme == "http" and isinstance(authorization, BearerToken) and not is_here:
        raise ValueError(f"a token is sent over https only, and not to {base_url!r}")
